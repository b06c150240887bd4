//! Ctrl-C and SIGTERM, from the moment somebody listens.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// How a person, or the system, asks a run to end: once, twice.
pub struct Interrupts {
    of: [Signal; 2],
}

impl Interrupts {
    /// From now on they end nothing by themselves.
    pub fn listen() -> io::Result<Interrupts> {
        Ok(Interrupts { of: [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?] })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        let [interrupt, terminate] = &mut self.of;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// Interrupts this process twice when its standard input closes, because whoever held the other end has gone, for whatever
/// reason.
pub fn when_stdin_closes() {
    std::thread::spawn(|| {
        // An input that cannot be read is as good as closed.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
            let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
        }
    });
}

/// What is said on the first.
pub fn first(running: usize) -> String {
    match running {
        0 => "interrupted: cleaning up".to_owned(),
        1 => "interrupted: waiting for 1 trial to end; interrupt again to stop at once".to_owned(),
        running => format!("interrupted: waiting for {running} trials to end; interrupt again to stop at once"),
    }
}

/// What is said on the second.
pub const AGAIN: &str = "interrupted again: cleaning up";
