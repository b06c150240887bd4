//! What a search has learned of each version, kept as it comes, so that a search that was stopped goes on where it was.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::run::SearchPlan;
use crate::launch::cache::Cache;
use crate::outcome::TrialResult;
use crate::run::under::Under;
use crate::scenario::TrialId;
use crate::secret::Redacted;
use crate::target::{Target, parts};

/// What one target did in each trial, once for each run of it.
pub(super) type Results = BTreeMap<TrialId, Vec<TrialResult>>;

/// What was learned of each target, by its name.
#[derive(Debug, Default)]
pub(super) struct Learned {
    pub(super) file: Option<PathBuf>,
    pub(super) kept: BTreeMap<String, Results>,
}

impl Learned {
    /// What is left of a search for the same, on the same versions, with the same build of this program.
    pub(super) fn of(plan: &SearchPlan) -> Result<Learned, String> {
        let cache = Cache::find().map_err(|error| error.to_string())?;
        let under =
            Under::of(plan.limits, 0, plan.from.as_ref()).ok_or("which build of gatecrash this is cannot be told")?;
        let mut digest = Sha256::new();
        digest.update(under.digest());
        for target in &plan.targets {
            // It does not matter why it is launched in this way.
            digest.update(format!("{:?}", Target { chosen: None, ..target.clone() }));
        }
        for trial in &plan.trials {
            digest.update(format!("{}\n{}", trial.id, trial.file.text));
        }
        digest.update(format!("{:?}", plan.known));
        let key = format!("{:x}", digest.finalize());
        let ends = [plan.targets.first(), plan.targets.last()].map(|target| target.map_or("", |target| &target.name));
        let gateway = plan.targets.first().map_or("", |target| target.gateway.name());
        let folder = cache.make().map_err(|error| error.to_string())?;
        let file = folder.join(format!("{gateway}-{}-{key:.16}.bisection", versions(ends)));
        // A file that was cut off, or comes from another build, says nothing.
        let kept = fs::read_to_string(&file).ok().and_then(|text| serde_json::from_str(&text).ok());
        Ok(Learned { file: Some(file), kept: kept.unwrap_or_default() })
    }

    /// Keeps what is known, whole or not at all. If that fails, more is run again, and nothing worse.
    pub(super) fn keep(&self) -> Result<(), String> {
        let Some(file) = &self.file else { return Ok(()) };
        let text = serde_json::to_string(&Redacted(&self.kept)).map_err(|error| error.to_string())?;
        let folder = file.parent().unwrap_or(Path::new("."));
        let write = || {
            let mut part = tempfile::NamedTempFile::new_in(folder)?;
            part.write_all(text.as_bytes())?;
            part.persist(file).map(drop).map_err(|error| error.error)
        };
        write().map_err(|error| format!("{}: {error}", file.display()))
    }

    pub(super) fn forget(&self) {
        if let Some(file) = &self.file {
            let _ = fs::remove_file(file);
        }
    }
}

/// `1.81.0..1.82.3`, as it can be in a file's name.
fn versions(ends: [&str; 2]) -> String {
    let version = |name: &str| parts(name).1.unwrap_or(name).replace([':', '/'], "_");
    format!("{}..{}", version(ends[0]), version(ends[1]))
}
