//! Conformance as ordinary tests: a libtest-mimic trial for each scenario and target, or for each pair of targets.
//! A project calls it from a test of its own with `harness = false`:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     gatecrash::conformance::Harness::new().scenarios("scenarios").run()
//! }
//! ```
//!
//! Listing launches nothing. Targets are launched when the first trial that needs them runs, and shared by all trials
//! of the process. cargo-nextest runs each trial in a process of its own: there, all processes of its run share one
//! that a keeper launches. What `gatecrash up` keeps is used by all.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use clap::ValueEnum as _;
use libtest_mimic::{Arguments, Completion, Failed, Trial as Test};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use crate::config::{Config, LAUNCHER, LauncherName, Limits};
use crate::host::console::{self, say};
use crate::host::failure::{Exit, Failure};
use crate::host::gate::Gate;
use crate::host::interrupts::{self, Interrupts};
use crate::host::stage::runtime;
use crate::launch::keeper::keep_if_told;
use crate::launch::{LaunchError, LeftBehind, Live, Origin, RunId, launch_shared, reaper};
use crate::outcome::{Outcome, RolledOut, TrialResult};
use crate::report::{Judged, Record, Report, terminal};
use crate::run::again::Retries;
use crate::run::jobs::AT_FIRST;
use crate::run::rollout::{Together, Told};
use crate::run::select::{Selected, models_of, select};
use crate::run::session::{Event, Plan};
use crate::scenario::{Alone, Rollout, Trial, TrialId, corpus};
use crate::secret::redact;
use crate::target::{Compromised, Target};
use crate::verdict::deviation::{Deviation, DeviationState, apply};
use crate::verdict::fail_on::FailOn;

/// The environment variables that name targets, overriding `harness.toml`: one is a target, both are a comparison.
pub const BASELINE: &str = "GATECRASH_BASELINE";
/// The second of a comparison; see [`BASELINE`].
pub const CANDIDATE: &str = "GATECRASH_CANDIDATE";

/// What targets are upgraded from, in scenarios with an upgrade. Without it: in a comparison the baseline, else each itself.
pub const FROM: &str = "GATECRASH_FROM";

/// The exit code of libtest when a test has failed.
const FAILED: u8 = 101;

/// Which scenarios are run on which targets, as tests.
#[derive(Debug, Clone, Default)]
pub struct Harness {
    config: Option<PathBuf>,
    scenarios: Vec<PathBuf>,
    targets: Vec<String>,
}

impl Harness {
    /// Scenarios and targets of `harness.toml`. Without a `scenarios` folder: the corpus inside gatecrash.
    pub fn new() -> Harness {
        Harness::default()
    }

    /// A settings file other than `harness.toml`.
    pub fn config(mut self, file: impl Into<PathBuf>) -> Harness {
        self.config = Some(file.into());
        self
    }

    /// Scenarios of this file or folder instead; several add up.
    pub fn scenarios(mut self, path: impl Into<PathBuf>) -> Harness {
        self.scenarios.push(path.into());
        self
    }

    /// The corpus inside gatecrash instead, or some of it: all (`""`), a folder (`budget`), or a file.
    pub fn corpus(self, name: &str) -> Harness {
        self.scenarios(corpus::path(name))
    }

    /// This target instead, unless the environment names one; several add up.
    pub fn target(mut self, target: impl Into<String>) -> Harness {
        self.targets.push(target.into());
        self
    }

    /// Runs them with the arguments of the test binary, as libtest does.
    pub fn run(self) -> ExitCode {
        console::guard();
        if reaper::served() {
            return ExitCode::SUCCESS;
        }
        if let Some(ended) = keep_if_told() {
            return ended;
        }
        let mut arguments = Arguments::from_args();
        let suite = match self.suite(&arguments) {
            Ok(suite) => Arc::new(suite),
            Err(failure) => {
                say(&failure.to_string());
                return failure.exit().into();
            }
        };
        // Trials wait far more than they work.
        arguments.test_threads.get_or_insert(suite.limits.jobs.unwrap_or(AT_FIRST));
        let tests = suite.tests();
        let listing = arguments.list;
        let conclusion = libtest_mimic::run(&arguments, tests);
        if listing {
            return ExitCode::SUCCESS;
        }
        let interrupted = suite.gate.is_closed();
        // The tests are gone, and with them every other reference to the suite.
        let (deviations, left_behind) = Arc::into_inner(suite).map(Suite::finish).unwrap_or_default();
        say(terminal::deviations(&deviations).trim_end());
        if let Some(left_behind) = &left_behind {
            say(&format!("error: {left_behind}"));
        }
        let failed = conclusion.has_failed() || deviations.iter().any(|deviation| deviation.state.fails_the_run());
        match (interrupted, failed || left_behind.is_some()) {
            (true, _) => Exit::Interrupted.into(),
            (false, true) => ExitCode::from(FAILED),
            (false, false) => ExitCode::SUCCESS,
        }
    }

