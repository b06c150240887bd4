//! Many targets, some at a time: what is known of them is not run again, and what is learned is kept at once.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;

use super::results::{KeptCell, Results};
use crate::config::{KnownDeviation, Limits};
use crate::host::gate::Gate;
use crate::launch::cache::Cache;
use crate::launch::{LaunchError, RunId, content, prepare};
use crate::matrix::{Cell, Column, Matrix, Row};
use crate::run::session::{self, Event as OfSession};
use crate::run::under::Under;
use crate::scenario::{Trial, TrialId};
use crate::target::Target;

/// What to do.
#[derive(Debug, Clone)]
pub struct MatrixPlan {
    pub columns: Vec<ColumnPlan>,
    pub trials: Vec<Trial>,
    pub limits: Limits,
    /// How often a failing trial is tried again, unless its failure is known.
    pub retries: usize,
    pub known: Vec<KnownDeviation>,
    /// How many targets run at the same time.
    pub at_once: usize,
    /// Whether to run again what is known.
    pub fresh: bool,
    /// What targets are upgraded from; each from itself, if nothing is named.
    pub from: Option<Target>,
}

/// A target, and which ones will do where it cannot be launched.
#[derive(Debug, Clone)]
pub struct ColumnPlan {
    pub target: Target,
    pub instead: Vec<Target>,
}

/// What happened.
#[derive(Debug)]
pub enum MatrixEvent {
    /// A target's turn has come, or that of one in its place: what is known of it, and how many trials are left to run.
    Begins {
        column: usize,
        target: Target,
        remark: Option<String>,
        known: Vec<(TrialId, KeptCell)>,
        trials: usize,
    },
    Finished {
        target: String,
        trial: TrialId,
        kept: KeptCell,
    },
    Of {
        column: usize,
        event: OfSession,
    },
    /// Results are not kept, because of this.
    Forgets(String),
}

/// What a gateway takes with its database and its trials, roughly: 0.9 GB was measured for LiteLLM.
const EACH: u64 = 1_200_000_000;

/// How many targets this machine has room for: each needs memory, and two cores, as a machine that is too busy makes
/// findings of its own.
pub fn room() -> usize {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let free = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory).min(system.available_memory());
    let by_memory = usize::try_from(free / EACH).unwrap_or(usize::MAX);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    by_memory.min(cores / 2).max(1)
}

/// Runs a plan, and tells what happens. Once the gate is closed nothing more begins.
pub async fn execute(plan: &MatrixPlan, run: &RunId, gate: &Gate, tell: &(dyn Fn(MatrixEvent) + Sync)) {
    let under = Under::of(plan.limits, plan.retries, plan.from.as_ref());
    let cache = Cache::find();
    if let Some(why) = cache.as_ref().err() {
        tell(MatrixEvent::Forgets(why.to_string()));
    }
    let work = MatrixWork { plan, run, gate, tell, kept: under.zip(cache.ok()) };
    let columns = futures_util::stream::iter(0..plan.columns.len());
    columns.for_each_concurrent(plan.at_once.max(1), |column| work.column(column)).await;
}

struct MatrixWork<'a> {
    plan: &'a MatrixPlan,
    run: &'a RunId,
    gate: &'a Gate,
    tell: &'a (dyn Fn(MatrixEvent) + Sync),
    kept: Option<(Under, Cache)>,
}

