//! How many trials run on a target at the same time: as many as the user said, or as many as its answers stay quick for.
//! Not: which come next.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::launch::Live;

/// How many it begins with, on all targets together, if nobody said.
pub const AT_FIRST: usize = 50;

/// Never more than this: what a gateway does in its background does not show in its answers.
const MOST: usize = 100;

/// Never fewer than this, however slow it is: a trial mostly waits for the books.
const LEAST: usize = 8;

/// How often the answers are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The turns of a target's trials, of which a limited number are taken at a time.
#[derive(Debug, Clone)]
pub(super) struct Jobs {
    taken: Arc<watch::Sender<Taken>>,
    follows: bool,
}

#[derive(Debug)]
struct Taken {
    now: usize,
    most: usize,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub struct Job(Arc<watch::Sender<Taken>>);

impl Jobs {
    /// As many as `said`; else as the gateway's answers allow, with `targets` being asked at the same time.
    pub(super) fn new(said: Option<usize>, targets: usize) -> Jobs {
        let most = (said.unwrap_or(AT_FIRST) / targets.max(1)).max(1);
        Jobs { taken: Arc::new(watch::Sender::new(Taken { now: 0, most })), follows: said.is_none() }
    }

    /// Waits until one more may be taken, and takes it. Only one caller at a time.
    pub(super) async fn next(&self) -> Job {
        // This cannot fail: we hold the other end.
        let _ = self.taken.subscribe().wait_for(|taken| taken.now < taken.most).await;
        self.taken.send_modify(|taken| taken.now += 1);
        Job(Arc::clone(&self.taken))
    }

    /// Changes how many there may be as the answers are quick or slow; never ends.
    pub(super) async fn follow(&self, live: &Live, limit: Duration) -> std::convert::Infallible {
        if !self.follows {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(LOOK).await;
            if let Some(slow) = slow(live.tempo()) {
                self.taken.send_modify(|taken| taken.most = allowed(taken, slow, limit));
            }
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.0.send_modify(|taken| taken.now -= 1);
    }
}

/// The longest that nine tenths of the answers took.
fn slow(mut answers: Vec<Duration>) -> Option<Duration> {
    answers.sort_unstable();
    answers.get(answers.len() * 9 / 10).copied()
}

/// A quarter more if all are taken and answers come in a twentieth of their limit; a quarter fewer if they need more than an
/// eighth.
fn allowed(taken: &Taken, slow: Duration, limit: Duration) -> usize {
    let quarter = (taken.most / 4).max(1);
    if slow > limit / 8 {
        taken.most.min((taken.most - quarter).max(LEAST))
    } else if slow < limit / 20 && taken.now >= taken.most {
        taken.most.max((taken.most + quarter).min(MOST))
    } else {
        taken.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_more_while_answers_are_quick_and_fewer_when_they_are_slow() {
        let limit = Duration::from_secs(30);
        let most = |now, most, ms| allowed(&Taken { now, most }, Duration::from_millis(ms), limit);
        assert_eq!(most(50, 50, 100), 62);
        assert_eq!(most(40, 50, 100), 50, "it has not been tried with so many");
        assert_eq!(most(90, 90, 100), MOST);
        assert_eq!(most(50, 50, 2_000), 50);
        assert_eq!(most(50, 50, 5_000), 38);
        assert_eq!(most(9, 9, 20_000), LEAST);
        assert_eq!(most(2, 2, 20_000), 2, "as many as it began with");
    }

    #[tokio::test]
    async fn no_more_are_taken_than_there_may_be() {
        let jobs = Jobs::new(Some(5), 2);
        let (one, _two) = (jobs.next().await, jobs.next().await);
        assert!(tokio::time::timeout(Duration::from_millis(20), jobs.next()).await.is_err());
        drop(one);
        jobs.next().await;
    }
}
