//! Results that are kept from one run to the next, so that a long run can be stopped and resumed: a file in the cache for
//! each target, a line for each result. Another build of gatecrash, other settings of the target or other limits mean
//! another file, and another text of a scenario another line: what is found here is what a run would find. Not: which are
//! run again.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::launch::cache::{Cache, CacheError};
use crate::matrix::{Cell, digest_of};
use crate::outcome::Outcome;
use crate::run::under::Under;
use crate::scenario::{Trial, TrialId};
use crate::target::{Launcher, Target};

/// One target's results.
#[derive(Debug, Default)]
pub struct Results {
    known: HashMap<(String, TrialId), KeptCell>,
    /// Where they are kept.
    path: Option<PathBuf>,
}

/// A result, and its day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptCell {
    pub on: Date,
    pub cell: Cell,
}

#[derive(Serialize, Deserialize)]
struct Line {
    trial: TrialId,
    /// The digest of its scenario.
    text: String,
    kept: KeptCell,
}

impl Results {
    /// The known results of a target; more can be added. An external target has none: it may be a different one today.
    /// `content` identifies what is in its image, where a name does not.
    ///
    /// # Errors
    /// When the cache cannot be used.
    pub fn of(target: &Target, content: Option<&str>, under: &Under, cache: &Cache) -> Result<Results, CacheError> {
        if let Launcher::External { .. } = target.launcher {
            return Ok(Results::default());
        }
        let version = target.version.as_deref().unwrap_or(env!("CARGO_PKG_VERSION"));
        // Why it is launched in this way does not matter.
        let decisive = Target { chosen: None, ..target.clone() };
        let decisive = serde_json::to_string(&decisive).unwrap_or_default();
        let key =
            format!("{:x}", Sha256::digest(format!("{decisive}\n{}\n{}", content.unwrap_or_default(), under.digest())));
        let name = format!("{}-{version}-{}-{key:.16}.results", target.gateway.name(), target.launcher.kind().word());
        let path = cache.make()?.join(name);
        let text = fs::read_to_string(&path).unwrap_or_default();
        // Skips a line that was cut off.
        let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        let known = lines.map(|Line { trial, text, kept }| ((text, trial), kept)).collect();
        Ok(Results { known, path: Some(path) })
    }

    pub fn get(&self, trial: &Trial) -> Option<&KeptCell> {
        self.known.get(&(digest_of(&trial.file.text), trial.id.clone()))
    }

    /// Keeps a result that says something about the gateway. If it cannot be written, the trial is only run again.
    pub fn add(&self, trial: &Trial, kept: &KeptCell) {
        if let (Some(path), false) = (&self.path, matches!(kept.cell.outcome, Outcome::Error { .. })) {
            let line = Line { trial: trial.id.clone(), text: digest_of(&trial.file.text), kept: kept.clone() };
            // In one piece, whoever else writes; and on a line of its own, even after one that was cut off.
            let line = format!("\n{}", serde_json::to_string(&line).unwrap_or_default());
            let file = OpenOptions::new().create(true).append(true).open(path);
            let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;

    #[test]
    fn an_image_that_was_built_anew_has_no_results_of_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, under) = (Cache::at(folder.path().join("cache")), Under::of(Limits::default(), 0, None).unwrap());
        let target = Target::builtin(None);
        let path = |content| Results::of(&target, content, &under, &cache).unwrap().path.unwrap();
        assert_eq!(path(Some("sha256:a")), path(Some("sha256:a")));
        assert_ne!(path(Some("sha256:a")), path(Some("sha256:b")));
        assert_ne!(path(Some("sha256:a")), path(None));
    }
}
