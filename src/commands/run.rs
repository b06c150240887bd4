//! `gatecrash run` and `gatecrash compare`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use clap::Args;

use super::select::{Selected, select};
use super::{Common, Format, Shown, WrongInput, interrupted, print, say};
use crate::config::{Config, Limits};
use crate::launch::{RunId, Target};
use crate::report::console::print_json;
use crate::report::progress::Progress;
use crate::report::terminal::Detail;
use crate::report::{Judged, Record, Report, json, terminal};
use crate::run::session::{Event, Plan, execute};

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash run bug.yaml --target litellm@1.82.3")]
pub struct Run {
    /// Files and folders; without any, the corpus.
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// litellm@VERSION, builtin, builtin@fault:NAME, or a [target.NAME] of harness.toml; several are run side by side.
    #[arg(long, value_name = "TARGET")]
    target: Vec<String>,
    #[command(flatten)]
    common: Common,
}

impl Run {
    pub fn execute(&self, config: &Config) -> Result<u8, WrongInput> {
        let names = if self.target.is_empty() { &config.run.targets } else { &self.target };
        run(config, names, &self.scenarios, false, &self.common)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash compare litellm@1.81.0 litellm@1.82.3 scenarios/budget")]
pub struct Compare {
    /// Two targets, baseline first, then files and folders. Without targets, those of harness.toml; without files, the
    /// corpus.
    #[arg(value_name = "TARGETS AND SCENARIOS")]
    arguments: Vec<String>,
    #[command(flatten)]
    common: Common,
}

impl Compare {
    pub fn execute(&self, config: &Config) -> Result<u8, WrongInput> {
        let meant = self.arguments.iter().take_while(|argument| Target::is_meant(argument, config)).count();
        let (targets, scenarios) = self.arguments.split_at(meant);
        let targets = match targets {
            [] => vec![config.compare.baseline.clone(), config.compare.candidate.clone()],
            [baseline, candidate] => vec![baseline.clone(), candidate.clone()],
            others => {
                let count = others.len();
                return Err(WrongInput(format!(
                    "error: a comparison has two targets, not {count}: {}\n  help: gatecrash compare BASELINE CANDIDATE \
                     [SCENARIO]...",
                    others.join(" ")
                )));
            }
        };
        let scenarios: Vec<PathBuf> = scenarios.iter().map(PathBuf::from).collect();
        run(config, &targets, &scenarios, true, &self.common)
    }
}

fn run(
    config: &Config,
    targets: &[String],
    scenarios: &[PathBuf],
    pairs: bool,
    common: &Common,
) -> Result<u8, WrongInput> {
    let began = Instant::now();
    let parse = |name: &String| Target::parse(name, config, common.compromised());
    let targets = targets.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let Selected { trials, corpus } = select(config, scenarios, &common.filter, &common.tag)?;
    let jobs = common.jobs.map_or(config.limits.jobs, usize::from);
    let selected: Vec<_> = trials.iter().map(|trial| trial.id.clone()).collect();
    let trials = match common.partition {
        Some(partition) => partition.own(trials),
        None => trials,
    };
    let plan = Plan { targets, trials, pairs, limits: Limits { jobs, ..config.limits } };
    let runtime = tokio::runtime::Runtime::new()?;
    let progress = Progress::new(common.shown.quiet, plan.trials.len());
    let (record, interrupted) = match plan.trials.is_empty() {
        true => (Record::default(), false),
        false => runtime.block_on(guarded(plan.clone(), progress)),
    };
    runtime.shutdown_background();
    let judged = Judged {
        plan: &plan,
        known: &config.known_deviations,
        corpus: &corpus,
        partition: common.partition,
        selected: &selected,
        began,
        interrupted,
    };
    let report = Report::of(record, &judged);
    show(&report, &common.shown);
    Ok(report.exit_code())
}

/// Prints a report as it is wanted.
pub(super) fn show(report: &Report, shown: &Shown) {
    let detail = if shown.quiet { Detail::Quiet } else { Detail::All };
    match shown.format {
        Format::Terminal => print(&terminal::render(report, detail)),
        Format::Json => print_json(&json::render(report)),
    }
}

/// Executes a plan so that nothing is left behind: not when it ends, is interrupted, or panics. Gives what was
/// recorded, and whether it was interrupted.
async fn guarded(plan: Plan, progress: Progress) -> (Record, bool) {
    let run = RunId::new();
    let record = Arc::new(Mutex::new(Record::default()));
    let recording = Arc::clone(&record);
    let of_run = run.clone();
    let uses_docker = plan.targets.iter().any(Target::is_in_docker);
    let mut work = tokio::spawn(async move {
        let tell = |event: Event| {
            progress.show(&event);
            recording.lock().unwrap_or_else(PoisonError::into_inner).add(&event);
        };
        execute(&plan, &of_run, &tell).await;
    });
    let ended = tokio::select! {
        ended = &mut work => Some(ended),
        () = interrupted() => None,
    };
    let interrupted = ended.is_none();
    if interrupted {
        say("interrupted: cleaning up");
        work.abort();
        let _ = work.await;
    }
    if uses_docker {
        crate::launch::sweep(&run).await;
    }
    if let Some(Err(error)) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
    let record = std::mem::take(&mut *record.lock().unwrap_or_else(PoisonError::into_inner));
    (record, interrupted)
}
