//! An operator's own configuration of a gateway, made ready to be launched here: what was changed, and which models it has.
//! Not: what has to be changed, which each adapter knows.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::price::Priced;
use super::yaml::Node;
use crate::scenario::{Api, PricedBy};

/// The base URL of the upstream in a configuration that is not launched yet, and where its Redis is.
pub const UPSTREAM: &str = "http://upstream.gatecrash.invalid";
pub const REDIS_HOST: &str = "redis.gatecrash.invalid";
pub const REDIS_PORT: &str = "gatecrash-redis-port";

/// A configuration of theirs, with all changed in it that has to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnConfig {
    /// As it was named.
    pub file: PathBuf,
    /// The file, with [`UPSTREAM`] and so on in it; without our own models.
    pub tree: Node,
    pub changes: Vec<Change>,
    pub models: Vec<OwnModel>,
    /// Whether it names a Redis.
    pub redis: bool,
    /// Files of code that it imports, to be put beside it.
    #[serde(default)]
    pub files: Vec<OwnFile>,
    /// The environment that it was given, without what belongs to the run.
    pub env: BTreeMap<String, String>,
}

/// Where a file is put that belongs to a configuration in a folder: as it is below it, or, if it is not, in it. Never above.
pub fn place_beside(folder: &Path, file: &Path) -> PathBuf {
    let below = file.strip_prefix(folder).ok();
    let below = below.filter(|below| !below.components().any(|part| part == Component::ParentDir));
    below.map(Path::to_owned).or(file.file_name().map(PathBuf::from)).unwrap_or_default()
}

/// A file that a configuration imports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnFile {
    /// From the folder of the configuration: `hooks/custom.py`
    pub name: String,
    pub text: String,
}

/// What was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The number of the model, if it is in one.
    pub model: Option<usize>,
    /// The names that lead there: `general_settings.alerting`; within a model from there on.
    pub key: String,
    /// What was done, and why: `left out: it calls others`
    pub what: String,
}

/// A model of theirs: all deployments of one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnModel {
    pub name: String,
    /// What the gateway calls those behind it.
    pub behind: Vec<String>,
    /// What kind of model it is, if the configuration says so: `embedding`
    pub mode: Option<String>,
    /// Whether the gateway makes its answers up.
    pub mocked: bool,
    /// Why each of its deployments was left out, if they were.
    pub left_out: Option<String>,
    /// The model that this is another name for.
    pub alias_of: Option<String>,
    /// The models that are asked in its place when its provider fails, in their order.
    #[serde(default)]
    pub fallbacks: Vec<String>,
    /// What it is subject to besides budgets, so that scenarios of ours cannot be asked of it: `rpm`
    #[serde(default)]
    pub limits: Vec<String>,
}

/// How a model of theirs is priced, and how it is asked.
#[derive(Debug, Clone)]
pub struct OwnPriced {
    pub model: String,
    /// For people.
    pub says: String,
    /// The pricing path that it is on.
    pub path: Option<PricedBy>,
    pub api: Api,
    /// Whether its provider says the usage of a stream as the upstream does, that is only if it is asked to.
    pub streams: bool,
    /// Or why it cannot be asked.
    pub priced: Result<Priced, String>,
    /// Whether scenarios about its pricing path can be asked of it: nothing but its price decides what comes of a request.
    pub stands_in: bool,
    /// As in [`OwnModel`].
    pub alias_of: Option<String>,
    pub fallbacks: Vec<String>,
}

impl OwnPriced {
    /// Whether it is on a pricing path, and is asked by this API, as a model of ours would be.
    pub fn stands_for(&self, path: PricedBy, api: Api) -> bool {
        self.stands_in && self.path == Some(path) && self.api == api && self.priced.is_ok()
    }
}

/// Which models scenarios are asked of, for people: theirs where one is on a pricing path, else ours.
pub fn asked_of(models: &[OwnPriced]) -> String {
    let of = |path: &PricedBy| models.iter().find(|own| own.stands_for(*path, Api::Chat));
    let (theirs, ours): (Vec<PricedBy>, Vec<PricedBy>) = PricedBy::ALL.into_iter().partition(|path| of(path).is_some());
    let theirs = theirs.iter().filter_map(|path| Some(format!("{} (`{}`)", path.word(), of(path)?.model)));
    let theirs = theirs.collect::<Vec<_>>().join(", ");
    let ours = ours.iter().map(|path| path.word()).collect::<Vec<_>>().join(", ");
    match (theirs.as_str(), ours.as_str()) {
        ("", _) => {
            "was asked for models of gatecrash: none of its own is priced as scenarios want and has neither limits \
                    nor fallbacks"
                .to_owned()
        }
        (theirs, "") => format!("was asked for its own models: {theirs}"),
        (theirs, ours) => {
            format!("was asked for its own models where they are priced so: {theirs}; for those of gatecrash by {ours}")
        }
    }
}

/// For people: `its configuration is made of config.yaml, with 17 changes`
impl fmt::Display for OwnConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = told(&self.changes).len();
        let s = if count == 1 { "" } else { "s" };
        write!(f, "its configuration is made of {}, with {count} change{s}", self.file.display())
    }
}

impl OwnModel {
    /// Whether it stands for many: `openai/*`
    pub fn is_wildcard(&self) -> bool {
        self.name.contains('*')
    }
}

/// The text of a file of theirs.
///
/// # Errors
/// When it cannot be read, is far too large, or is no text.
pub fn load(path: &Path) -> io::Result<String> {
    const LARGEST: u64 = 16 * 1024 * 1024;
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("it is larger than {} MiB", LARGEST / 1024 / 1024)));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

/// All that was changed, a line for each; what is the same in many models is one line.
pub fn told(changes: &[Change]) -> Vec<String> {
    let mut lines: Vec<(Vec<usize>, &Change)> = Vec::new();
    let mut known: BTreeMap<(bool, &str, &str), usize> = BTreeMap::new();
    for change in changes {
        let same = (change.model.is_some(), change.key.as_str(), change.what.as_str());
        let line = *known.entry(same).or_insert_with(|| {
            lines.push((Vec::new(), change));
            lines.len() - 1
        });
        lines[line].0.extend(change.model);
    }
    let line = |(models, Change { model, key, what }): (Vec<usize>, &Change)| match (model, key.as_str()) {
        (None, key) => format!("{key}: {what}"),
        (Some(_), "") => format!("model_list[{}]: {what}", ranges(&models)),
        (Some(_), key) => format!("model_list[{}].{key}: {what}", ranges(&models)),
    };
    lines.into_iter().map(line).collect()
}

/// `0-2, 5`
fn ranges(numbers: &[usize]) -> String {
    let mut text = String::new();
    let mut rest = numbers;
    while let [first, ..] = rest {
        let count = rest.iter().zip(*first..).take_while(|(number, next)| **number == *next).count();
        let last = first + count - 1;
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = match last - first {
            0 => write!(text, "{comma}{first}"),
            _ => write!(text, "{comma}{first}-{last}"),
        };
        rest = &rest[count..];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_change_of_many_models_is_one_line() {
        let change = |model, key: &str| Change { model, key: key.to_owned(), what: "left out".to_owned() };
        let in_models = [0, 1, 2, 5, 7, 8].map(|number| change(Some(number), "api_key"));
        let changes = [vec![change(None, "guardrails")], in_models.to_vec(), vec![change(Some(3), "")]].concat();
        let lines = ["guardrails: left out", "model_list[0-2, 5, 7-8].api_key: left out", "model_list[3]: left out"];
        assert_eq!(told(&changes), lines);
    }
}
