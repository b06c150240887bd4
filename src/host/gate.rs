//! Whether trials may still begin, and how many are running: an interruption lets those end.

use std::sync::Arc;

use tokio::sync::watch;

/// What every trial of a run goes through when its turn has come.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<watch::Sender<Within>>);

#[derive(Debug, Default)]
struct Within {
    is_closed: bool,
    inside: usize,
}

/// Held by a trial while it runs.
#[derive(Debug)]
pub struct Inside(Gate);

impl Gate {
    /// Lets no more trials begin; returns how many are running.
    pub fn close(&self) -> usize {
        self.0.send_modify(|state| state.is_closed = true);
        self.0.borrow().inside
    }

    /// Whether no more trials may begin.
    pub fn is_closed(&self) -> bool {
        self.0.borrow().is_closed
    }

    /// Waits until it is closed.
    pub async fn closed(&self) {
        // This cannot fail: we hold the other end.
        let _ = self.0.subscribe().wait_for(|state| state.is_closed).await;
    }

    /// Lets a trial begin, unless it is closed.
    pub fn enter(&self) -> Option<Inside> {
        let came_in = self.0.send_if_modified(|state| {
            state.inside += usize::from(!state.is_closed);
            !state.is_closed
        });
        came_in.then(|| Inside(self.clone()))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.send_modify(|state| state.inside -= 1);
    }
}
