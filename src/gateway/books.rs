//! Looking at a gateway's books together: whoever sees that they were written tells the others who wait for the same
//! kind of entity, and the more wait, the less often each looks by itself. A gateway that writes every few seconds is
//! asked as often for two hundred trials as for ten; and how long charges take is learned from those that came, so that
//! a busy machine gets more time. Not: what a missing charge means.

use std::collections::{HashMap, VecDeque};
use std::mem::{Discriminant, discriminant};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::Entity;

/// How many look by themselves at full pace.
const LOOKING: usize = 4;

/// The least time from one call to look to the next: those called may see it themselves, and would call again.
const CALLS: Duration = Duration::from_secs(1);

/// How recent a charge must be to tell how long others take.
const LATELY: Duration = Duration::from_secs(60);

/// Who waits for the books of one gateway, and what was seen in them.
#[derive(Debug, Clone, Default)]
pub struct Books(Arc<Reading>);

#[derive(Debug, Default)]
struct Reading {
    /// How many wait in other processes.
    elsewhere: AtomicUsize,
    pages: Mutex<HashMap<Discriminant<Entity>, Arc<Page>>>,
    came: Mutex<VecDeque<Came>>,
}

/// A charge that came: when, and how long it was on its way.
#[derive(Debug, Clone, Copy)]
struct Came {
    at: Instant,
    took: Duration,
}

/// Those who wait for one kind of entity.
#[derive(Debug, Default)]
struct Page {
    count: AtomicUsize,
    written: Notify,
    called: Mutex<Option<Instant>>,
}

/// One who waits; dropping this ends the wait.
#[derive(Debug)]
pub struct Waiting {
    reading: Arc<Reading>,
    page: Arc<Page>,
    began: Instant,
}

impl Books {
    /// Tells how many trials of other processes are on this gateway, and may wait for its books as well.
    pub fn others_wait(&self, count: usize) {
        self.0.elsewhere.store(count, Ordering::Relaxed);
    }

    /// Waits for an entity's charges, the last of which was made at `since`: entities that one request is charged to
    /// are waited for in turn, none longer than if it were alone.
    pub fn waiting(&self, entity: &Entity, since: Instant) -> Waiting {
        let page = Arc::clone(lock(&self.0.pages).entry(discriminant(entity)).or_default());
        page.count.fetch_add(1, Ordering::Relaxed);
        Waiting { reading: Arc::clone(&self.0), page, began: since }
    }

    /// The longest that any recent charge was on its way. It grows on a busy machine, and with it the time that others
    /// are given.
    pub fn slowest(&self) -> Duration {
        let mut came = lock(&self.0.came);
        while came.front().is_some_and(|first| first.at.elapsed() > LATELY) {
            came.pop_front();
        }
        came.iter().map(|came| came.took).max().unwrap_or_default()
    }
}

impl Waiting {
    /// Waits until it is time to look again: at most this long, and less if another has seen the books written.
    pub async fn look_again(&self, pace: Duration, at_most: Duration) {
        let looking = self.page.count.load(Ordering::Relaxed) + self.reading.elsewhere.load(Ordering::Relaxed);
        let share = looking.div_ceil(LOOKING).max(1);
        let own = pace.saturating_mul(u32::try_from(share).unwrap_or(u32::MAX)).min(at_most);
        tokio::select! {
            () = self.page.written.notified() => {}
            () = tokio::time::sleep(own) => {}
        }
    }

    /// The books were written: all others look.
    pub fn are_written(&self) {
        let now = Instant::now();
        let mut called = lock(&self.page.called);
        if called.is_none_or(|last| now - last >= CALLS) {
            *called = Some(now);
            self.page.written.notify_waiters();
        }
    }

    /// What this waits for has come.
    pub fn has_come(&self) {
        let (at, took) = (Instant::now(), self.began.elapsed());
        let mut came = lock(&self.reading.came);
        // A slower one tells all that the quicker ones before it could.
        while came.back().is_some_and(|last| last.took <= took) {
            came.pop_back();
        }
        came.push_back(Came { at, took });
    }

    /// See [`Books::slowest`].
    pub fn slowest(&self) -> Duration {
        Books(Arc::clone(&self.reading)).slowest()
    }

    pub fn began(&self) -> Instant {
        self.began
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.page.count.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn the_slowest_charge_that_came_tells_all_how_long_one_may_take() {
        let books = Books::default();
        let key = Entity::key(Secret::new("sk-some"));
        let now = Instant::now();
        let Some(before) = now.checked_sub(Duration::from_secs(9)) else { return };
        let lost = books.waiting(&key, before);
        assert_eq!(books.slowest(), Duration::ZERO);
        books.waiting(&Entity::Team("research".into()), before).has_come();
        books.waiting(&key, now).has_come();
        assert_eq!((lost.slowest().as_secs(), books.slowest().as_secs()), (9, 9));
    }
}
