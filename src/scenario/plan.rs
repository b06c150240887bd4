//! Which trials there are: files found, axes multiplied out, some selected. Nothing is launched here; a plan
//! can be listed, tested and counted.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::corpus;
use super::read::{Mistakes, ScenarioFile, read};
use super::{Api, Carrier, IncludeUsage, PricedBy, Provider};

/// The name of a trial: folders, file, and the value of each axis that has several.
/// `budget/key-and-user-no-team/provider`
pub type TrialId = String;

/// One value from each axis of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    pub priced_by: PricedBy,
    pub api: Api,
    pub provider: Provider,
    pub stream: bool,
    pub include_usage: IncludeUsage,
    pub end_user_in: Carrier,
    pub tag_in: Carrier,
    pub redis: bool,
}

/// One scenario with one value from each of its axes: what is run on a target.
#[derive(Debug, Clone)]
pub struct Trial {
    pub id: TrialId,
    pub file: Arc<ScenarioFile>,
    pub case: Case,
    /// Whether its file was named on the command line, rather than found in a folder.
    pub named: bool,
    /// The model of the operator's own configuration that it asks, where it is not ours of its pricing path.
    pub model: Option<Arc<str>>,
    /// The one of them that answers instead, where that one's provider fails.
    pub answered_by: Option<Arc<str>>,
}

impl Trial {
    pub fn has_tag(&self, tag: &str) -> bool {
        self.file.scenario.tags.iter().any(|own| own.0 == tag)
    }
}

/// What a trial's name must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// It contains this.
    Part(String),
    /// It is exactly this.
    Whole(String),
}

impl Filter {
    fn admits(&self, id: &str) -> bool {
        match self {
            Filter::Part(text) => id.contains(text.as_str()),
            Filter::Whole(name) => id == name,
        }
    }
}

/// Which of the trials to run. Empty lists select all.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// One of these must match it.
    pub filters: Vec<Filter>,
    /// Tags, one of which it must have.
    pub tags: Vec<String>,
    /// Tags that leave a trial out, unless its tag or its file is named.
    pub left_out: Vec<String>,
}

impl Selection {
    pub fn selects(&self, trial: &Trial) -> bool {
        let filtered = self.filters.is_empty() || self.filters.iter().any(|filter| filter.admits(&trial.id));
        let tagged = self.tags.is_empty() || self.tags.iter().any(|tag| trial.has_tag(tag));
        filtered && tagged && (trial.named || self.ordinary(trial) || self.tags.iter().any(|tag| trial.has_tag(tag)))
    }

    /// Whether a trial is part of an ordinary run.
    pub fn ordinary(&self, trial: &Trial) -> bool {
        !self.left_out.iter().any(|tag| trial.has_tag(tag))
    }
}

/// One of several parts of the selected trials, for one of several machines: `1/4` to `4/4`. Trials are dealt out in
/// turn, as `cargo nextest --partition slice:1/4` does: each is in one part, and the values of an axis are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Partition {
    /// From 1.
    pub part: usize,
    pub of: usize,
}

impl Partition {
    /// Its share of what is selected, in that order: trials, or targets.
    pub fn own<T>(self, selected: Vec<T>) -> Vec<T> {
        selected.into_iter().skip(self.part - 1).step_by(self.of).collect()
    }

    /// Whether there are trials, but none for it.
    pub fn is_left_without(self, selected: usize) -> bool {
        (1..self.part).contains(&selected)
    }
}

impl FromStr for Partition {
    type Err = String;
    fn from_str(text: &str) -> Result<Partition, String> {
        let number = |text: &str| text.parse::<u16>().ok().map(usize::from).filter(|number| *number > 0);
        let numbers = text.split_once('/').and_then(|(part, of)| Some((number(part)?, number(of)?)));
        let parsed = numbers.filter(|(part, of)| part <= of).map(|(part, of)| Partition { part, of });
        parsed.ok_or_else(|| "a partition is a part and a total, such as 1/4 or 4/4".to_owned())
    }
}

impl TryFrom<String> for Partition {
    type Error = String;
    fn try_from(text: String) -> Result<Partition, String> {
        text.parse()
    }
}

impl Serialize for Partition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

/// The trials of all scenarios under some files and folders, sorted by name; or all mistakes in all of them.
pub fn plan(paths: &[PathBuf]) -> Result<Vec<Trial>, Vec<Mistakes>> {
    let mut trials = Vec::new();
    let mut mistakes = Vec::new();
    for path in paths {
        let found = find(path);
        if found.is_empty() {
            let diagnostic = super::Diagnostic::new(path, "there is no scenario in this folder")
                .help("scenarios are files that end in .yaml or .yml");
            mistakes.push(Mistakes { text: String::new(), diagnostics: vec![diagnostic] });
        }
        for file in found {
            match read(&file) {
                Ok(scenario) => trials.extend(multiply(&stem(path, &file), scenario, file == *path)),
                Err(found) => mistakes.push(found),
            }
        }
    }
    trials.sort_by(|a: &Trial, b| a.id.cmp(&b.id));
    let same_file = |a: &Trial, b: &Trial| a.file.path.canonicalize().ok() == b.file.path.canonicalize().ok();
    trials.dedup_by(|a, b| a.id == b.id && same_file(a, b));
    for pair in trials.windows(2).filter(|pair| pair[0].id == pair[1].id) {
        let title = format!("a second scenario is named `{}`", pair[0].id);
        let help = format!("the first is {}; rename one of them", pair[0].file.path.display());
        let diagnostic = super::Diagnostic::new(&pair[1].file.path, title).help(help);
        mistakes.push(Mistakes { text: String::new(), diagnostics: vec![diagnostic] });
    }
    if mistakes.is_empty() { Ok(trials) } else { Err(mistakes) }
}

