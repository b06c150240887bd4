//! Whose turn it is on a target: trials share it, or have it alone; and only a few at a time make their entities. For a
//! kept target, trials of all processes take their turns at its keeper. Not: which trial comes next.

use std::sync::{Arc, Weak};

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, OwnedSemaphorePermit, RwLock, Semaphore, watch};

use super::keeper::Lease;
use super::{Held, Live};

/// How many trials make their entities at the same time: all of them begin with that at once, and a gateway's own
/// limits end its transactions (LiteLLM 1.108.7 gave up `/team/new` after 5 s behind a hundred others).
const MAKING: usize = 4;

/// While no more than these run, none of them is late because of the others.
const FEW: usize = 8;

/// How many of those that go first run at the same time: what would disturb them is the traces of hundreds of others
/// (LiteLLM's cache holds 200 counters), not one another.
const FIRST: usize = 4;

/// What a trial takes its turn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Share {
    /// Running while others do.
    Together,
    /// Running while few others do.
    Quiet,
    /// Running while no others do but a few that take their turn for this, too.
    First,
    /// Running while no other does.
    Alone,
    /// Making its entities.
    Making,
}

/// A turn that was taken. Dropping it ends it.
pub enum Turn {
    Together {
        _held: OwnedRwLockReadGuard<()>,
        _counted: Counted,
    },
    First {
        /// In this order: the next trial must find the target free, or still held.
        _held: Arc<OwnedRwLockWriteGuard<()>>,
        _permit: Option<OwnedSemaphorePermit>,
    },
    Alone {
        _held: OwnedRwLockWriteGuard<()>,
    },
    Making {
        _held: Option<OwnedSemaphorePermit>,
    },
    /// The keeper has it.
    Leased {
        _held: Option<(Lease, Option<Arc<()>>)>,
    },
}

#[derive(Clone)]
pub(super) struct Turns {
    running: Arc<RwLock<()>>,
    making: Arc<Semaphore>,
    first: Arc<Semaphore>,
    /// What the first of these trials holds for all of them.
    held_by_first: Arc<Mutex<Weak<OwnedRwLockWriteGuard<()>>>>,
    count: Arc<watch::Sender<TurnCount>>,
}

/// The trials that do not run alone.
#[derive(Debug, Default)]
struct TurnCount {
    now: usize,
    /// Since the target was launched, or started again.
    ever: usize,
}

/// One of these trials, until it is dropped.
pub struct Counted(Arc<watch::Sender<TurnCount>>);

impl Counted {
    fn new(count: &Arc<watch::Sender<TurnCount>>) -> Counted {
        count.send_modify(|count| {
            count.now += 1;
            count.ever += 1;
        });
        Counted(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| count.now -= 1);
    }
}

impl Turns {
    pub(super) fn new() -> Turns {
        Turns {
            running: Arc::default(),
            making: Arc::new(Semaphore::new(MAKING)),
            first: Arc::new(Semaphore::new(FIRST)),
            held_by_first: Arc::default(),
            count: Arc::default(),
        }
    }

    pub(super) async fn take(&self, share: Share) -> Turn {
        match share {
            Share::Together => self.together().await,
            Share::Quiet => loop {
                // This cannot fail: we hold the sender ourselves.
                let _ = self.count.subscribe().wait_for(|count| count.now < FEW).await;
                let turn = self.together().await;
                // Another may have been just as quick.
                if self.count.borrow().now <= FEW {
                    return turn;
                }
                drop(turn);
                tokio::task::yield_now().await;
            },
            Share::First => {
                // Nobody closes it.
                let permit = Arc::clone(&self.first).acquire_owned().await.ok();
                let mut held = self.held_by_first.lock().await;
                let own = match held.upgrade() {
                    Some(own) => own,
                    None => Arc::new(Arc::clone(&self.running).write_owned().await),
                };
                *held = Arc::downgrade(&own);
                Turn::First { _held: own, _permit: permit }
            }
            Share::Alone => Turn::Alone { _held: Arc::clone(&self.running).write_owned().await },
            // Nobody closes it.
            Share::Making => Turn::Making { _held: Arc::clone(&self.making).acquire_owned().await.ok() },
        }
    }

    async fn together(&self) -> Turn {
        let held = Arc::clone(&self.running).read_owned().await;
        Turn::Together { _held: held, _counted: Counted::new(&self.count) }
    }

    /// How many trials have run since it was launched or started again, except those that had it alone.
    pub(super) fn ever(&self) -> usize {
        self.count.borrow().ever
    }

    pub(super) fn began_anew(&self) {
        self.count.send_modify(|count| count.ever = 0);
    }

    /// How many trials run, or wait to: each holds on to what it waits for.
    pub(super) fn running(&self) -> usize {
        Arc::strong_count(&self.running) - 1
    }
}

impl Live {
    /// Waits for a turn, and takes it.
    pub async fn turn(&self, share: Share) -> Turn {
        match &self.kept {
            // If the keeper is gone there is nothing to share; the trial will find out soon enough.
            Held::Attached(attached) => Turn::Leased { _held: attached.turn(share).await.ok() },
            Held::Builtin(_) | Held::Docker(_) | Held::External(_) | Held::Process(_) => self.turns.take(share).await,
        }
    }
}
