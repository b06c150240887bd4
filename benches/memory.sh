#!/usr/bin/env bash
# benches/memory.sh [TRIALS]
#
# The peak memory of so many trials (2,000) on the built-in gateway, in one process with the harness, once on one and once on
# two of them, with reports of all kinds: copies of one scenario of the corpus. Needs GNU time.
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
# measure WHAT COMMAND...
measure() {
  what=$1
  shift
  /usr/bin/time --format '%M %e' --output "$folder/time" \
    "$gatecrash" "$@" "$folder" --quiet >"$folder/printed" || { tail "$folder/printed"; exit 1; }
  read -r kib seconds <"$folder/time"
  echo "$what: $(((file - 1) * 7)) trials in $seconds s, peak memory $((kib / 1024)) MiB"
}
files=(--json "$folder/report.json" --junit "$folder/report.xml" --html "$folder/report.html" --markdown "$folder/report.md")
measure 'run' run
measure 'run, as JSON' run --format json
measure 'run, with all files' run "${files[@]}"
measure 'compare' compare builtin builtin
measure 'compare, with all files' compare builtin builtin "${files[@]}"
