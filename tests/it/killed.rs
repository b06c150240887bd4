//! Killed at any moment, a run leaves nothing behind: not a container, process, folder or segment of shared memory.
//!
//! The environment variable GATECRASH_KILLS says how often it is killed, and GATECRASH_SEED is the seed of the moments;
//! `benches/killed.sh` has the counts that a release is judged by.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sysinfo::{Process, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use super::support::engine::{IMAGE, TARGET, docker, turn};
use super::support::not_tested;
use super::support::running::signal;
use super::{gatecrash, write};

/// Everything has to be gone within this time.
const WITHIN: Duration = Duration::from_secs(10);

/// The environment variable that marks what a test has started.
const STARTED: &str = "STARTED_BY_THE_TEST";

/// What is left of a run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Left {
    containers: usize,
    networks: usize,
    volumes: usize,
    processes: usize,
    folders: usize,
    shared_memory: usize,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Left { containers, networks, volumes, processes, folders, shared_memory } = self;
        write!(f, "{containers} containers, {networks} networks, {volumes} volumes, {processes} processes, ")?;
        write!(f, "{folders} folders, {shared_memory} segments of shared memory")
    }
}

/// What a test has started, as seen from outside.
struct Traces<'a> {
    started: &'a str,
    /// Where its temporary folders are.
    folder: &'a Path,
    in_docker: bool,
    runs: BTreeSet<String>,
    shared_memory: BTreeSet<String>,
}

