//! What launches is done so that nothing is left behind: not when it ends, is interrupted, or panics.

use std::any::Any;
use std::io;

use super::interrupts::{self, Interrupts};
use crate::launch::{LeftBehind, RunId};
use crate::run::gate::Gate;

/// How it ended. What was known by then is told all the same.
#[derive(Default)]
pub struct Ended {
    pub interrupted: bool,
    pub left_behind: Option<LeftBehind>,
    pub panic: Option<Box<dyn Any + Send>>,
}

/// Does some work of a run. An interruption closes the gate, so that what has begun ends; a second one aborts it.
///
/// # Errors
/// When nobody can listen for interruptions; nothing was done then.
pub async fn guarded(
    work: impl Future<Output = ()> + Send + 'static,
    run: &RunId,
    gate: &Gate,
    say: impl Fn(&str),
) -> io::Result<Ended> {
    let mut interrupts = Interrupts::listen()?;
    let mut work = tokio::spawn(work);
    let mut ended = tokio::select! {
        ended = &mut work => Some(ended),
        () = interrupts.next() => None,
    };
    if ended.is_none() {
        say(&interrupts::first(gate.close()));
        ended = tokio::select! {
            ended = &mut work => Some(ended),
            () = interrupts.next() => None,
        };
    }
    if ended.is_none() {
        say(interrupts::AGAIN);
        work.abort();
        let _ = work.await;
    }
    let left_behind = run.sweep().await.err();
    let panic = ended.and_then(Result::err).and_then(|error| error.try_into_panic().ok());
    Ok(Ended { interrupted: gate.is_closed(), left_behind, panic })
}
