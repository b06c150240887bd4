//! The ways out of this process: standard output, standard error, and the files of a report. Everything that leaves is
//! redacted here once more, wherever it came from: a scenario, the settings, an argument, a gateway, a panic.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::failure::{Exit, Failure};
use crate::secret::{Redacted, know_environment, redact};

/// Prints to standard output, and returns how that went. A reader that has gone away, as `head` does, wants no more; a full
/// disk is an error.
#[must_use]
pub fn print(text: &str) -> Exit {
    let mut stdout = anstream::stdout();
    printed(stdout.write_all(redact(text).as_bytes()).and_then(|()| stdout.flush()))
}

/// Prints text made from a report that is already redacted ([`Redacted`]). Its own words stay, even if one is also
/// somebody's secret.
#[must_use]
pub fn print_redacted(text: &str) -> Exit {
    let mut stdout = anstream::stdout();
    printed(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Prints a JSON document, its values redacted, to standard output.
#[must_use]
pub fn print_json(document: &impl Serialize, formatter: impl Formatter) -> Exit {
    printed(write_json(io::stdout().lock(), document, formatter))
}

fn write_json(out: impl Write, document: &impl Serialize, formatter: impl Formatter) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    Redacted(document).serialize(&mut Serializer::with_formatter(&mut out, formatter))?;
    out.write_all(b"\n")?;
    out.flush()
}

fn printed(written: io::Result<()>) -> Exit {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            say(&format!("error: cannot write to standard output: {error}"));
            Exit::Broke
        }
        Ok(()) | Err(_) => Exit::Fine,
    }
}

/// Writes a file made from a report that is already redacted; returns how that went.
#[must_use]
pub fn save_redacted(file: &Path, text: &str) -> Exit {
    saved(file, std::fs::write(file, text))
}

/// Writes a JSON document, its values redacted; returns how that went.
#[must_use]
pub fn save_json(file: &Path, document: &impl Serialize, formatter: impl Formatter) -> Exit {
    saved(file, File::create(file).and_then(|file| write_json(file, document, formatter)))
}

fn saved(file: &Path, written: io::Result<()>) -> Exit {
    match written {
        Ok(()) => Exit::Fine,
        Err(error) => {
            say(&format!("error: {}", unwritten(file, &error)));
            Exit::Broke
        }
    }
}

/// Whether a file may replace an existing one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// It stays as it is.
    Refuse,
    /// It is replaced.
    Allow,
}

impl Overwrite {
    /// As `--force` says.
    pub fn forced(force: bool) -> Overwrite {
        if force { Overwrite::Allow } else { Overwrite::Refuse }
    }
}

/// Writes a file that its user asked for by name.
///
/// # Errors
/// Why it is not written.
pub fn write_new(file: &Path, text: &str, overwrite: Overwrite) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    match overwrite {
        Overwrite::Refuse => options.write(true).create_new(true),
        Overwrite::Allow => options.write(true).create(true).truncate(true),
    };
    let written = options.open(file).and_then(|mut file| file.write_all(redact(text).as_bytes()));
    written.map_err(|error| not_written(file, &error))
}

/// Checks that [`write_new`] will be able to write a file: a slip of the pen must not lose what took long to find.
///
/// # Errors
/// Why it will not be written.
pub fn can_write_new(file: &Path, overwrite: Overwrite) -> Result<(), Failure> {
    let is_there = file.exists();
    if is_there && overwrite == Overwrite::Refuse {
        return Err(not_written(file, &ErrorKind::AlreadyExists.into()));
    }
    OpenOptions::new().append(true).create(true).open(file).map_err(|error| not_written(file, &error))?;
    if !is_there {
        // Whether there will be anything to write is not known yet.
        let _ = std::fs::remove_file(file);
    }
    Ok(())
}

fn not_written(file: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::AlreadyExists => {
            Failure::wrong(format!("{} already exists", file.display())).help("write to another file, or use --force")
        }
        _ => Failure::wrong(format!("{} cannot be written: {error}", file.display())),
    }
}

/// Writes a file made from a report that is already redacted, and its folders. The file must not exist yet, and is written
/// whole, or not at all. Returns how that went.
#[must_use]
pub fn save_new(file: &Path, text: &str) -> Exit {
    let written = || {
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut part = file.as_os_str().to_owned();
        part.push(".part");
        let written = File::create_new(&part).and_then(|mut part| part.write_all(text.as_bytes()));
        let written = written.and_then(|()| match file.try_exists()? {
            true => Err(ErrorKind::AlreadyExists.into()),
            false => std::fs::rename(&part, file),
        });
        if written.is_err() {
            let _ = std::fs::remove_file(&part);
        }
        written
    };
    saved(file, written())
}

/// Why a report is not in its file.
pub fn unwritten(file: &Path, why: impl std::fmt::Display) -> String {
    format!("cannot write the report to {}: {why}", file.display())
}

/// Prints a line to standard error.
pub fn say(line: &str) {
    say_redacted(&redact(line));
}

/// Prints text made from a report that is already redacted to standard error.
pub fn say_redacted(text: &str) {
    let _ = anstream::stderr().write_all(format!("{text}\n").as_bytes());
}

/// From now on a panic reveals no secrets either, and the environment's secrets are known.
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
