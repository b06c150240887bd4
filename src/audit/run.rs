//! An audit as it runs: a target launched once, every model asked every question, some at the same time.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;

use super::{Answered, Asked, Question, Row, judged, trial};
use crate::config::{KnownDeviation, Limits};
use crate::gateway::own::{OwnConfig, OwnPriced};
use crate::host::gate::Gate;
use crate::launch::{LaunchError, RunId, launch};
use crate::run::run_trial;
use crate::scenario::Trial;
use crate::target::Target;
use crate::verdict::deviation;

/// What to do.
#[derive(Debug, Clone)]
pub struct AuditPlan {
    pub target: Target,
    pub own: OwnConfig,
    pub limits: Limits,
    pub known: Vec<KnownDeviation>,
}

/// How it ended.
#[derive(Debug, Clone)]
pub enum Audited {
    /// The version that the gateway reports, and what is known of each model.
    Done(Option<String>, Vec<Row>),
    NotLaunched(LaunchError),
    /// It does not say how its models are priced.
    Silent(String),
    Interrupted,
}

/// How many questions are asked at the same time: each of them mostly waits for the books.
const AT_ONCE: usize = 16;

/// Runs a plan; `say` is told what is going on. Once the gate is closed, nothing more is asked.
pub async fn audit(plan: &AuditPlan, run: &RunId, gate: &Gate, say: &(dyn Fn(&str) + Sync)) -> Audited {
    say(&format!("launching {}", plan.target.name));
    let launched = tokio::select! {
        launched = launch(&plan.target, plan.limits, run) => launched,
        () = gate.closed() => return Audited::Interrupted,
    };
    let mut live = match launched {
        Ok(live) => live,
        Err(error) => return Audited::NotLaunched(error),
    };
    let models = match live.price_own(&plan.own).await {
        Ok(models) => models,
        Err(error) => {
            live.stop().await;
            return Audited::Silent(error.to_string());
        }
    };
    live.own = models.iter().filter_map(|own| Some((own.model.clone(), *own.priced.as_ref().ok()?))).collect();
    let questions: Vec<(usize, Question, Result<Trial, String>)> =
        models.iter().enumerate().flat_map(of_model).collect();
    say(&format!(
        "{} is ready after {:.1} s; {} questions are asked",
        live.target.name,
        live.took.as_secs_f64(),
        questions.len()
    ));
    let name = |number: usize| format!("gc-{}-{number}", run.as_str());
    let each = questions.into_iter().enumerate().map(|(number, (model, question, trial))| {
        let live = &live;
        async move {
            let trial = match trial {
                Ok(trial) => trial,
                Err(why) => {
                    let why = Answered::NotAsked(why);
                    return Some((model, Asked { question, holds: why.clone(), exact: why }));
                }
            };
            let mut result = run_trial(live, &trial, &name(number), plan.limits, gate).await?;
            let today = jiff::ZonedDateTime::now().date();
            deviation::apply(&plan.known, &live.target, &[], std::slice::from_mut(&mut result), today);
            Some((model, judged(question, &result)))
        }
    });
    let at_once = plan.limits.jobs.unwrap_or(AT_ONCE);
    let answers: Vec<_> = futures_util::stream::iter(each).buffered(at_once).collect().await;
    let version = live.target.version.clone();
    live.stop().await;
    if answers.iter().any(Option::is_none) {
        return Audited::Interrupted;
    }
    let mut asked: BTreeMap<usize, Vec<Asked>> = BTreeMap::new();
    for (model, answer) in answers.into_iter().flatten() {
        asked.entry(model).or_default().push(answer);
    }
    let row = |(number, own): (usize, OwnPriced)| Row {
        model: own.model,
        price: own.says,
        priced_by: own.path,
        asked: asked.remove(&number).unwrap_or_default(),
        not_asked: own.priced.err(),
    };
    Audited::Done(version, models.into_iter().enumerate().map(row).collect())
}

/// All questions about a model that can be asked.
fn of_model((number, own): (usize, &OwnPriced)) -> Vec<(usize, Question, Result<Trial, String>)> {
    let priced = own.priced.as_ref().ok();
    let ask = |priced| Question::ALL.map(|question| (number, question, trial(own, priced, question)));
    priced.map(|priced| ask(priced).to_vec()).unwrap_or_default()
}