    fn suite(&self, arguments: &Arguments) -> Result<Suite, Failure> {
        let mut config = Config::read(self.config.as_deref()).map_err(Failure::wrong)?;
        let named = |variable| std::env::var(variable).ok().filter(|name| !name.is_empty());
        if let Some(name) = named(LAUNCHER) {
            let launcher = LauncherName::from_str(&name, false);
            let other = |_| Failure::wrong(format!("{LAUNCHER} is `{name}`: no launcher")).help("docker or process");
            config.launch_by(launcher.map_err(other)?);
        }
        let (baseline, candidate) = (named(BASELINE), named(CANDIDATE));
        let pairs = baseline.is_some() && candidate.is_some();
        let from_environment: Vec<String> = baseline.into_iter().chain(candidate).collect();
        let names = [&from_environment, &self.targets, &config.run.targets].into_iter().find(|names| !names.is_empty());
        let parse = |name: &String| Target::parse(name, &config, Compromised::Refuse).map_err(Failure::wrong);
        let targets = names.into_iter().flatten().map(parse).collect::<Result<Vec<_>, _>>()?;
        let Selected { mut trials, corpus, .. } = select(&config, &models_of(&targets), &self.scenarios, &[], &[])?;
        // Tests begin in this order; one that runs alone holds its target alone.
        trials.sort_by_key(|trial| Alone::PHASES.iter().position(|phase| *phase == trial.file.scenario.alone));
        let limits = config.limits;
        let runtime = runtime()?;
        let (run, gate) = (RunId::new(), Gate::default());
        runtime.spawn(heed_interrupts(run.clone(), gate.clone()));
        let from = named(FROM).as_ref().map(parse).transpose()?;
        let from = from.or_else(|| targets.first().filter(|_| pairs).cloned());
        let slot = |target| Slot { target, live: OnceCell::new(), rollouts: Default::default() };
        let slots = targets.into_iter().map(slot).collect();
        let (results, arguments) = (Mutex::default(), arguments.clone());
        Ok(Suite { config, slots, pairs, from, trials, corpus, limits, runtime, run, gate, results, arguments })
    }
}

/// An interrupted test run leaves nothing behind either: tests that have begun end, unless interrupted again.
async fn heed_interrupts(run: RunId, gate: Gate) {
    let Ok(mut interrupts) = Interrupts::listen() else { return };
    interrupts.next().await;
    say(&interrupts::first(gate.close()));
    interrupts.next().await;
    say(interrupts::AGAIN);
    if let Err(left_behind) = run.sweep().await {
        say(&format!("error: {left_behind}"));
    }
    std::process::exit(Exit::Interrupted.code().into());
}

/// libtest-mimic, not we, shows what a test says: it must hold no secrets. A panic was already shown by its hook.
fn guarded(test: impl FnOnce() -> Result<Completion, Failed>) -> Result<Completion, Failed> {
    let shown = |failed: Failed| Failed::from(redact(failed.message().unwrap_or_default()));
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(test)) {
        Ok(Ok(Completion::Ignored { reason })) => Ok(Completion::Ignored { reason: reason.map(|text| redact(&text)) }),
        Ok(Ok(completion)) => Ok(completion),
        Ok(Err(failed)) => Err(shown(failed)),
        Err(_) => Err("gatecrash itself broke".into()),
    }
}

/// A target, launched at most once; and its rollouts, each of which happens at most once.
struct Slot {
    target: Target,
    live: OnceCell<Result<Live, LaunchError>>,
    rollouts: [OnceCell<Done>; 2],
}

/// What came of a rollout.
#[derive(Default)]
struct Done {
    results: Vec<TrialResult>,
    /// What was done to the target, if it could be launched.
    rolled_out: Option<RolledOut>,
}

