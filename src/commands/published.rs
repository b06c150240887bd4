//! Which versions of a gateway were published, asked before anything else is done.

use std::sync::{Arc, Mutex, PoisonError};

use super::guarded::guarded;
use super::say;
use crate::launch::{self, LaunchError, RunId, Target};
use crate::report::console::{BROKE, INTERRUPTED};
use crate::run::gate::Gate;

type Published = Result<Vec<String>, LaunchError>;

/// All versions of a target's gateway, or the exit code of who cannot know them: why is said.
pub fn published(runtime: &tokio::runtime::Runtime, target: &Target) -> std::io::Result<Result<Vec<String>, u8>> {
    let (run, gate) = (RunId::new(), Gate::default());
    let found: Arc<Mutex<Option<Published>>> = Arc::default();
    let work = {
        let (target, run, gate, found) = (target.clone(), run.clone(), gate.clone(), Arc::clone(&found));
        async move {
            let published = tokio::select! {
                published = launch::published(&target, &run) => Some(published),
                () = gate.closed() => None,
            };
            *found.lock().unwrap_or_else(PoisonError::into_inner) = published;
        }
    };
    let ended = runtime.block_on(guarded(work, &run, &gate, say))?;
    if let Some(panic) = ended.panic {
        std::panic::resume_unwind(panic);
    }
    let found = found.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(match found {
        Some(Ok(versions)) => Ok(versions),
        Some(Err(error)) => {
            say(&format!("error: {error}"));
            Err(BROKE)
        }
        None => Err(INTERRUPTED),
    })
}
