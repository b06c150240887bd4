//! A report on its way out: printed in one format, written in as many as are wanted. Files are written when the run ends,
//! however it ends.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use serde_json::ser::PrettyFormatter;

use super::terminal::{self, Detail};
use super::{Report, evidence, github, html, json, junit, markdown, stream};
use crate::host::console::{
    print_json, print_redacted, save_json, save_new, save_redacted, say, say_redacted, unwritten,
};
use crate::host::failure::{Exit, Failure};

/// How a report is shown.
#[derive(Debug, Clone)]
pub struct Output {
    /// Whether to show only what is not as it should be, and the answer.
    pub quiet: bool,
    /// What is printed.
    pub format: Format,
    /// What is written.
    pub files: Files,
}

/// What is printed to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Terminal,
    /// For scripts.
    Json,
    /// For programs that read along: a line for each event, of which the report prints only the last.
    JsonLines,
    /// Workflow commands of GitHub Actions.
    Github,
}

/// The files of a report, each written if it is named.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// As JSON.
    pub json: Option<PathBuf>,
    /// As JUnit XML.
    pub junit: Option<PathBuf>,
    /// As Markdown.
    pub markdown: Option<PathBuf>,
    /// As a page.
    pub html: Option<PathBuf>,
    /// A folder for the evidence of what failed.
    pub evidence: Option<PathBuf>,
}

/// Prints a report as wanted, and writes its files; returns how the command ends: as the report says, and whether it could
/// be printed and written. All of it is made from the redacted report.
#[must_use]
pub fn show(report: &Report, output: &Output) -> Exit {
    let shown = match json::redacted(report) {
        Ok(shown) => shown,
        Err(why) => {
            say(&format!("error: the report is not shown, for what is secret cannot be taken out of it: {why}"));
            return report.exit().worst(Exit::Broke);
        }
    };
    let detail = if output.quiet { Detail::Quiet } else { Detail::All };
    let written = output.files.write(&shown);
    let text = || match output.format {
        Format::Terminal | Format::JsonLines => terminal::render(&shown, detail),
        Format::Json => json::render(&shown),
        Format::Github => github::render(&shown),
    };
    let printed = match output.format {
        Format::Json => print_json(&json::document(&shown), PrettyFormatter::new()),
        Format::JsonLines => stream::end(&shown),
        Format::Terminal | Format::Github => print_redacted(&text()),
    };
    if printed != Exit::Fine {
        // What was found must not be lost.
        say_redacted(&text());
    }
    Exit::worst_of([report.exit(), written, printed])
}

/// Writes a report to a file; returns how that went.
type Save = fn(&Report, &Path) -> Exit;

impl Files {
    fn wanted(&self) -> impl Iterator<Item = (&Path, Save)> {
        let all: [(&Option<PathBuf>, Save); 4] = [
            (&self.json, |report, file| save_json(file, &json::document(report), PrettyFormatter::new())),
            (&self.junit, |report, file| save_redacted(file, &junit::render(report))),
            (&self.markdown, |report, file| save_redacted(file, &markdown::render(report))),
            (&self.html, |report, file| save_redacted(file, &html::render(report))),
        ];
        all.into_iter().filter_map(|(file, save)| Some((file.as_deref()?, save)))
    }

    /// Checks that they can be written, before anything is launched: a slip of the pen must not lose what a long run found.
    pub fn check(&self) -> Result<(), Failure> {
        check_files(self.wanted().map(|(file, _)| file))?;
        match &self.evidence {
            Some(folder) => check_folder(folder),
            None => Ok(()),
        }
    }

    /// Writes them; returns how that went.
    #[must_use]
    pub fn write(&self, report: &Report) -> Exit {
        let written = Exit::worst_of(self.wanted().map(|(file, save)| save(report, file)));
        match &self.evidence {
            Some(folder) => written.worst(write_evidence(folder, report)),
            None => written,
        }
    }
}

/// Checks that each can be written, and that all differ.
pub fn check_files<'a>(files: impl Iterator<Item = &'a Path>) -> Result<(), Failure> {
    let mut seen = Vec::new();
    for file in files {
        let wrong = |what: String| Failure::wrong(unwritten(file, what));
        if seen.contains(&file) {
            return Err(wrong("another format is already written there".to_owned()));
        }
        seen.push(file);
        OpenOptions::new().append(true).create(true).open(file).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(())
}

/// Checks that evidence can be written: into a new or empty folder, because files in it belong to somebody.
fn check_folder(folder: &Path) -> Result<(), Failure> {
    let wrong = |what: String| Failure::wrong(format!("evidence cannot be written to {}: {what}", folder.display()));
    let failed = |error: std::io::Error| wrong(error.to_string());
    std::fs::create_dir_all(folder).map_err(failed)?;
    if std::fs::read_dir(folder).map_err(failed)?.next().is_some() {
        return Err(wrong("there is something in it".to_owned()).help("name a new folder, or an empty one"));
    }
    tempfile::tempfile_in(folder).map(drop).map_err(failed)
}

fn write_evidence(folder: &Path, report: &Report) -> Exit {
    let files = evidence::files(report);
    let text = folder.join(evidence::ISSUE);
    for evidence::EvidenceFile { path, text } in &files {
        let code = save_new(&folder.join(path), text);
        if code != Exit::Fine {
            return code;
        }
    }
    match files.last().is_some_and(|last| last.path == Path::new(evidence::ISSUE)) {
        true => say(&format!("evidence to paste into an issue: {}", text.display())),
        false => say(&format!("nothing failed: there is no {}", text.display())),
    }
    Exit::Fine
}
