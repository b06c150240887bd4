//! Which launcher a real gateway gets: the one that is named, else Docker where an engine answers, else processes. Not:
//! launching, nor whether the launcher has all it needs.

use std::sync::OnceLock;
use std::time::Duration;

use super::docker;
use crate::config::LauncherName;

/// A launcher, and why that one if nobody named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub launcher: LauncherName,
    pub why: Option<String>,
}

impl Choice {
    /// The one that is named, else the first of those that this machine can.
    pub(super) fn of(named: Option<LauncherName>) -> Choice {
        match (named, named.is_none().then(engine)) {
            (Some(launcher), _) => Choice { launcher, why: None },
            (None, Some(Err(why))) => Choice { launcher: LauncherName::Process, why: Some(why.clone()) },
            (None, _) => Choice { launcher: LauncherName::Docker, why: Some("a Docker engine answers".to_owned()) },
        }
    }
}

/// Whether an engine answers, asked once; else why there is none.
pub(super) fn engine() -> &'static Result<(), String> {
    const LIMIT: Duration = Duration::from_secs(5);
    static ENGINE: OnceLock<Result<(), String>> = OnceLock::new();
    let ask = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        Some(runtime.block_on(async { tokio::time::timeout(LIMIT, docker::answers()).await }))
    };
    ENGINE.get_or_init(|| {
        // Whoever asks may be inside a runtime already, where another cannot wait.
        match std::thread::scope(|threads| threads.spawn(ask).join()) {
            Ok(Some(Ok(answered))) => answered.map_err(|error| format!("no Docker engine answers: {error}")),
            Ok(Some(Err(_))) => Err(format!("no Docker engine answers within {} s", LIMIT.as_secs())),
            Ok(None) | Err(_) => Err("no Docker engine can be asked".to_owned()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_needs_no_reason() {
        for launcher in [LauncherName::Docker, LauncherName::Process] {
            assert_eq!(Choice::of(Some(launcher)), Choice { launcher, why: None });
        }
    }
}
