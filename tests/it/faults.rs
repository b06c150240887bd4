//! The corpus proves itself on the built-in gateway: the healthy one passes everything, every fault is caught by a
//! scenario with a finding of the right kind, and every scenario catches a fault.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use gatecrash::builtin::{FAULTS, Fault};
use gatecrash::config::{Config, Limits};
use gatecrash::launch::{Compromised, RunId, Target};
use gatecrash::run::TrialResult;
use gatecrash::run::session::{Event, Plan, execute};
use gatecrash::scenario::plan::plan;
use gatecrash::verdict::{FindingKind, Outcome};

/// What a fault has to be found as.
fn kind(fault: Fault) -> FindingKind {
    match fault {
        Fault::UnpricedModelSkipsBudgets
        | Fault::KeyBudgetSkippedWithoutTeam
        | Fault::KeyBudgetIgnored
        | Fault::UserBudgetIgnored
        | Fault::TeamBudgetIgnored
        | Fault::BudgetWithDurationIgnored
        | Fault::SessionKeyWithoutBudget
        | Fault::AllTeamModelsSkipsBudgets
        | Fault::StreamSkipsBudgets
        | Fault::ResponsesSkipBudgets
        | Fault::EmbeddingsSkipBudgets
        | Fault::BlockedKeyServed
        | Fault::UnknownKeyServed
        | Fault::ModelListIgnored => FindingKind::Bypass,
        Fault::RpmIgnored => FindingKind::Overrun,
        Fault::PhantomBudget | Fault::ReservationNeverReleased => FindingKind::FalseRefusal,
        Fault::BudgetRefusedWith400 => FindingKind::WrongRefusal,
        Fault::RefusedCallReachesUpstream => FindingKind::Leak,
        Fault::SpendDoubled | Fault::StreamNotCharged | Fault::TeamSpendNotRecorded | Fault::FailedCallCharged => {
            FindingKind::Miscount
        }
        Fault::Answers500 | Fault::Hangs => FindingKind::Fault,
    }
}

/// The corpus on one target, at the pace of a gateway that books at once.
fn corpus_on(target: &str) -> Vec<TrialResult> {
    let config = Config::read(None).unwrap();
    // Long enough for a busy machine; short where every request takes it.
    let request = if target.ends_with("hangs") { Duration::from_millis(500) } else { Duration::from_secs(20) };
    let target = Target::parse(target, &config, Compromised::Refuse).unwrap();
    let trials = plan(&[config.scenarios]).unwrap().into_iter().filter(|trial| !trial.has_tag("slow")).collect();
    let limits = Limits { request, settle: Duration::from_millis(300), jobs: 60, ..config.limits };
    let plan = Plan { targets: vec![target], trials, pairs: false, limits };
    let results = Mutex::new(Vec::new());
    let tell = |event| {
        if let Event::Finished(result) = event {
            results.lock().unwrap().push(result);
        }
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(execute(&plan, &RunId::new(), &tell));
    results.into_inner().unwrap()
}

#[test]
fn the_healthy_gateway_passes_the_corpus() {
    let results = corpus_on("builtin");
    assert!(results.len() > 40, "only {} trials ran", results.len());
    for result in results {
        assert_eq!(result.outcome, Outcome::Pass, "{}: {:?}", result.trial, result.findings);
    }
}

#[test]
fn every_fault_is_caught_and_every_scenario_catches_one() {
    let scenario_of = |trial: &str| trial.splitn(3, '/').take(2).collect::<Vec<_>>().join("/");
    let mut uncaught: Vec<&str> = Vec::new();
    let mut catches: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for about in FAULTS {
        let results = corpus_on(&format!("builtin@fault:{}", about.name));
        let mut caught = false;
        for result in &results {
            let right = result.findings.iter().any(|finding| finding.kind == kind(about.fault));
            caught |= right && result.outcome == Outcome::Fail;
            let catches = catches.entry(scenario_of(&result.trial)).or_default();
            if right {
                catches.insert(about.name);
            }
            assert!(!matches!(result.outcome, Outcome::Error { .. }), "{}: {:?}", about.name, result.outcome);
        }
        if !caught {
            uncaught.push(about.name);
        }
    }
    assert!(uncaught.is_empty(), "no scenario catches {uncaught:?}");
    let useless: Vec<_> =
        catches.iter().filter(|(_, faults)| faults.is_empty()).map(|(scenario, _)| scenario).collect();
    assert!(useless.is_empty(), "these catch no fault: {useless:?}");
}
