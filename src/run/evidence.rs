//! What is kept of a trial that failed, beside its requests: what who reads of it asks for next.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::steps::Steps;
use crate::gateway::{AdminCall, AdminError, Answer, Notes, Said};
use crate::scenario::Instance;

/// Of a trial without findings it is empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The trial's own name on the gateway: that of each of its entities begins so, with a `-` after it.
    pub name: String,
    pub acts: Vec<Acted>,
    /// What the admin API said of each entity that has books, when the trial had ended: `key laptop` and that.
    pub said: Vec<(String, Said)>,
    /// What the gateway had logged last when the first finding was made. Other trials may have run then.
    pub log: Vec<String>,
}

/// What a trial did beside asking: it made or changed an entity, or disturbed a part of the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acted {
    /// After so many requests of the trial.
    pub after: usize,
    /// The line of its step, or of what is given, in the scenario's file.
    pub line: usize,
    /// `make key laptop`, `restart gateway`
    pub what: String,
    /// What the admin API was asked for that, in order.
    pub calls: Vec<AdminCall>,
    /// What the scenario expects of it, if it is a change, and what the gateway answered.
    pub expected: Option<String>,
    pub answer: Option<Answer>,
}

impl Acted {
    pub(super) fn new(what: String, line: usize, notes: &Notes) -> Acted {
        Acted { after: 0, line, what, calls: notes.take(), expected: None, answer: None }
    }
}

impl Steps<'_> {
    pub(super) fn acted(&mut self, acted: Acted) {
        self.acts.push(Acted { after: self.requests, ..acted });
    }

    /// What is known now; to be called when the trial has ended. Who hangs is not asked.
    pub(super) async fn evidence(&mut self, hung: bool) -> Evidence {
        let (acts, mut log) = (std::mem::take(&mut self.acts), std::mem::take(&mut self.log));
        if log.is_empty() {
            log = self.live.log_tail().await;
        }
        let said = if hung { Vec::new() } else { self.said().await };
        Evidence { name: self.name.to_owned(), acts, said, log }
    }

    /// What the admin API says of each entity that has books.
    async fn said(&self) -> Vec<(String, Said)> {
        let Ok(gateway) = self.node(Instance::First).await else { return Vec::new() };
        let mut all = Vec::new();
        for given in &self.world.given {
            let name = &given.name.value;
            let Some(entity) = self.world.recorded(name) else { continue };
            // A gateway that is gone has no more to say, and was waited for once.
            match gateway.said(entity).await {
                Ok(said) => all.push((format!("{} {name}", given.kind.word()), said)),
                Err(AdminError::Broken { .. }) => break,
                Err(_) => {}
            }
        }
        all
    }
}
