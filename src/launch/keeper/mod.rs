//! Targets that stay up between runs, and those that the processes of a run of nextest share.
//!
//! A *keeper* is this executable again, in a process of its own: it launches one target, owns it, and answers runs what
//! only its owner knows (`control`), until it is told to end or the process that it watches is gone. `place` says where
//! it is found, `attached` what a run has of it.

mod control;
mod place;

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::attached::Attached;
use super::turns::Share;
use super::{Calls, Health, Held, LaunchError, Live, RunId, http, launch_anew, random_hex, settled};
use crate::config::Limits;
use crate::host::console::say;
use crate::host::interrupts::Interrupts;
use crate::secret::{Secret, redact};
use crate::target::Target;
pub use control::Lease;
pub(super) use control::{Asked, Gone, Keeper, Node};
use control::{Keeping, serve};
use place::{Occupancy, Order, Phase, Place, Program, Record, Requirements, Up};

/// The first argument of a keeper; the second is the folder of its place.
const ARGUMENT: &str = "gatecrash:keep";

/// Why there is no target, for those who no longer wanted one.
const INTERRUPTED: &str = "it was interrupted";

/// How often to look at things that nobody reports.
const LOOK: Duration = Duration::from_millis(50);
/// How long a keeper has to take its target away, before that is called a failure.
const ENDING: Duration = Duration::from_secs(60);

/// Where a live target came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It was launched for this run.
    Launched,
    /// It was up already.
    Kept {
        pid: u32,
        #[schemars(with = "String")]
        since: jiff::Timestamp,
    },
    /// It was launched although one was up, which is another.
    LaunchedBeside { why: String },
}

/// If this process was started as a keeper: keeps its target, to the end.
pub fn keep_if_told() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let place = Place::at((arguments.next()? == ARGUMENT).then(|| arguments.next())??);
    Some(match keep(&place) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{}: {error}", place.folder().display()));
            ExitCode::FAILURE
        }
    })
}

fn keep(place: &Place) -> std::io::Result<()> {
    // The process that started this one held the lock, and passed it on as standard input. Our children must not get it.
    let _lock = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    let order = place.order().ok_or_else(|| std::io::Error::other("there is no order"))?;
    let (pid, program) = (std::process::id(), Program::this());
    let record = |state| Record { order: order.clone(), pid, program: program.clone(), state };
    place.write_record(&record(Phase::Launching))?;
    let runtime = Runtime::new()?;
    let ended = runtime.block_on(launch_and_keep(place, &order, record));
    // A failure stays for those who wait for the target to read; for nextest, until its run is over.
    match place.record().map(|record| record.state) {
        Some(Phase::Failed(_)) if order.watched.is_none() => {}
        _ => place.remove(),
    }
    ended
}

async fn launch_and_keep(place: &Place, order: &Order, record: impl Fn(Phase) -> Record) -> std::io::Result<()> {
    // It outlives the terminal. And a signal that nobody waits for would be lost: one wait lasts from here on.
    let _hangup = signal(SignalKind::hangup())?;
    let mut ending = std::pin::pin!(ending(Interrupts::listen()?, order.watched));
    let run = RunId::new();
    let target = &order.wanted.target;
    let limits = Limits { launch: order.launch, request: order.request, ..Limits::default() };
    let launched = tokio::select! {
        launched = launch_anew(target, limits, &run) => Some(launched),
        () = &mut ending => None,
    };
    let ended = match launched {
        None => Ok(()),
        Some(Ok(live)) => keep_up(place, live, record, ending).await,
        Some(Err(error)) => {
            // If something is left now, its reaper goes on trying for a while.
            let _ = run.sweep().await;
            let written = place.write_record(&record(Phase::Failed(error)));
            if order.watched.is_some() {
                ending.await;
            }
            return written;
        }
    };
    run.sweep().await.map_err(|left| std::io::Error::other(left.to_string()))?;
    ended
}

