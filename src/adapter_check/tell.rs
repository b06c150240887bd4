//! What came of checking an adapter: what it states, and each promise as kept, broken or lacking. Not: the promises
//! themselves, which are scenarios of `gatecrash adapter-check`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::gateway::adapter::{About, Charged};
use crate::gateway::connection::Credential;
use crate::host::failure::Exit;
use crate::launch::LaunchError;
use crate::outcome::{Outcome, TrialResult};
use crate::run::session::Event;
use crate::scenario::{Kind, Trial, TrialId};

/// What is known of an adapter so far.
#[derive(Debug)]
pub struct Checked {
    about: &'static About,
    /// In the order they are shown: the trial, and what its scenario promises.
    promises: Vec<(TrialId, String)>,
    results: BTreeMap<TrialId, TrialResult>,
    not_launched: Option<LaunchError>,
}

/// What became of a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Kept,
    Broken,
    Lacking,
    NotTried,
}

impl Fate {
    fn word(self) -> &'static str {
        match self {
            Fate::Kept => "kept",
            Fate::Broken => "BROKEN",
            Fate::Lacking => "lacking",
            Fate::NotTried => "not tried",
        }
    }
}

impl Checked {
    pub fn new(about: &'static About, trials: &[Trial]) -> Checked {
        let promise = |trial: &Trial| (trial.id.clone(), trial.file.scenario.name.value.clone());
        let promises = trials.iter().map(promise).collect();
        Checked { about, promises, results: BTreeMap::new(), not_launched: None }
    }

    /// Adds what happened, and returns a line of progress if it deserves one.
    pub fn add(&mut self, event: Event) -> Option<String> {
        match event {
            Event::Launching { target } => Some(format!("launching {target}")),
            Event::Launched { target, took, .. } => {
                Some(format!("{} is ready after {:.1} s", target.name, took.as_secs_f64()))
            }
            Event::NotLaunched(error) => {
                self.not_launched = Some(error);
                None
            }
            Event::Finished(result) => {
                self.results.insert(result.trial.clone(), result);
                None
            }
            Event::Begun | Event::RolledOut { .. } | Event::Log { .. } | Event::Restarted { .. } | Event::Ended => None,
        }
    }

    /// 3 if it could not be launched or broke, 1 if a promise is broken.
    pub fn exit(&self) -> Exit {
        let is = |wanted: Fate| self.promises.iter().any(|(trial, _)| self.fate(trial).0 == wanted);
        match (&self.not_launched, is(Fate::NotTried), is(Fate::Broken)) {
            (Some(_), _, _) | (None, true, _) => Exit::Broke,
            (None, false, true) => Exit::Failed,
            (None, false, false) => Exit::Fine,
        }
    }

    fn fate(&self, trial: &TrialId) -> (Fate, String) {
        let Some(result) = self.results.get(trial) else { return (Fate::NotTried, "it never ended".to_owned()) };
        match &result.outcome {
            Outcome::Pass => (Fate::Kept, String::new()),
            Outcome::Skip { reason } => (Fate::Lacking, reason.clone()),
            Outcome::Error { reason } => (Fate::NotTried, reason.clone()),
            Outcome::Fail | Outcome::Unsteady { .. } => {
                let worst = result.worst_finding();
                (Fate::Broken, worst.map_or_else(String::new, |found| format!("{}: {found}", found.kind.word())))
            }
        }
    }

    pub fn render(&self) -> String {
        let mut text = stated(self.about);
        if let Some(error) = &self.not_launched {
            let _ = writeln!(text, "\n{error}");
            return text;
        }
        let mut counts: BTreeMap<Fate, usize> = BTreeMap::new();
        let mut last = "";
        for (trial, promise) in &self.promises {
            if promise != last {
                let _ = writeln!(text, "\n{promise}");
                last = promise;
            }
            let (fate, why) = self.fate(trial);
            *counts.entry(fate).or_default() += 1;
            // A trial of one value of an axis is called by that value.
            let value = trial.split('/').nth(2).map_or(String::new(), |value| format!("{value:<18}"));
            let _ = writeln!(text, "  {:<10}{}", fate.word(), format!("{value}{why}").trim_end());
        }
        let counts: Vec<String> = counts.iter().map(|(fate, count)| format!("{count} {}", fate.word())).collect();
        let _ = writeln!(text, "\n{}", counts.join(", "));
        text
    }
}

/// What an adapter states, for people.
fn stated(about: &About) -> String {
    let credential = match about.credential {
        Credential::Bearer => "a bearer token",
        Credential::Basic => "HTTP Basic",
    };
    let charged = match about.charged {
        Charged::After => "after the answer",
        Charged::Reserved => "before the call, settled after it",
    };
    let words = |words: Vec<&str>| if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
    let mut text = format!("{}, as its adapter states it\n", about.title);
    let mut line = |what: &str, said: &str| {
        let _ = writeln!(text, "  {what:<13}{said}");
    };
    line("credential", credential);
    line("charged", &format!("{charged}; in its books {} ms later at most", about.pace.behind.as_millis()));
    line("package", about.package.with_extras);
    line("image", about.image.as_ref().map_or("none", |image| image.name));
    line("APIs", &words(about.apis.iter().map(|api| api.word()).collect()));
    line("features", &words(about.features.iter().map(|feature| feature.word()).collect()));
    for kind in Kind::ALL {
        if let Some(fields) = (about.fields)(kind) {
            line(kind.word(), &words(fields.to_vec()));
        }
    }
    text
}
