#!/usr/bin/env bash
# benches/memory.sh [TRIALS]
#
# The peak memory of a run of so many trials (2,000) on the built-in gateway, in one process with the harness, with the JSON
# report: copies of one scenario of the corpus. Needs GNU time.
# GATECRASH names another binary than the one built here.
set -euo pipefail
cd "$(dirname "$0")/.."
trials=${1:-2000}
gatecrash=${GATECRASH:-./target/release/gatecrash}
[ -n "${GATECRASH:-}" ] || cargo build --release --quiet
folder=$(mktemp --directory)
trap 'rm -rf "$folder"' EXIT
# It has seven pricing paths: as many trials.
for ((file = 1; file * 7 <= trials; file++)); do
  cp scenarios/budget/key-and-user-no-team.yaml "$folder/$(printf 'copy-%05d' "$file").yaml"
done
for format in terminal json; do
  /usr/bin/time --format '%M %e' --output "$folder/time" \
    "$gatecrash" run "$folder" --quiet --format "$format" >"$folder/report" || { tail "$folder/report"; exit 1; }
  read -r kib seconds <"$folder/time"
  echo "$format: $(((file - 1) * 7)) trials in $seconds s, peak memory $((kib / 1024)) MiB"
done
