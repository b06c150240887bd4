//! What is kept of a failed trial besides its requests: what its reader asks for next.

use super::steps::Steps;
use crate::gateway::{AdminError, Notes};
use crate::outcome::{Acted, AdminAnswer, Evidence};
use crate::scenario::Instance;

impl Acted {
    pub(super) fn new(what: String, line: usize, notes: &Notes) -> Acted {
        Acted { after: 0, line, what, calls: notes.take(), expected: None, answer: None }
    }
}

impl Steps<'_> {
    pub(super) fn acted(&mut self, acted: Acted) {
        self.acts.push(Acted { after: self.requests, ..acted });
    }

    /// What is known now; call it when the trial has ended. A hung gateway is not asked.
    pub(super) async fn evidence(&mut self, hung: bool) -> Evidence {
        let (acts, mut log) = (std::mem::take(&mut self.acts), std::mem::take(&mut self.log));
        if log.is_empty() {
            log = self.live.log_tail().await;
        }
        let said = if hung { Vec::new() } else { self.said().await };
        Evidence { name: self.name.to_owned(), acts, said, log }
    }

    /// What the admin API says of each entity that has books.
    async fn said(&self) -> Vec<(String, AdminAnswer)> {
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
