//! From what a user names to a matrix: run here, read from files, or both.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::Matrix;
use super::run::{ColumnPlan, MatrixEvent, MatrixPlan, Measured, execute, room};
use super::tell::{html, json, markdown, terminal};
use crate::config::{Config, Limits};
use crate::host::console::{print_json, print_redacted, save_json, save_redacted, say};
use crate::host::failure::{Exit, Failure};
use crate::host::stage::Ended;
use crate::launch::{on_stage, settled};
use crate::report::output::check_files;
use crate::report::progress::Progress;
use crate::report::terminal::Detail;
use crate::run::published::published;
use crate::run::select::{models_of, select};
use crate::scenario::plan::{Filter, Selection};
use crate::scenario::read::shown;
use crate::scenario::{Partition, Trial, promises};
use crate::target::{Compromised, Target};
use crate::versions::minors::{Chosen, newest_of_each};
use crate::versions::{self, Range, Versions, between, said_of};

/// What to make a matrix of, as its user says it.
#[derive(Debug, Clone)]
pub struct MatrixOrder {
    /// Targets or ranges of versions, then files and folders.
    pub arguments: Vec<String>,
    /// For a range: whether to run only the newest release of each minor version, and the first of all.
    pub every_minor: bool,
    /// JSON of earlier runs; and at most one target, which all are upgraded from.
    pub from: Vec<PathBuf>,
    /// Whether the promises are run instead of the corpus.
    pub promises: bool,
    /// Parts of the names of trials; all, if there are none.
    pub filter: Vec<Filter>,
    /// Tags of trials; all, if there are none.
    pub tag: Vec<String>,
    /// How many targets run at the same time, if not as many as there is room for.
    pub at_once: Option<u16>,
    /// How many trials run at the same time, if not as many as the settings say.
    pub jobs: Option<u16>,
    /// The part of the targets that is run here.
    pub partition: Option<Partition>,
    /// How often a failing trial is tried again.
    pub retries: u8,
    /// Whether to run again what is known.
    pub fresh: bool,
    /// How it was measured, in the user's words.
    pub note: Option<String>,
    /// Whether to show only the defects and the answer.
    pub quiet: bool,
    /// Whether it is printed as JSON.
    pub prints_json: bool,
    /// What is written.
    pub files: MatrixFiles,
    /// Whether releases that are known to be compromised are launched, too.
    pub compromised: Compromised,
}

/// The files of a matrix, each written if it is named.
#[derive(Debug, Clone, Default)]
pub struct MatrixFiles {
    /// As JSON.
    pub json: Option<PathBuf>,
    /// As Markdown.
    pub markdown: Option<PathBuf>,
    /// As a page.
    pub html: Option<PathBuf>,
}

/// Writes a matrix to a file; returns how that went.
/// What of `--from` is a target, and no file.
fn is_target<'a>(from: &'a Path, config: &Config) -> Option<&'a str> {
    from.to_str().filter(|name| Target::is_meant(name, config) && !from.exists())
}

type Save = fn(&Matrix, &Path) -> Exit;

impl MatrixFiles {
    fn wanted(&self) -> impl Iterator<Item = (&Path, Save)> {
        let all: [(&Option<PathBuf>, Save); 3] = [
            (&self.json, |matrix, file| save_json(file, &json::document(matrix), json::Lines::default())),
            (&self.markdown, |matrix, file| save_redacted(file, &markdown::render(matrix))),
            (&self.html, |matrix, file| save_redacted(file, &html::render(matrix))),
        ];
        all.into_iter().filter_map(|(file, save)| Some((file.as_deref()?, save)))
    }
}

