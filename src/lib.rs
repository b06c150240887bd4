//! gatecrash: does your LLM gateway let in what it should have turned away?

pub mod builtin;
pub mod gateway;
pub mod scenario;
pub mod upstream;
