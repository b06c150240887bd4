//! The corpus against every fault of the built-in gateway. It proves the scenarios, not a gateway: the healthy one passes
//! all, every fault is caught as what it is, every scenario catches one.

pub mod tell;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;

use crate::builtin::{FAULTS, Fault};
use crate::config::{Config, Limits, Run};
use crate::host::console::{print, say};
use crate::host::failure::{Exit, Failure};
use crate::host::gate::Gate;
use crate::host::stage::runtime;
use crate::launch::RunId;
use crate::outcome::TrialResult;
use crate::run::select::{Selected, select};
use crate::run::session::{Event, Plan, execute};
use crate::scenario::Trial;
use crate::target::Target;
use tell::{Claims, FaultRun, FaultTable, render, scenario_of};

/// What is tried.
#[derive(Debug, Clone)]
pub struct FaultsOrder {
    /// Files and folders; the corpus, if there are none.
    pub scenarios: Vec<PathBuf>,
    /// Parts of the names of faults; all, if there are none.
    pub faults: Vec<String>,
    /// A file whose claims are to be proved instead.
    pub check: Option<PathBuf>,
}

/// How many faulty gateways are tried at the same time: trials mostly wait.
const AT_ONCE: usize = 10;

/// Tries it, and says what is missing.
///
/// # Errors
/// When scenarios or the file of claims cannot be read.
pub fn faults(config: &Config, order: &FaultsOrder) -> Result<Exit, Failure> {
    let every = Config { run: Run { leave_out: Vec::new(), ..config.run.clone() }, ..config.clone() };
    let Selected { trials, .. } = select(&every, &[], &order.scenarios, &[], &[])?;
    if trials.is_empty() {
        return Ok(Exit::NothingRun);
    }
    let runtime = runtime()?;
    let (printed, gaps) = match &order.check {
        Some(file) => {
            let unread = |error| Failure::wrong(format!("{}: {error}", file.display()));
            let text = std::fs::read_to_string(file).map_err(unread)?;
            (Exit::Fine, runtime.block_on(check(&Claims::read(&text), &trials, config.limits)))
        }
        None => {
            let FaultTable { text, gaps } = render(&runtime.block_on(all(&order.faults, &trials, config.limits)));
            (print(&text), gaps)
        }
    };
    for gap in &gaps {
        say(&format!("error: {gap}"));
    }
    Ok(if gaps.is_empty() { printed } else { printed.worst(Exit::Failed) })
}

/// Every fault on quick trials; on slow ones, faults that no quick one catches, and one that all of them see; on those with
/// an upgrade, faults of several instances as well.
async fn all(parts: &[String], trials: &[Trial], limits: Limits) -> Vec<FaultRun> {
    let named = |name: &str| parts.is_empty() || parts.iter().any(|part| name.contains(part.as_str()));
    let faults = FAULTS.iter().filter(|about| named(about.name)).map(|about| Some(about.fault));
    let (moved, others): (Vec<Trial>, Vec<Trial>) =
        trials.iter().cloned().partition(|trial| trial.file.scenario.rollout().is_some());
    let (slow, quick): (Vec<Trial>, Vec<Trial>) = others.into_iter().partition(|trial| trial.has_tag("slow"));
    let (moved, slow, quick) = (moved.as_slice(), slow.as_slice(), quick.as_slice());
    let each = std::iter::once(None).chain(faults).map(|fault| async move {
        let mut one = FaultRun { fault, results: tried(fault, quick, limits).await };
        let is_caught = one.is_caught();
        let of_instances = |result: &TrialResult| {
            let trial = quick.iter().find(|trial| trial.id == result.trial);
            trial.is_some_and(|trial| trial.file.scenario.instances.is_some()) && result.outcome.has_failed()
        };
        let is_wanted = fault == Some(Fault::SpendDoubled) || !is_caught;
        let of_instances = one.results.iter().any(of_instances);
        if fault.is_some() && is_wanted {
            one.results.extend(tried(fault, slow, limits).await);
        }
        if is_wanted || of_instances {
            one.results.extend(tried(fault, moved, limits).await);
        }
        one
    });
    futures_util::stream::iter(each).buffered(AT_ONCE).collect().await
}

/// What is not as a file says: the healthy gateway on all but slow trials, and one pair for each fault and each scenario.
async fn check(claims: &Claims, trials: &[Trial], limits: Limits) -> Vec<String> {
    let mut gaps = claims.stale(trials);
    let quick: Vec<Trial> = trials.iter().filter(|trial| !trial.has_tag("slow")).cloned().collect();
    let is_slow = |scenario: &str| !quick.iter().any(|trial| scenario_of(&trial.id) == scenario);
    let pairs = claims.pairs(is_slow);
    let of_fault = pairs.iter().map(|(fault, scenarios)| async move {
        let own: Vec<Trial> =
            trials.iter().filter(|trial| scenarios.contains(&scenario_of(&trial.id))).cloned().collect();
        (scenarios, FaultRun { fault: Some(*fault), results: tried(Some(*fault), &own, limits).await })
    });
    let healthy = FaultRun { fault: None, results: tried(None, &quick, limits).await };
    gaps.extend(healthy.failures());
    let all: Vec<_> = futures_util::stream::iter(of_fault).buffer_unordered(AT_ONCE).collect().await;
    for (scenarios, tried) in all {
        gaps.extend(scenarios.iter().filter_map(|scenario| tried.misses(scenario)));
    }
    gaps
}

async fn tried(fault: Option<Fault>, trials: &[Trial], limits: Limits) -> Vec<TrialResult> {
    // A hang costs this each time; a gateway that answers has long enough, even on a busy machine.
    let request = match fault {
        Some(Fault::Hangs | Fault::HangsForGood) => Duration::from_millis(500),
        Some(_) | None => Duration::from_secs(20),
    };
    let limits = Limits { request, settle: Duration::from_millis(300), jobs: Some(60), ..limits };
    let plan = Plan {
        targets: vec![Target::builtin(fault)],
        trials: trials.to_vec(),
        pairs: false,
        limits,
        retries: 0,
        known: Vec::new(),
        from: None,
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
