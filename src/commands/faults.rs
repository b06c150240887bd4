//! `gatecrash faults`: the corpus against every fault of the built-in gateway. It proves the scenarios, not a gateway:
//! the healthy one passes all, every fault is caught as what it is, every scenario catches one.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt as _;

use super::select::{Selected, select};
use super::{WrongInput, print, say};
use crate::builtin::{FAULTS, Fault};
use crate::config::{Config, Limits};
use crate::launch::{RunId, Target};
use crate::report::faults::{Claims, Matrix, Tried, render, scenario_of};
use crate::run::TrialResult;
use crate::run::gate::Gate;
use crate::run::session::{Event, Plan, execute};
use crate::scenario::Trial;

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash faults > docs/data/faults.md")]
pub struct Faults {
    /// Files and folders; without any, the corpus.
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// Only faults with this in their name; several add up.
    #[arg(long, value_name = "TEXT")]
    fault: Vec<String>,
    /// Instead of trying everything, prove what this file says, by one pair for each fault and each scenario.
    #[arg(long, value_name = "FILE", conflicts_with = "fault")]
    check: Option<PathBuf>,
}

/// How many faulty gateways are tried at the same time: most of their time, trials wait.
const AT_ONCE: usize = 10;

impl Faults {
    pub fn execute(&self, config: &Config) -> Result<u8, WrongInput> {
        let every = crate::config::Run { leave_out: Vec::new(), ..config.run.clone() };
        let every = Config { run: every, ..config.clone() };
        let Selected { trials, .. } = select(&every, &self.scenarios, &[], &[])?;
        if trials.is_empty() {
            return Ok(4);
        }
        let runtime = tokio::runtime::Runtime::new()?;
        let gaps = match &self.check {
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .map_err(|error| WrongInput(format!("error: {}: {error}", file.display())))?;
                runtime.block_on(check(&Claims::read(&text), &trials, config.limits))
            }
            None => {
                let Matrix { text, gaps } = render(&runtime.block_on(self.all(&trials, config.limits)));
                match print(&text) {
                    0 => gaps,
                    code => return Ok(code),
                }
            }
        };
        for gap in &gaps {
            say(&format!("error: {gap}"));
        }
        Ok(if gaps.is_empty() { 0 } else { 1 })
    }

    /// Every fault on every trial; on slow ones those that no quick one catches, and one that all of them see.
    async fn all(&self, trials: &[Trial], limits: Limits) -> Vec<Tried> {
        let named = |name: &str| self.fault.is_empty() || self.fault.iter().any(|part| name.contains(part.as_str()));
        let faults = FAULTS.iter().filter(|about| named(about.name)).map(|about| Some(about.fault));
        let (slow, quick): (Vec<Trial>, Vec<Trial>) = trials.iter().cloned().partition(|trial| trial.has_tag("slow"));
        let (slow, quick) = (slow.as_slice(), quick.as_slice());
        let each = std::iter::once(None).chain(faults).map(|fault| async move {
            let mut one = Tried { fault, results: tried(fault, quick, limits).await };
            if fault == Some(Fault::SpendDoubled) || (fault.is_some() && !one.is_caught()) {
                one.results.extend(tried(fault, slow, limits).await);
            }
            one
        });
        futures_util::stream::iter(each).buffered(AT_ONCE).collect().await
    }
}

/// What is not as a file says: the healthy gateway on all but slow trials, and for each fault and each scenario one pair.
async fn check(claims: &Claims, trials: &[Trial], limits: Limits) -> Vec<String> {
    let mut gaps = claims.stale(trials);
    let quick: Vec<Trial> = trials.iter().filter(|trial| !trial.has_tag("slow")).cloned().collect();
    let is_slow = |scenario: &str| !quick.iter().any(|trial| scenario_of(&trial.id) == scenario);
    let pairs = claims.pairs(is_slow);
    let of_fault = pairs.iter().map(|(fault, scenarios)| async move {
        let own: Vec<Trial> =
            trials.iter().filter(|trial| scenarios.contains(&scenario_of(&trial.id))).cloned().collect();
        (scenarios, Tried { fault: Some(*fault), results: tried(Some(*fault), &own, limits).await })
    });
    let healthy = Tried { fault: None, results: tried(None, &quick, limits).await };
    gaps.extend(healthy.failures());
    let all: Vec<_> = futures_util::stream::iter(of_fault).buffer_unordered(AT_ONCE).collect().await;
    for (scenarios, tried) in all {
        gaps.extend(scenarios.iter().filter_map(|scenario| tried.misses(scenario)));
    }
    gaps
}

async fn tried(fault: Option<Fault>, trials: &[Trial], limits: Limits) -> Vec<TrialResult> {
    // What hangs is waited for each time; whoever answers has long enough also on a busy machine.
    let request = match fault {
        Some(Fault::Hangs | Fault::HangsForGood) => Duration::from_millis(500),
        Some(_) | None => Duration::from_secs(20),
    };
    let limits = Limits { request, settle: Duration::from_millis(300), jobs: 60, ..limits };
    let plan = Plan {
        targets: vec![Target::builtin(fault)],
        trials: trials.to_vec(),
        pairs: false,
        limits,
        retries: 0,
        known: Vec::new(),
    };
    let results = Mutex::new(Vec::new());
    let tell = |event| {
        if let Event::Finished(result) = event {
            results.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        }
    };
    execute(&plan, &RunId::new(), &Gate::default(), &tell).await;
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}
