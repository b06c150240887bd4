//! The ways out of this process: standard output, standard error, and the files of a report. Whatever leaves is redacted here once more, whoever
//! wrote it and wherever it came from: a scenario, the settings, an argument, a gateway, a panic.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use super::failure::{Exit, Failure};
use crate::secret::{know_environment, redact, write_redacted_json};

/// Prints to standard output, and says how that ended. A reader that has gone away, as `head` does, wants no
/// more; a full disk is an error.
#[must_use]
pub fn print(text: &str) -> Exit {
    let mut stdout = anstream::stdout();
    printed(stdout.write_all(redact(text).as_bytes()).and_then(|()| stdout.flush()))
}

/// Prints the JSON document that `write` writes to standard output, as [`print()`] does a text.
#[must_use]
pub fn print_json(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Exit {
    printed(write_redacted_json(BufWriter::new(io::stdout().lock()), write))
}

fn printed(written: io::Result<()>) -> Exit {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            say(&format!("error: standard output cannot be written to: {error}"));
            Exit::Broke
        }
        Ok(()) | Err(_) => Exit::Fine,
    }
}

/// Writes a file of a report; says how that ended.
#[must_use]
pub fn save(file: &Path, text: &str) -> Exit {
    saved(file, std::fs::write(file, redact(text)))
}

/// The same with the JSON document that `write` writes.
#[must_use]
pub fn save_json(file: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Exit {
    saved(file, File::create(file).and_then(|file| write_redacted_json(BufWriter::new(file), write)))
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

/// Whether a file may take the place of one that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    Refuse,
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

/// That [`write_new`] will be able to write a file: what takes long to find must not be lost to a slip of the pen.
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
            Failure::wrong(format!("{} is there already", file.display())).help("write to another file, or say --force")
        }
        _ => Failure::wrong(format!("{} cannot be written: {error}", file.display())),
    }
}

/// Writes a file that is not there yet, and its folders; whole, or not at all. Says how that ended.
#[must_use]
pub fn save_new(file: &Path, text: &str, redact: fn(&str) -> String) -> Exit {
    let written = || {
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut part = file.as_os_str().to_owned();
        part.push(".part");
        let written = File::create_new(&part).and_then(|mut part| part.write_all(redact(text).as_bytes()));
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
