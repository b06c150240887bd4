#!/usr/bin/env bash
# fuzz/run.sh TARGET [SECONDS]
#
# Fuzzes the reader of scenarios (`scenario`) or of streams (`stream`), from the corpus and the cases that tests/it/fuzz.rs
# replays. Needs cargo-fuzz and a C++ compiler; RUSTC_BOOTSTRAP=1 makes a stable compiler do. What it finds is in
# fuzz/artifacts: fix it, and put the file into tests/it/cases/fuzz/TARGET.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$1 seconds=${2:-1800}
corpus=fuzz/corpus/$target
mkdir -p "$corpus"
case $target in
  scenario) seeds=(scenarios tests/it/cases) limit=8192 ;;
  stream) seeds=(tests/it/cases/fuzz/stream) limit=4096 ;;
esac
export RUSTC_BOOTSTRAP=1
exec cargo fuzz run "$target" --sanitizer none "$corpus" "${seeds[@]}" -- \
  -max_total_time="$seconds" -max_len="$limit" -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 -dict="fuzz/$target.dict"
