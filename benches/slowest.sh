#!/usr/bin/env bash
# benches/slowest.sh [ARGUMENTS]
#
# The ten slowest tests, in seconds; arguments are those of `cargo nextest run`. Needs cargo-nextest, because libtest tells no
# times. Without an engine: DOCKER_HOST=tcp://127.0.0.1:1 benches/slowest.sh
set -euo pipefail
cd "$(dirname "$0")/.."
said=$(mktemp)
trap 'rm -f "$said"' EXIT
cargo nextest run --no-fail-fast --status-level all --final-status-level none --color never "$@" 2>"$said" || {
  code=$?
  grep --extended-regexp '^ *(FAIL|SIGSEGV|SIGABRT|TIMEOUT|error)' "$said" || tail --lines 20 "$said"
}
# A line is `        PASS [   1.234s] ( 1/200) gatecrash::it commands::a_test`.
sed --quiet --regexp-extended 's/^ *(PASS|FAIL) \[ *([0-9.]+)s\] (\([^)]*\) )?/\2 \1 /p' "$said" | sort --numeric --reverse | head --lines 10
grep 'Summary' "$said"
exit "${code:-0}"
