//! Looking at a gateway's books together: who sees that they were written tells all others who wait, and the more wait,
//! the less often each looks by itself. A gateway that writes each few seconds is asked as often for two hundred
//! trials as for ten.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Notify};

/// So many look by themselves at full pace.
const LOOKING: usize = 8;

/// The least time from one call to look to the next: those who look may see it themselves, and would call again.
const CALLS: Duration = Duration::from_millis(500);

/// Who waits for the books of one gateway.
#[derive(Debug, Clone, Default)]
pub struct Books(Arc<Waiters>);

#[derive(Debug, Default)]
struct Waiters {
    count: AtomicUsize,
    written: Notify,
    called: Mutex<Option<Instant>>,
}

/// One who waits, until it is dropped.
#[derive(Debug)]
pub struct Waiting(Arc<Waiters>);

impl Books {
    pub fn waiting(&self) -> Waiting {
        self.0.count.fetch_add(1, Ordering::Relaxed);
        Waiting(Arc::clone(&self.0))
    }
}

impl Waiting {
    /// Waits until it is time to look again: at most so long, and sooner when another has seen the books written.
    pub async fn look_again(&self, pace: Duration, at_most: Duration) {
        let share = self.0.count.load(Ordering::Relaxed).div_ceil(LOOKING).max(1);
        let own = pace.saturating_mul(u32::try_from(share).unwrap_or(u32::MAX)).min(at_most);
        tokio::select! {
            () = self.0.written.notified() => {}
            () = tokio::time::sleep(own) => {}
        }
    }

    /// They were written: all others look.
    pub fn are_written(&self) {
        let Ok(mut called) = self.0.called.try_lock() else { return };
        if called.is_none_or(|called| called.elapsed() >= CALLS) {
            *called = Some(Instant::now());
            self.0.written.notify_waiters();
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}
