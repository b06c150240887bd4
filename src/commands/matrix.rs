//! `gatecrash matrix`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::{Args, ValueEnum};

use super::files::check_files;
use super::guarded::{Ended, guarded};
use super::published::published;
use super::select::{select, shown};
use super::{Launching, WrongInput, print, say};
use crate::config::{Config, Limits};
use crate::launch::{RunId, Target};
use crate::matrix::Matrix;
use crate::report::console::{print_json, save, save_json};
use crate::report::matrix::{html, json, markdown, terminal};
use crate::report::progress::Progress;
use crate::report::terminal::Detail;
use crate::run::gate::Gate;
use crate::run::matrix::{Event, Plan, Record, Wanted, execute, room};
use crate::scenario::plan::Selection;
use crate::scenario::{Partition, Trial, promises};
use crate::versions::minors::{Chosen, newest_of_each};
use crate::versions::{self, Range, Versions, between, said_of};

#[derive(Debug, Args)]
#[command(
    override_usage = "gatecrash matrix [OPTIONS] [TARGET]... [SCENARIO]...",
    after_help = "Examples:
  gatecrash matrix litellm@1.81.0..1.108.7 --every minor --html matrix.html
  gatecrash matrix litellm@1.81.0 litellm@1.82.3 litellm@1.108.7 scenarios/budget
  gatecrash matrix --promises any-llm@1.14.0 litellm@1.108.7 mlflow@3.17.2   # which gateway stops whom
  gatecrash matrix --from part-1.json part-2.json --markdown matrix.md   # of what was run already: matrices, reports

