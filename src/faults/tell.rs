//! Which scenario catches which fault of the built-in gateway, as Markdown: written from what was tried, and read again
//! to be proved. Pure functions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::builtin::faults::AboutFault;
use crate::builtin::{FAULTS, Fault};
use crate::outcome::{Outcome, TrialResult};
use crate::scenario::Trial;

/// The corpus, or a part of it, on the built-in gateway with one fault, or with none.
#[derive(Debug)]
pub struct FaultRun {
    pub fault: Option<Fault>,
    pub results: Vec<TrialResult>,
}

impl FaultRun {
    /// Whether a scenario has found the fault as what it is.
    pub fn is_caught(&self) -> bool {
        !self.caught_by().is_empty()
    }

    fn caught_by(&self) -> BTreeSet<String> {
        let Some(fault) = self.fault else { return BTreeSet::new() };
        let catches =
            |result: &&TrialResult| result.findings.iter().any(|finding| finding.kind == fault.about().finding);
        self.results.iter().filter(catches).map(|result| scenario_of(&result.trial)).collect()
    }

    /// For a healthy gateway: the trials that it does not pass, and how.
    pub fn failures(&self) -> Vec<String> {
        let failed = self.results.iter().filter(|result| result.outcome != Outcome::Pass);
        let told = failed.map(|result| {
            let finding = result.findings.first();
            let how = finding.map(|finding| {
                format!("line {}: expected {}, got {}", finding.place.line, finding.expected, finding.got)
            });
            let how = how.unwrap_or_else(|| format!("{:?}", result.outcome));
            format!("the healthy gateway does not pass {}: {how}", result.trial)
        });
        told.collect()
    }

    /// A complaint if a scenario has not caught it but should.
    pub fn misses(&self, scenario: &str) -> Option<String> {
        let about = self.fault?.about();
        let missed = || format!("{scenario} does not catch {} as {}", about.name, about.finding.word());
        (!self.caught_by().contains(scenario)).then(missed)
    }
}

/// The matrix, and what is missing in it.
#[derive(Debug)]
pub struct FaultTable {
    pub text: String,
    pub gaps: Vec<String>,
}

/// More scenarios than this are counted rather than named.
const NAMED: usize = 6;

pub fn render(tried: &[FaultRun]) -> FaultTable {
    let mut gaps = Vec::new();
    let mut catches: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut rows = String::new();
    for one in tried {
        for result in &one.results {
            catches.entry(scenario_of(&result.trial)).or_default();
            if let Outcome::Error { reason } = &result.outcome {
                gaps.push(format!("{} on {}: {reason}", result.trial, result.target));
            }
        }
        let Some(fault) = one.fault else {
            gaps.extend(one.failures());
            continue;
        };
        let about = fault.about();
        let caught = one.caught_by();
        for scenario in &caught {
            catches.entry(scenario.clone()).or_default().insert(about.name);
        }
        if caught.is_empty() {
            gaps.push(format!("no scenario catches {} as {}", about.name, about.finding.word()));
        }
        let _ = writeln!(rows, "{} {} |", row(about), named(&caught));
    }
    let useless = catches.iter().filter(|(_, faults)| faults.is_empty());
    gaps.extend(useless.map(|(scenario, _)| format!("{scenario} catches no fault")));
    let mut text = format!(
        "# Which scenario catches which fault\n\nMade by `gatecrash faults > docs/data/faults.md`; a test fails when it is \
         stale. The healthy built-in gateway passes every trial.\nEach fault is a bug that a real gateway had, and has to \
         be found as what it is.\n\n| fault | what it does | copied from | found as | caught by |\n| --- | --- | --- | --- | \
         --- |\n{rows}\n## What each scenario catches\n\n| scenario | faults |\n| --- | --- |\n"
    );
    for (scenario, faults) in &catches {
        let faults: Vec<String> = faults.iter().map(|fault| format!("`{fault}`")).collect();
        let _ = writeln!(text, "| {scenario} | {} |", faults.join(", "));
    }
    FaultTable { text, gaps }
}

/// What the file says of a fault, before what catches it.
fn row(about: &AboutFault) -> String {
    format!("| `{}` | {} | {} | {} |", about.name, about.what, link(about.like), about.finding.word())
}

/// What a written matrix says: the faults that each scenario catches.
#[derive(Debug)]
pub struct Claims {
    text: String,
    catches: BTreeMap<String, Vec<Fault>>,
}

impl Claims {
    pub fn read(text: &str) -> Claims {
        let of_scenarios = text.split("## What each scenario catches").nth(1).unwrap_or_default();
        let cells =
            of_scenarios.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
        let faults = |cell: &str| cell.split(", ").filter_map(|name| Fault::named(name.trim_matches('`'))).collect();
        let rows = cells.filter(|(scenario, _)| scenario.contains('/'));
        let catches = rows.map(|(scenario, cell)| (scenario.to_owned(), faults(cell))).collect();
        Claims { text: text.to_owned(), catches }
    }

    /// What is missing from the file, or no longer exists.
    pub fn stale(&self, trials: &[Trial]) -> Vec<String> {
        let scenarios: BTreeSet<String> = trials.iter().map(|trial| scenario_of(&trial.id)).collect();
        let written: BTreeSet<String> = self.catches.keys().cloned().collect();
        let differing = scenarios.symmetric_difference(&written).map(|scenario| format!("stale: {scenario}"));
        let missing = FAULTS.iter().filter(|about| !self.text.contains(&row(about)));
        differing.chain(missing.map(|about| format!("stale: {}", about.name))).collect()
    }

    /// For each fault a scenario, and for each scenario the fault that the fewest others catch; slow scenarios only where
    /// needed.
    pub fn pairs(&self, is_slow: impl Fn(&str) -> bool) -> Vec<(Fault, BTreeSet<String>)> {
        let catching = |fault: Fault| self.catches.iter().filter(move |(_, faults)| faults.contains(&fault));
        let rarest = |faults: &[Fault]| faults.iter().copied().min_by_key(|fault| catching(*fault).count());
        let pairs = FAULTS.iter().map(|about| {
            let own = self.catches.iter().filter(|(_, faults)| rarest(faults) == Some(about.fault));
            let mut scenarios: BTreeSet<String> = own.map(|(scenario, _)| scenario.clone()).collect();
            if scenarios.is_empty() {
                let quickest = catching(about.fault).min_by_key(|(scenario, _)| is_slow(scenario));
                scenarios.extend(quickest.map(|(scenario, _)| scenario.clone()));
            }
            (about.fault, scenarios)
        });
        pairs.collect()
    }
}

/// The scenario of a trial: its folder and file, without the values of axes.
pub fn scenario_of(trial: &str) -> String {
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
