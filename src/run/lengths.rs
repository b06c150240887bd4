//! How long each trial took on a gateway, from one run to the next, so that the longest begin first. Not: what came of it,
//! nor anything that a result depends on: without it a run takes longer, and says the same.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::NamedTempFile;

use super::steps::length;
use crate::launch::cache::{Cache, EntryKind};
use crate::outcome::TrialResult;
use crate::scenario::{Trial, TrialId};
use crate::target::{Launcher, Target};

/// Those of one version of a gateway.
#[derive(Debug, Clone, Default)]
pub struct Lengths {
    /// In milliseconds.
    known: BTreeMap<TrialId, u64>,
    folder: Option<PathBuf>,
    name: String,
}

impl Lengths {
    /// What is known of a target, or else of the version of its gateway that ran last: what is slow on one is mostly slow on
    /// the next. Nothing for one in this process, which waits for no books.
    pub(super) fn of(target: &Target) -> Lengths {
        let cache = Cache::find().ok().filter(|_| !matches!(target.launcher, Launcher::Builtin { .. }));
        let Some(folder) = cache.as_ref().and_then(|cache| cache.make().map(Path::to_owned).ok()) else {
            return Lengths::default();
        };
        let (gateway, version) = (target.gateway.name(), target.version.as_deref().unwrap_or("0"));
        let own = Lengths::within(folder, format!("{gateway}-{version}.lengths"));
        let entries = cache.and_then(|cache| cache.list().ok()).filter(|_| own.known.is_empty()).unwrap_or_default();
        let of_gateway = entries.iter().filter(|entry| {
            entry.kind == EntryKind::Lengths && entry.gateway().is_some_and(|(other, _)| other == gateway)
        });
        let known = of_gateway.max_by_key(|entry| entry.made).map(|other| own.read(&other.name));
        Lengths { known: known.unwrap_or_else(|| own.known.clone()), ..own }
    }

    fn within(folder: PathBuf, name: String) -> Lengths {
        let empty = Lengths { known: BTreeMap::new(), folder: Some(folder), name };
        Lengths { known: empty.read(&empty.name), ..empty }
    }

    /// What a file says: nothing if it is broken; the next run writes it anew.
    fn read(&self, name: &str) -> BTreeMap<TrialId, u64> {
        let text = self.folder.as_ref().and_then(|folder| std::fs::read(folder.join(name)).ok());
        text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// About how long a trial takes: as long as it took, or else as its steps say.
    pub(super) fn about(&self, trial: &Trial) -> Duration {
        self.known.get(&trial.id).map_or_else(|| length(trial), |ms| Duration::from_millis(*ms))
    }

    pub(super) fn note(&mut self, result: &TrialResult) {
        let ms = u64::try_from(result.time.whole.as_millis()).unwrap_or(u64::MAX);
        self.known.insert(result.trial.clone(), ms);
    }

    /// Keeps them, as far as possible: losing one does no harm.
    pub(super) fn keep(&self) {
        let Some(folder) = &self.folder else { return };
        let Ok(text) = serde_json::to_vec(&self.known) else { return };
        let Ok(mut file) = NamedTempFile::new_in(folder) else { return };
        if file.write_all(&text).is_ok() {
            let _ = file.persist(folder.join(&self.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::promises::trials;

    #[test]
    fn what_took_longest_is_known_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let trials = trials().ok().unwrap();
        let lengths = || Lengths::within(folder.path().to_owned(), "litellm-1.81.0.lengths".to_owned());
        let mut first = lengths();
        assert_eq!(first.about(&trials[0]), length(&trials[0]));
        let mut result = TrialResult::not_begun(&trials[0], "litellm@1.81.0", String::new());
        result.time.whole = Duration::from_secs(77);
        first.note(&result);
        first.keep();
        assert_eq!(lengths().about(&trials[0]), Duration::from_secs(77));
        std::fs::write(folder.path().join("litellm-1.81.0.lengths"), "{broken").unwrap();
        assert_eq!(lengths().about(&trials[0]), length(&trials[0]));
    }
}
