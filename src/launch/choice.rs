//! Which launcher a real gateway gets if none is named: Docker where an engine answers, else processes. Not: launching,
//! nor whether the launcher has all it needs.

use std::sync::OnceLock;
use std::time::Duration;

use super::docker;
use crate::target::{Launcher, Target};

/// A target with its launcher decided: the one it names, else the first that this machine can run.
pub fn settled(target: &Target) -> Target {
    let Launcher::Either { docker, process } = &target.launcher else { return target.clone() };
    let (launcher, why) = match engine() {
        Ok(()) => (docker, "a Docker engine answers"),
        Err(why) => (process, why.as_str()),
    };
    Target { launcher: (**launcher).clone(), chosen: Some(why.to_owned()), ..target.clone() }
}

/// Whether an engine answers, asked only once; else why none does.
pub(super) fn engine() -> &'static Result<(), String> {
    const LIMIT: Duration = Duration::from_secs(5);
    static ENGINE: OnceLock<Result<(), String>> = OnceLock::new();
    let ask = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        Some(runtime.block_on(async { tokio::time::timeout(LIMIT, docker::answers()).await }))
    };
    ENGINE.get_or_init(|| {
        // The caller may be inside a runtime already, where it cannot block on another.
        match std::thread::scope(|threads| threads.spawn(ask).join()) {
            Ok(Some(Ok(answered))) => answered.map_err(|error| format!("no Docker engine answers: {error}")),
            Ok(Some(Err(_))) => Err(format!("no Docker engine answers within {} s", LIMIT.as_secs())),
            Ok(None) | Err(_) => Err("no Docker engine can be asked".to_owned()),
        }
    })
}
