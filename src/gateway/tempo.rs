//! How quick a gateway's answers are, to decide how much to ask at the same time. Not: whether one is right.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many answers to remember between two looks.
const ANSWERS: usize = 4096;

/// How long a gateway took for each of its last answers.
#[derive(Debug, Clone, Default)]
pub struct Tempo(Arc<Mutex<Vec<Duration>>>);

impl Tempo {
    pub(super) fn note(&self, took: Duration) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() < ANSWERS {
            answers.push(took);
        }
    }

    /// Takes what was noted since the last time.
    pub fn take(&self) -> Vec<Duration> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
