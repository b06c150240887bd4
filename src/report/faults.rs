//! Which scenario catches which fault of the built-in gateway, as Markdown. A pure function of what was tried.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::builtin::Fault;
use crate::run::TrialResult;
use crate::verdict::Outcome;

/// The corpus on the built-in gateway with one fault, or with none.
#[derive(Debug)]
pub struct Tried {
    pub fault: Option<Fault>,
    pub results: Vec<TrialResult>,
}

impl Tried {
    /// Whether a scenario has found the fault as what it is.
    pub fn is_caught(&self) -> bool {
        self.fault.is_some_and(|fault| self.results.iter().any(|result| catches(fault, result)))
    }
}

fn catches(fault: Fault, result: &TrialResult) -> bool {
    result.findings.iter().any(|finding| finding.kind == fault.about().finding)
}

/// The matrix, and what is missing in it.
#[derive(Debug)]
pub struct Matrix {
    pub text: String,
    pub gaps: Vec<String>,
}

/// More scenarios than this are counted rather than named.
const NAMED: usize = 6;

pub fn render(tried: &[Tried]) -> Matrix {
    let mut gaps = Vec::new();
    let mut caught_by: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut rows = String::new();
    for Tried { fault, results } in tried {
        for result in results {
            caught_by.entry(scenario_of(&result.trial)).or_default();
            if let Outcome::Error { reason } = &result.outcome {
                gaps.push(format!("{} on {}: {reason}", result.trial, result.target));
            }
        }
        let Some(fault) = fault else {
            let failed = results.iter().filter(|result| result.outcome != Outcome::Pass);
            gaps.extend(failed.map(|result| {
                let finding = result.findings.first();
                let how = finding.map(|finding| {
                    format!("line {}: expected {}, got {}", finding.place.line, finding.expected, finding.got)
                });
                let how = how.unwrap_or_else(|| format!("{:?}", result.outcome));
                format!("the healthy gateway does not pass {}: {how}", result.trial)
            }));
            continue;
        };
        let about = fault.about();
        let is_caught = |result: &&TrialResult| result.findings.iter().any(|finding| finding.kind == about.finding);
        let caught: BTreeSet<String> =
            results.iter().filter(is_caught).map(|result| scenario_of(&result.trial)).collect();
        for scenario in &caught {
            caught_by.entry(scenario.clone()).or_default().insert(about.name);
        }
        if caught.is_empty() {
            gaps.push(format!("no scenario catches {} as {}", about.name, about.finding.word()));
        }
        let _ = writeln!(
            rows,
            "| `{}` | {} | {} | {} | {} |",
            about.name,
            about.what,
            link(about.like),
            about.finding.word(),
            named(&caught)
        );
    }
    let useless = caught_by.iter().filter(|(_, faults)| faults.is_empty());
    gaps.extend(useless.map(|(scenario, _)| format!("{scenario} catches no fault")));
    let mut text = format!(
        "# Which scenario catches which fault\n\nMade by `gatecrash faults > docs/faults.md`; a test fails when it is \
         stale. The healthy built-in gateway passes every trial.\nEach fault is a bug that a real gateway had, and has to \
         be found as what it is.\n\n| fault | what it does | copied from | found as | caught by |\n| --- | --- | --- | --- | \
         --- |\n{rows}\n## What each scenario catches\n\n| scenario | faults |\n| --- | --- |\n"
    );
    for (scenario, faults) in &caught_by {
        let faults: Vec<String> = faults.iter().map(|fault| format!("`{fault}`")).collect();
        let _ = writeln!(text, "| {scenario} | {} |", faults.join(", "));
    }
    Matrix { text, gaps }
}

/// The scenario of a trial: its folder and file, without the values of axes.
fn scenario_of(trial: &str) -> String {
    trial.splitn(3, '/').take(2).collect::<Vec<_>>().join("/")
}

fn named(scenarios: &BTreeSet<String>) -> String {
    let first = scenarios.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match scenarios.len() {
        few if few <= NAMED => first,
        many => format!("{many} scenarios, such as {first}"),
    }
}

/// `owner/repository#number` as a link; anything else as it is.
fn link(like: &str) -> String {
    let word = like.split([' ', ',']).next().unwrap_or_default();
    match word.split_once('#') {
        Some((repository, number)) if repository.contains('/') && number.parse::<u32>().is_ok() => {
            let linked = format!("[{word}](https://github.com/{repository}/issues/{number})");
            like.replacen(word, &linked, 1)
        }
        _ => like.to_owned(),
    }
}
