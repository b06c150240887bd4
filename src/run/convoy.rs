//! Trials that go through a rollout together: each waits at its move until all others are there too, or have ended. Then
//! their target moves once, and all go on. Not: the move itself, which is the target's.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::scenario::Move;

/// The trials of one rollout.
#[derive(Debug, Clone)]
pub(super) struct Convoy(Arc<watch::Sender<Progress>>);

#[derive(Debug, Default)]
struct Progress {
    /// How many are on their way: not waiting, and not ended.
    under_way: usize,
    waiting: usize,
    /// The moves that were made, or could not be, and why.
    made: Vec<(Move, Result<(), String>)>,
}

impl Progress {
    fn of(&self, to: Move) -> Option<&Result<(), String>> {
        self.made.iter().find(|(made, _)| *made == to).map(|(_, result)| result)
    }
}

/// A trial's place in its convoy, until it is dropped.
#[derive(Debug)]
pub(super) struct Traveller(Convoy);

impl Convoy {
    /// A convoy of this many; each has to be given its place.
    pub(super) fn of(trials: usize) -> Convoy {
        Convoy(Arc::new(watch::Sender::new(Progress { under_way: trials, ..Progress::default() })))
    }

    /// The place of one of them.
    pub(super) fn place(&self) -> Traveller {
        Traveller(self.clone())
    }

    /// Waits until all are there or have ended; those that wait do so no longer than this for the others. Returns how many
    /// wait.
    pub(super) async fn assembled(&self, patience: Duration) -> usize {
        let mut progress = self.0.subscribe();
        // Neither can fail: we hold the other end.
        let _ = progress.wait_for(|now| now.waiting > 0 || now.under_way == 0).await;
        let _ = tokio::time::timeout(patience, progress.wait_for(|now| now.under_way == 0)).await;
        self.0.borrow().waiting
    }

    /// Lets those who wait go on.
    pub(super) fn has_moved(&self, to: Move, how: Result<(), String>) {
        self.0.send_modify(|now| {
            now.under_way += std::mem::take(&mut now.waiting);
            now.made.push((to, how));
        });
    }
}

impl Traveller {
    /// Waits for a move, and says whether it was made.
    ///
    /// # Errors
    /// Why it was not; also for one that comes after it.
    pub(super) async fn waits_for(&self, to: Move) -> Result<(), String> {
        /// One that waits, until it does not, for whatever reason.
        struct Waiting<'a>(&'a Convoy, Move);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.0.send_modify(|now| {
                    if now.of(self.1).is_none() {
                        (now.waiting, now.under_way) = (now.waiting - 1, now.under_way + 1);
                    }
                });
            }
        }
        let Traveller(convoy) = self;
        let is_late = convoy.0.borrow().of(to).is_some();
        if is_late {
            return Err(format!("it took so long that the others did not wait for it with their `{}`", to.word()));
        }
        convoy.0.send_modify(|now| (now.waiting, now.under_way) = (now.waiting + 1, now.under_way - 1));
        let _waiting = Waiting(convoy, to);
        let mut progress = convoy.0.subscribe();
        match progress.wait_for(|now| now.of(to).is_some()).await {
            Ok(now) => now.of(to).cloned().unwrap_or(Ok(())),
            Err(_) => Err("its rollout has ended".to_owned()),
        }
    }
}

impl Drop for Traveller {
    fn drop(&mut self) {
        self.0.0.send_modify(|now| now.under_way -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(50);
    const NEVER: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn all_wait_for_the_last_and_then_go_on_together() {
        let convoy = Convoy::of(3);
        let (first, second, third) = (convoy.place(), convoy.place(), convoy.place());
        let first = tokio::spawn(async move { first.waits_for(Move::Upgrade).await });
        let second = tokio::spawn(async move {
            second.waits_for(Move::Upgrade).await?;
            second.waits_for(Move::Downgrade).await
        });
        assert!(tokio::time::timeout(SOON, convoy.assembled(NEVER)).await.is_err(), "the third is not there yet");
        drop(third);
        assert_eq!(convoy.assembled(NEVER).await, 2);
        convoy.has_moved(Move::Upgrade, Ok(()));
        assert_eq!(first.await.unwrap(), Ok(()));
        assert_eq!(convoy.assembled(NEVER).await, 1, "the first has ended");
        convoy.has_moved(Move::Downgrade, Err("it did not start".to_owned()));
        assert_eq!(second.await.unwrap(), Err("it did not start".to_owned()));
        assert_eq!(convoy.assembled(NEVER).await, 0);
    }

    #[tokio::test]
    async fn nobody_waits_for_one_that_hangs_and_it_comes_too_late() {
        let convoy = Convoy::of(2);
        let (quick, slow) = (convoy.place(), convoy.place());
        let quick = tokio::spawn(async move { quick.waits_for(Move::Roll).await });
        assert_eq!(convoy.assembled(SOON).await, 1);
        convoy.has_moved(Move::Roll, Ok(()));
        assert_eq!(quick.await.unwrap(), Ok(()));
        assert!(slow.waits_for(Move::Roll).await.unwrap_err().contains("did not wait"));
    }

    #[tokio::test]
    async fn one_that_gives_up_waiting_no_longer_counts() {
        let convoy = Convoy::of(1);
        let place = convoy.place();
        assert!(tokio::time::timeout(SOON, place.waits_for(Move::Roll)).await.is_err());
        drop(place);
        assert_eq!(convoy.assembled(NEVER).await, 0);
    }
}
