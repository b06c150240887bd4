//! The one stage on which what launches runs, so that nothing is left behind: not when it ends, is interrupted, or panics.

use std::any::Any;
use std::fmt;

use tokio::runtime::Runtime;

use super::failure::Failure;
use super::gate::Gate;
use super::interrupts::{self, Interrupts};

/// How the work ended. What was known by then is reported anyway; then [`Ended::resume`] is called.
#[derive(Default)]
#[must_use]
pub struct Ended {
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// What could not be removed, and what to do.
    pub left_behind: Option<String>,
    panic: Option<Box<dyn Any + Send>>,
}

impl Ended {
    /// Resumes the panic that ended the work, if one did.
    pub fn resume(self) {
        if let Some(panic) = self.panic {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Async work runs on this.
///
/// # Errors
/// When the system gives no threads, or no events.
pub fn runtime() -> Result<Runtime, Failure> {
    Runtime::new().map_err(|error| Failure::broke(format!("no runtime can be started: {error}")))
}

/// Does some work, then sweeps. An interruption closes the gate and lets running trials end; a second one aborts them.
///
/// # Errors
/// When there is no runtime, or nobody can listen for interruptions; nothing was done then.
pub fn play<L: fmt::Display>(
    work: impl Future<Output = ()> + Send + 'static,
    sweep: impl Future<Output = Result<(), L>>,
    gate: &Gate,
    say: impl Fn(&str),
) -> Result<Ended, Failure> {
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let deaf = |error| Failure::broke(format!("cannot listen for signals: {error}"));
        let mut interrupts = Interrupts::listen().map_err(deaf)?;
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
        let left_behind = sweep.await.err().map(|left| left.to_string());
        let panic = ended.and_then(Result::err).and_then(|error| error.try_into_panic().ok());
        Ok(Ended { interrupted: gate.is_closed(), left_behind, panic })
    });
    runtime.shutdown_background();
    ended
}