What is run is kept in the cache at once: the same command again goes on where it was stopped."
)]
pub struct MatrixCommand {
    /// Targets, or a range of versions such as litellm@1.81.0..1.108.7, then files and folders; without these, the corpus.
    #[arg(value_name = "TARGETS AND SCENARIOS")]
    arguments: Vec<String>,
    /// Of a range: the newest release of each minor version and the first of all, or each release.
    #[arg(long, value_enum, default_value_t = Every::Release)]
    every: Every,
    /// Show what these say, too, or alone: JSON of this command (of partitions, of other machines), of `run` or of `compare`.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    from: Vec<PathBuf>,
    /// What gateways promise, instead of the corpus: a short scenario for each promise, to compare gateways of all kinds.
    #[arg(long)]
    promises: bool,
    /// Only trials with this in their name; several add up.
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// Only trials with this tag; several add up.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// How many targets run at the same time. Without it, as many as there is memory for, and two cores for each.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    at_once: Option<u16>,
    /// How many trials run at the same time, on all targets together.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Run only one of several parts of the targets, each on another machine; --from joins their JSON.
    #[arg(long, value_name = "M/N")]
    partition: Option<Partition>,
    /// Try a trial that fails again, up to so many times: one that then passes is no change between two versions.
    #[arg(long, value_name = "N", default_value_t = 1)]
    retries: u8,
    /// Run again what is known.
    #[arg(long)]
    fresh: bool,
    /// How it was measured: a text under the title, such as the machine, the date, the commit. Markdown, in Markdown.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Say only the defects, and the answer.
    #[arg(long)]
    quiet: bool,
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    format: Format,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    launching: Launching,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Every {
    Minor,
    Release,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Terminal,
    Json,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Files")]
struct Files {
    /// Write it as JSON: small, for scripts, and for --from.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write it as Markdown: for a repository, or an issue.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write it as a page for a browser, in one file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Writes a matrix to a file; gives the exit code of that.
type Save = fn(&Matrix, &Path) -> u8;

impl Files {
    fn wanted(&self) -> impl Iterator<Item = (&Path, Save)> {
        let all: [(&Option<PathBuf>, Save); 3] = [
            (&self.json, |matrix, file| save_json(file, |out| json::write(matrix, out))),
            (&self.markdown, |matrix, file| save(file, &markdown::render(matrix))),
            (&self.html, |matrix, file| save(file, &html::render(matrix))),
        ];
        all.into_iter().filter_map(|(file, save)| Some((file.as_deref()?, save)))
    }
}

impl MatrixCommand {
    pub fn execute(&self, config: &Config) -> Result<u8, WrongInput> {
        check_files(self.files.wanted().map(|(file, _)| file))?;
        let config = &self.launching.over(config);
        let mut parts = self.read()?;
        let meant = self.arguments.iter().take_while(|argument| Target::is_meant(argument, config)).count();
        let (targets, scenarios) = self.arguments.split_at(meant);
        if targets.is_empty() && (parts.is_empty() || !scenarios.is_empty()) {
            return Err(WrongInput(
                "error: no target is named\n  help: gatecrash matrix litellm@1.81.0 litellm@1.82.3; or, of what was run \
                 already, gatecrash matrix --from REPORT.json..."
                    .to_owned(),
            ));
        }
        let mut panic = None;
        if !targets.is_empty() {
            let plan = match self.plan(config, targets, scenarios)? {
                Ok(plan) => plan,
                Err(code) => return Ok(code),
            };
            let (matrix, ended) = run(plan, self.quiet)?;
            parts.push(("this run".to_owned(), matrix));
            panic = ended.panic;
        }
        let mut matrix = Matrix::join(parts)?;
        matrix.note = self.note.clone().or(matrix.note);
        matrix.judge(&config.known_deviations, jiff::ZonedDateTime::now().date());
        let code = self.show(&json::redacted(&matrix));
        match panic {
            Some(panic) => std::panic::resume_unwind(panic),
            None => Ok(code),
        }
    }

    fn read(&self) -> Result<Vec<(String, Matrix)>, WrongInput> {
        let part = |file: &PathBuf| {
            let name = file.display().to_string();
            let wrong = |what: String| WrongInput(format!("error: {name}: {what}"));
            let text = std::fs::read_to_string(file).map_err(|error| wrong(format!("it cannot be read: {error}")))?;
            let matrix = json::read(&text).map_err(|error| wrong(error.to_string()))?;
            Ok((name, matrix))
        };
        self.from.iter().map(part).collect()
    }

    /// What is to be done; the exit code if it cannot be known which versions there are.
    fn plan(&self, config: &Config, targets: &[String], scenarios: &[String]) -> Result<Result<Plan, u8>, WrongInput> {
        let scenarios: Vec<PathBuf> = scenarios.iter().map(PathBuf::from).collect();
        let trials = match self.promises {
            true => self.promised(&scenarios)?,
            false => select(config, &scenarios, &self.filter, &self.tag)?.trials,
        };
        let mut columns: Vec<Wanted> = Vec::new();
        for spec in targets {
            let wanted = match self.wanted(config, spec)? {
                Ok(wanted) => wanted,
                Err(code) => return Ok(Err(code)),
            };
            for wanted in wanted {
                if !columns.iter().any(|own| own.target.name == wanted.target.name) {
                    columns.push(wanted);
                }
            }
        }
        let columns = match self.partition {
            Some(partition) => partition.own(columns),
            None => columns,
        };
        let jobs = self.jobs.map(usize::from).or(config.limits.jobs);
        let at_once = self.at_once.map_or_else(room, usize::from).min(columns.len()).max(1);
        Ok(Ok(Plan {
            columns,
            trials,
            limits: Limits { jobs, ..config.limits },
            retries: self.retries.into(),
            known: config.known_deviations.clone(),
            at_once,
            fresh: self.fresh,
        }))
    }

    fn promised(&self, scenarios: &[PathBuf]) -> Result<Vec<Trial>, WrongInput> {
        if let Some(scenario) = scenarios.first() {
            return Err(WrongInput(format!(
                "error: {} is asked for beside --promises, which is instead of scenarios\n  help: run both, and join their \
                 JSON with --from",
                scenario.display()
            )));
        }
        let trials = promises::trials().map_err(|mistakes| WrongInput(shown(&[mistakes])))?;
        let (filters, tags, left_out) = (self.filter.clone(), self.tag.clone(), Vec::new());
        let selection = Selection { filters, tags, left_out };
        Ok(trials.into_iter().filter(|trial| selection.selects(trial)).collect())
    }

    /// One target, or those of a range of versions.
    fn wanted(&self, config: &Config, spec: &str) -> Result<Result<Vec<Wanted>, u8>, WrongInput> {
        let parse = |name: &str| Target::parse(name, config, self.launching.compromised());
        if !spec.contains("..") {
            return Ok(Ok(vec![Wanted { target: parse(spec)?, instead: Vec::new() }]));
        }
        let wrong = |what: String| WrongInput(format!("error: {what}"));
        let Range { gateway, first, last } = spec.parse().map_err(wrong)?;
        let of = |version: &String| parse(&format!("{gateway}@{version}"));
        // Before anything is asked elsewhere.
        let ends = [of(&first)?, of(&last)?];
        let published = match published(&tokio::runtime::Runtime::new()?, &ends[1])? {
            Ok(published) => published,
            Err(code) => return Ok(Err(code)),
        };
        let about = ends[1].gateway.adapter().about();
        let Versions { versions, left_out } = between(about, &published, &first, &last, versions::Wanted::Releases)?;
        if let (Some(said), false) = (said_of(&left_out), self.quiet) {
            say(&said);
        }
        let chosen = match self.every {
            Every::Minor => newest_of_each(about, &versions),
            Every::Release => {
                let alone = |version: String| Chosen { version, instead: Vec::new() };
                versions.into_iter().map(alone).collect()
            }
        };
        let wanted = chosen.iter().map(|Chosen { version, instead }| {
            Ok(Wanted { target: of(version)?, instead: instead.iter().map(of).collect::<Result<_, _>>()? })
        });
        wanted.collect::<Result<_, _>>().map(Ok)
    }

    /// Prints it and writes its files; gives the exit code.
    fn show(&self, matrix: &Matrix) -> u8 {
        let written = self.files.wanted().map(|(file, save)| save(matrix, file));
        let written = written.max().unwrap_or_default();
        let detail = if self.quiet { Detail::Quiet } else { Detail::All };
        let printed = match self.format {
            Format::Terminal => print(&terminal::render(matrix, detail)),
            Format::Json => print_json(|out| json::write(matrix, out)),
        };
        match matrix.exit_code() {
            0 => written.max(printed),
            code => code,
        }
    }
}

/// Runs a plan, and gives what is known at its end.
fn run(plan: Plan, quiet: bool) -> Result<(Matrix, Ended), WrongInput> {
    let runtime = tokio::runtime::Runtime::new()?;
    let record = Arc::new(Mutex::new(Record::new(&plan)));
    let (run, gate) = (RunId::new(), Gate::default());
    let all = Arc::new(Progress::new(quiet, 0));
    let work = {
        let (run, gate, record, all) = (run.clone(), gate.clone(), Arc::clone(&record), Arc::clone(&all));
        async move {
            let columns: Mutex<HashMap<usize, Progress>> = Mutex::default();
            let tell = |event: Event| {
                let mut columns = columns.lock().unwrap_or_else(PoisonError::into_inner);
                match &event {
                    Event::Begins { column, target, remark, known, trials } => {
                        let told = format!("{}: {} known, {trials} to be run", target.name, known.len());
                        all.remark(&remark.iter().fold(told, |told, remark| format!("{told}; {remark}")));
                        columns.insert(*column, all.beside(*trials));
                    }
                    Event::Of { column, event } => {
                        if let Some(progress) = columns.get(column) {
                            progress.show(event);
                        }
                    }
                    Event::Forgets(why) => all.say(&format!("what is run is not kept: {why}")),
                    Event::Finished { .. } => {}
                }
                record.lock().unwrap_or_else(PoisonError::into_inner).add(&event);
            };
            execute(&plan, &run, &gate, &tell).await;
        }
    };
    let ended = runtime.block_on(guarded(work, &run, &gate, |what| all.say(what)))?;
    runtime.shutdown_background();
    let mut matrix = std::mem::take(&mut *record.lock().unwrap_or_else(PoisonError::into_inner)).matrix();
    matrix.interrupted = ended.interrupted;
    matrix.left_behind = ended.left_behind.iter().map(ToString::to_string).collect();
    Ok((matrix, ended))
}
