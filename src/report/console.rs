//! The two ways out of this process: standard output and standard error. Whatever leaves is redacted here once more, whoever
//! wrote it and wherever it came from: a scenario, the settings, an argument, a gateway, a panic.

use std::io::Write as _;

use crate::gateway::redact;
use crate::gateway::secret::{know_environment, redact_json};

/// Prints to standard output. A reader that has gone away, as `head` does, wants no more.
pub fn print(text: &str) {
    let _ = anstream::stdout().write_all(redact(text).as_bytes());
}

/// Prints a JSON document to standard output.
pub fn print_json(document: &str) {
    let _ = anstream::stdout().write_all(format!("{}\n", redact_json(document)).as_bytes());
}

/// Says a line on standard error.
pub fn say(line: &str) {
    let _ = anstream::stderr().write_all(format!("{}\n", redact(line)).as_bytes());
}

/// From now on nothing secret leaves by a panic either, and the secrets of the environment are known.
pub fn guard() {
    know_environment();
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = std::backtrace::Backtrace::capture();
        let backtrace = match backtrace.status() {
            std::backtrace::BacktraceStatus::Captured => format!("\n{backtrace}"),
            _ => String::new(),
        };
        say(&format!("gatecrash itself broke: {panic}{backtrace}"));
    }));
}