impl MatrixWork<'_> {
    async fn column(&self, column: usize) {
        let ColumnPlan { target: wanted, instead } = &self.plan.columns[column];
        let mut tried: Vec<(&str, String)> = Vec::new();
        for target in std::iter::once(wanted).chain(instead) {
            if self.gate.is_closed() {
                return;
            }
            let is_last = std::ptr::eq(target, instead.last().unwrap_or(wanted));
            let remark = tried.first().map(|(_, what)| {
                let names = tried.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                format!("instead of {names}: {what}")
            });
            let Some(error) = self.target(column, target, remark, is_last).await else { return };
            tried.push((&target.name, error.what));
        }
    }

    /// Runs what is not known of a target. Returns why it cannot be had, if others will do in its place. For the last one,
    /// that is told as an event, as a failed launch is.
    async fn target(
        &self,
        column: usize,
        target: &Target,
        remark: Option<String>,
        is_last: bool,
    ) -> Option<LaunchError> {
        let MatrixWork { plan, run, gate, tell, .. } = self;
        let results = self.results(target).await;
        let known = |trial: &&Trial| results.get(trial).filter(|_| !plan.fresh).cloned();
        let (left, there): (Vec<_>, Vec<_>) = plan.trials.iter().partition(|trial| known(trial).is_none());
        let there: Vec<_> = there.iter().filter_map(|trial| Some((trial.id.clone(), known(trial)?))).collect();
        let left: Vec<Trial> = left.into_iter().cloned().collect();
        if !left.is_empty() && !is_last {
            let prepared = tokio::select! {
                prepared = prepare(target, run) => prepared,
                () = gate.closed() => return None,
            };
            if let Err(error) = prepared {
                return Some(error);
            }
        }
        tell(MatrixEvent::Begins { column, target: target.clone(), remark, known: there, trials: left.len() });
        if left.is_empty() {
            return None;
        }
        let jobs = plan.limits.jobs.map(|jobs| (jobs / plan.at_once.max(1)).max(1));
        let limits = Limits { jobs, ..plan.limits };
        let of_session = session::Plan {
            targets: vec![target.clone()],
            trials: left,
            pairs: false,
            limits,
            retries: plan.retries,
            known: plan.known.clone(),
            from: plan.from.clone(),
        };
        let tell_and_keep = |event: OfSession| {
            if let OfSession::Finished(result) = &event {
                let kept = KeptCell { on: jiff::ZonedDateTime::now().date(), cell: Cell::of(result) };
                if let Some(trial) = plan.trials.iter().find(|trial| trial.id == result.trial) {
                    results.add(trial, &kept);
                }
                tell(MatrixEvent::Finished { target: target.name.clone(), trial: result.trial.clone(), kept });
            }
            tell(MatrixEvent::Of { column, event });
        };
        session::execute(&of_session, run, gate, &tell_and_keep).await;
        None
    }

    async fn results(&self, target: &Target) -> Results {
        let Some((under, cache)) = &self.kept else { return Results::default() };
        Results::of(target, content(target).await.as_deref(), under, cache).unwrap_or_else(|error| {
            (self.tell)(MatrixEvent::Forgets(error.to_string()));
            Results::default()
        })
    }
}

/// A matrix, made from the events.
#[derive(Debug, Default)]
pub struct Measured {
    columns: BTreeMap<usize, Column>,
    rows: BTreeMap<TrialId, Row>,
}

impl Measured {
    pub fn new(plan: &MatrixPlan) -> Measured {
        let rows = plan.trials.iter().map(|trial| (trial.id.clone(), Row::of(trial))).collect();
        Measured { columns: BTreeMap::new(), rows }
    }

    pub fn add(&mut self, event: &MatrixEvent) {
        match event {
            MatrixEvent::Begins { column, target, remark, known, trials: _ } => {
                let of = Column {
                    target: target.name.clone(),
                    launcher: target.launcher.kind().word().to_owned(),
                    gatecrash: env!("CARGO_PKG_VERSION").to_owned(),
                    ran_on: None,
                    error: None,
                    remark: remark.clone(),
                };
                self.columns.insert(*column, of);
                for (trial, kept) in known {
                    self.cell(&target.name, trial, kept);
                }
            }
            MatrixEvent::Finished { target, trial, kept } => self.cell(target, trial, kept),
            MatrixEvent::Of { column, event: OfSession::NotLaunched(error) } => {
                if let Some(column) = self.columns.get_mut(column) {
                    column.error = Some(error.what.clone());
                }
            }
            MatrixEvent::Of { .. } | MatrixEvent::Forgets(_) => {}
        }
    }

    fn cell(&mut self, target: &str, trial: &str, kept: &KeptCell) {
        if let Some(column) = self.columns.values_mut().find(|column| column.target == target) {
            column.ran_on = column.ran_on.max(Some(kept.on));
        }
        if let Some(row) = self.rows.get_mut(trial) {
            row.cells.insert(target.to_owned(), kept.cell.clone());
        }
    }

    /// What is known. A row without cells has not run, or could not.
    pub fn matrix(self) -> Matrix {
        Matrix {
            columns: self.columns.into_values().collect(),
            rows: self.rows.into_values().collect(),
            ..Matrix::default()
        }
    }
}
