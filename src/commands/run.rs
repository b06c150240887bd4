//! `gatecrash run` and `gatecrash compare`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use clap::Args;

use super::guarded::{Ended, guarded};
use super::select::{Selected, select};
use super::{Common, Format, Shown, WrongInput, print, say};
use crate::config::{Config, Limits};
use crate::launch::{RunId, Target};
use crate::report::console::print_json;
use crate::report::progress::Progress;
use crate::report::terminal::Detail;
use crate::report::{Judged, Record, Report, github, json, terminal};
use crate::run::gate::Gate;
use crate::run::session::{Event, Plan, execute};
use crate::upgrade::{self, Upgrade};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  gatecrash run bug.yaml --target litellm@1.82.3
  gatecrash run bug.yaml --target litellm@1.82.3 --evidence out   # out/issue.md is to be pasted into an issue")]
pub struct Run {
    /// Files and folders; without any, the corpus.
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// GATEWAY@VERSION (litellm@1.82.3), builtin, builtin@fault:NAME, or a [target.NAME] of harness.toml; several are run side by side.
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
    /// Find both versions in what changed since a revision, as in a pull request: in images, packages, charts.
    #[arg(long, value_name = "REVISION")]
    from_git: Option<String>,
    #[command(flatten)]
    common: Common,
}

impl Compare {
    pub fn execute(&self, config: &Config) -> Result<u8, WrongInput> {
        let meant = self.arguments.iter().take_while(|argument| Target::is_meant(argument, config)).count();
        let (targets, scenarios) = self.arguments.split_at(meant);
        let targets = match (&self.from_git, targets) {
            (Some(revision), []) => changed_since(revision, config)?,
            (Some(_), [target, ..]) => {
                return Err(WrongInput(format!(
                    "error: --from-git finds both targets, and `{target}` is named as well\n  help: leave out one or the other"
                )));
            }
            (None, []) => vec![config.compare.baseline.clone(), config.compare.candidate.clone()],
            (None, [baseline, candidate]) => vec![baseline.clone(), candidate.clone()],
            (None, others) => {
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

/// The two targets of an upgrade in version control, which is said first.
fn changed_since(revision: &str, config: &Config) -> Result<Vec<String>, WrongInput> {
    let image = config.gateways.of(upgrade::GATEWAY).image.as_deref().unwrap_or_default();
    let upgrade = Upgrade::since(Path::new("."), revision, image)?;
    say(&upgrade.to_string());
    let name = upgrade::GATEWAY.about().name;
    Ok(vec![format!("{name}@{}", upgrade.baseline), format!("{name}@{}", upgrade.candidate)])
}

fn run(
    config: &Config,
    targets: &[String],
    scenarios: &[PathBuf],
    pairs: bool,
    common: &Common,
) -> Result<u8, WrongInput> {
    let began = Instant::now();
    common.shown.files.check()?;
    let config = &common.launching.over(config);
    let parse = |name: &String| Target::parse(name, config, common.launching.compromised());
    let targets = targets.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let Selected { trials, corpus } = select(config, scenarios, &common.filter, &common.tag)?;
    let jobs = common.jobs.map(usize::from).or(config.limits.jobs);
    let selected: Vec<_> = trials.iter().map(|trial| trial.id.clone()).collect();
    let trials = match common.partition {
        Some(partition) => partition.own(trials),
        None => trials,
    };
    let (retries, known) = (common.retries.into(), config.known_deviations.clone());
    let plan = Plan { targets, trials, pairs, limits: Limits { jobs, ..config.limits }, retries, known };
    let runtime = tokio::runtime::Runtime::new()?;
    let progress = Progress::new(common.shown.quiet, plan.trials.len());
    let (record, Ended { interrupted, left_behind, panic }) = match plan.trials.is_empty() {
        true => Default::default(),
        false => runtime.block_on(done(plan.clone(), progress))?,
    };
    runtime.shutdown_background();
    let judged = Judged {
        plan: &plan,
        fail_on: &common.fail_on.clone().unwrap_or_default(),
        corpus: &corpus,
        partition: common.partition,
        selected: &selected,
        began,
        interrupted,
        left_behind,
    };
    let code = show(&Report::of(record, &judged), &common.shown);
    match panic {
        Some(panic) => std::panic::resume_unwind(panic),
        None => Ok(code),
    }
}

/// Prints a report as it is wanted, and writes its files; gives the exit code: the report's, unless it is 0 and could not
/// be printed or written.
pub(super) fn show(report: &Report, shown: &Shown) -> u8 {
    let detail = if shown.quiet { Detail::Quiet } else { Detail::All };
    let written = shown.files.write(report);
    let text = || match shown.format {
        Format::Terminal => terminal::render(report, detail),
        Format::Json => json::render(report),
        Format::Github => github::render(&json::redacted(report)),
    };
    let printed = match shown.format {
        Format::Json => print_json(|out| json::write(report, out)),
        Format::Terminal | Format::Github => print(&text()),
    };
    if printed != 0 {
        // What was found is not to be lost.
        say(&text());
    }
    match report.exit_code() {
        0 => written.max(printed),
        code => code,
    }
}

/// Executes a plan, and gives what is known of it at its end.
async fn done(plan: Plan, progress: Progress) -> std::io::Result<(Record, Ended)> {
    let (run, gate) = (RunId::new(), Gate::default());
    let (record, progress) = (Arc::new(Mutex::new(Record::default())), Arc::new(progress));
    let work = {
        let (run, gate, record, progress) = (run.clone(), gate.clone(), Arc::clone(&record), Arc::clone(&progress));
        async move {
            let tell = |event: Event| {
                progress.show(&event);
                record.lock().unwrap_or_else(PoisonError::into_inner).add(&event);
            };
            execute(&plan, &run, &gate, &tell).await;
        }
    };
    let ended = guarded(work, &run, &gate, |what| progress.say(what)).await?;
    let record = std::mem::take(&mut *record.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((record, ended))
}