/// Answers runs until the end, and takes the target away.
async fn keep_up(
    place: &Place,
    live: Live,
    record: impl Fn(Phase) -> Record,
    ending: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let up = Up {
        url: format!("http://{}/", listener.local_addr()?),
        token: Secret::new(format!("sk-{}{}{}{}", random_hex(), random_hex(), random_hex(), random_hex())),
        version: live.target.version.clone(),
        pace: live.pace(),
        since: jiff::Timestamp::now(),
        took: live.took,
        setup: live.setup.clone(),
    };
    let live = Arc::new(live);
    let keeping = Keeping { live: Arc::clone(&live), token: up.token.clone() };
    // A runtime of its own: with it end all connections and what they hold of the target.
    let serving = Runtime::new()?;
    serving.spawn(serve(listener, keeping));
    place.write_record(&record(Phase::Up(up)))?;
    ending.await;
    let _ = place.write_record(&record(Phase::Ending));
    let ended = tokio::task::spawn_blocking(move || serving.shutdown_timeout(Duration::from_secs(5))).await;
    if let Some(live) = Arc::into_inner(live) {
        live.stop().await;
    }
    ended.map_err(std::io::Error::other)
}

/// Waits until a signal tells this process to end, or the process that it watches is gone.
async fn ending(mut interrupts: Interrupts, watched: Option<u32>) {
    let gone = async {
        let Some(watched) = watched.and_then(pid) else { return std::future::pending().await };
        while test_kill_process(watched).is_ok() {
            tokio::time::sleep(LOOK * 5).await;
        }
    };
    tokio::select! {
        () = interrupts.next() => {}
        () = gone => {}
    }
}

fn pid(raw: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(raw).ok()?)
}

impl LaunchError {
    pub fn was_interrupted(&self) -> bool {
        self.what == INTERRUPTED
    }
}

impl Order {
    fn new(target: &Target, limits: Limits, watched: Option<u32>) -> Order {
        Order { wanted: Requirements::new(target), launch: limits.launch, request: limits.request, watched }
    }
}

/// What there is of a target before it is launched.
pub(super) enum Lookup {
    Kept(Box<Live>),
    /// One that is up but not as wanted now, and why.
    Other(String),
    Nothing,
}

/// Looks for a target that `gatecrash up` keeps; waits for one that is on its way up, or down.
///
/// # Errors
/// When what is kept is broken.
pub(super) async fn find(target: &Target, limits: Limits) -> Result<Lookup, LaunchError> {
    let place = Place::up(&target.name);
    loop {
        match place.standing() {
            Occupancy::Free(left) => {
                discard(&place, left);
                return Ok(Lookup::Nothing);
            }
            Occupancy::Failed(_) => return Ok(Lookup::Nothing),
            Occupancy::Changing => tokio::time::sleep(LOOK).await,
            Occupancy::Up(record, up) => {
                let help = format!("gatecrash down {0} && gatecrash up {0}", target.name);
                if let Some(why) = stale(&record, target) {
                    return Ok(Lookup::Other(format!(
                        "the target that is up differs: {why}; `{help}` launches it again"
                    )));
                }
                match attach(target, limits, &record, &up, Some(format!("`{help}` launches it anew"))).await {
                    // It was taken away at this moment.
                    Err(_) if !matches!(place.standing(), Occupancy::Up(..)) => {}
                    attached => return attached.map(|live| Lookup::Kept(Box::new(live))),
                }
            }
        }
    }
}

fn stale(record: &Record, target: &Target) -> Option<String> {
    let differs = || Some("another gatecrash keeps it".to_owned()).filter(|_| record.program != Program::this());
    Requirements::new(target).differs(&record.order.wanted).or_else(differs)
}

