//! gatecrash: does your LLM gateway let in what it should have turned away?
//!
//! A run goes one way:
//!
//! 1. [`scenario`]: files are read, strictly, and multiplied into trials.
//! 2. [`launch`]: targets are brought to life, each with an [`upstream`] of its own whose answers have a known price.
//! 3. [`run`]: each trial is run through the adapter of its [`gateway`], and its ledger held against the gateway's own
//!    figures.
//! 4. [`verdict`]: what happened becomes findings and an outcome; a pair of outcomes, a verdict.
//! 5. [`report`]: one value with all of it, and formats that are functions of it.
//!
//! [`minimize`] makes a scenario smaller, by running parts of it; [`bisect`] finds the release that broke it, among
//! [`versions`] of a gateway, and [`matrix`] is the corpus over many of them. [`commands`] is the binary; [`conformance`] is
//! the same as tests of a Rust project. The [`builtin`] gateway is for
//! speed and for testing the tests.

pub mod conformance;

// What follows is reached by our own tests, benches and fuzz targets only.
#[doc(hidden)]
pub mod adapter_check;
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