impl MatrixOrder {
    /// Runs what has to be run, joins it with what exists, and shows it.
    ///
    /// # Errors
    /// When what is named is not there, or nothing can be run on this machine.
    pub fn carry_out(&self, config: &Config) -> Result<Exit, Failure> {
        check_files(self.files.wanted().map(|(file, _)| file))?;
        let mut parts = self.read(config)?;
        let meant = self.arguments.iter().take_while(|argument| Target::is_meant(argument, config)).count();
        let (targets, scenarios) = self.arguments.split_at(meant);
        if targets.is_empty() && (parts.is_empty() || !scenarios.is_empty()) {
            let help = "gatecrash matrix litellm@1.81.0 litellm@1.82.3; or, of what was run already, gatecrash matrix \
                        --from REPORT.json...";
            return Err(Failure::wrong("no target is named").help(help));
        }
        let mut ended = Ended::default();
        if !targets.is_empty() {
            let matrix;
            (matrix, ended) = run(self.plan(config, targets, scenarios)?, self.quiet)?;
            parts.push(("this run".to_owned(), matrix));
        }
        let mut matrix = Matrix::join(parts).map_err(Failure::wrong)?;
        matrix.note = self.note.clone().or(matrix.note);
        matrix.judge(&config.known_deviations, jiff::ZonedDateTime::now().date());
        let exit = match json::redacted(&matrix) {
            Ok(shown) => self.show(&shown),
            Err(why) => {
                say(&format!("error: the matrix is not shown, for what is secret cannot be taken out of it: {why}"));
                matrix.exit().worst(Exit::Broke)
            }
        };
        ended.resume();
        Ok(exit)
    }

    fn read(&self, config: &Config) -> Result<Vec<(String, Matrix)>, Failure> {
        let part = |file: &PathBuf| {
            let name = file.display().to_string();
            let wrong = |what: String| Failure::wrong(format!("{name}: {what}"));
            let text = std::fs::read_to_string(file).map_err(|error| wrong(format!("it cannot be read: {error}")))?;
            let matrix = json::read(&text).map_err(|error| wrong(error.to_string()))?;
            Ok((name, matrix))
        };
        self.from.iter().filter(|from| is_target(from, config).is_none()).map(part).collect()
    }

    /// What to do.
    fn plan(&self, config: &Config, targets: &[String], scenarios: &[String]) -> Result<MatrixPlan, Failure> {
        let scenarios: Vec<PathBuf> = scenarios.iter().map(PathBuf::from).collect();
        let mut columns: Vec<ColumnPlan> = Vec::new();
        for spec in targets {
            for wanted in self.wanted(config, spec)? {
                if !columns.iter().any(|own| own.target.name == wanted.target.name) {
                    columns.push(wanted);
                }
            }
        }
        let models = models_of(columns.iter().map(|column| &column.target));
        let trials = match self.promises {
            true => self.promised(&scenarios)?,
            false => select(config, &models, &scenarios, &self.filter, &self.tag)?.trials,
        };
        let columns = match self.partition {
            Some(partition) => partition.own(columns),
            None => columns,
        };
        let jobs = self.jobs.map(usize::from).or(config.limits.jobs);
        let at_once = self.at_once.map_or_else(room, usize::from).min(columns.len()).max(1);
        Ok(MatrixPlan {
            columns,
            trials,
            limits: Limits { jobs, ..config.limits },
            retries: self.retries.into(),
            known: config.known_deviations.clone(),
            at_once,
            fresh: self.fresh,
            from: self.upgraded_from(config)?,
        })
    }

    /// The target among what `--from` names.
    fn upgraded_from(&self, config: &Config) -> Result<Option<Target>, Failure> {
        let named: Vec<&str> = self.from.iter().filter_map(|from| is_target(from, config)).collect();
        if let [one, other, ..] = named.as_slice() {
            let what = format!("--from names two targets, {one} and {other}");
            return Err(Failure::wrong(what).help("all versions are upgraded from one"));
        }
        let parse = |name: &&str| Target::parse(name, config, self.compromised);
        named.first().map(parse).transpose().map_err(Failure::wrong)
    }

    fn promised(&self, scenarios: &[PathBuf]) -> Result<Vec<Trial>, Failure> {
        if let Some(scenario) = scenarios.first() {
            let what = format!("{} is asked for beside --promises, which is instead of scenarios", scenario.display());
            return Err(Failure::wrong(what).help("run both, and join their JSON with --from"));
        }
        let trials = promises::trials().map_err(|mistakes| Failure::mistakes(shown(&[mistakes])))?;
        let (filters, tags, left_out) = (self.filter.clone(), self.tag.clone(), Vec::new());
        let selection = Selection { filters, tags, left_out };
        Ok(trials.into_iter().filter(|trial| selection.selects(trial)).collect())
    }