/// A target that all processes of a run of nextest share: the first to need it has it launched, and it goes when
/// nextest does.
pub(super) async fn share(target: &Target, limits: Limits, nextest_run: &str) -> Result<Live, LaunchError> {
    let place = Place::of_nextest(nextest_run, &target.name);
    let watched = std::os::unix::process::parent_id();
    if watched == 1 {
        // Its keeper would watch a process that never ends.
        return Err(LaunchError::new(target, "nextest has ended"));
    }
    let order = Order::new(target, limits, Some(watched));
    until_up(&place, &order, target).await?;
    match place.standing() {
        Occupancy::Up(record, up) => attach(target, limits, &record, &up, None).await,
        _ => Err(LaunchError::new(target, "it was taken away at once")),
    }
}

/// Has a target brought up and kept until [`down`] takes it away. Says since when it is up, and how long that took.
///
/// # Errors
/// When it cannot be launched, or a different one is up.
pub async fn up(target: &Target, limits: Limits) -> Result<Standby, LaunchError> {
    let target = &settled(target);
    let place = Place::up(&target.name);
    let was_up = matches!(place.standing(), Occupancy::Up(..));
    let order = Order::new(target, limits, None);
    let listening = |error| LaunchError::new(target, format!("cannot listen for signals: {error}"));
    let mut interrupts = Interrupts::listen().map_err(listening)?;
    let launched = tokio::select! {
        launched = until_up(&place, &order, target) => launched,
        () = interrupts.next() => {
            let _ = end(&place).await;
            return Err(LaunchError::new(target, INTERRUPTED));
        }
    };
    if launched.is_err()
        && let Ok(Some(_lock)) = place.try_lock()
    {
        place.remove();
    }
    launched?;
    match place.standing() {
        Occupancy::Up(record, up) => match stale(&record, target) {
            Some(why) => Err(LaunchError::new(target, format!("one is up that is another: {why}"))
                .help(format!("`gatecrash down {}` takes it away", target.name))),
            None => {
                let help = format!("`gatecrash down {}` takes it away", target.name);
                attach(target, limits, &record, &up, Some(help)).await?;
                Ok(Standby::of(&record, &up, was_up))
            }
        },
        _ => Err(LaunchError::new(target, "it was taken away at once")),
    }
}

