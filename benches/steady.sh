#!/usr/bin/env bash
# steady.sh [-t TARGET]... [-j JOBS]... [-r RUNS] [-l LOADED] [-c RUNS] [-o FOLDER]
#
# Whether verdicts hold, however many trials run at once: runs the corpus on each target with each number of jobs, RUNS times,
# of which the last LOADED beside two busy loops, and says in how many runs the outcomes were those of most. Then compares
# the first target with itself, RUNS times, half of them beside the loops: each must end with 0.
# It asserts nothing; the table is the result. With -o the reports are kept, and runs whose report is there are not repeated.
# GATECRASH names the binary (default: target/release/gatecrash).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
gatecrash=${GATECRASH:-./target/release/gatecrash}
targets=() jobs=() runs=5 loaded=2 compares=10 kept=
while getopts t:j:r:l:c:o: option; do
  case $option in
    t) targets+=("$OPTARG") ;;
    j) jobs+=("$OPTARG") ;;
    r) runs=$OPTARG ;;
    l) loaded=$OPTARG ;;
    c) compares=$OPTARG ;;
    o) kept=$OPTARG ;;
    *) exit 2 ;;
  esac
done
[ ${#targets[@]} -gt 0 ] || targets=(litellm@1.81.0 litellm@1.110.2)
[ ${#jobs[@]} -gt 0 ] || jobs=(20 50 80 150)
results=${kept:-$(mktemp -d)}
mkdir -p "$results"
loops=()
quiet() { [ ${#loops[@]} -eq 0 ] || kill "${loops[@]}" 2>/dev/null || true; loops=(); }
trap 'quiet; [ -n "$kept" ] || rm -rf "$results"' EXIT
beside_loops() { yes >/dev/null & loops+=($!); yes >/dev/null & loops+=($!); }

printf '| target | jobs | runs | same outcomes | differ | unsteady | late by | seconds |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n'
for target in "${targets[@]}"; do
  for count in "${jobs[@]}"; do
    for run in $(seq "$runs"); do
      report=$results/$target-$count-$run.json
      [ ! -e "$report" ] || continue
      [ "$run" -le $((runs - loaded)) ] || beside_loops
      "$gatecrash" run --target "$target" --jobs "$count" --quiet --format json >"$report.part" 2>/dev/null || true
      mv "$report.part" "$report"
      quiet
    done
    python3 - "$target" "$count" "$results/$target-$count-"*.json <<'PYTHON'
import collections, json, sys
target, jobs, files = sys.argv[1], sys.argv[2], sys.argv[3:]
reports = [json.load(open(file)) for file in files]
def outcome(trial):
    result = trial["results"][0]
    kinds = sorted({finding["kind"] for finding in result["findings"] if not finding.get("known")})
    return result["outcome"]["is"], tuple(kinds) if result["outcome"]["is"] == "fail" else ()
seen = [{trial["trial"]: outcome(trial) for trial in report["trials"]} for report in reports]
trials = sorted(set().union(*seen))
most = {trial: collections.Counter(run.get(trial) for run in seen).most_common(1)[0][0] for trial in trials}
same = sum(run == most for run in seen)
differ = collections.Counter(f"{trial}: {run.get(trial)}" for run in seen for trial in trials if run.get(trial) != most[trial])
unsteady = [sum(result[0] == "unsteady" for result in run.values()) for run in seen]
late = [max((result.get("late_ms", 0) for trial in report["trials"] for result in trial["results"]), default=0) / 1000 for report in reports]
seconds = [round(report["time"]["wall_ms"] / 1000) for report in reports]
told = "; ".join(f"{what} ({times})" for what, times in differ.items()) or "-"
print(f"| {target} | {jobs} | {len(reports)} | {same} | {told} | {unsteady} | {max(late):.0f} s | {seconds} |", flush=True)
PYTHON
  done
done

target=${targets[0]}
printf '\n| compare | exit codes | beside loops |\n| --- | --- | --- |\n'
codes=() beside=()
for run in $(seq "$compares"); do
  [ "$run" -le $((compares / 2)) ] || beside_loops
  code=0
  "$gatecrash" compare "$target" "$target" --quiet >/dev/null 2>&1 || code=$?
  if [ ${#loops[@]} -gt 0 ]; then beside+=("$code"); else codes+=("$code"); fi
  quiet
done
[ "$compares" -eq 0 ] || echo "| $target -> $target | ${codes[*]} | ${beside[*]} |"
