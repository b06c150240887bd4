//! What the processes of one target share: a folder, the run's mark, the little of this machine's environment they get.
//! Starting one, ending it, and what became of it. Not: which there are.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::sweep::Uses;
use super::super::{LaunchError, MARK, RunId, Target, end_of_log, random_hex};
use super::system::{self, LoginUser, Signal};

/// What is passed on from this machine's environment, beside the PATH and what [`is_prismas`].
const PASSED_ON: [&str; 2] = ["LANG", "LC_ALL"];
/// How many bytes to read back for the end of a log.
const LOG_BYTES: u64 = 64 * 1024;
/// How long a process has to end by itself.
pub(super) const GRACE: Duration = Duration::from_secs(30);
/// How long one has whose work is not wanted any more. One that can simply be killed takes none of it.
const LAST_GRACE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// The variables that tell Prisma where its engines are.
pub(super) fn is_prismas(name: &str) -> bool {
    name.starts_with("PRISMA_")
}

pub(super) struct Base {
    pub target: Target,
    pub run: RunId,
    folder: PathBuf,
}

impl Base {
    /// A folder of its own, inside the run's.
    pub(super) async fn new(target: &Target, run: &RunId) -> Result<Base, LaunchError> {
        let others = system::instead_of_root().is_some();
        let folder = run.folder().join(random_hex());
        let base = Base { target: target.clone(), run: run.clone(), folder };
        run.will_use(target, Uses::default()).await?;
        let made = system::make_private(&run.folder(), others);
        made.and_then(|()| system::make_private(&base.folder, others))
            .map_err(|error| base.failed(format!("its folder {} cannot be made: {error}", base.folder.display())))?;
        Ok(base)
    }

    pub(super) fn failed(&self, what: impl Into<String>) -> LaunchError {
        LaunchError::new(&self.target, what)
    }

    /// A new folder inside its own.
    pub(super) fn make_folder(&self, name: &str) -> Result<PathBuf, LaunchError> {
        let folder = self.folder.join(name);
        let made = system::make_private(&folder, false);
        made.map_err(|error| self.failed(format!("the folder {} cannot be made: {error}", folder.display())))?;
        Ok(folder)
    }

    /// A new folder inside its own, which everybody may enter.
    pub(super) fn open_folder(&self, name: &str) -> Result<PathBuf, LaunchError> {
        let folder = self.make_folder(name)?;
        let opened = system::make_private(&folder, true);
        opened.map_err(|error| self.failed(format!("the folder {} cannot be opened: {error}", folder.display())))?;
        Ok(folder)
    }

    pub(super) fn write(&self, file: &Path, text: &str) -> Result<(), LaunchError> {
        fs::write(file, text).map_err(|error| self.failed(format!("{} cannot be written: {error}", file.display())))
    }

    /// The environment variable that marks a process as the run's.
    pub(super) fn mark(&self) -> (&'static str, &str) {
        (MARK, self.run.as_str())
    }

    /// A command whose home is a folder of the run. From this machine's environment it gets the PATH, after the folders
    /// given here, the language, and what tells Prisma where its engines are.
    pub(super) fn command(&self, program: &Path, home: &Path, first_on_path: Option<&Path>) -> Command {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = first_on_path.map(Path::to_owned).into_iter().chain(std::env::split_paths(&path));
        // A folder with a colon in its name cannot be on a PATH.
        let path = std::env::join_paths(path).unwrap_or_default();
        let is_passed_on =
            |name: &OsString| name.to_str().is_some_and(|name| PASSED_ON.contains(&name) || is_prismas(name));
        let mut command = Command::new(program);
        command.env_clear().envs(std::env::vars_os().filter(|(name, _)| is_passed_on(name)));
        command.env("PATH", path).env("HOME", home).env("TMPDIR", home).env(self.mark().0, self.mark().1);
        command.current_dir(home);
        command
    }

    /// Starts a process, in a group of its own; what it says goes to a file.
    pub(super) fn start(&self, about: About, mut command: Command) -> Result<Process, LaunchError> {
        let log = self.folder.join(format!("{}.log", random_hex()));
        let file = File::options().append(true).create(true).open(&log);
        let of_log = file.and_then(|file| Ok((file.try_clone()?, file)));
        let (out, err) =
            of_log.map_err(|error| self.failed(format!("{} cannot be written: {error}", log.display())))?;
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        if let Some(user) = about.user {
            system::as_user(&mut command, user);
        }
        system::in_a_group_of_its_own(&mut command);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn();
        let child = child.map_err(|error| self.failed(format!("{program} cannot be started: {error}")))?;
        Ok(Process { about, log, started: Mutex::new(Started { command, child }) })
    }

