//! From the files that a user names to a scenario in a file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{LARGEST, ReportText, Reproduced, reproduce};
use crate::host::console::{Overwrite, print, say, write_new};
use crate::host::failure::{Exit, Failure};
use crate::scenario::read::{shown, understand};

/// What to make a scenario of. `-` is standard input.
#[derive(Debug, Clone)]
pub struct ReproduceOrder {
    /// What the gateway shows of a key, or an issue that contains it.
    pub report: PathBuf,
    /// What it shows of the key's user, if that is elsewhere.
    pub user_info: Option<PathBuf>,
    /// The gateway's own configuration.
    pub config: Option<PathBuf>,
    /// Where the scenario goes; to standard output if nowhere is named.
    pub output: Option<PathBuf>,
    /// Whether it may replace a file that is there.
    pub overwrite: Overwrite,
}

impl ReproduceOrder {
    /// Writes the scenario, and says what it leaves open.
    ///
    /// # Errors
    /// When a file cannot be read, or nothing can be made of what it says.
    pub fn carry_out(&self) -> Result<Exit, Failure> {
        let mut sources = vec![source(&self.report)?];
        sources.extend(self.user_info.as_deref().map(source).transpose()?);
        let config = self.config.as_deref().map(source).transpose()?;
        let made = reproduce(&sources, config.as_ref(), jiff::Timestamp::now());
        let Reproduced { scenario, remarks } = made.map_err(Failure::wrong)?;
        // Nobody gets a scenario that cannot be run.
        let name = self.output.as_deref().unwrap_or(Path::new("bug.yaml"));
        if let Err(mistakes) = understand(name, scenario.clone().into_bytes()) {
            let failure = Failure::mistakes(shown(&[mistakes]));
            return Err(failure.help("this is a bug of gatecrash: please report it"));
        }
        for remark in remarks {
            say(&remark);
        }
        let Some(output) = &self.output else { return Ok(print(&scenario)) };
        write_new(output, &scenario, self.overwrite)?;
        say(&format!("next: gatecrash run {} --target litellm@VERSION", output.display()));
        Ok(Exit::Fine)
    }
}

/// Reads a text, from standard input for `-`.
fn source(path: &Path) -> Result<ReportText, Failure> {
    let is_stdin = path == Path::new("-");
    let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
    let wrong = |what: String| Failure::wrong(format!("{name}: {what}"));
    let unread = |error: std::io::Error| wrong(format!("the file cannot be read: {error}"));
    let reader: Box<dyn Read> = match is_stdin {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(File::open(path).map_err(unread)?),
    };
    let mut bytes = Vec::new();
    reader.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > LARGEST {
        return Err(wrong(format!("it is too large: at most {} KiB are read", LARGEST / 1024)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        wrong(format!("it is not UTF-8 text, from byte {} on\n  help: save it as UTF-8", at + 1))
    })?;
    Ok(ReportText { name, text: text.trim_start_matches('\u{feff}').to_owned() })
}
