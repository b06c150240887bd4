//! The conditions of a result: another build of gatecrash, or other limits, may find another.

use std::fs;

use sha2::{Digest as _, Sha256};

use crate::config::Limits;
use crate::target::Target;

/// What a result depends on besides its target and its scenario.
#[derive(Debug, Clone)]
pub struct Under {
    digest: String,
}

impl Under {
    /// This executable, with these limits, and what targets are upgraded from. `None` if the executable cannot be read.
    pub fn of(limits: Limits, retries: usize, from: Option<&Target>) -> Option<Under> {
        let this = fs::read(std::env::current_exe().ok()?).ok()?;
        // How many trials run at once changes how long they take.
        let limits = Limits { jobs: None, ..limits };
        let from = from.map_or("", |from| from.name.as_str());
        let digest = format!("{:x} {limits:?} {retries} {from}", Sha256::digest(this));
        Some(Under { digest })
    }

    pub fn digest(&self) -> &str {
        &self.digest
    }
}