    /// Runs a process to its end, which has to be a good one and within the limit.
    pub(super) async fn run(&self, about: About, command: Command, limit: Duration) -> Result<(), LaunchError> {
        let process = self.start(about, command)?;
        let began = Instant::now();
        loop {
            let what = match process.started().child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(None) if began.elapsed() > limit => format!("not done after {} s", limit.as_secs()),
                Ok(None) => String::new(),
                Ok(Some(status)) => status.to_string(),
                Err(error) => error.to_string(),
            };
            if !what.is_empty() {
                return Err(self.failed(format!("{} failed: {what}", about.name)).log(process.log_tail()));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Removes the folder, once nothing runs in it.
    pub(super) fn remove(self) {
        // The sweep finds again whatever cannot be removed now.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a process is, and how it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    pub name: &'static str,
    pub stop: Signal,
    /// When its work is not wanted any more.
    pub abandon: Signal,
    pub children: Children,
    pub user: Option<LoginUser>,
}

impl About {
    /// For a program that ends as most do: on the signal an operator sends, and killed with its children.
    pub(super) fn of(name: &'static str) -> About {
        About { name, stop: Signal::Terminate, abandon: Signal::Kill, children: Children::Killed, user: None }
    }
}

/// What becomes of a process's children once it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Children {
    Killed,
    /// They end by themselves when they have no more work; killed, they would leave shared memory behind.
    LeftToEnd,
}

/// A process that was started; it ends at the latest when this is dropped.
pub(in super::super) struct Process {
    about: About,
    log: PathBuf,
    started: Mutex<Started>,
}

struct Started {
    command: Command,
    child: Child,
}

impl Process {
    pub(super) fn id(&self) -> u32 {
        self.started().child.id()
    }

    fn started(&self) -> MutexGuard<'_, Started> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it stopped; none while it runs.
    pub(super) fn stopped(&self) -> Option<String> {
        match self.started().child.try_wait() {
            Ok(None) => None,
            // `exit status: 1`, `signal: 9 (SIGKILL)`
            Ok(Some(status)) => Some(format!("has stopped, {status}")),
            Err(error) => Some(format!("is gone: {error}")),
        }
    }

    /// Whether there is still something to wait for: itself, or its children.
    fn is_there(&self) -> bool {
        let waits_for_children = self.about.children == Children::LeftToEnd;
        self.stopped().is_none() || waits_for_children && system::is_group_there(&self.started().child)
    }

    /// The end of what it said.
    pub(super) fn log_tail(&self) -> Vec<String> {
        end_of_log(&end_of(&self.log).unwrap_or_default())
    }

    /// Ends it as an operator does, and kills any children it leaves. Whether it ended by itself in time.
    pub(super) async fn stop(&self) -> bool {
        self.end(self.about.stop, GRACE).await
    }

    /// Ends it once its work is not wanted any more.
    pub(super) async fn abandon(&self) {
        self.end(self.about.abandon, LAST_GRACE).await;
    }

    /// Starts it again, if it does not run.
    pub(super) fn start_again(&self) -> io::Result<()> {
        let mut started = self.started();
        if !matches!(started.child.try_wait(), Ok(None)) {
            started.child = started.command.spawn()?;
        }
        Ok(())
    }

    /// Whether it has ended by itself within its grace; it has ended in any case.
    async fn end(&self, signal: Signal, grace: Duration) -> bool {
        if self.stopped().is_none() {
            system::signal(&self.started().child, signal);
        }
        let began = Instant::now();
        while self.is_there() && began.elapsed() < grace {
            tokio::time::sleep(LOOK).await;
        }
        let by_itself = self.stopped().is_some();
        self.kill();
        by_itself
    }

    fn kill(&self) {
        let mut started = self.started();
        system::kill_group(&started.child);
        let _ = started.child.kill();
        let _ = started.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.stopped().is_none() {
            system::signal(&self.started().child, self.about.abandon);
        }
        let began = Instant::now();
        while self.is_there() && began.elapsed() < LAST_GRACE {
            std::thread::sleep(LOOK);
        }
        self.kill();
    }
}

fn end_of(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A port of loopback that is free now, and below those that systems give to outgoing connections: it stays free while
/// the process that is to listen on it starts, and while that is stopped.
pub(super) fn free_port() -> io::Result<u16> {
    const PORTS: std::ops::Range<u16> = 15_000..32_000;
    let begin = u32::from_str_radix(&random_hex(), 16).unwrap_or_default() as usize % PORTS.len();
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let mut ports = PORTS.skip(begin).chain(PORTS.take(begin));
    ports.find(is_free).ok_or_else(|| io::Error::new(io::ErrorKind::AddrInUse, "no port is free"))
}
