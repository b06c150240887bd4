//! What came of making a scenario smaller: the smallest, what has gone, and what it took. Not: the smallest scenario
//! itself, which goes to standard output or its file as it is.

use std::fmt::Write as _;
use std::time::Instant;

use super::run::{ReductionEnd, ReductionEvent, Reference, Start};
use crate::host::failure::Exit;
use crate::minimize::{Dropped, Failing};
use crate::report::terminal::{BOLD, ODD, painted, pointed_at};

/// What is kept of the events of such a run.
#[derive(Debug)]
pub struct Minimized {
    target: String,
    /// Where the smallest goes.
    shown: String,
    began: Instant,
    start: Option<Start>,
    smallest: Option<Failing>,
    ran: usize,
    wrong: usize,
    not_judged: usize,
    end: ReductionEnd,
    left_behind: Option<String>,
}

impl Minimized {
    pub fn new(target: &str, shown: &str) -> Minimized {
        Minimized {
            target: target.to_owned(),
            shown: shown.to_owned(),
            began: Instant::now(),
            start: None,
            smallest: None,
            ran: 0,
            wrong: 0,
            not_judged: 0,
            // Unless it says otherwise.
            end: ReductionEnd::Interrupted,
            left_behind: None,
        }
    }

    /// Adds what happened, and returns a line of progress if it deserves one.
    pub fn add(&mut self, event: ReductionEvent) -> Option<String> {
        match event {
            ReductionEvent::Launching => return Some(format!("launching {}", self.target)),
            ReductionEvent::Launched => {
                return Some(format!("{} is ready after {:.1} s", self.target, self.began.elapsed().as_secs_f64()));
            }
            ReductionEvent::Fails(start) => {
                let Failing { version, finding } = &start.found;
                let line = format!("{}: {}, {} lines", version.trial().id, finding.kind.word(), version.lines());
                self.smallest = Some(start.found.clone());
                self.start = Some(*start);
                return Some(line);
            }
            ReductionEvent::Trying(versions) => {
                return Some(format!("trying {}", counted(versions, "smaller version")));
            }
            ReductionEvent::Smaller(found) => {
                let of = self.start.as_ref().map_or(0, |start| start.found.version.lines());
                let line = format!("{} of {of} lines left; {}", found.version.lines(), counted(self.ran, "trial"));
                self.smallest = Some(*found);
                return Some(line);
            }
            ReductionEvent::Ran(trials) => self.ran += trials,
            ReductionEvent::Wrong(versions) => self.wrong += versions,
            ReductionEvent::NotJudged(versions) => self.not_judged += versions,
            ReductionEvent::Ended(end) => self.end = end,
        }
        None
    }

    /// Adds what could not be removed.
    pub fn left_behind(&mut self, left_behind: Option<String>) {
        self.left_behind = left_behind;
    }

    /// The text of the smallest scenario that has the finding.
    pub fn smallest(&self) -> Option<&str> {
        self.smallest.as_ref().map(|found| found.version.text())
    }

    /// 0 there is a smallest scenario, 3 the environment broke, 4 there is no finding to keep, 130 interrupted.
    pub fn exit(&self) -> Exit {
        match (&self.end, &self.left_behind) {
            (ReductionEnd::Interrupted, _) => Exit::Interrupted,
            (ReductionEnd::NotLaunched(_) | ReductionEnd::Broke(..), _) | (_, Some(_)) => Exit::Broke,
            (
                ReductionEnd::Passes
                | ReductionEnd::Skipped(_)
                | ReductionEnd::NotAgain(_)
                | ReductionEnd::NotWritable(_),
                None,
            ) => Exit::NothingRun,
            (ReductionEnd::Smallest, None) => Exit::Fine,
        }
    }

    /// All that has to be said at the end.
    pub fn render(&self) -> String {
        let mut text = String::from("\n");
        if let (Some(start), Some(smallest)) = (&self.start, &self.smallest) {
            text.push_str(&self.found(start, smallest));
        }
        let _ = match &self.end {
            ReductionEnd::Smallest => Ok(()),
            ReductionEnd::Interrupted if self.smallest.is_some() => {
                writeln!(text, "interrupted: this is the smallest so far")
            }
            ReductionEnd::Interrupted => writeln!(text, "interrupted before there was a finding: nothing was written"),
            ReductionEnd::NotLaunched(error) => writeln!(text, "{}: {error}", painted(ODD, "error")),
            ReductionEnd::Broke(reason, log) => {
                let log: String = log.iter().map(|line| format!("\n  | {line}")).collect();
                let so_far = if self.smallest.is_some() { "\n  this is the smallest so far" } else { "" };
                writeln!(text, "{}: the environment broke: {reason}{so_far}{log}", painted(ODD, "error"))
            }
            ReductionEnd::Passes => writeln!(text, "{} passes it: there is no finding to keep", self.target),
            ReductionEnd::Skipped(reason) => {
                writeln!(text, "{} skips it: {reason}\nthere is no finding to keep", self.target)
            }
            ReductionEnd::NotWritable(trial) => {
                writeln!(text, "{trial} fails, and there is no scenario with its values alone: name fewer of them")
            }
            ReductionEnd::NotAgain(tries) => {
                let tries = counted(*tries, "trial");
                writeln!(
                    text,
                    "the finding showed once, and in none of the {tries} tries after that, so there is nothing to keep"
                )
            }
        };
        if let Some(left_behind) = &self.left_behind {
            let _ = writeln!(text, "{}: {left_behind}", painted(ODD, "error"));
        }
        text
    }

    fn found(&self, start: &Start, smallest: &Failing) -> String {
        let Failing { version, finding } = smallest;
        let line = version.text().lines().nth(finding.place.line.saturating_sub(1)).unwrap_or_default();
        let mut text = format!("{}\n\n", pointed_at(line, &self.shown, &self.target, finding));
        let before = &start.found.version;
        let gone = version.dropped_since(before).into_iter().filter(|(_, dropped)| dropped.gone > 0);
        let gone: Vec<String> = gone.map(|(what, Dropped { of, gone })| format!("{gone} of {of} {what}")).collect();
        let gone = if gone.is_empty() { "nothing has gone".to_owned() } else { format!("without {}", gone.join(", ")) };
        let lines = painted(BOLD, format!("{} of {} lines are left", version.lines(), before.lines()));
        let _ = writeln!(text, "{lines}: {gone}");
        let seconds = self.began.elapsed().as_secs_f64();
        let _ = writeln!(text, "{} on {} ({seconds:.1} s)", counted(self.ran, "trial"), self.target);
        if self.wrong > 0 {
            let versions = counted(self.wrong, "smaller version");
            let _ = writeln!(text, "{versions} asked for what a correct gateway does not do, and did not count");
        }
        if self.not_judged > 0 {
            let _ = writeln!(text, "{} ended as an error, and did not count", counted(self.not_judged, "trial"));
        }
        match &start.reference {
            Reference::Fails(_) => {}
            Reference::Same => text.push_str(
                "the built-in gateway, which does what it should, has this finding, too: is the scenario right?\n",
            ),
            Reference::Silent(reason) => {
                let _ = writeln!(text, "whether a correct gateway passes what is left is not known: {reason}");
            }
        }
        if let Some(reason) = &finding.known {
            let _ = writeln!(text, "it is a known deviation: {reason}");
        }
        if start.rate.failed < start.rate.of {
            let _ = writeln!(text, "the finding comes and goes: the scenario {}", start.rate);
        }
        text
    }
}

/// `1 trial`, `3 trials`
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
