//! gatecrash: does your LLM gateway let in what it should have turned away?

pub mod builtin;
pub mod commands;
pub mod config;
pub mod conformance;
pub mod gateway;
pub mod launch;
pub mod report;
pub mod run;
pub mod scenario;
pub mod upstream;
pub mod verdict;
