//! A run's report as files, as many as are wanted: written when the run ends, however it ends.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use clap::Args;

use super::WrongInput;
use crate::report::console::{save, save_json, save_new, say, unwritten};
use crate::report::{Report, evidence, html, json, junit, markdown};

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
    /// Write the report as a page for a browser, in one file: the answer, each trial with its spend, what the gateway said.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write evidence of what failed into a new folder: `issue.md`, a text to paste into an issue, with each request as
    /// `curl`; the scenario, the gateway's configuration and log, the report. Secrets are names in there.
    #[arg(long, value_name = "FOLDER")]
    evidence: Option<PathBuf>,
}

/// Writes a report to a file; gives the exit code of that.
type Save = fn(&Report, &Path) -> u8;

impl Files {
    fn wanted(&self) -> impl Iterator<Item = (&Path, Save)> {
        let all: [(&Option<PathBuf>, Save); 4] = [
            (&self.json, |report, file| save_json(file, |out| json::write(report, out))),
            (&self.junit, |report, file| save(file, &junit::render(report))),
            (&self.markdown, |report, file| save(file, &markdown::render(report))),
            (&self.html, |report, file| save(file, &html::render(report))),
        ];
        all.into_iter().filter_map(|(file, save)| Some((file.as_deref()?, save)))
    }

    /// That they can be written, before anything is launched: what a long run found must not be lost to a slip of the pen.
    pub fn check(&self) -> Result<(), WrongInput> {
        check_files(self.wanted().map(|(file, _)| file))?;
        match &self.evidence {
            Some(folder) => check_folder(folder),
            None => Ok(()),
        }
    }

    /// Writes them; gives the exit code of that.
    #[must_use]
    pub fn write(&self, report: &Report) -> u8 {
        let mut redacted = None;
        let codes =
            self.wanted().map(|(file, save)| save(redacted.get_or_insert_with(|| json::redacted(report)), file));
        let code = codes.max().unwrap_or_default();
        match &self.evidence {
            Some(folder) => code.max(write_evidence(folder, redacted.get_or_insert_with(|| json::redacted(report)))),
            None => code,
        }
    }
}

/// That each can be written, and is another one.
pub(super) fn check_files<'a>(files: impl Iterator<Item = &'a Path>) -> Result<(), WrongInput> {
    let mut seen = Vec::new();
    for file in files {
        let wrong = |what: String| WrongInput(format!("error: {}", unwritten(file, what)));
        if seen.contains(&file) {
            return Err(wrong("another format is to be written there, too".to_owned()));
        }
        seen.push(file);
        OpenOptions::new().append(true).create(true).open(file).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(())
}

/// That evidence can be written: into a folder that is new or empty, for what is in there is somebody's.
fn check_folder(folder: &Path) -> Result<(), WrongInput> {
    let wrong = |what: String| WrongInput(format!("error: evidence cannot be written to {}: {what}", folder.display()));
    let failed = |error: std::io::Error| wrong(error.to_string());
    std::fs::create_dir_all(folder).map_err(failed)?;
    if std::fs::read_dir(folder).map_err(failed)?.next().is_some() {
        return Err(wrong("there is something in it\n  help: name a new folder, or an empty one".to_owned()));
    }
    tempfile::tempfile_in(folder).map(drop).map_err(failed)
}

fn write_evidence(folder: &Path, report: &Report) -> u8 {
    let files = evidence::files(report);
    let text = folder.join(evidence::ISSUE);
    for evidence::File { path, text, redact } in &files {
        let code = save_new(&folder.join(path), text, *redact);
        if code != 0 {
            return code;
        }
    }
    match files.last().is_some_and(|last| last.path == Path::new(evidence::ISSUE)) {
        true => say(&format!("evidence to paste into an issue: {}", text.display())),
        false => say(&format!("nothing failed: there is no {}", text.display())),
    }
    0
}
