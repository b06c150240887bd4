//! The ways out of this process: standard output, standard error, and the files of a report. Whatever leaves is redacted here once more, whoever
//! wrote it and wherever it came from: a scenario, the settings, an argument, a gateway, a panic.

use std::io::{ErrorKind, Write as _};
use std::path::Path;

use crate::gateway::redact;
use crate::gateway::secret::{know_environment, redact_json};

/// The exit code when this machine is not as it has to be.
pub const BROKE: u8 = 3;

/// Prints to standard output, and gives the exit code of that. A reader that has gone away, as `head` does, wants no
/// more; a full disk is an error.
#[must_use]
pub fn print(text: &str) -> u8 {
    print_redacted(&redact(text))
}

/// Prints a JSON document to standard output, as [`print()`] does a text.
#[must_use]
pub fn print_json(document: &str) -> u8 {
    print_redacted(&format!("{}\n", redact_json(document)))
}

fn print_redacted(text: &str) -> u8 {
    let mut stdout = anstream::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            say(&format!("error: standard output cannot be written to: {error}"));
            BROKE
        }
        Ok(()) | Err(_) => 0,
    }
}

/// Writes a file of a report, in which `redact` leaves nothing secret; gives the exit code of that.
#[must_use]
pub fn save(file: &Path, text: &str, redact: fn(&str) -> String) -> u8 {
    match std::fs::write(file, redact(text)) {
        Ok(()) => 0,
        Err(error) => {
            say(&format!("error: {}", unwritten(file, &error)));
            BROKE
        }
    }
}

/// Why a report is not in its file.
pub fn unwritten(file: &Path, why: impl std::fmt::Display) -> String {
    format!("the report cannot be written to {}: {why}", file.display())
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
