//! An audit as it runs: a target launched once, every model asked every question, some at the same time.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;

use super::{Answered, Asked, Question, Row, is_unpriced, judged, questions as audit_questions};
use crate::config::{KnownDeviation, Limits};
use crate::gateway::own::OwnPriced;
use crate::host::gate::Gate;
use crate::launch::{LaunchError, RunId, launch};
use crate::run::again::Retries;
use crate::run::run_trial;
use crate::scenario::Trial;
use crate::target::Target;
use crate::verdict::deviation;

/// What to do.
#[derive(Debug, Clone)]
pub struct AuditPlan {
    pub target: Target,
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
const AT_ONCE: usize = 40;

/// Runs a plan; `say` is told what is going on. Once the gate is closed, nothing more is asked.
pub async fn audit(plan: &AuditPlan, run: &RunId, gate: &Gate, say: &(dyn Fn(&str) + Sync)) -> Audited {
    say(&format!("launching {}", plan.target.name));
    let launched = tokio::select! {
        launched = launch(&plan.target, plan.limits, run) => launched,
        () = gate.closed() => return Audited::Interrupted,
    };
    let live = match launched {
        Ok(live) => live,
        Err(error) => return Audited::NotLaunched(error),
    };
    let models = match &live.own {
        Ok(models) => models.clone(),
        Err(why) => {
            let why = why.clone();
            live.stop().await;
            return Audited::Silent(why);
        }
    };
    let mut questions = Vec::new();
    for (number, own) in models.iter().enumerate() {
        let of_it = audit_questions(own, &models).into_iter();
        questions.extend(of_it.map(|(question, trial)| (number, question, trial)));
    }
    say(&format!(
        "{} is ready after {:.1} s; {} questions are asked",
        live.target.name,
        live.took.as_secs_f64(),
        questions.len()
    ));
    let retries = Retries { times: 0, known: plan.known.clone().into() };
    let name = |number: usize| format!("gc-{}-{number}", run.as_str());
    let ask = |(number, (model, question, trial)): (usize, (usize, Question, Result<Trial, String>))| {
        let (live, models, retries) = (&live, &models, &retries);
        async move {
            let trial = match trial {
                Ok(trial) => trial,
                Err(why) => {
                    let why = Answered::NotAsked(why);
                    return Some((model, Asked { question, holds: why.clone(), exact: why }));
                }
            };
            // What is charged wrong although its price is known may come of how much is asked at once. Without a price,
            // that is what is to be expected.
            let name = name(number);
            let mut result = match is_unpriced(models[model].path) {
                true => run_trial(live, &trial, &name, plan.limits, gate).await?,
                false => retries.run_trial(live, &trial, &name, plan.limits, gate, ()).await?,
            };
            let today = jiff::ZonedDateTime::now().date();
            deviation::apply(&plan.known, &live.target, &[], std::slice::from_mut(&mut result), today);
            Some((model, judged(question, &result)))
        }
    };
    // Those without a price first: LiteLLM learns one when a model of the same name behind it, which has one, is asked.
    let is_first = |(_, (model, ..)): &(usize, (usize, Question, _))| is_unpriced(models[*model].path);
    let (first, then): (Vec<_>, Vec<_>) = questions.into_iter().enumerate().partition(is_first);
    let at_once = plan.limits.jobs.unwrap_or(AT_ONCE);
    let mut answers = Vec::new();
    for phase in [first, then] {
        let asked = futures_util::stream::iter(phase.into_iter().map(ask)).buffer_unordered(at_once);
        answers.extend(asked.collect::<Vec<_>>().await);
    }
    let version = live.target.version.clone();
    live.stop().await;
    if answers.iter().any(Option::is_none) {
        return Audited::Interrupted;
    }
    let mut asked: BTreeMap<usize, Vec<Asked>> = BTreeMap::new();
    for (model, answer) in answers.into_iter().flatten() {
        asked.entry(model).or_default().push(answer);
    }
    asked.values_mut().for_each(|asked| asked.sort_by_key(|asked| asked.question));
    let row = |(number, own): (usize, OwnPriced)| Row {
        model: own.model,
        price: own.says,
        priced_by: own.path,
        alias_of: own.alias_of,
        fallbacks: own.fallbacks,
        asked: asked.remove(&number).unwrap_or_default(),
        not_asked: own.priced.err(),
    };
    Audited::Done(version, models.into_iter().enumerate().map(row).collect())
}
