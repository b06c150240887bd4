//! Takes away everything of a run: what carries its label in Docker, its processes, its folder. The harness does it at
//! the end of a run, for what lost its owner; the reaper does it if the harness is gone. Not: how a part of a live
//! target is stopped; each has an owner that knows.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sysinfo::{Process, ProcessRefreshKind, ProcessesToUpdate, Signal, System, UpdateKind};

use super::server::{self, Server};
use super::{RunId, docker};

/// The environment variable that every process of a run has; its value is the run.
pub const MARK: &str = "GATECRASH_RUN";
/// How long one look at the engine, and removing what is found, may take.
const LOOK: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_millis(100);
/// How long a database has to end by itself. One that is being set up takes some seconds on a busy machine.
const DATABASE: Duration = Duration::from_secs(10);

/// Where to look for what a run made, beyond this machine's processes and files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Uses {
    pub docker: bool,
    /// A PostgreSQL server that runs elsewhere.
    pub server: bool,
}

/// When a sweep has done enough.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thorough {
    /// Nothing was found for this long.
    pub quiet: Duration,
    /// It gives up after this long.
    pub limit: Duration,
}

impl Thorough {
    /// At the end of a run, which knows what it has made: for whatever was being made when it was interrupted.
    pub(super) const AT_THE_END: Thorough =
        Thorough { quiet: Duration::from_millis(200), limit: Duration::from_secs(20) };
}

/// What could not be taken away, and how to do it by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftBehind {
    what: String,
    help: String,
}

impl LeftBehind {
    fn still_there(run: &RunId, count: usize) -> LeftBehind {
        let what = format!("{count} containers, networks, volumes, processes or databases do not go away");
        LeftBehind { what, help: docker::remove_by_hand(run) }
    }
}

impl fmt::Display for LeftBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this run left something behind: {}\n  help: {}", self.what, self.help)
    }
}

/// Takes everything of a run away, again and again until nothing is found.
pub(super) async fn sweep(run: &RunId, uses: Uses, thorough: Thorough) -> Result<(), LeftBehind> {
    let began = Instant::now();
    let mut clean_since = None;
    loop {
        let left = look(run, uses).await;
        match (&left, clean_since) {
            (Ok(0), None) => clean_since = Some(Instant::now()),
            (Ok(0), Some(since)) if since.elapsed() >= thorough.quiet => return Ok(()),
            (Ok(0), Some(_)) => {}
            (Ok(_) | Err(_), _) => clean_since = None,
        }
        if began.elapsed() > thorough.limit {
            return match left? {
                0 => Ok(()),
                count => Err(LeftBehind::still_there(run, count)),
            };
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Takes away what is there now, and says how much that was.
async fn look(run: &RunId, uses: Uses) -> Result<usize, LeftBehind> {
    let in_docker = async {
        match uses.docker {
            true => in_time("the Docker engine", docker::remove(run)).await,
            false => Ok(0),
        }
    };
    let in_server = async {
        match uses.server.then(Server::named).flatten() {
            Some(server) => in_time("the database server", async { server?.drop_all(run).await }).await,
            None => Ok(0),
        }
    };
    let here = async {
        let processes = end_processes(run).await;
        // Last, because some processes are found by their working directory, which is in this folder.
        (processes, if processes == 0 { remove_folder(&folder(run)) } else { Ok(0) })
    };
    let (in_docker, in_server, (processes, folder)) = tokio::join!(in_docker, in_server, here);
    let in_docker = in_docker.map_err(|what| LeftBehind { what, help: docker::remove_by_hand(run) })?;
    let in_server = in_server.map_err(|what| LeftBehind {
        what: format!("its databases in the server of {} cannot be dropped: {what}", server::VARIABLE),
        help: format!("drop the databases whose names start with {}", server::beginning(run)),
    })?;
    Ok(in_docker + in_server + processes + folder?)
}

/// How much an engine or a server has removed, if it says so in time.
async fn in_time(who: &str, removed: impl Future<Output = Result<usize, String>>) -> Result<usize, String> {
    let removed = tokio::time::timeout(LOOK, removed).await;
    removed.unwrap_or_else(|_| Err(format!("{who} has not answered within {} s", LOOK.as_secs())))
}

/// The run's folder, by the name that the system knows it by.
fn folder(run: &RunId) -> PathBuf {
    let folder = run.folder();
    let above = folder.parent().and_then(|above| above.canonicalize().ok());
    above.zip(folder.file_name()).map(|(above, name)| above.join(name)).unwrap_or(folder)
}

fn remove_folder(folder: &Path) -> Result<usize, LeftBehind> {
    if folder.symlink_metadata().is_err() {
        return Ok(0);
    }
    std::fs::remove_dir_all(folder).map(|()| 1).map_err(|error| {
        let folder = folder.display();
        LeftBehind { what: format!("{folder} cannot be removed: {error}"), help: format!("rm -r {folder}") }
    })
}

/// Ends the processes of a run, and says how many there were. PostgreSQL's are asked first: killed, they would leave
/// shared memory behind.
async fn end_processes(run: &RunId) -> usize {
    let folder = folder(run);
    let now = all_processes();
    let own = || now.processes().values().filter(|process| is_own(process, run, &folder));
    for process in own() {
        match postgres(process) {
            None => end(process, Signal::Kill),
            // At once, and without leaving anything.
            Some(Postgres::Server) => end(process, Signal::Quit),
            // They end with their server, or when the program that sets up a data folder has gone.
            Some(Postgres::OfIt) => {}
        }
    }
    let began = Instant::now();
    loop {
        let now = all_processes();
        let left = now.processes().values().filter(|process| is_own(process, run, &folder));
        let left: Vec<_> = left.filter(|process| postgres(process).is_some()).collect();
        if left.is_empty() {
            break;
        }
        if began.elapsed() > DATABASE {
            left.into_iter().for_each(|process| end(process, Signal::Kill));
            break;
        }
        tokio::time::sleep(AGAIN).await;
    }
    own().count()
}

fn all_processes() -> System {
    let mut system = System::new();
    let what = ProcessRefreshKind::nothing().without_tasks();
    let what = what.with_environ(UpdateKind::Always).with_cwd(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
    system
}

/// Whether it has the run's mark, or is at home in its folder: PostgreSQL overwrites its environment with its title.
fn is_own(process: &Process, run: &RunId, folder: &Path) -> bool {
    let mark = format!("{MARK}={}", run.as_str());
    let is_marked = process.environ().iter().any(|variable| *variable == *mark);
    let is_at_home = process.cwd().is_some_and(|cwd| cwd.starts_with(folder));
    process.pid().as_u32() != std::process::id() && (is_marked || is_at_home)
}

fn end(process: &Process, signal: Signal) {
    // Where the system lacks this signal, it always has one that kills.
    process.kill_with(signal).unwrap_or_else(|| process.kill());
}

/// What a process is to the PostgreSQL that it belongs to.
enum Postgres {
    Server,
    OfIt,
}

/// The lock file of a data folder names the server's process; while a folder is being set up, that file is there too,
/// with a number below zero in it.
fn postgres(process: &Process) -> Option<Postgres> {
    let lock = std::fs::read_to_string(process.cwd()?.join("postmaster.pid")).ok()?;
    let named = lock.lines().next()?.trim().parse::<i64>().ok()?;
    match named == i64::from(process.pid().as_u32()) {
        true => Some(Postgres::Server),
        false => (process.name() == "postgres").then_some(Postgres::OfIt),
    }
}
