//! Whether a target still answers on its health endpoint while trials run on it; and starting again one that hangs for
//! good. Not: one that is gone, which [`Live::health`] tells.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{Health, Held, Live};
use crate::gateway::AdminError;
use crate::outcome::Broken;

/// How often it is looked at, by all trials on it together.
const LOOK: Duration = Duration::from_secs(1);

/// How often one target is started again. One that hangs whatever it is asked must not hold up the run for hours.
const MOST: usize = 20;

/// This few trials leave too little in a gateway's memory to disturb others: LiteLLM's cache has room for 200 entries.
const TRACES: usize = 16;

/// What is known of how a target answers.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    beat: Mutex<Beat>,
    renewing: Mutex<()>,
    restarts: AtomicUsize,
}

#[derive(Debug, Default)]
enum Beat {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    Answered {
        at: Instant,
    },
    /// No look has been answered since then.
    Silent {
        since: Instant,
    },
    /// It hangs.
    Hung,
    /// It hangs, and nothing can be done about it.
    Lost(String),
}

/// What became of a target that hung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Revived {
    /// It was started again.
    Restarted,
    /// It answers: somebody else has started it again, or it was only slow.
    Answers,
}

impl Live {
    /// Waits until it has given no answer for this long. It looks while it waits; a target that refuses connections, or
    /// answers anything, does not hang.
    pub async fn hang(&self, patience: Duration) {
        loop {
            // One waiter looks for all of them.
            let mut beat = self.pulse.beat.lock().await;
            let is_new = matches!(*beat, Beat::Answered { at } if at.elapsed() < LOOK);
            if matches!(*beat, Beat::Hung | Beat::Lost(_)) {
                return;
            }
            if !is_new {
                let looked = Instant::now();
                *beat = match (self.answers().await, &*beat) {
                    (true, _) => Beat::Answered { at: Instant::now() },
                    (false, Beat::Silent { since }) => Beat::Silent { since: *since },
                    (false, _) => Beat::Silent { since: looked },
                };
            }
            if matches!(*beat, Beat::Silent { since } if since.elapsed() >= patience) {
                match self.health().await {
                    Health::Unresponsive(_) => {
                        *beat = Beat::Hung;
                        return;
                    }
                    Health::Well | Health::Dead(_) => *beat = Beat::Answered { at: Instant::now() },
                }
            }
            drop(beat);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Starts it again if it hangs, and waits until it is ready. Call it only with the target held alone.
    ///
    /// # Errors
    /// Why it could not be started: then it never can.
    pub async fn revive(&self) -> Result<Revived, String> {
        let mut beat = self.pulse.beat.lock().await;
        if let Beat::Lost(why) = &*beat {
            return Err(why.clone());
        }
        let revived = match self.health().await {
            Health::Unresponsive(_) => self.start_again().await,
            Health::Well | Health::Dead(_) => Ok(Revived::Answers),
        };
        match &revived {
            Ok(revived) => {
                *beat = Beat::Unknown;
                self.pulse.restarts.fetch_add(usize::from(*revived == Revived::Restarted), Ordering::Relaxed);
            }
            Err(why) => *beat = Beat::Lost(why.clone()),
        }
        revived
    }

    /// Makes it as good as new for a trial that needs it so: a restart clears what many trials, such as those of the
    /// run before, leave in a gateway's memory. The first trials call this: if several do at once, one starts it again.
    ///
    /// # Errors
    /// Why it could not be started again.
    pub async fn renew(&self) -> Result<(), String> {
        if let Held::Attached(attached) = &self.kept {
            return attached.renew().await;
        }
        let _renewing = self.pulse.renewing.lock().await;
        if self.turns.ever() <= TRACES {
            return Ok(());
        }
        let restarted = match &self.kept {
            Held::Docker(containers) => containers.restart_all().await,
            Held::Process(processes) => processes.restart_all().await,
            // The built-in gateway forgets nothing; the external one is not ours.
            Held::Builtin(_) | Held::External(_) | Held::Attached(_) => Ok(()),
        };
        restarted.map_err(|error| format!("it could not be started again: {}", error.what))?;
        self.turns.began_anew();
        Ok(())
    }

    /// How often it hung for good and was started again.
    pub fn restarts(&self) -> usize {
        self.pulse.restarts.load(Ordering::Relaxed)
    }

    /// Why it is lost, if it is: it hangs and cannot be started again.
    pub async fn lost(&self) -> Option<String> {
        match &*self.pulse.beat.lock().await {
            Beat::Lost(why) => Some(why.clone()),
            Beat::Unknown | Beat::Answered { .. } | Beat::Silent { .. } | Beat::Hung => None,
        }
    }

    async fn answers(&self) -> bool {
        for gateway in self.clients() {
            if let Err(AdminError::Broken { how: Broken::Hung { .. }, .. }) = gateway.ready().await {
                return false;
            }
        }
        true
    }

    async fn start_again(&self) -> Result<Revived, String> {
        let restarted = match &self.kept {
            // Its keeper keeps its own count.
            Held::Attached(attached) => return attached.revive().await,
            Held::External(_) => return Err("it hangs, and gatecrash cannot restart it".to_owned()),
            Held::Builtin(_) | Held::Docker(_) | Held::Process(_) if self.restarts() >= MOST => {
                return Err(format!("it has hung {MOST} times, so it is not restarted any more"));
            }
            Held::Builtin(in_process) => {
                in_process.restart();
                Ok(())
            }
            Held::Docker(containers) => containers.restart_all().await,
            Held::Process(processes) => processes.restart_all().await,
        };
        restarted
            .map(|()| Revived::Restarted)
            .map_err(|error| format!("it hung and could not be restarted: {}", error.what))
    }
}