/// Whether the arguments select a test, as libtest does: trials that share a rollout have to be known beforehand.
fn selects(arguments: &Arguments, test: &str) -> bool {
    let is = |text: &String| if arguments.exact { test == text } else { test.contains(text.as_str()) };
    arguments.filter.as_ref().is_none_or(is) && !arguments.skip.iter().any(is)
}

struct Suite {
    config: Config,
    slots: Vec<Slot>,
    pairs: bool,
    /// What targets are upgraded from, if not each from itself.
    from: Option<Target>,
    trials: Vec<Trial>,
    corpus: Vec<String>,
    limits: Limits,
    runtime: Runtime,
    run: RunId,
    gate: Gate,
    /// For each target, in their order; for known deviations that no longer happen.
    results: Mutex<Vec<(usize, TrialResult)>>,
    /// Those of the test binary.
    arguments: Arguments,
}

impl Suite {
    /// One test for each trial and target, or pair of targets.
    fn tests(self: &Arc<Suite>) -> Vec<Test> {
        let groups: Vec<Vec<usize>> = match self.pairs {
            true => vec![(0..self.slots.len()).collect()],
            false => (0..self.slots.len()).map(|slot| vec![slot]).collect(),
        };
        groups.into_iter().flat_map(|slots| self.tests_of(slots)).collect()
    }

    fn tests_of(self: &Arc<Suite>, slots: Vec<usize>) -> Vec<Test> {
        let test = |trial: &Trial| {
            let (suite, slots, trial) = (Arc::clone(self), slots.clone(), trial.clone());
            Test::ignorable_test(self.test_name(&slots, &trial), move || guarded(|| suite.one(&slots, &trial)))
        };
        self.trials.iter().map(test).collect()
    }

    fn test_name(&self, slots: &[usize], trial: &Trial) -> String {
        let names: Vec<_> = slots.iter().map(|slot| self.slots[*slot].target.name.as_str()).collect();
        redact(&format!("{}::{}", names.join(".."), trial.id.replace('/', "::")))
    }

    /// One trial on one target, or on both of a pair.
    fn one(&self, slots: &[usize], trial: &Trial) -> Result<Completion, Failed> {
        let began = Instant::now();
        let mut record = Record::default();
        let Some(results) = self.runtime.block_on(self.results(slots, trial))? else {
            return Ok(Completion::ignored_with("interrupted"));
        };
        for result in results {
            record.add(&Event::Finished(result));
        }
        // What the old version did is told of it.
        for Slot { target, rollouts, .. } in slots.iter().map(|slot| &self.slots[*slot]) {
            for rolled_out in rollouts.iter().filter_map(|rollout| rollout.get()?.rolled_out.clone()) {
                record.add(&Event::RolledOut { target: target.name.clone(), rolled_out });
            }
        }
        let plan = Plan {
            targets: slots.iter().map(|slot| self.known_as(*slot)).collect(),
            trials: vec![trial.clone()],
            pairs: self.pairs,
            limits: self.limits,
            // nextest has its own.
            retries: 0,
            known: self.config.known_deviations.clone(),
            from: self.from.clone(),
        };
        let fail_on = &FailOn::default();
        let (corpus, selected): (&[TrialId], &[TrialId]) = (&[], &[]);
        let (partition, interrupted, left_behind) = (None, false, None);
        let today = jiff::ZonedDateTime::now().date();
        let plan = &plan;
        let judged = Judged { plan, fail_on, corpus, partition, selected, began, today, interrupted, left_behind };
        let report = Report::of(record, &judged);
        let Some(of_trial) = report.trials.first() else { return Err("the trial has no result".into()) };
        for result in &of_trial.results {
            match &result.outcome {
                Outcome::Error { reason } => return Err(format!("{}: {reason}", result.target).into()),
                Outcome::Skip { reason } => return Ok(Completion::ignored_with(reason)),
                Outcome::Pass | Outcome::Fail | Outcome::Unsteady { .. } => {}
            }
        }
        if !report.failed(of_trial) {
            return Ok(Completion::Completed);
        }
        Err(terminal::in_full_without_colours(&report, of_trial).into())
    }

