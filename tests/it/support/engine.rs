//! The Docker engine, for tests that launch a real gateway in it: whether they can, and a relay that a test may cut
//! without disturbing anybody else. Each such test has `docker` or `in_docker` in its path, which is how
//! `.config/nextest.toml` and CONTRIBUTING.md know them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sysinfo::{Process, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use super::not_tested;

pub const TARGET: &str = "litellm@1.82.3";
pub const IMAGE: &str = "ghcr.io/berriai/litellm:v1.82.3";
const SOCKET: &str = "/var/run/docker.sock";

/// What Docker says.
pub fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).stderr(Stdio::null()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

/// A test's turn with the engine, while it holds this. None where gateways of these images cannot be launched.
pub fn turn_with(images: &[&str]) -> Option<MutexGuard<'static, ()>> {
    // Two gateways that start at once are slow on a small machine. cargo-nextest, which runs each test in its own
    // process, has a group for that.
    static ENGINE: Mutex<()> = Mutex::new(());
    match missing_of(images) {
        Some(missing) => {
            not_tested(&missing);
            None
        }
        None => Some(ENGINE.lock().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// A test's turn, with the usual image.
pub fn turn() -> Option<MutexGuard<'static, ()>> {
    turn_with(&[IMAGE])
}

/// Why gateways of these images cannot be launched here.
fn missing_of(images: &[&str]) -> Option<String> {
    let is_here = |image: &str| !docker(&["image", "inspect", "--format", "{{.Id}}", image]).is_empty();
    if std::env::var_os("DOCKER_HOST").is_some() || UnixStream::connect(SOCKET).is_err() {
        return Some(format!("no Docker engine answers at {SOCKET}"));
    }
    let images = images.iter().chain(&["postgres:15"]);
    images.into_iter().find(|image| !is_here(image)).map(|image| format!("the image {image} is not here"))
}

/// A harness's run, as its reaper knows it.
pub fn run_of(harness: &Child) -> Option<String> {
    let mut system = System::new();
    let what = ProcessRefreshKind::nothing().without_tasks().with_environ(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
    let is_child = |process: &&Process| process.parent().is_some_and(|parent| parent.as_u32() == harness.id());
    let mark = |process: &Process| {
        process.environ().iter().find_map(|own| Some(own.to_str()?.strip_prefix("GATECRASH_REAPER=")?.to_owned()))
    };
    system.processes().values().filter(is_child).find_map(mark)
}

/// The engine over TCP, which can go away and come back.
pub struct Relay {
    pub host: String,
    port: u16,
    open: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<(TcpStream, UnixStream)>>>,
}

impl Relay {
    pub fn start() -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let relay =
            Relay { host: format!("tcp://127.0.0.1:{port}"), port, open: Arc::default(), streams: Arc::default() };
        relay.serve(listener);
        relay
    }

    fn serve(&self, listener: TcpListener) {
        self.open.store(true, Ordering::Relaxed);
        let (open, streams) = (Arc::clone(&self.open), Arc::clone(&self.streams));
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            while open.load(Ordering::Relaxed) {
                let Ok((client, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                };
                client.set_nonblocking(false).unwrap();
                let engine = UnixStream::connect(SOCKET).unwrap();
                let copy = || (client.try_clone().unwrap(), engine.try_clone().unwrap());
                streams.lock().unwrap().push(copy());
                let (from, to) = copy();
                std::thread::spawn(move || {
                    pump(from, &to);
                    let _ = to.shutdown(Shutdown::Write);
                });
                let (to, from) = copy();
                std::thread::spawn(move || {
                    pump(from, &to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        });
    }

    /// Whoever talks to it finds the engine gone.
    pub fn cut(&self) {
        self.open.store(false, Ordering::Relaxed);
        while TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
        for (client, engine) in self.streams.lock().unwrap().drain(..) {
            let _ = (client.shutdown(Shutdown::Both), engine.shutdown(Shutdown::Both));
        }
    }

    /// The engine is back.
    pub fn restore(&self) {
        self.serve(TcpListener::bind(("127.0.0.1", self.port)).unwrap());
    }
}

fn pump(mut from: impl Read, mut to: impl Write) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
}
