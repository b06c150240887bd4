//! `gatecrash run` and `gatecrash compare`: a plan carried out, judged and told.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::config::{Config, KnownDeviation, Launched, Limits, NamedTarget};
use crate::from_git::{self, Before, NoUpgrade, Upgrade, deployed};
use crate::host::console::say;
use crate::host::failure::{Exit, Failure};
use crate::host::stage::Ended;
use crate::launch::{on_stage, settled};
use crate::report::output::{Format, Output, show};
use crate::report::progress::Progress;
use crate::report::stream::Stream;
use crate::report::{Judged, Record, Report};
use crate::run::select::{Selected, models_of, select};
use crate::run::session::{Event, Plan, execute};
use crate::scenario::Partition;
use crate::scenario::plan::Filter;
use crate::target::{Compromised, Target};
use crate::verdict::fail_on::FailOn;

/// What to run, as its user says it.
#[derive(Debug, Clone)]
pub struct RunOrder {
    /// The names of the targets.
    pub targets: Vec<String>,
    /// What the targets are upgraded from, in scenarios with an upgrade: in a comparison the baseline, else each itself, if
    /// nothing is named.
    pub from: Option<String>,
    /// Files and folders; the corpus, if there are none.
    pub scenarios: Vec<PathBuf>,
    /// Whether the second target is compared with the first.
    pub pairs: bool,
    /// What trials' names must match; all, if there are none.
    pub filter: Vec<Filter>,
    /// Tags of trials; all, if there are none.
    pub tag: Vec<String>,
    /// How many trials run at the same time, if not as many as the settings say.
    pub jobs: Option<u16>,
    /// The part of the trials that is run here.
    pub partition: Option<Partition>,
    /// How often a failing trial is tried again.
    pub retries: u8,
    /// What fails the run.
    pub fail_on: FailOn,
    /// How the report is shown.
    pub output: Output,
    /// Whether releases that are known to be compromised are launched, too.
    pub compromised: Compromised,
}

/// What a comparison is of.
#[derive(Debug)]
pub struct Compared {
    /// The names of two targets.
    pub targets: Vec<String>,
    pub scenarios: Vec<PathBuf>,
    /// The configuration of the first as it was, which is there as long as this.
    pub before: Option<Before>,
}

/// The two targets of a comparison, named by the arguments, version control or the settings; and the scenarios, which come
/// after them. Targets that version control makes are added to the settings.
///
/// # Errors
/// When there are more or fewer, or they are named twice.
pub fn two_targets(config: &mut Config, arguments: &[String], from_git: Option<&str>) -> Result<Compared, Failure> {
    let mut before = None;
    let meant = arguments.iter().take_while(|argument| Target::is_meant(argument, config)).count();
    let (targets, scenarios) = arguments.split_at(meant);
    let targets = match (from_git, targets) {
        (Some(revision), []) => {
            let (targets, file) = changed_since(revision, config)?;
            before = file;
            targets
        }
        (Some(_), [target, ..]) => {
            let what = format!("--from-git finds both targets, and `{target}` is named as well");
            return Err(Failure::wrong(what).help("leave out one or the other"));
        }
        (None, []) => vec![config.compare.baseline.clone(), config.compare.candidate.clone()],
        (None, [baseline, candidate]) => vec![baseline.clone(), candidate.clone()],
        (None, others) => {
            let what = format!("a comparison has two targets, not {}: {}", others.len(), others.join(" "));
            return Err(Failure::wrong(what).help("gatecrash compare BASELINE CANDIDATE [SCENARIO]..."));
        }
    };
    Ok(Compared { targets, scenarios: scenarios.iter().map(PathBuf::from).collect(), before })
}

/// The two targets of an upgrade in version control, after saying what it is: of another version, of another configuration
/// that it is launched with, or of both.
fn changed_since(revision: &str, config: &mut Config) -> Result<(Vec<String>, Option<Before>), Failure> {
    let here = Path::new(".");
    let settings = config.gateways.of(from_git::GATEWAY).clone();
    let (name, image) = (from_git::GATEWAY.about().name, settings.image.as_deref().unwrap_or_default());
    let before = |file: &Path, files: &[PathBuf]| Before::of(here, revision, file, files).map_err(Failure::wrong);
    let file = config.gateway_config.clone().or(settings.config);
    if let Some(file) = &file
        && let Some(was) = before(file, &settings.files)?
    {
        let upgrade = Upgrade::since(here, revision, image);
        let (old, new) = match upgrade {
            Ok(upgrade) => {
                say(&upgrade.to_string());
                (upgrade.baseline, upgrade.candidate)
            }
            Err(NoUpgrade::Nothing { .. } | NoUpgrade::SameVersion { .. }) => {
                let version = deployed(here, revision, image).map_err(Failure::wrong)?;
                (version.clone(), version)
            }
            Err(other) => return Err(Failure::wrong(other)),
        };
        let target = |version: String| Launched::of(name, version);
        let names = both(config, name, target(old), target(new), &was, file, &settings.files);
        // Each has its own now.
        config.gateway_config = None;
        return Ok((names, Some(was)));
    }
    let launched = config.targets.iter().filter_map(|(name, target)| match target {
        NamedTarget::Launched(launched) if launched.gateway == from_git::GATEWAY.about().name => {
            Some((name.clone(), launched.clone(), launched.config.clone()?))
        }
        NamedTarget::Launched(_) | NamedTarget::External(_) => None,
    });
    for (name, launched, file) in launched.collect::<Vec<_>>() {
        if let Some(was) = before(&file, &launched.files)? {
            let files = launched.files.clone();
            let names = both(config, &name, (*launched).clone(), *launched, &was, &file, &files);
            return Ok((names, Some(was)));
        }
    }
    let upgrade = Upgrade::since(here, revision, image).map_err(Failure::wrong)?;
    say(&upgrade.to_string());
    Ok((vec![format!("{name}@{}", upgrade.baseline), format!("{name}@{}", upgrade.candidate)], None))
}

