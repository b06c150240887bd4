//! Which versions of a gateway were published, asked before anything else is done.

use std::sync::{Arc, Mutex, PoisonError};

use crate::host::console::say;
use crate::host::failure::Failure;
use crate::launch::{self, LaunchError, on_stage};
use crate::target::Target;

type Published = Result<Vec<String>, LaunchError>;

/// All versions of a target's gateway that were published.
///
/// # Errors
/// When they cannot be known, or nobody waits for them any more.
pub fn published(target: &Target) -> Result<Vec<String>, Failure> {
    let found: Arc<Mutex<Option<Published>>> = Arc::default();
    let ended = on_stage(say, {
        let (target, found) = (target.clone(), Arc::clone(&found));
        |run, gate| async move {
            let published = tokio::select! {
                published = launch::published(&target, &run) => Some(published),
                () = gate.closed() => None,
            };
            *found.lock().unwrap_or_else(PoisonError::into_inner) = published;
        }
    })?;
    ended.resume();
    let found = found.lock().unwrap_or_else(PoisonError::into_inner).take();
    found.ok_or_else(Failure::interrupted)?.map_err(Failure::broke)
}