/// The scenario files under a folder, sorted; a file is itself.
pub fn find(path: &Path) -> Vec<PathBuf> {
    if let Some(name) = corpus::name(path) {
        return corpus::find(name);
    }
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            path.is_dir() || path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
        })
        .flat_map(|path| if path.is_symlink() && path.is_dir() { Vec::new() } else { find(&path) })
        .collect();
    found.sort();
    found
}

/// The first part of a trial's name. A file below `scenarios/` is named by its folders, wherever it was reached from; any
/// other by itself. `bug.gatecrash.yaml` is `bug`.
fn stem(root: &Path, file: &Path) -> String {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let folder = absolute.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "scenarios"));
    let below = match (corpus::name(file), folder.and_then(|folder| absolute.strip_prefix(folder).ok())) {
        (Some(name), _) => name.into(),
        (None, Some(below)) => below.to_owned(),
        (None, None) => file
            .strip_prefix(root)
            .ok()
            .filter(|below| below.components().next().is_some())
            .map_or_else(|| file.file_name().map(PathBuf::from).unwrap_or_default(), Path::to_owned),
    };
    let below = below.with_extension("");
    let below =
        if below.extension().is_some_and(|kind| kind == "gatecrash") { below.with_extension("") } else { below };
    let parts: Vec<_> = below.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    parts.join("/")
}

/// Every combination of the axes' values, each with its name.
pub fn multiply(stem: &str, file: ScenarioFile, named: bool) -> Vec<Trial> {
    let scenario = &file.scenario;
    let first = Case {
        priced_by: scenario.priced_by.0[0],
        api: scenario.api.0[0],
        provider: scenario.provider.0[0],
        stream: scenario.stream.0[0],
        include_usage: scenario.include_usage.0[0],
        end_user_in: scenario.end_user_in.0[0],
        tag_in: scenario.tag_in.0[0],
        redis: scenario.redis.0[0],
    };
    let mut cases = vec![(stem.to_owned(), first)];
    along(&mut cases, &scenario.priced_by.0, |case, value| (case.priced_by = value, value.word()).1);
    along(&mut cases, &scenario.api.0, |case, value| (case.api = value, value.word()).1);
    along(&mut cases, &scenario.provider.0, |case, value| (case.provider = value, value.word()).1);
    along(&mut cases, &scenario.stream.0, |case, value| {
        case.stream = value;
        if value { "streamed" } else { "whole" }
    });
    along(&mut cases, &scenario.include_usage.0, |case, value| (case.include_usage = value, value.word()).1);
    along(&mut cases, &scenario.end_user_in.0, |case, value| (case.end_user_in = value, value.word()).1);
    along(&mut cases, &scenario.tag_in.0, |case, value| (case.tag_in = value, value.word()).1);
    along(&mut cases, &scenario.redis.0, |case, value| {
        case.redis = value;
        if value { "redis" } else { "no-redis" }
    });
    let file = Arc::new(file);
    cases
        .into_iter()
        .map(|(id, case)| Trial { id, file: Arc::clone(&file), case, named, model: None, answered_by: None })
        .collect()
}

/// Those with `model: own` once for each of these models. Without any they stay as they are: a run says why it skips them.
pub fn of_models(trials: Vec<Trial>, models: &[String]) -> Vec<Trial> {
    let each = |trial: Trial| {
        if trial.file.scenario.model.is_none() || trial.model.is_some() || models.is_empty() {
            return vec![trial];
        }
        let of = |model: &String| {
            let (id, model) = (format!("{}/{model}", trial.id), Some(Arc::from(model.as_str())));
            Trial { id, model, ..trial.clone() }
        };
        models.iter().map(of).collect()
    };
    trials.into_iter().flat_map(each).collect()
}

/// Multiplies cases by the values of one axis. Only an axis with several is in a trial's name.
fn along<T: Copy>(cases: &mut Vec<(TrialId, Case)>, values: &[T], set: impl Fn(&mut Case, T) -> &'static str) {
    if values.len() > 1 {
        let each = |(id, case): &(TrialId, Case), value: T| {
            let mut case = *case;
            let word = set(&mut case, value);
            (format!("{id}/{word}"), case)
        };
        *cases = cases.iter().flat_map(|case| values.iter().map(move |value| each(case, *value))).collect();
    }
}
