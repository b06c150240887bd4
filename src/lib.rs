//! gatecrash: does your LLM gateway let in what it should have turned away?

pub mod scenario;
