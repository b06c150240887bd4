//! A run's report as files, as many as are wanted: written when the run ends, however it ends.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{WrongInput, say};
use crate::report::console::BROKE;
use crate::report::{Report, json, junit, markdown};

#[derive(Debug, Args)]
#[command(next_help_heading = "Reports")]
pub struct Files {
    /// Write the report as JSON: for scripts, and for `gatecrash merge`.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as JUnit XML: for CI systems.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the report as Markdown: for a job's summary, or a comment.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// A report as a text.
type Render = fn(&Report) -> String;

impl Files {
    fn wanted(&self) -> impl Iterator<Item = (&Path, Render)> {
        let all: [(&Option<PathBuf>, Render); 3] =
            [(&self.json, json::render), (&self.junit, junit::render), (&self.markdown, markdown::render)];
        all.into_iter().filter_map(|(file, render)| Some((file.as_deref()?, render)))
    }

    /// That they can be written, before anything is launched: what a long run found must not be lost to a slip of the pen.
    pub fn check(&self) -> Result<(), WrongInput> {
        let mut seen = Vec::new();
        for (file, _) in self.wanted() {
            let wrong =
                |what: String| WrongInput(format!("error: the report cannot be written to {}: {what}", file.display()));
            if seen.contains(&file) {
                return Err(wrong("another format is to be written there, too".to_owned()));
            }
            seen.push(file);
            OpenOptions::new().append(true).create(true).open(file).map_err(|error| wrong(error.to_string()))?;
        }
        Ok(())
    }

    /// Writes them; gives the exit code of that. The report has no secrets any more.
    #[must_use]
    pub fn write(&self, report: &Report) -> u8 {
        let mut code = 0;
        for (file, render) in self.wanted() {
            if let Err(error) = std::fs::write(file, render(report)) {
                say(&format!("error: the report cannot be written to {}: {error}", file.display()));
                code = BROKE;
            }
        }
        code
    }
}
