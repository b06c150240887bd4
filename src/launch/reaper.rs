//! What outlives the harness: a process that takes everything of a run away when the harness is gone, however it went.
//!
//! It is this very program again, started before the first thing is made, in a process group of its own and deaf to
//! signals, so that what ends the harness does not end it. It knows one thing of the harness: the other end of its
//! standard input. The harness writes a few words there; when that input ends, so has the harness. Not: what is taken
//! away, and how (`sweep`).

use std::io::{self, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::sweep::{LeftBehind, Thorough, Uses, sweep};
use super::{LaunchError, RunId};
use crate::target::Target;

/// The environment variable that makes this program a reaper, of the run it names.
const REAPER: &str = "GATECRASH_REAPER";
/// What it says once it is deaf to signals.
const READY: &[u8] = b"ready\n";
/// The run has made something in Docker.
const DOCKER: &str = "docker";
/// The run has made a database in a server that runs elsewhere.
const SERVER: &str = "server";
/// Nothing is left to take away.
const DONE: &str = "done";

/// What an engine or a server was making when the harness went may appear some time later; a process appears at once.
const AFTER_DEATH: Thorough = Thorough { quiet: Duration::from_secs(1), limit: Duration::from_secs(60) };
const AFTER_DEATH_ELSEWHERE: Thorough = Thorough { quiet: Duration::from_secs(3), ..AFTER_DEATH };

/// Whether this program, started again, becomes a reaper: one is started only then, or it would start itself forever.
static SERVES: AtomicBool = AtomicBool::new(false);

/// A program that launches targets has to call this first: if it was started as a reaper, it does that work here, and
/// the answer is that there is nothing else to do.
///
/// [`commands::main`](crate::commands::main) and [`Harness::run`](crate::conformance::Harness::run) call it. A program
/// that does not has no reaper: if it is killed, what it launched is left behind.
pub fn served() -> bool {
    SERVES.store(true, Ordering::Relaxed);
    let Ok(mark) = std::env::var(REAPER) else { return false };
    if let (Some(run), Ok(runtime)) = (RunId::of(&mark), tokio::runtime::Runtime::new()) {
        runtime.block_on(serve(&run));
        // Whatever still waits for an engine is not waited for.
        runtime.shutdown_background();
    }
    true
}

async fn serve(run: &RunId) {
    let _deaf = deaf();
    let told = tokio::task::spawn_blocking(|| {
        let mut told = String::new();
        let _ = io::stdout().write_all(READY).and_then(|()| io::stdout().flush());
        let _ = io::stdin().read_to_string(&mut told);
        told
    });
    let told = told.await.unwrap_or_default();
    let has = |word| told.lines().any(|line| line == word);
    if !has(DONE) {
        let uses = Uses { docker: has(DOCKER), server: has(SERVER) };
        let thorough = if uses == Uses::default() { AFTER_DEATH } else { AFTER_DEATH_ELSEWHERE };
        let _ = sweep(run, uses, thorough).await;
    }
}

/// A signal that is listened to has no other effect.
fn deaf() -> Vec<Signal> {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
    kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect()
}

/// What a run has made so far: nothing, until somebody says so.
#[derive(Debug, Default)]
pub(super) struct Made {
    uses: Option<Uses>,
    reaper: Option<Reaper>,
}

impl RunId {
    /// Call this before the first thing is made: from then on the harness may be killed.
    pub(super) async fn will_use(&self, target: &Target, uses: Uses) -> Result<(), LaunchError> {
        let run = self.clone();
        let told = tokio::task::spawn_blocking(move || {
            let mut made = run.made();
            if made.uses.is_none() {
                made.reaper = Reaper::start(&run)?;
            }
            let before = made.uses.unwrap_or_default();
            if let Some(reaper) = &mut made.reaper {
                for (word, is, was) in [(DOCKER, uses.docker, before.docker), (SERVER, uses.server, before.server)] {
                    if is && !was {
                        reaper.tell(word)?;
                    }
                }
            }
            made.uses = Some(Uses { docker: before.docker || uses.docker, server: before.server || uses.server });
            Ok(())
        });
        let told = told.await.unwrap_or_else(|broken| Err(io::Error::other(broken)));
        told.map_err(|error| {
            LaunchError::new(target, format!("nothing would remove it if gatecrash were killed: {error}"))
        })
    }

    /// Takes away everything of this run that lost its owner. If the run made nothing, there is nothing to do.
    ///
    /// # Errors
    /// When something cannot be taken away now. The reaper goes on trying for a while.
    pub async fn sweep(&self) -> Result<(), LeftBehind> {
        let Some(uses) = self.made().uses else { return Ok(()) };
        sweep(self, uses, Thorough::AT_THE_END).await?;
        let Made { reaper, .. } = std::mem::take(&mut *self.made());
        if let Some(reaper) = reaper {
            reaper.dismiss();
        }
        Ok(())
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The harness's end of a reaper.
#[derive(Debug)]
struct Reaper(Child);

impl Reaper {
    /// Starts one, unless this program does not know how to be one.
    fn start(run: &RunId) -> io::Result<Option<Reaper>> {
        if !SERVES.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut command = Command::new(this_program()?);
        command.env(REAPER, run.as_str());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.process_group(0).arg0("gatecrash-reaper");
        let mut child = command.spawn()?;
        let mut said = [0; READY.len()];
        child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?.read_exact(&mut said)?;
        Ok(Some(Reaper(child)))
    }

    fn tell(&mut self, word: &str) -> io::Result<()> {
        let pipe = self.0.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(pipe, "{word}")
    }

    /// Tells it that nothing is left, and waits for its end. One that cannot be told is gone already.
    fn dismiss(mut self) {
        if self.tell(DONE).is_ok() {
            drop(self.0.stdin.take());
            let _ = self.0.wait();
        }
    }
}

/// The file of this program; on Linux even if it was replaced meanwhile.
fn this_program() -> io::Result<std::path::PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}
