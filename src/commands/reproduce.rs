//! `gatecrash reproduce`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::parser::ValueSource;

use super::select::shown;
use super::{WrongInput, print, say};
use crate::report::console::{Overwrite, write_new};
use crate::reproduce::{LARGEST, Reproduced, Source, reproduce};
use crate::scenario::read::understand;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatecrash reproduce issue.md --config config.yaml > bug.yaml
  curl -s \"$PROXY/key/info?key=$KEY\" -H \"Authorization: Bearer $ADMIN\" | gatecrash reproduce - -o bug.yaml")]
pub struct Reproduce {
    /// What `GET /key/info` answered, or a whole issue with that in it; `-` for standard input.
    #[arg(value_name = "FILE")]
    report: PathBuf,
    /// What `GET /user/info` answered for the key's user, if it is not in FILE.
    #[arg(long, value_name = "FILE")]
    user_info: Option<PathBuf>,
    /// The gateway's own configuration: it says how its models are priced.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write the scenario to a file.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write it even if there is such a file.
    #[arg(long, requires = "output")]
    force: bool,
}

impl Reproduce {
    /// `config_from` says who named the configuration: what the environment names are settings of gatecrash.
    pub fn execute(&self, config_from: Option<ValueSource>) -> Result<u8, WrongInput> {
        let mut sources = vec![source(&self.report)?];
        sources.extend(self.user_info.as_deref().map(source).transpose()?);
        let config = self.config.as_deref().filter(|_| config_from == Some(ValueSource::CommandLine));
        let config = config.map(source).transpose()?;
        let Reproduced { scenario, remarks } = reproduce(&sources, config.as_ref(), jiff::Timestamp::now())?;
        // Nobody gets a scenario that cannot be run.
        let name = self.output.as_deref().unwrap_or(Path::new("bug.yaml"));
        if let Err(mistakes) = understand(name, scenario.clone().into_bytes()) {
            let mistakes = shown(&[mistakes]);
            return Err(WrongInput(format!("{mistakes}\n  help: this is a bug of gatecrash: please report it")));
        }
        for remark in remarks {
            say(&remark);
        }
        let Some(output) = &self.output else { return Ok(print(&scenario)) };
        write_new(output, &scenario, Overwrite::forced(self.force)).map_err(WrongInput)?;
        say(&format!("next: gatecrash run {} --target litellm@VERSION", output.display()));
        Ok(0)
    }
}

/// Reads a text, from standard input for `-`.
fn source(path: &Path) -> Result<Source, WrongInput> {
    let is_stdin = path == Path::new("-");
    let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
    let wrong = |what: String| WrongInput(format!("error: {name}: {what}"));
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
    Ok(Source { name, text: text.trim_start_matches('\u{feff}').to_owned() })
}
