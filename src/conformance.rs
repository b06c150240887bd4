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
//! of the process. cargo-nextest runs each trial in a process of its own: there, a target that takes half a minute to
//! launch has one trial, which runs all its scenarios.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use libtest_mimic::{Arguments, Completion, Failed, Trial as Test};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use crate::commands::WrongInput;
use crate::commands::select::{Selected, select};
use crate::config::{Config, Limits};
use crate::gateway::redact;
use crate::launch::{Compromised, LaunchError, Live, RunId, Target, launch, sweep};
use crate::report::console::say;
use crate::report::{Judged, Record, Report, console, terminal};
use crate::run::session::{Event, Plan};
use crate::run::{TrialResult, run_trial};
use crate::scenario::{Alone, Trial, TrialId};
use crate::verdict::Outcome;
use crate::verdict::deviation::{Deviation, DeviationState, apply};

/// The environment variables that name targets, before `harness.toml` does: one is a target, both are a comparison.
pub const BASELINE: &str = "GATECRASH_BASELINE";
pub const CANDIDATE: &str = "GATECRASH_CANDIDATE";

/// Which scenarios are run on which targets, as tests.
#[derive(Debug, Clone, Default)]
pub struct Harness {
    config: Option<PathBuf>,
    scenarios: Vec<PathBuf>,
    targets: Vec<String>,
}

impl Harness {
    /// Scenarios and targets of `harness.toml`.
    pub fn new() -> Harness {
        Harness::default()
    }

    /// Another settings file than `harness.toml`.
    pub fn config(mut self, file: impl Into<PathBuf>) -> Harness {
        self.config = Some(file.into());
        self
    }

    /// Scenarios of this file or folder instead; several add up.
    pub fn scenarios(mut self, path: impl Into<PathBuf>) -> Harness {
        self.scenarios.push(path.into());
        self
    }

    /// This target instead, unless the environment names one; several add up.
    pub fn target(mut self, target: impl Into<String>) -> Harness {
        self.targets.push(target.into());
        self
    }

    /// Runs them with the arguments of the test binary, as libtest does.
    pub fn run(self) -> ExitCode {
        console::guard();
        let mut arguments = Arguments::from_args();
        let suite = match self.suite() {
            Ok(suite) => Arc::new(suite),
            Err(WrongInput(message)) => {
                say(message.trim_end());
                return ExitCode::from(2);
            }
        };
        // Trials wait far more than they work.
        arguments.test_threads.get_or_insert(suite.limits.jobs);
        let tests = suite.tests();
        let listing = arguments.list;
        let conclusion = libtest_mimic::run(&arguments, tests);
        if listing {
            return ExitCode::SUCCESS;
        }
        // The tests are gone, and with them every other hold of the suite.
        let deviations = Arc::into_inner(suite).map(Suite::finish).unwrap_or_default();
        say(terminal::deviations(&deviations).trim_end());
        match conclusion.has_failed() || deviations.iter().any(|deviation| deviation.state.fails_the_run()) {
            true => ExitCode::from(101),
            false => ExitCode::SUCCESS,
        }
    }

    fn suite(&self) -> Result<Suite, WrongInput> {
        let config = Config::read(self.config.as_deref())?;
        let named = |variable| std::env::var(variable).ok().filter(|name| !name.is_empty());
        let (baseline, candidate) = (named(BASELINE), named(CANDIDATE));
        let pairs = baseline.is_some() && candidate.is_some();
        let from_environment: Vec<String> = baseline.into_iter().chain(candidate).collect();
        let names = [&from_environment, &self.targets, &config.run.targets].into_iter().find(|names| !names.is_empty());
        let parse = |name: &String| Target::parse(name, &config, Compromised::Refuse);
        let targets = names.into_iter().flatten().map(parse).collect::<Result<Vec<_>, _>>()?;
        let Selected { mut trials, corpus } = select(&config, &self.scenarios, &[], &[])?;
        // Tests begin in this order; who runs alone holds its target alone.
        trials.sort_by_key(|trial| Alone::PHASES.iter().position(|phase| *phase == trial.file.scenario.alone));
        let limits = config.limits;
        let runtime = Runtime::new()?;
        let run = RunId::new();
        if targets.iter().any(Target::is_in_docker) {
            clean_up_on_signals(&runtime, run.clone());
        }
        let slots = targets.into_iter().map(|target| Slot { target, live: OnceCell::new() }).collect();
        let results = Mutex::default();
        Ok(Suite { config, slots, pairs, trials, corpus, limits, runtime, run, results })
    }
}

/// An interrupted test run leaves no containers behind either.
fn clean_up_on_signals(runtime: &Runtime, run: RunId) {
    runtime.spawn(async move {
        crate::commands::interrupted().await;
        sweep(&run).await;
        std::process::exit(130);
    });
}

/// What a test says is shown by libtest-mimic, not by us: nothing secret may be in it. A panic was told by its hook.
fn guarded(test: impl FnOnce() -> Result<Completion, Failed>) -> Result<Completion, Failed> {
    let shown = |failed: Failed| Failed::from(redact(failed.message().unwrap_or_default()));
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(test)) {
        Ok(Ok(Completion::Ignored { reason })) => Ok(Completion::Ignored { reason: reason.map(|text| redact(&text)) }),
        Ok(Ok(completion)) => Ok(completion),
        Ok(Err(failed)) => Err(shown(failed)),
        Err(_) => Err("gatecrash itself broke".into()),
    }
}

