#!/usr/bin/env bash
# benches/launch.sh [TARGET] [COUNT]
#
# How long a cold and a warm launch take: the target's tables made by its migrations, or taken from the cache. Medians of
# COUNT of each, one after the other in turn. The cache of the measurement is its own, and empty at first.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-litellm@1.82.3} count=${2:-5}
gatecrash=${GATECRASH:-target/release/gatecrash}
[ -n "${GATECRASH:-}" ] || cargo build --release --quiet
export GATECRASH_CACHE
GATECRASH_CACHE=$(mktemp -d)
trap 'rm -rf "$GATECRASH_CACHE"' EXIT

launch() { # in seconds; fails if the target was not launched
  { "$gatecrash" run --target "$target" --filter budget/key/alias --format json 2>/dev/null || [ $? -eq 1 ]; } |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["targets"][0]["launched_in_ms"] / 1000)'
}

for i in $(seq "$count"); do
  "$gatecrash" cache clear >/dev/null
  echo "cold $(launch)"
  echo "warm $(launch)"
done | tee /dev/stderr | python3 -c '
import statistics, sys
seconds = {"cold": [], "warm": []}
for line in sys.stdin:
    kind, value = line.split()
    seconds[kind].append(float(value))
cold, warm = (statistics.median(seconds[kind]) for kind in ("cold", "warm"))
print(f"median: cold {cold:.1f} s, warm {warm:.1f} s, warm / cold {warm / cold:.2f}")'
