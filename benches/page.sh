#!/usr/bin/env bash
# benches/page.sh [FOLDER]
#
# The report as a page, in headless Chromium: how long it takes to open with 2,000 trials, and what axe says of it, at the
# width of a phone and of a desktop, light and dark, without its script, and in print. Pictures of all that are written to
# FOLDER (target/page). It needs a `chromium` on the PATH, or CHROMIUM, Node, and two packages, which it does not install:
#
#   npm install --prefix target/npm puppeteer-core axe-core
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-target/page}
chromium=${CHROMIUM:-$(command -v chromium chromium-browser google-chrome | head -n 1 || true)}
modules=${NODE_PATH:-target/npm/node_modules}
[ -n "$chromium" ] || { echo "there is no Chromium here: apt-get install chromium, or CHROMIUM=/path/to/it" >&2; exit 2; }
command -v node >/dev/null || { echo "there is no Node here" >&2; exit 2; }
for package in puppeteer-core axe-core; do
  [ -d "$modules/$package" ] || { echo "there is no $package: npm install --prefix target/npm puppeteer-core axe-core" >&2; exit 2; }
done
cargo build --release --quiet
mkdir -p "$folder"
gatecrash=target/release/gatecrash
"$gatecrash" compare builtin builtin@fault:unpriced-model-skips-budgets scenarios --quiet \
  --json "$folder/report.json" --html "$folder/report.html" >/dev/null || [ $? -eq 1 ]
# The same trials again and again, each time in other files.
python3 - "$folder/report.json" "$folder/2000.json" <<'PYTHON'
import copy, json, sys
report = json.load(open(sys.argv[1]))
trials, scenarios = report["trials"], report["scenarios"]
report["trials"], report["scenarios"] = [], {}
for index in range(2000):
    trial = copy.deepcopy(trials[index % len(trials)])
    copy_of = f"-{index // len(trials) + 1}.yaml"
    text = scenarios[trial["file"]]
    trial["file"] = trial["file"].replace(".yaml", copy_of)
    report["scenarios"][trial["file"]] = text
    trial["trial"] += f"/{index}"
    for result in trial["results"]:
        result["trial"] = trial["trial"]
    report["trials"].append(trial)
report["selected"] = report["corpus"] = [trial["trial"] for trial in report["trials"]]
json.dump(report, open(sys.argv[2], "w"))
PYTHON
"$gatecrash" merge "$folder/2000.json" --quiet --html "$folder/2000.html" >/dev/null || [ $? -eq 1 ]
NODE_PATH=$(cd "$modules" && pwd) node benches/page.cjs "$chromium" "$folder"
