#!/usr/bin/env bash
# benches/compare.sh [BASELINE CANDIDATE]
#
# Where the wall time of a comparison goes: launch, requests, settle, pace, the rest. Needs Docker for LiteLLM.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet
report=$(mktemp)
trap 'rm -f "$report"' EXIT
./target/release/gatecrash compare "${1:-litellm@1.81.0}" "${2:-litellm@1.82.3}" --quiet --format json >"$report" || [ $? -eq 1 ]
python3 - "$report" <<'PYTHON'
import json, sys
time = json.load(open(sys.argv[1]))["time"]
for part in ("launch", "requests", "settle", "pace", "rest", "wall"):
    ms = time[f"{part}_ms"]
    print(f"{part:9} {ms / 1000:8.2f} s  {100 * ms / time['wall_ms']:5.1f} %")
PYTHON
