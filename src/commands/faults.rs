//! `gatecrash faults`: the corpus against every fault of the built-in gateway. It proves the scenarios, not a gateway:
//! the healthy one passes all, every fault is caught as what it is, every scenario catches one.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt as _;

use super::select::{Selected, select};
use super::{WrongInput, print};
use crate::builtin::{FAULTS, Fault};
use crate::config::{Config, Limits};
use crate::launch::{RunId, Target};
use crate::report::faults::{Tried, render};
use crate::run::TrialResult;
use crate::run::session::{Event, Plan, execute};
use crate::scenario::Trial;

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash faults > docs/faults.md")]
pub struct Faults {
    /// Files and folders; without any, the corpus.
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// Only faults with this in their name; several add up.
    #[arg(long, value_name = "TEXT")]
    fault: Vec<String>,
}

/// How many faulty gateways are tried at the same time: most of their time, trials wait.
const AT_ONCE: usize = 8;

impl Faults {
    pub fn execute(&self, config: &Config) -> Result<u8, WrongInput> {
        let every = crate::config::Run { leave_out: Vec::new(), ..config.run.clone() };
        let every = Config { run: every, ..config.clone() };
        let Selected { trials, .. } = select(&every, &self.scenarios, &[], &[])?;
        if trials.is_empty() {
            return Ok(4);
        }
        let (slow, quick): (Vec<Trial>, Vec<Trial>) = trials.into_iter().partition(|trial| trial.has_tag("slow"));
        let named = |name: &str| self.fault.is_empty() || self.fault.iter().any(|part| name.contains(part.as_str()));
        let faults = FAULTS.iter().filter(|about| named(about.name)).map(|about| Some(about.fault));
        let runtime = tokio::runtime::Runtime::new()?;
        let (slow, quick) = (slow.as_slice(), quick.as_slice());
        let tried = runtime.block_on(async {
            let each = std::iter::once(None).chain(faults).map(|fault| async move {
                let mut one = Tried { fault, results: tried(fault, quick, config.limits).await };
                // What a quick trial catches need not be waited for.
                if fault.is_some() && !one.is_caught() {
                    one.results.extend(tried(fault, slow, config.limits).await);
                }
                one
            });
            futures_util::stream::iter(each).buffered(AT_ONCE).collect::<Vec<Tried>>().await
        });
        let matrix = render(&tried);
        print(&matrix.text);
        for gap in &matrix.gaps {
            anstream::eprintln!("error: {gap}");
        }
        Ok(if matrix.gaps.is_empty() { 0 } else { 1 })
    }
}

async fn tried(fault: Option<Fault>, trials: &[Trial], limits: Limits) -> Vec<TrialResult> {
    // What hangs is waited for each time; whoever answers has long enough also on a busy machine.
    let request = if fault == Some(Fault::Hangs) { Duration::from_millis(500) } else { Duration::from_secs(20) };
    let limits = Limits { request, settle: Duration::from_millis(300), jobs: 60, ..limits };
    let plan = Plan { targets: vec![Target::builtin(fault)], trials: trials.to_vec(), pairs: false, limits };
    let results = Mutex::new(Vec::new());
    let tell = |event| {
        if let Event::Finished(result) = event {
            results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(result);
        }
    };
    execute(&plan, &RunId::new(), &tell).await;
    results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}