/// Adds two targets to the settings: one with the configuration as it was, one as it is.
fn both(
    config: &mut Config,
    name: &str,
    old: Launched,
    new: Launched,
    was: &Before,
    file: &Path,
    files: &[PathBuf],
) -> Vec<String> {
    say(&format!("{} changed: {name} is compared with it as it was, and as it is", was.name));
    let called = |launched: &Launched, when: &str| match (&launched.version, config.targets.contains_key(name)) {
        (Some(version), false) => format!("{name}@{version} {when}"),
        (_, _) => format!("{name} {when}"),
    };
    let names = vec![called(&old, "before"), called(&new, "after")];
    let (shown, file) = (Some(PathBuf::from(&was.name)), Some(file.to_owned()));
    let old = Launched { config: Some(was.file.clone()), files: was.files.clone(), config_named: shown, ..old };
    let new = Launched { config: file, files: files.to_vec(), ..new };
    for (name, launched) in names.iter().zip([old, new]) {
        config.targets.insert(name.clone(), NamedTarget::Launched(Box::new(launched)));
    }
    names
}

impl RunOrder {
    /// Runs it, and prints the report.
    ///
    /// # Errors
    /// When what is named is not there, or nothing can be run on this machine.
    pub fn carry_out(&self, config: &Config) -> Result<Exit, Failure> {
        let began = Instant::now();
        self.output.files.check()?;
        let parse = |name: &String| Target::parse(name, config, self.compromised).map_err(Failure::wrong);
        let targets = self.targets.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let Selected { trials, corpus, embedded } =
            select(config, &models_of(&targets), &self.scenarios, &self.filter, &self.tag)?;
        if let Some(embedded) = embedded.filter(|_| !self.output.quiet) {
            say(&embedded);
        }
        let is_here = |known: &&KnownDeviation| targets.iter().any(|target| target.gateway.name() == known.gateway);
        for known in config.known_deviations.iter().filter(is_here).filter(|known| known.is_of_none()) {
            let KnownDeviation { gateway, versions, scenario, .. } = known;
            say(&format!("warning: known_deviation in `{scenario}`: no version of {gateway} can be {versions}"));
        }
        let jobs = self.jobs.map(usize::from).or(config.limits.jobs);
        let selected: Vec<_> = trials.iter().map(|trial| trial.id.clone()).collect();
        let trials = match self.partition {
            Some(partition) => partition.own(trials),
            None => trials,
        };
        let from = self.from.as_ref().map(parse).transpose()?;
        let targets: Vec<Target> = targets.iter().map(settled).collect();
        let from = from.or_else(|| targets.first().filter(|_| self.pairs).cloned());
        let (limits, known) = (Limits { jobs, ..config.limits }, config.known_deviations.clone());
        let plan = Plan { targets, trials, pairs: self.pairs, limits, retries: self.retries.into(), known, from };
        let progress = Progress::new(self.output.quiet, plan.trials.len());
        let reads_along = self.output.format == Format::JsonLines;
        let stream = reads_along.then(|| Stream::begin(plan.clone(), self.fail_on.clone()));
        let (record, mut ended) = match plan.trials.is_empty() {
            true => Default::default(),
            false => executed(plan.clone(), progress, stream)?,
        };
        let judged = Judged {
            plan: &plan,
            fail_on: &self.fail_on,
            corpus: &corpus,
            partition: self.partition,
            selected: &selected,
            began,
            today: jiff::ZonedDateTime::now().date(),
            interrupted: ended.interrupted,
            left_behind: ended.left_behind.take(),
        };
        let exit = show(&Report::of(record, &judged), &self.output);
        ended.resume();
        Ok(exit)
    }
}

/// Executes a plan, and returns what is known at its end.
fn executed(plan: Plan, progress: Progress, stream: Option<Stream>) -> Result<(Record, Ended), Failure> {
    let (record, progress) = (Arc::new(Mutex::new(Record::default())), Arc::new(progress));
    let ended = on_stage(|what| progress.say(what), {
        let (record, progress) = (Arc::clone(&record), Arc::clone(&progress));
        |run, gate| async move {
            let tell = |event: Event| {
                progress.show(&event);
                if let Some(stream) = &stream {
                    stream.show(&event);
                }
                record.lock().unwrap_or_else(PoisonError::into_inner).add(&event);
            };
            execute(&plan, &run, &gate, &tell).await;
        }
    })?;
    let record = std::mem::take(&mut *record.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((record, ended))
}
