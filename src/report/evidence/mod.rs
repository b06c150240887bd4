//! What failed, as evidence for an issue: a text to paste (`issue`), and a folder with all that it cuts short, the scenario
//! and the report. It is made from a redacted report. Pure; `gatecrash run --evidence` writes the folder.

mod curl;
mod issue;
mod provider;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Report, TargetReport, TrialReport, json};
use crate::gateway::Adapter;
use crate::outcome::{Exchange, Finding, FindingKind, TrialResult};
use crate::secret::SHOWN;
use crate::target::LauncherKind;
use curl::Script;

/// The text to paste. It is written last: if it is there, all is.
pub const ISSUE: &str = "issue.md";

/// A file of the folder.
pub struct EvidenceFile {
    /// Within the folder.
    pub path: PathBuf,
    pub text: String,
}

/// A trial that failed on a target, and may fail the run.
struct Failed<'a> {
    trial: &'a TrialReport,
    result: &'a TrialResult,
    target: Option<&'a TargetReport>,
    /// Its worst finding.
    worst: &'a Finding,
}

impl<'a> Failed<'a> {
    /// All of a report, the worst first.
    fn all(report: &'a Report) -> Vec<Failed<'a>> {
        let of_trial = |trial: &'a TrialReport| {
            let results = report.may_fail(trial).iter().filter(|result| result.outcome.has_failed());
            results.filter_map(move |result| {
                let worst = result.worst_finding()?;
                let target = report.targets.iter().find(|target| target.name == result.target);
                Some(Failed { trial, result, target, worst })
            })
        };
        let mut all: Vec<_> = report.trials.iter().flat_map(of_trial).collect();
        all.sort_by_key(|failed| (!report.failed(failed.trial), failed.worst.kind));
        all
    }

    /// What was found at a request.
    fn kind_of(&self, exchange: &Exchange) -> Option<FindingKind> {
        self.result.found_at(exchange).map(|finding| finding.kind)
    }

    /// How many seconds the gateway's books may be behind.
    fn behind_s(&self) -> u64 {
        let behind = match (self.target, self.adapter()) {
            (Some(target), _) if target.launcher == LauncherKind::Builtin => Duration::ZERO,
            (_, Some(adapter)) => adapter.about().pace.behind,
            (_, None) => Duration::ZERO,
        };
        behind.as_millis().div_ceil(1000) as u64
    }

    /// The adapter of its target.
    fn adapter(&self) -> Option<&'static dyn Adapter> {
        self.target.map(|target| target.gateway.adapter())
    }

    /// Where all of it is, in the folder.
    fn folder(&self) -> PathBuf {
        self.trial.trial.split('/').fold(of_target(&self.result.target), |folder, part| folder.join(file_name(part)))
    }

    /// A text of it, in which its entities are named as in the scenario.
    fn own(&self, text: &str) -> String {
        without_prefix(text, &format!("{}-", self.result.evidence.name), &self.trial.trial)
    }

    /// What the admin API said of its entities afterwards.
    fn said(&self) -> serde_json::Value {
        let said = self.result.evidence.said.iter();
        said.map(|(whose, said)| (whose.clone(), said.answer.clone())).collect::<serde_json::Map<_, _>>().into()
    }
}

/// All files, the text to paste last. None if no trial failed.
pub fn files(report: &Report) -> Vec<EvidenceFile> {
    let mut files = Vec::new();
    let mut taken = BTreeSet::new();
    let mut add = |path: PathBuf, text: String| {
        let path = free(path, &mut taken);
        if !text.trim().is_empty() {
            files.push(EvidenceFile { path: path.clone(), text });
        }
        path
    };
    let failed = Failed::all(report);
    add("report.json".into(), json::render(report));
    let mut scenarios = issue::Scenarios::new();
    for file in failed.iter().map(|failed| failed.trial.file.as_str()).collect::<BTreeSet<_>>() {
        let name = Path::new(file).file_name().map_or("scenario.yaml".into(), |name| name.to_string_lossy());
        let text = report.scenarios.get(file).cloned().unwrap_or_default();
        scenarios.insert(file, add(file_name(&name).into(), text));
    }
    for target in &report.targets {
        if let Some(setup) = &target.setup {
            let line = |(name, value): &(String, String)| format!("{name}={value}\n");
            add(of_target(&target.name).join("config.yaml"), setup.config.clone());
            add(of_target(&target.name).join("environment"), setup.environment.iter().map(line).collect());
        }
    }
    for failed in &failed {
        let folder = failed.folder();
        add(folder.join("requests.sh"), Script::of(failed).whole());
        if let Some(program) = provider::program(failed) {
            add(folder.join("provider.py"), program);
        }
        add(folder.join("said.json"), failed.own(&format!("{:#}\n", failed.said())));
        add(folder.join("log"), failed.own(&(failed.result.evidence.log.join("\n") + "\n")));
    }
    if !failed.is_empty() {
        add(ISSUE.into(), issue::render(report, &failed, &scenarios));
    }
    files
}

/// A path that no other file has.
fn free(mut path: PathBuf, taken: &mut BTreeSet<PathBuf>) -> PathBuf {
    while !taken.insert(path.clone()) {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        path.set_file_name(format!("another-{name}"));
    }
    path
}

fn of_target(name: &str) -> PathBuf {
    file_name(name).into()
}

/// A text as a file name, for every system.
fn file_name(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@') { c } else { '_' };
    // What replaces a secret would look like one.
    let name: String = text.replace(SHOWN, "secret").chars().map(plain).collect();
    match name.trim_start_matches('.') {
        "" => "_".to_owned(),
        name => name.to_owned(),
    }
}

/// A text of a trial in which its entities are named as in the scenario, and the trial itself by its id: names unique to a
/// run only get in the way elsewhere.
fn without_prefix(text: &str, prefix: &str, trial: &str) -> String {
    match prefix {
        // Nothing was kept of it.
        "-" => text.to_owned(),
        prefix => text
            .replace(prefix, "")
            .replace(&format!("trial={} ", &prefix[..prefix.len() - 1]), &format!("trial={trial} ")),
    }
}

/// The beginning of a text, on one line.
fn in_short(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
