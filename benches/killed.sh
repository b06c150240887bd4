#!/usr/bin/env bash
# benches/killed.sh [BUILTIN [PROCESS [DOCKER]]]
#
# Kills the harness at random moments, as often as named (100, 100 and 30), and counts what it leaves behind: has to be 0.
# GATECRASH_SEED repeats the moments of another time. Needs what the launchers need for
# LiteLLM; 0 leaves one out.
set -euo pipefail
cd "$(dirname "$0")/.."
kill_runs() { [ "$2" -eq 0 ] || GATECRASH_KILLS=$2 cargo test --quiet --test it -- --exact "killed::$1" --nocapture; }
kill_runs a_killed_run_in_this_process_leaves_nothing "${1:-100}"
kill_runs a_killed_run_of_processes_leaves_nothing "${2:-100}"
kill_runs a_killed_run_in_docker_leaves_nothing "${3:-30}"
