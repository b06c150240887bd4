//! Ctrl-C and SIGTERM, from the moment on that somebody listens.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a person, or the system, says to end a run: once, twice.
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

/// Interrupts this process twice when its standard input is closed, as it is when who holds the other end has gone, in
/// whichever way.
pub fn when_stdin_closes() {
    std::thread::spawn(|| {
        // An input that cannot be read is as good as closed.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
            let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
        }
    });
}

/// What is said to the first.
pub fn first(running: usize) -> String {
    match running {
        0 => "interrupted: cleaning up".to_owned(),
        1 => "interrupted: waiting for 1 trial to end; interrupt again to stop at once".to_owned(),
        running => format!("interrupted: waiting for {running} trials to end; interrupt again to stop at once"),
    }
}

/// What is said to the second.
pub const AGAIN: &str = "interrupted again: cleaning up";