    /// None if it was interrupted before it began.
    async fn results(&self, slots: &[usize], trial: &Trial) -> Result<Option<Vec<TrialResult>>, Failed> {
        let number = self.trials.iter().position(|own| own.id == trial.id).unwrap_or_default();
        let name = format!("gc-{}-{number}", self.run.as_str());
        let on_slot = |slot: &usize| {
            let (slot, name) = (*slot, format!("{name}-{slot}"));
            async move {
                if let Some(rollout) = trial.file.scenario.rollout() {
                    let result = self.rolled_out(slots, slot, rollout, trial).await;
                    let known = result.clone().map(|result| (slot, result));
                    self.results.lock().unwrap_or_else(PoisonError::into_inner).extend(known);
                    return Ok(result);
                }
                let live = tokio::select! {
                    live = self.live(slot) => live,
                    () = self.gate.closed() => return Ok(None),
                };
                let live = match live {
                    Ok(live) => live,
                    Err(error) => return Err(Failed::from(error.to_string())),
                };
                let retries = Retries { times: 0, known: self.config.known_deviations.clone().into() };
                let result = retries.run_trial(live, trial, &name, self.limits, &self.gate, ()).await;
                let known = result.clone().map(|result| (slot, result));
                self.results.lock().unwrap_or_else(PoisonError::into_inner).extend(known);
                Ok(result)
            }
        };
        let results: Vec<_> = futures_util::future::try_join_all(slots.iter().map(on_slot)).await?;
        Ok(results.into_iter().collect())
    }

    /// The result of a trial with an upgrade: the first that is asked for runs all that are wanted.
    async fn rolled_out(&self, slots: &[usize], slot: usize, rollout: Rollout, trial: &Trial) -> Option<TrialResult> {
        let Slot { target, rollouts, .. } = &self.slots[slot];
        let done = rollouts[rollout as usize].get_or_init(|| async {
            let own = self.trials.iter().enumerate().filter(|(_, trial)| {
                trial.file.scenario.rollout() == Some(rollout)
                    && selects(&self.arguments, &self.test_name(slots, trial))
            });
            let (trials, from) = (own.collect(), self.from.as_ref());
            let name = &format!("gc-{}-{slot}", self.run.as_str());
            let (limits, run, gate) = (self.limits, &self.run, &self.gate);
            let done = Mutex::new(Done::default());
            let tell = |told: Told| {
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                match told {
                    Told::Finished(_, result) => done.results.push(*result),
                    Told::RolledOut(rolled_out) => done.rolled_out = Some(rolled_out),
                    Told::Launched(_) | Told::NotLaunched(_) => {}
                }
            };
            Together { rollout, from, target, trials, name, limits, run, gate }.run(&tell).await;
            done.into_inner().unwrap_or_else(PoisonError::into_inner)
        });
        done.await.results.iter().find(|result| result.trial == trial.id).cloned()
    }

    async fn live(&self, slot: usize) -> &Result<Live, LaunchError> {
        let Slot { target, live, .. } = &self.slots[slot];
        let launched = live.get_or_init(|| async {
            let launched = launch_shared(target, self.limits, &self.run).await;
            if let Ok(Live { origin: Origin::LaunchedBeside { why }, .. }) = &launched {
                say(&format!("{}: {why}", target.name));
            }
            launched
        });
        launched.await
    }

    /// The target as it is known after its launch: an external one says its version itself.
    fn known_as(&self, slot: usize) -> Target {
        let Slot { target, live, .. } = &self.slots[slot];
        live.get().and_then(|live| live.as_ref().ok()).map_or(target, |live| &live.target).clone()
    }

    /// Says what became of known deviations, and removes the targets.
    fn finish(self) -> (Vec<Deviation>, Option<LeftBehind>) {
        let deviations = self.deviations();
        let Suite { slots, runtime, run, .. } = self;
        let left_behind = runtime.block_on(async {
            for live in slots.into_iter().filter_map(|slot| slot.live.into_inner()?.ok()) {
                if let Some(hung) = terminal::hung(live.restarts()) {
                    say(&format!("{} {hung}", live.target.name));
                }
                live.stop().await;
            }
            run.sweep().await.err()
        });
        (deviations, left_behind)
    }

    /// Those that happened or fail the run: nothing can be said of the others when only some tests ran.
    fn deviations(&self) -> Vec<Deviation> {
        let results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        let today = jiff::ZonedDateTime::now().date();
        let of_slot = |slot: usize| {
            let own = results.iter().filter(|(of, _)| *of == slot).map(|(_, result)| result.clone());
            let known = &self.config.known_deviations;
            apply(known, &self.known_as(slot), &self.corpus, &mut own.collect::<Vec<_>>(), today)
        };
        let all = (0..self.slots.len()).flat_map(of_slot);
        all.filter(|deviation| deviation.state != DeviationState::NotTried).collect()
    }
}
