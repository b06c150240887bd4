#!/usr/bin/env bash
# benches/corpus.sh [TARGET]...
#
# How long an ordinary run of the corpus takes after launch, and beside it the sum of its trials' own times: what running
# them one after the other would have cost. Needs Docker for LiteLLM.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet
report=$(mktemp)
trap 'rm -f "$report"' EXIT
for target in "${@:-builtin}"; do
  ./target/release/gatecrash run --target "$target" --quiet --format json >"$report" || [ $? -eq 1 ]
  python3 - "$report" <<'PYTHON'
import json, sys
report = json.load(open(sys.argv[1]))
after_launch = (report["time"]["wall_ms"] - report["time"]["launch_ms"]) / 1000
times = [trial["results"][0]["time"]["whole"] / 1000 for trial in report["trials"]]
print(f"{report['targets'][0]['name']:16} {len(times)} trials in {after_launch:.1f} s after launch; one after the other {sum(times):.0f} s, {sum(times) / after_launch:.0f} times as long")
PYTHON
done
