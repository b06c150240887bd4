//! What a gateway can promise, as scenarios: short ones, each about one promise. Authors of adapters try them, and they
//! compare gateways of different kinds. Not: whether a gateway is right, which the corpus asks.

use super::Trial;
use super::corpus;
use super::plan::multiply;
use super::read::{Mistakes, understand};

/// The folder of their trials' names.
pub const FOLDER: &str = "promises";

macro_rules! promises {
    ($($name:literal)*) => {
        /// Names and texts, in the order they are shown.
        const PROMISES: &[(&str, &str)] = &[$(($name, include_str!(concat!("promises/", $name, ".yaml")))),*];
    };
}

promises! {
    "budget-of-a-user" "budget-of-a-key" "budget-of-a-team" "budget-of-a-member" "budget-of-an-organisation"
    "budget-of-end-user" "budget-of-tag" "budget-is-changed" "budget-is-reset"
    "rate-of-a-user" "rate-of-a-key" "rate-of-a-team"
    "key-is-unknown" "key-is-blocked" "key-is-deleted" "key-expires" "team-is-blocked" "models-of-a-key"
    "asked" "streamed" "priced" "model-is-made" "log-of-a-key"
    "upstream-fails" "retries" "fallback" "list" "admin-key"
}

/// A trial for each value of each promise.
///
/// # Errors
/// When one is not a scenario, which a test rules out.
pub fn trials() -> Result<Vec<Trial>, Mistakes> {
    let mut trials = Vec::new();
    for (name, text) in PROMISES {
        let file = corpus::path(&file_name(name));
        trials.extend(multiply(&format!("{FOLDER}/{name}"), understand(&file, text.as_bytes().to_vec())?, false));
    }
    Ok(trials)
}

/// Their names as files of the corpus, and texts.
pub(super) fn files() -> impl Iterator<Item = (String, &'static str)> {
    PROMISES.iter().map(|(name, text)| (file_name(name), *text))
}

fn file_name(promise: &str) -> String {
    format!("{FOLDER}/{promise}.yaml")
}

/// Where a trial comes in their order; `None` if it is not theirs.
pub fn position(trial: &str) -> Option<usize> {
    let (folder, rest) = trial.split_once('/')?;
    let name = rest.split('/').next()?;
    PROMISES.iter().position(|(own, _)| folder == FOLDER && *own == name)
}

#[cfg(test)]
mod tests {
    use super::{PROMISES, position, trials};

    #[test]
    fn every_promise_is_a_scenario() {
        let trials = trials().ok().unwrap();
        assert!(trials.len() > PROMISES.len());
        assert_eq!(position(&trials.last().unwrap().id), Some(PROMISES.len() - 1));
        assert_eq!(position("budget/key"), None);
    }
}
