//! From what a user names to the trials that are run: shared by the commands and by `cargo test`.

use std::path::PathBuf;

use crate::config::{Config, KnownDeviation};
use crate::host::failure::Failure;
use crate::scenario::diagnostic::nearest;
use crate::scenario::plan::{Filter, Selection, of_models, plan};
use crate::scenario::read::shown;
use crate::scenario::{Trial, TrialId, corpus};
use crate::target::Target;

/// The selected trials, and the names of all in an ordinary run of the corpus.
#[derive(Debug)]
pub struct Selected {
    pub trials: Vec<Trial>,
    pub corpus: Vec<TrialId>,
    /// Whose they are, if they are the ones inside this program because none were named.
    pub embedded: Option<String>,
}

/// The models of the targets' own configurations, in their order.
pub fn models_of<'a>(targets: impl IntoIterator<Item = &'a Target>) -> Vec<String> {
    let mut names = Vec::new();
    for model in targets.into_iter().flat_map(|target| &target.own).flat_map(|own| &own.models) {
        if !names.contains(&model.name) {
            names.push(model.name.clone());
        }
    }
    names
}

/// Selects from some files and folders, or from the corpus if none is named; `models` are those of the targets' own
/// configurations.
///
/// # Errors
/// When there are no scenarios, when they have mistakes, and when a known deviation matches none of them.
pub fn select(
    config: &Config,
    models: &[String],
    paths: &[PathBuf],
    filters: &[Filter],
    tags: &[String],
) -> Result<Selected, Failure> {
    let plan = |paths: &[PathBuf]| plan(paths).map(|trials| of_models(trials, models));
    let selection =
        Selection { filters: filters.to_vec(), tags: tags.to_vec(), left_out: config.run.leave_out.clone() };
    let folder = std::slice::from_ref(&config.scenarios);
    let is_there = corpus::name(&config.scenarios).is_some() || config.scenarios.is_dir();
    if paths.is_empty() && !is_there {
        let folder = config.scenarios.display();
        let help = "correct `scenarios` in harness.toml; without that line gatecrash runs its own corpus";
        return Err(Failure::wrong(format!("there are no scenarios: {folder} is not a folder")).help(help));
    }
    let all =
        plan(if paths.is_empty() { folder } else { paths }).map_err(|mistakes| Failure::mistakes(shown(&mistakes)))?;
    // A corpus with mistakes in it is not what a single named file has to answer for.
    let known = if paths.is_empty() { Ok(all.clone()) } else { plan(folder) };
    if is_there && let Ok(known) = &known {
        named_in(config, || known.iter().chain(&all).map(|trial| trial.id.as_str()))?;
    }
    let ordinary = known.unwrap_or_default().into_iter().filter(|trial| selection.ordinary(trial));
    let corpus = ordinary.map(|trial| trial.id).collect();
    let embedded = (paths.is_empty() && corpus::name(&config.scenarios).is_some()).then(corpus::described);
    Ok(Selected { trials: all.into_iter().filter(|trial| selection.selects(trial)).collect(), corpus, embedded })
}

/// Each known deviation of a settings file must match an existing trial. Those that ship with gatecrash are for its own
/// corpus, which may not be here.
fn named_in<'a, I: Iterator<Item = &'a str>>(config: &Config, trials: impl Fn() -> I) -> Result<(), Failure> {
    let of_none = |known: &&KnownDeviation| !trials().any(|trial| known.covers(trial));
    let Some(known) = config.known_deviations.iter().filter(|_| !config.is_shipped).find(of_none) else {
        return Ok(());
    };
    let what = format!("known_deviation of {}: no trial is called `{}`", known.gateway, known.scenario);
    Err(match nearest(&known.scenario, trials()) {
        Some(near) => Failure::wrong(what).help(format!("did you mean `{near}`?")),
        None => Failure::wrong(what).help("`gatecrash list` names them; `*` stands for any text"),
    })
}