/// Waits until a target is up at a place; starts its keeper, if nobody else does.
async fn until_up(place: &Place, order: &Order, target: &Target) -> Result<(), LaunchError> {
    let mut started: Option<Child> = None;
    loop {
        let ended = started.as_mut().and_then(|keeper| keeper.try_wait().ok().flatten());
        match place.standing() {
            Occupancy::Up(..) => return Ok(()),
            Occupancy::Failed(error) if started.is_some() || order.watched.is_some() => return Err(error),
            _ if ended.is_some() => {
                let said = place.read_said();
                let said = said.lines().map(redact).collect::<Vec<_>>();
                return Err(LaunchError::new(target, "its keeper ended before it was up").log(said));
            }
            Occupancy::Free(_) | Occupancy::Failed(_) if started.is_none() => {
                started = start(place, order)
                    .map_err(|error| LaunchError::new(target, format!("its keeper cannot be started: {error}")))?;
            }
            Occupancy::Free(_) | Occupancy::Failed(_) | Occupancy::Changing => {}
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Starts a keeper, unless somebody else is about to.
fn start(place: &Place, order: &Order) -> std::io::Result<Option<Child>> {
    let Some(lock) = place.try_lock()? else { return Ok(None) };
    place.clear();
    place.write_order(order)?;
    let keeper = Command::new(std::env::current_exe()?)
        .arg(ARGUMENT)
        .arg(place.folder())
        .stdin(lock)
        .stdout(Stdio::null())
        .stderr(place.said()?)
        // Ctrl-C at the terminal is not for it.
        .process_group(0)
        .spawn()?;
    Ok(Some(keeper))
}

async fn attach(
    target: &Target,
    limits: Limits,
    record: &Record,
    up: &Up,
    help: Option<String>,
) -> Result<Live, LaunchError> {
    let began = Instant::now();
    let http = http(target)?;
    let keeper = Keeper::new(http.clone(), up);
    let attached =
        Arc::new(Attached::new(keeper.clone(), target.gateway.adapter(), up.pace, http, limits.request, help.clone()));
    let broken = |what: String, log| {
        let error = LaunchError::new(target, format!("it was up, but {what}")).log(log);
        match help {
            Some(help) => error.help(help),
            None => error,
        }
    };
    // A trial of another run may have it alone, and disturb it.
    let _turn = attached.turn(Share::Together).await;
    match keeper.ask(&Asked::Health).await {
        Ok(Health::Well) => {}
        Ok(Health::Dead(how) | Health::Unresponsive(how)) => return Err(broken(how, attached.log_tail().await)),
        Err(gone) => return Err(broken(gone.to_string(), Vec::new())),
    }
    let mut live = Live::with(target, Calls::AtKeeper(Arc::clone(&attached)), Held::Attached(attached));
    live.target.version = up.version.clone();
    live.took = began.elapsed();
    live.setup = up.setup.clone();
    live.origin = Origin::Kept { pid: record.pid, since: up.since };
    Ok(live)
}

/// A target that is up, for people.
#[derive(Debug, Clone)]
pub struct Standby {
    pub target: String,
    pub pid: u32,
    pub since: jiff::Timestamp,
    pub took: Duration,
    /// Whether it was up before it was asked for.
    pub was_up: bool,
}

impl Standby {
    fn of(record: &Record, up: &Up, was_up: bool) -> Standby {
        let target = record.order.wanted.target.name.clone();
        Standby { target, pid: record.pid, since: up.since, took: up.took, was_up }
    }
}

/// What `gatecrash up` keeps now.
pub fn all() -> Vec<Standby> {
    let standing = |place: Place| match place.standing() {
        Occupancy::Up(record, up) => Some(Standby::of(&record, &up, true)),
        Occupancy::Free(_) | Occupancy::Changing | Occupancy::Failed(_) => None,
    };
    Place::all_up().into_iter().filter_map(standing).collect()
}

/// The names of all that is kept, or was kept by a keeper that was killed.
pub fn names() -> Vec<String> {
    Place::all_up().into_iter().filter_map(|place| Some(place.order()?.wanted.target.name)).collect()
}

/// Takes away a target that `gatecrash up` keeps. Says whether there was one.
///
/// # Errors
/// When its keeper does not end.
pub async fn down(target: &str) -> Result<bool, String> {
    end(&Place::up(target)).await
}

async fn end(place: &Place) -> Result<bool, String> {
    let began = Instant::now();
    let mut told = None;
    loop {
        match place.standing() {
            Occupancy::Free(left) => {
                discard(place, left);
                return Ok(told.is_some());
            }
            Occupancy::Failed(_) => {
                if let Ok(Some(_lock)) = place.try_lock() {
                    place.remove();
                    return Ok(false);
                }
            }
            Occupancy::Changing | Occupancy::Up(..) if told.is_none() => told = tell_to_end(place),
            Occupancy::Changing | Occupancy::Up(..) => {}
        }
        if began.elapsed() > ENDING {
            let pid = told.map(|pid| format!(" `kill -9 {pid}` ends it at once")).unwrap_or_default();
            return Err(format!("its keeper has not ended after {} s.{pid}", ENDING.as_secs()));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Takes away the record that a killed keeper left; its reaper takes away the rest.
fn discard(place: &Place, left: Option<Box<Record>>) {
    if left.is_some()
        && let Ok(Some(_lock)) = place.try_lock()
    {
        place.remove();
    }
}

/// The pid is the keeper's, because the lock is held.
fn tell_to_end(place: &Place) -> Option<u32> {
    let keeper = place.record()?.pid;
    kill_process(pid(keeper)?, Signal::TERM).ok().map(|()| keeper)
}