impl Traces<'_> {
    /// Looks at everything there is now; a process's shared memory can only be seen while it lives.
    fn look(&mut self) -> Left {
        let system = processes();
        let started = format!("{STARTED}={}", self.started);
        let of_test = system.processes().values().filter(|process| has(process, &started));
        self.runs.extend(of_test.filter_map(|process| variable(process, "GATECRASH_REAPER=")));
        let is_own = |process: &&Process| {
            let of_run = variable(process, "GATECRASH_RUN=").is_some_and(|run| self.runs.contains(&run));
            has(process, &started) || of_run || process.cwd().is_some_and(|cwd| cwd.starts_with(self.folder))
        };
        let own: Vec<&Process> = system.processes().values().filter(is_own).collect();
        self.shared_memory.extend(own.iter().flat_map(|process| shared_memory_of(process)));
        let (mut containers, mut networks, mut volumes) = (0, 0, 0);
        for run in self.runs.iter().filter(|_| self.in_docker) {
            let label = format!("label=dev.gatecrash.run={run}");
            let count =
                |arguments: &[&str]| docker(&[arguments, &["--quiet", "--filter", &label]].concat()).lines().count();
            containers += count(&["ps", "--all"]);
            networks += count(&["network", "ls"]);
            volumes += count(&["volume", "ls"]);
        }
        Left {
            containers,
            networks,
            volumes,
            processes: own.len(),
            folders: std::fs::read_dir(self.folder).unwrap().count(),
            shared_memory: self
                .shared_memory
                .iter()
                .filter(|segment| Path::new(segment).exists() || in_sysv(segment))
                .count(),
        }
    }

    /// How long it takes until nothing is left; or what is left, if that takes too long.
    fn until_gone(&mut self) -> Result<Duration, Left> {
        let began = Instant::now();
        loop {
            let left = self.look();
            if left == Left::default() {
                return Ok(began.elapsed());
            }
            if began.elapsed() > WITHIN {
                return Err(left);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn processes() -> System {
    let mut system = System::new();
    let what = ProcessRefreshKind::nothing().without_tasks().with_environ(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, what.with_cwd(UpdateKind::Always));
    system
}

fn has(process: &Process, variable: &str) -> bool {
    process.environ().iter().any(|own| *own == *variable)
}

fn variable(process: &Process, prefix: &str) -> Option<String> {
    process.environ().iter().find_map(|own| Some(own.to_str()?.strip_prefix(prefix)?.to_owned()))
}

/// The segments that a process has mapped: files in /dev/shm, and System V's, which have numbers. Linux only.
fn shared_memory_of(process: &Process) -> Vec<String> {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", process.pid())).unwrap_or_default();
    let segment = |line: &str| {
        let mut fields = line.split_whitespace().skip(4);
        let (inode, path) = (fields.next()?, fields.next()?);
        match path {
            path if path.starts_with("/dev/shm/PostgreSQL.") => Some(path.to_owned()),
            path if path.starts_with("/SYSV") => Some(inode.to_owned()),
            _ => None,
        }
    };
    maps.lines().filter_map(segment).collect()
}

fn in_sysv(id: &str) -> bool {
    let segments = std::fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    segments.lines().any(|line| line.split_whitespace().nth(1) == Some(id))
}

/// Random moments, the same for the same seed (SplitMix64).
struct Moments(u64);

impl Moments {
    fn new() -> Moments {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
        let seed =
            std::env::var("GATECRASH_SEED").map_or(now, |seed| seed.parse().expect("GATECRASH_SEED is a number"));
        println!("GATECRASH_SEED={seed}");
        Moments(seed)
    }

    fn next(&mut self, longest: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        longest.mul_f64(((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

fn kills(usual: usize) -> usize {
    std::env::var("GATECRASH_KILLS").map_or(usual, |kills| kills.parse().expect("GATECRASH_KILLS is a number"))
}

/// Starts a command again and again, kills it at a random moment until `longest`, and counts what is left.
fn killed(what: &str, command: impl Fn() -> Command, times: usize, longest: Duration, in_docker: bool) {
    let mut moments = Moments::new();
    let (mut ended_before, mut slowest) = (0, Duration::ZERO);
    for number in 1..=times {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().canonicalize().unwrap();
        let started = format!("{}-{number}-{what}", std::process::id());
        let mut traces = Traces {
            started: &started,
            folder: &home,
            in_docker,
            runs: BTreeSet::new(),
            shared_memory: BTreeSet::new(),
        };
        let mut command = command();
        command.env(STARTED, &started).env("TMPDIR", &home).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let moment = moments.next(longest);
        std::thread::sleep(moment);
        traces.look();
        ended_before += usize::from(child.try_wait().unwrap().is_some());
        child.kill().unwrap();
        child.wait().unwrap();
        match traces.until_gone() {
            Ok(took) => slowest = slowest.max(took),
            Err(left) => panic!("{what}, kill {number}, after {moment:?}: left behind after {WITHIN:?}: {left}"),
        }
    }
    assert!(times < 4 || ended_before <= times / 2, "{what}: {ended_before} of {times} runs had ended by themselves");
    println!(
        "{what}: killed {times} times in the first {longest:?} ({ended_before} had ended before): left behind: {}; all \
         was gone after {:.1} s at the latest",
        Left::default(),
        slowest.as_secs_f64()
    );
}

#[test]
fn a_killed_run_in_this_process_leaves_nothing() {
    let command = || gatecrash(&["compare"]);
    killed("builtin", command, kills(5), Duration::from_millis(1000), false);
}

#[test]
fn a_killed_run_of_processes_leaves_nothing() {
    if std::env::var_os("GATECRASH_KILLS").is_none() {
        not_tested("a package may have to be downloaded first, so only benches/killed.sh kills processes");
        return;
    }
    let arguments = ["run", "scenarios/budget/key.yaml", "--target", TARGET, "--launcher", "process"];
    // The first time there is more to make, which is not what we kill here.
    let made = gatecrash(&arguments).stdout(Stdio::null()).status().unwrap();
    assert_ne!(made.code(), Some(3), "it cannot be launched on this machine: see `gatecrash doctor`");
    killed("process", || gatecrash(&arguments), kills(0), Duration::from_secs(30), false);
}

#[test]
fn a_killed_run_in_docker_leaves_nothing() {
    let Some(_turn) = turn() else { return };
    let command = || gatecrash(&["run", "scenarios/budget/key.yaml", "--target", TARGET]);
    let longest = std::env::var("GATECRASH_KILLS").map_or(8, |_| 45);
    killed(&format!("docker, {IMAGE}"), command, kills(1), Duration::from_secs(longest), true);
}

/// A reaper, as a harness would have started it.
fn reaper(run: &str, folder: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatecrash"));
    command.env("GATECRASH_REAPER", run).env("TMPDIR", folder);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "ready\n");
    child
}

/// A process that ends by itself only long after the test.
fn long(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{script}\ni=0; while [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); done")]);
    // A shell says so when its `sleep` is killed.
    command.stderr(Stdio::null());
    command
}

fn ends(child: &mut Child) {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < WITHIN, "process {} still runs", child.id());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A run's mark that no other run has, nor another test run on this machine: reapers look for it everywhere.
fn mark(last: char) -> String {
    format!("{:07x}{last}", std::process::id() & 0xfff_ffff)
}

#[test]
fn the_reaper_hears_no_signal_and_takes_away_what_is_of_its_run_and_nothing_else() {
    // A script that runs tests in the background makes them ignore this signal, and no shell can trap a signal that was
    // ignored at its start. Handling it here resets it for what is started from here.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let _handled = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::quit()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (mark('a'), mark('b'));
    let of_run = folder.path().join(format!("gatecrash-{own}"));
    let (data, of_others) = (of_run.join("data"), folder.path().join(format!("gatecrash-{other}")));
    std::fs::create_dir_all(&data).unwrap();
    std::fs::create_dir_all(&of_others).unwrap();
    let asked = folder.path().join("asked");
    let marked = |run: &str, script: &str| long(script).env("GATECRASH_RUN", run).spawn().unwrap();
    let mut gateway = marked(&own, "trap '' TERM INT HUP QUIT");
    let mut at_home = long("").current_dir(&of_run).spawn().unwrap();
    let mut database = long("trap 'echo $? >\"$ASKED\"; exit' QUIT; echo $$ >postmaster.pid")
        .current_dir(&data)
        .env("ASKED", &asked)
        .spawn()
        .unwrap();
    let of_other_run = marked(&other, "");
    let at_another_home = long("").current_dir(&of_others).spawn().unwrap();
    let began = Instant::now();
    while std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default().is_empty() {
        assert!(began.elapsed() < WITHIN, "the stand-in of a database has not started");
        std::thread::sleep(Duration::from_millis(20));
    }

    let mut reaper = reaper(&own, folder.path());
    for name in ["-INT", "-TERM", "-HUP", "-QUIT"] {
        signal(&reaper, name);
    }
    let system = processes();
    assert!(system.process(sysinfo::Pid::from_u32(reaper.id())).is_some());
    assert!(reaper.try_wait().unwrap().is_none() && gateway.try_wait().unwrap().is_none() && of_run.exists());
    drop(reaper.stdin.take());
    for child in [&mut gateway, &mut at_home, &mut database, &mut reaper] {
        ends(child);
    }
    assert!(!of_run.exists(), "its folder is left");
    assert!(asked.exists(), "the database was killed without having been asked");

    assert!(of_others.exists(), "the folder of another run is gone");
    for mut other in [of_other_run, at_another_home] {
        assert!(other.try_wait().unwrap().is_none(), "a process of another run was ended");
        other.kill().unwrap();
        other.wait().unwrap();
    }
}

#[test]
fn a_reaper_that_is_told_so_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let own = mark('c');
    let of_run = folder.path().join(format!("gatecrash-{own}"));
    std::fs::create_dir_all(&of_run).unwrap();
    let mut reaper = reaper(&own, folder.path());
    reaper.stdin.take().unwrap().write_all(b"done\n").unwrap();
    ends(&mut reaper);
    assert!(of_run.exists());
    let kept = write(&of_run, "kept", "");
    // What is not a run's mark is not the name of a folder either.
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatecrash"));
    command.env("GATECRASH_REAPER", format!("../gatecrash-{own}")).env("TMPDIR", folder.path()).stdin(Stdio::null());
    assert!(command.status().unwrap().success());
    assert!(Path::new(&kept).exists());
}
