//! Looking at a gateway's books together: who sees that they were written tells all others who wait, and the more wait,
//! the less often each looks by itself. A gateway that writes each few seconds is asked as often for two hundred
//! trials as for ten; and a charge is overdue when later ones are in the books, not when a busy machine is late.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Notify};

/// So many look by themselves at full pace.
const LOOKING: usize = 8;

/// The least time from one writing of the books to the next: what is seen sooner is the same one.
const WRITING: Duration = Duration::from_secs(2);

/// The least time from one call to look to the next: those who look may see it themselves, and would call again.
const CALLS: Duration = Duration::from_millis(500);

/// So many writings after it a charge has to be in the books.
const OVERDUE: usize = 3;

/// Who waits for the books of one gateway.
#[derive(Debug, Clone, Default)]
pub struct Books(Arc<Waiters>);

#[derive(Debug, Default)]
struct Waiters {
    count: AtomicUsize,
    written: Notify,
    writings: AtomicUsize,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    called: Option<Instant>,
    written: Option<Instant>,
}

/// One who waits, until it is dropped.
#[derive(Debug)]
pub struct Waiting {
    waiters: Arc<Waiters>,
    /// How often the books had been written when the wait began.
    since: usize,
}

impl Books {
    pub fn waiting(&self) -> Waiting {
        self.0.count.fetch_add(1, Ordering::Relaxed);
        Waiting { waiters: Arc::clone(&self.0), since: self.0.writings.load(Ordering::Relaxed) }
    }
}

impl Waiting {
    /// Waits until it is time to look again: at most so long, and sooner when another has seen the books written.
    pub async fn look_again(&self, pace: Duration, at_most: Duration) {
        let share = self.waiters.count.load(Ordering::Relaxed).div_ceil(LOOKING).max(1);
        let own = pace.saturating_mul(u32::try_from(share).unwrap_or(u32::MAX)).min(at_most);
        tokio::select! {
            () = self.waiters.written.notified() => {}
            () = tokio::time::sleep(own) => {}
        }
    }

    /// They were written: all others look.
    pub fn are_written(&self) {
        let Ok(mut seen) = self.waiters.seen.try_lock() else { return };
        let now = Instant::now();
        let is_past = |last: Option<Instant>, least: Duration| last.is_none_or(|last| now - last >= least);
        if is_past(seen.written, WRITING) {
            seen.written = Some(now);
            self.waiters.writings.fetch_add(1, Ordering::Relaxed);
        }
        if is_past(seen.called, CALLS) {
            seen.called = Some(now);
            self.waiters.written.notify_waiters();
        }
    }

    /// Whether what is waited for should be in the books, once it has had all the time that a charge takes: they were
    /// written often enough since the wait began, or so few wait that nothing can be late for being busy.
    pub fn is_overdue(&self) -> bool {
        let few_wait = self.waiters.count.load(Ordering::Relaxed) <= LOOKING;
        few_wait || self.waiters.writings.load(Ordering::Relaxed) >= self.since + OVERDUE
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.waiters.count.fetch_sub(1, Ordering::Relaxed);
    }
}
