//! gatecrash: does your LLM gateway let in what it should have turned away?
//!
//! The command is `gatecrash`. A Rust project takes [`conformance::Harness`] instead: the same scenarios on the same
//! targets, as ordinary tests. [`read_report`] reads what `gatecrash run --format json` writes into a [`Report`]; `gatecrash
//! schema --report` prints its schema.
//!
//! Nothing else is offered: what is hidden here may change with every release.

#[cfg(not(unix))]
compile_error!(
    "gatecrash runs on Linux and macOS: it launches gateways in process groups and tells them to end by signals, which \
     Windows does not have. On Windows, run it in WSL 2."
);

pub mod conformance;

#[doc(inline)]
pub use launch::{LaunchError, Origin, Setup};
#[doc(inline)]
pub use outcome::{
    Acted, AdminAnswer, AdminCall, Answer, Broken, Company, Evidence, Exchange, Finding, FindingKind, Gives, Outcome,
    OutcomeKind, Rate, Sent, Standing, Time, TrialResult,
};
#[doc(inline)]
pub use report::json::{NotAReport, read as read_report};
#[doc(inline)]
pub use report::{Report, Spent, TargetReport, TrialReport};
#[doc(inline)]
pub use scenario::{ErrorKind, Instance, Partition, Place, TrialId, Usd};
#[doc(inline)]
pub use target::{GatewayName, LauncherKind};
#[doc(inline)]
pub use verdict::Verdict;
#[doc(inline)]
pub use verdict::deviation::{Deviation, DeviationState};
#[doc(inline)]
pub use verdict::fail_on::FailOn;

// The rooms (ARCHITECTURE.md). Only our own tests, benches and fuzz targets reach into them.
#[doc(hidden)]
pub mod adapter_check;
#[doc(hidden)]
pub mod audit;
#[doc(hidden)]
pub mod bisect;
#[doc(hidden)]
pub mod builtin;
#[doc(hidden)]
pub mod commands;
#[doc(hidden)]
pub mod compare;
#[doc(hidden)]
pub mod config;
#[doc(hidden)]
pub mod doctor;
#[doc(hidden)]
pub mod faults;
#[doc(hidden)]
pub mod from_git;
#[doc(hidden)]
pub mod gateway;
#[doc(hidden)]
pub mod host;
#[doc(hidden)]
pub mod launch;
#[doc(hidden)]
pub mod matrix;
#[doc(hidden)]
pub mod minimize;
#[doc(hidden)]
pub mod outcome;
#[doc(hidden)]
pub mod report;
#[doc(hidden)]
pub mod reproduce;
#[doc(hidden)]
pub mod run;
#[doc(hidden)]
pub mod scenario;
#[doc(hidden)]
pub mod secret;
#[doc(hidden)]
pub mod standby;
#[doc(hidden)]
pub mod target;
#[doc(hidden)]
pub mod upstream;
#[doc(hidden)]
pub mod verdict;
#[doc(hidden)]
pub mod versions;