/// A target, launched at most once.
struct Slot {
    target: Target,
    live: OnceCell<Result<Live, LaunchError>>,
}

struct Suite {
    config: Config,
    slots: Vec<Slot>,
    pairs: bool,
    trials: Vec<Trial>,
    corpus: Vec<String>,
    limits: Limits,
    runtime: Runtime,
    run: RunId,
    /// Of each target, in their order; for known deviations that no longer happen.
    results: Mutex<Vec<(usize, TrialResult)>>,
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
        let names: Vec<_> = slots.iter().map(|slot| self.slots[*slot].target.name.as_str()).collect();
        let prefix = names.join("..");
        let slow_to_launch = slots.iter().any(|slot| self.slots[*slot].target.is_in_docker());
        if slow_to_launch && std::env::var_os("NEXTEST").is_some() {
            let suite = Arc::clone(self);
            let all = move || suite.all(&slots).map(|()| Completion::Completed);
            return vec![Test::ignorable_test(format!("{prefix}::all"), move || guarded(all))];
        }
        let test = |trial: &Trial| {
            let (suite, slots, trial) = (Arc::clone(self), slots.clone(), trial.clone());
            let name = format!("{prefix}::{}", trial.id.replace('/', "::"));
            Test::ignorable_test(redact(&name), move || guarded(|| suite.one(&slots, &trial)))
        };
        self.trials.iter().map(test).collect()
    }

    /// One trial on one target, or on both of a pair.
    fn one(&self, slots: &[usize], trial: &Trial) -> Result<Completion, Failed> {
        let began = Instant::now();
        let mut record = Record::default();
        for result in self.runtime.block_on(self.results(slots, trial))? {
            record.add(&Event::Finished(result));
        }
        let plan = Plan {
            targets: slots.iter().map(|slot| self.known_as(*slot)).collect(),
            trials: vec![trial.clone()],
            pairs: self.pairs,
            limits: self.limits,
        };
        let known = &self.config.known_deviations;
        let (corpus, selected): (&[TrialId], &[TrialId]) = (&[], &[]);
        let judged = Judged { plan: &plan, known, corpus, partition: None, selected, began, interrupted: false };
        let report = Report::of(record, &judged);
        let Some(of_trial) = report.trials.first() else { return Err("the trial has no result".into()) };
        for result in &of_trial.results {
            match &result.outcome {
                Outcome::Error { reason } => return Err(format!("{}: {reason}", result.target).into()),
                Outcome::Skip { reason } => return Ok(Completion::ignored_with(reason)),
                Outcome::Pass | Outcome::Fail => {}
            }
        }
        if !report.failed(of_trial) {
            return Ok(Completion::Completed);
        }
        let text = terminal::in_full(&report, of_trial);
        Err(anstream::adapter::strip_str(&text).to_string().into())
    }

    /// All trials, as one test.
    fn all(&self, slots: &[usize]) -> Result<(), Failed> {
        let next = std::sync::atomic::AtomicUsize::new(0);
        let work = || {
            let mut failed = Vec::new();
            while let Some(trial) = self.trials.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                failed.extend(self.one(slots, trial).err().and_then(|failed| failed.message().map(str::to_owned)));
            }
            failed
        };
        let failed: Vec<String> = std::thread::scope(|threads| {
            let threads: Vec<_> = (0..self.limits.jobs).map(|_| threads.spawn(work)).collect();
            let panicked = |_| vec!["a trial panicked".to_owned()];
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(panicked)).collect()
        });
        if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
    }

    async fn results(&self, slots: &[usize], trial: &Trial) -> Result<Vec<TrialResult>, Failed> {
        let number = self.trials.iter().position(|own| own.id == trial.id).unwrap_or_default();
        let name = format!("gc-{}-{number}", self.run.as_str());
        let on_slot = |slot: &usize| {
            let (slot, name) = (*slot, name.clone());
            async move {
                let live = match self.live(slot).await {
                    Ok(live) => live,
                    Err(error) => return Err(Failed::from(error.to_string())),
                };
                let result = run_trial(live, trial, &name, self.limits).await;
                self.results.lock().unwrap_or_else(PoisonError::into_inner).push((slot, result.clone()));
                Ok(result)
            }
        };
        futures_util::future::try_join_all(slots.iter().map(on_slot)).await
    }

    async fn live(&self, slot: usize) -> &Result<Live, LaunchError> {
        let Slot { target, live } = &self.slots[slot];
        live.get_or_init(|| launch(target, self.limits, &self.run)).await
    }

    /// The target as it is known after its launch: an external one says its version itself.
    fn known_as(&self, slot: usize) -> Target {
        let Slot { target, live } = &self.slots[slot];
        live.get().and_then(|live| live.as_ref().ok()).map_or(target, |live| &live.target).clone()
    }

    /// Says what became of known deviations, and takes the targets away.
    fn finish(self) -> Vec<Deviation> {
        let deviations = self.deviations();
        let Suite { slots, runtime, run, .. } = self;
        runtime.block_on(async {
            let in_docker = slots.iter().any(|slot| slot.target.is_in_docker());
            for live in slots.into_iter().filter_map(|slot| slot.live.into_inner()?.ok()) {
                live.stop().await;
            }
            if in_docker {
                sweep(&run).await;
            }
        });
        deviations
    }

    /// Those that happened or fail the run: of the others nothing can be said, when only some tests ran.
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
