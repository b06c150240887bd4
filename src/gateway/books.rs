//! Looking at a gateway's books together: who sees that they were written tells the others who wait for the same kind
//! of entity, and the more wait, the less often each looks by itself. A gateway that writes each few seconds is asked as
//! often for two hundred trials as for ten; and a charge is overdue when later ones are in the books, not when a busy
//! machine is late.

use std::collections::{HashMap, VecDeque};
use std::mem::{Discriminant, discriminant};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::Entity;

/// So many look by themselves at full pace.
const LOOKING: usize = 4;

/// While no more than so many wait, they do not keep the gateway busy.
const FEW: usize = 8;

/// The least time from one call to look to the next: those who look may see it themselves, and would call again.
const CALLS: Duration = Duration::from_secs(1);

/// A charge has to be in the books when so many were seen there of which each was made after the one before it was seen:
/// the first may have been written with what was put aside before ours was made, the second with what was put aside
/// after, and the third tells that all kinds of the second's writing are there.
const LATER: usize = 3;

/// So many sightings are remembered. They are about as many as are seen in a minute of a whole corpus.
const SIGHTINGS: usize = 512;

/// Who waits for the books of one gateway, and what was seen in them.
#[derive(Debug, Clone, Default)]
pub struct Books(Arc<Reading>);

#[derive(Debug, Default)]
struct Reading {
    count: AtomicUsize,
    /// How many more do in other processes.
    elsewhere: AtomicUsize,
    pages: Mutex<HashMap<Discriminant<Entity>, Arc<Page>>>,
    seen: Mutex<VecDeque<Sighting>>,
}

/// Those who wait for one kind of entity.
#[derive(Debug, Default)]
struct Page {
    count: AtomicUsize,
    written: Notify,
    called: Mutex<Option<Instant>>,
}

/// A charge of a key that was seen in the books. Everything that costs is charged to a key, so these are all that there is
/// to see.
#[derive(Debug, Clone, Copy)]
struct Sighting {
    made: Instant,
    seen: Instant,
}

/// One who waits, until it is dropped.
#[derive(Debug)]
pub struct Waiting {
    reading: Arc<Reading>,
    page: Arc<Page>,
    is_for_a_key: bool,
    began: Instant,
}

impl Books {
    /// So many trials of other processes are on this gateway, and may wait for its books as well.
    pub fn others_wait(&self, count: usize) {
        self.0.elsewhere.store(count, Ordering::Relaxed);
    }

    /// Waits for an entity's charges, the last of which was made `since` then: all whom a request is charged to are waited
    /// for in turn, and none longer than if it were alone.
    pub fn waiting(&self, entity: &Entity, since: Instant) -> Waiting {
        let page = Arc::clone(lock(&self.0.pages).entry(discriminant(entity)).or_default());
        self.0.count.fetch_add(1, Ordering::Relaxed);
        page.count.fetch_add(1, Ordering::Relaxed);
        let is_for_a_key = matches!(entity, Entity::Key { .. });
        Waiting { reading: Arc::clone(&self.0), page, is_for_a_key, began: since }
    }
}

impl Waiting {
    /// Waits until it is time to look again: at most so long, and sooner when another has seen the books written.
    pub async fn look_again(&self, pace: Duration, at_most: Duration) {
        let looking = self.page.count.load(Ordering::Relaxed) + self.reading.elsewhere.load(Ordering::Relaxed);
        let share = looking.div_ceil(LOOKING).max(1);
        let own = pace.saturating_mul(u32::try_from(share).unwrap_or(u32::MAX)).min(at_most);
        tokio::select! {
            () = self.page.written.notified() => {}
            () = tokio::time::sleep(own) => {}
        }
    }

    /// They were written: all others look.
    pub fn are_written(&self) {
        let now = Instant::now();
        let mut called = lock(&self.page.called);
        if called.is_none_or(|last| now - last >= CALLS) {
            *called = Some(now);
            self.page.written.notify_waiters();
        }
    }

    /// A charge is in the books that was made when this wait began.
    pub fn is_seen(&self) {
        if self.is_for_a_key {
            let mut seen = lock(&self.reading.seen);
            seen.truncate(SIGHTINGS - 1);
            seen.push_front(Sighting { made: self.began, seen: Instant::now() });
        }
    }

    /// Whether what is waited for has to be in the books: enough later charges are.
    pub fn is_overdue(&self) -> bool {
        let mut after = self.began;
        let mut later = 0;
        for sighting in lock(&self.reading.seen).iter().rev() {
            if sighting.made > after {
                after = sighting.seen;
                later += 1;
            }
        }
        later >= LATER
    }

    /// Whether so few wait that nothing is late for being busy; nor may there be enough later charges to tell by.
    pub fn few_wait(&self) -> bool {
        self.reading.count.load(Ordering::Relaxed) + self.reading.elsewhere.load(Ordering::Relaxed) <= FEW
    }

    pub fn began(&self) -> Instant {
        self.began
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.reading.count.fetch_sub(1, Ordering::Relaxed);
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

    fn key() -> Entity {
        Entity::key(Secret::new("sk-some"))
    }

    #[test]
    fn a_charge_is_overdue_when_three_later_ones_were_seen_each_made_after_the_one_before() {
        let books = Books::default();
        let waiting = books.waiting(&key(), Instant::now());
        // Made at the same time, and so possibly written together.
        let together: Vec<_> = (0..5).map(|_| books.waiting(&key(), Instant::now())).collect();
        together.iter().for_each(Waiting::is_seen);
        assert!(!waiting.is_overdue());
        books.waiting(&key(), Instant::now()).is_seen();
        assert!(!waiting.is_overdue());
        books.waiting(&key(), Instant::now()).is_seen();
        assert!(waiting.is_overdue());
        assert!(!books.waiting(&key(), Instant::now()).is_overdue());
    }

    #[test]
    fn what_others_than_keys_are_charged_tells_nothing() {
        let books = Books::default();
        let waiting = books.waiting(&key(), Instant::now());
        for _ in 0..5 {
            books.waiting(&Entity::Team("research".into()), Instant::now()).is_seen();
        }
        assert!(!waiting.is_overdue());
    }
}