    /// One target, or those of a range of versions.
    fn wanted(&self, config: &Config, spec: &str) -> Result<Vec<ColumnPlan>, Failure> {
        let parse = |name: &str| -> Result<Target, Failure> {
            Ok(settled(&Target::parse(name, config, self.compromised).map_err(Failure::wrong)?))
        };
        if !spec.contains("..") {
            return Ok(vec![ColumnPlan { target: parse(spec)?, instead: Vec::new() }]);
        }
        let Range { gateway, first, last } = spec.parse().map_err(|what: String| Failure::wrong(what))?;
        let of = |version: &String| parse(&format!("{gateway}@{version}"));
        // Before anything is asked elsewhere.
        let ends = [of(&first)?, of(&last)?];
        let published = published(&ends[1])?;
        let about = ends[1].gateway.adapter().about();
        let found = between(about, &published, &first, &last, versions::Eligible::Releases);
        let Versions { versions, left_out } = found.map_err(Failure::wrong)?;
        if let (Some(said), false) = (said_of(&left_out), self.quiet) {
            say(&said);
        }
        let chosen = match self.every_minor {
            true => newest_of_each(about, &versions),
            false => {
                let alone = |version: String| Chosen { version, instead: Vec::new() };
                versions.into_iter().map(alone).collect()
            }
        };
        let wanted = chosen.iter().map(|Chosen { version, instead }| {
            Ok(ColumnPlan { target: of(version)?, instead: instead.iter().map(of).collect::<Result<_, _>>()? })
        });
        wanted.collect()
    }

    /// Prints it and writes its files.
    fn show(&self, matrix: &Matrix) -> Exit {
        let written = Exit::worst_of(self.files.wanted().map(|(file, save)| save(matrix, file)));
        let detail = if self.quiet { Detail::Quiet } else { Detail::All };
        let printed = match self.prints_json {
            false => print_redacted(&terminal::render(matrix, detail)),
            true => print_json(&json::document(matrix), json::Lines::default()),
        };
        Exit::worst_of([matrix.exit(), written, printed])
    }
}

/// Runs a plan, and returns what is known at its end.
fn run(plan: MatrixPlan, quiet: bool) -> Result<(Matrix, Ended), Failure> {
    let record = Arc::new(Mutex::new(Measured::new(&plan)));
    let all = Arc::new(Progress::new(quiet, 0));
    let mut ended = on_stage(|what| all.say(what), {
        let (record, all) = (Arc::clone(&record), Arc::clone(&all));
        |run, gate| async move {
            let columns: Mutex<HashMap<usize, Progress>> = Mutex::default();
            let tell = |event: MatrixEvent| {
                let mut columns = columns.lock().unwrap_or_else(PoisonError::into_inner);
                match &event {
                    MatrixEvent::Begins { column, target, remark, known, trials } => {
                        let told = format!("{}: {} known, {trials} to be run", target.name, known.len());
                        all.remark(&remark.iter().fold(told, |told, remark| format!("{told}; {remark}")));
                        columns.insert(*column, all.beside(*trials));
                    }
                    MatrixEvent::Of { column, event } => {
                        if let Some(progress) = columns.get(column) {
                            progress.show(event);
                        }
                    }
                    MatrixEvent::Forgets(why) => all.say(&format!("what is run is not kept: {why}")),
                    MatrixEvent::Finished { .. } => {}
                }
                record.lock().unwrap_or_else(PoisonError::into_inner).add(&event);
            };
            execute(&plan, &run, &gate, &tell).await;
        }
    })?;
    let mut matrix = std::mem::take(&mut *record.lock().unwrap_or_else(PoisonError::into_inner)).matrix();
    matrix.interrupted = ended.interrupted;
    matrix.left_behind = ended.left_behind.take().into_iter().collect();
    Ok((matrix, ended))
}
