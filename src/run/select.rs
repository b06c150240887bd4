//! From what a user names to the trials that are run: shared by the commands and by `cargo test`.

use std::path::PathBuf;

use crate::config::Config;
use crate::host::failure::Failure;
use crate::scenario::plan::{Selection, plan};
use crate::scenario::read::shown;
use crate::scenario::{Trial, TrialId};

/// The selected trials, and the names of all in an ordinary run of the corpus.
#[derive(Debug)]
pub struct Selected {
    pub trials: Vec<Trial>,
    pub corpus: Vec<TrialId>,
}

/// Selects from some files and folders, or from the corpus if none is named.
///
/// # Errors
/// When there are no scenarios, and when there are mistakes in them.
pub fn select(config: &Config, paths: &[PathBuf], filters: &[String], tags: &[String]) -> Result<Selected, Failure> {
    let selection =
        Selection { filters: filters.to_vec(), tags: tags.to_vec(), left_out: config.run.leave_out.clone() };
    let corpus = std::slice::from_ref(&config.scenarios);
    if paths.is_empty() && !config.scenarios.is_dir() {
        let folder = config.scenarios.display();
        let help = "name scenario files or folders, or set `scenarios` in harness.toml";
        return Err(Failure::wrong(format!("there are no scenarios: {folder} is not a folder")).help(help));
    }
    let all =
        plan(if paths.is_empty() { corpus } else { paths }).map_err(|mistakes| Failure::mistakes(shown(&mistakes)))?;
    // A corpus with mistakes in it is not what a single named file has to answer for.
    let known = if paths.is_empty() { Ok(all.clone()) } else { plan(corpus) };
    let ordinary = known.unwrap_or_default().into_iter().filter(|trial| selection.ordinary(trial));
    let corpus = ordinary.map(|trial| trial.id).collect();
    Ok(Selected { trials: all.into_iter().filter(|trial| selection.selects(trial)).collect(), corpus })
}
