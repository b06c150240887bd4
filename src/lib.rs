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

pub mod bisect;
pub mod builtin;
pub mod commands;
pub mod config;
pub mod conformance;
pub mod gateway;
pub mod launch;
pub mod matrix;
pub mod minimize;
pub mod report;
pub mod reproduce;
pub mod run;
pub mod scenario;
pub mod upgrade;
pub mod upstream;
pub mod verdict;
pub mod versions;
