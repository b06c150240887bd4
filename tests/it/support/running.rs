//! gatecrash while it runs: what it says meanwhile, signals to it, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{gatecrash, write};

/// A run, and what it says of its progress.
pub struct Running {
    pub child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Running {
    pub fn start(arguments: &[&str], docker: Option<&str>) -> Running {
        let mut command = gatecrash(arguments);
        if let Some(docker) = docker {
            command.env("DOCKER_HOST", docker);
        }
        Running::of(command)
    }

    pub fn of(mut command: Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = std::sync::mpsc::channel();
        // Whatever it says must find a reader.
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        Running { child, lines }
    }

    pub fn until(&self, said: &str) {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(60));
            if line.unwrap_or_else(|_| panic!("it has not said `{said}`")).contains(said) {
                break;
            }
        }
    }

    pub fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    pub fn ends(self) -> (i32, String) {
        ends_within(self.child, Duration::from_secs(20))
    }
}

/// Reads its progress until the target is ready.
pub fn until_ready(child: &mut Child) {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let ready = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("is ready")));
    assert!(ready.is_some(), "the target was not ready");
    // Whatever it still says must find a reader.
    std::thread::spawn(move || lines.for_each(drop));
}

/// A scenario that takes a while: some seconds of pace.
pub fn long_scenario(folder: &Path) -> String {
    let text = "name: a\nprice: 0.02\npace: 200ms\ngiven:\n  - key: k\nsteps:\n  - chat: k\n    times: 100\n";
    write(folder, "long.yaml", text)
}

/// Sends a signal, such as `-INT`.
pub fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

pub fn ends_within(mut child: Child, limit: Duration) -> (i32, String) {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            let mut stdout = String::new();
            child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
            return (status.code().unwrap_or(-1), stdout);
        }
        if began.elapsed() > limit {
            child.kill().unwrap();
            panic!("it has not ended after {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
