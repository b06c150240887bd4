//! What is shown while a run is under way: a bar for each target on a terminal, plain lines elsewhere. All of it on standard
//! error; the report is what goes to standard output.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::host::console::say;
use crate::launch::Origin;
use crate::outcome::{Outcome, RolledOut};
use crate::run::session::Event;
use crate::secret::redact;

/// Shows events as they happen.
pub enum Progress {
    Silent,
    Lines,
    Bars { all: MultiProgress, trials: u64, of: Mutex<HashMap<String, ProgressBar>> },
}

impl Progress {
    /// Bars where standard error is a terminal, lines elsewhere; nothing if it is to be quiet.
    pub fn new(quiet: bool, trials: usize) -> Progress {
        match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Progress::Silent,
            (false, false) => Progress::Lines,
            (false, true) => Progress::Bars { all: MultiProgress::new(), trials: trials as u64, of: Mutex::default() },
        }
    }

    /// One more, of another run at the same time.
    pub fn beside(&self, trials: usize) -> Progress {
        match self {
            Progress::Silent => Progress::Silent,
            Progress::Lines => Progress::Lines,
            Progress::Bars { all, .. } => {
                Progress::Bars { all: all.clone(), trials: trials as u64, of: Mutex::default() }
            }
        }
    }

    /// Says something that nobody has to know.
    pub fn remark(&self, what: &str) {
        match self {
            Progress::Silent => {}
            Progress::Lines | Progress::Bars { .. } => self.say(what),
        }
    }

    /// Says something that is not an event of the run.
    pub fn say(&self, what: &str) {
        match self {
            Progress::Silent | Progress::Lines => say(what),
            Progress::Bars { all, .. } => all.suspend(|| say(what)),
        }
    }

    pub fn show(&self, event: &Event) {
        match self {
            Progress::Silent => {}
            Progress::Lines => {
                if let Some(line) = line(event) {
                    say(&line);
                }
            }
            Progress::Bars { all, trials, of } => {
                let mut bars = of.lock().unwrap_or_else(PoisonError::into_inner);
                match event {
                    Event::Launching { target } => {
                        let bar =
                            all.add(ProgressBar::new_spinner().with_message(redact(&format!("{target} launching"))));
                        bar.enable_steady_tick(Duration::from_millis(120));
                        bars.insert(target.clone(), bar);
                    }
                    Event::Launched { target, remark, .. } => {
                        if let Some(remark) = remark {
                            all.suspend(|| say(&format!("{}: {remark}", target.name)));
                        }
                        if let Some(bar) = bars.get(&target.name) {
                            let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}");
                            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                            bar.set_length(*trials);
                            bar.set_message(redact(&target.name));
                        }
                    }
                    Event::Finished(result) => {
                        if let Some(bar) = bars.get(&result.target) {
                            bar.inc(1);
                        }
                    }
                    Event::NotLaunched(_)
                    | Event::Begun
                    | Event::RolledOut { .. }
                    | Event::Log { .. }
                    | Event::Restarted { .. } => {}
                    Event::Ended => bars.drain().for_each(|(_, bar)| bar.finish_and_clear()),
                }
            }
        }
    }
}

/// On this machine's clock.
pub fn time(at: jiff::Timestamp) -> String {
    at.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%F %T").to_string()
}

/// `in place from litellm@1.81.0: upgrade after 21.3 s, away for 20.9 s`
fn said(rolled_out: &RolledOut) -> String {
    let moves = rolled_out.moves.iter().map(|moved| {
        let took = Duration::from_millis(moved.took_ms).as_secs_f64();
        format!("{} took {took:.1} s", moved.to.word())
    });
    let all: Vec<String> = moves.chain(rolled_out.error.clone()).collect();
    format!("{} from {}: {}", rolled_out.rollout.word(), rolled_out.from, all.join(", "))
}

fn line(event: &Event) -> Option<String> {
    match event {
        Event::Launching { target } => Some(format!("launching {target}")),
        Event::Launched { target, took, origin, remark, .. } => {
            let how = match origin {
                Origin::Launched => String::new(),
                Origin::Kept { pid, since } => format!(": kept by process {pid} since {}", time(*since)),
                Origin::LaunchedBeside { why } => format!("; {why}"),
            };
            let remark = remark.as_ref().map(|remark| format!("; {remark}")).unwrap_or_default();
            Some(format!("{} is ready after {:.1} s{how}{remark}", target.name, took.as_secs_f64()))
        }
        Event::NotLaunched(error) => Some(format!("{} could not be launched", error.target)),
        Event::Finished(result) => {
            let seconds = result.time.whole.as_secs_f64();
            // Whether findings are known deviations is only judged at the end.
            let done = match (&result.outcome, result.findings.len()) {
                (Outcome::Unsteady { rate }, _) => format!("unsteady, {rate}"),
                (Outcome::Skip { .. } | Outcome::Error { .. }, _) => result.outcome.word().to_owned(),
                (Outcome::Pass | Outcome::Fail, 0) => "done".to_owned(),
                (Outcome::Pass | Outcome::Fail, 1) => "done, 1 finding".to_owned(),
                (Outcome::Pass | Outcome::Fail, count) => format!("done, {count} findings"),
            };
            Some(format!("{} {}: {done} ({seconds:.1} s)", result.target, result.trial))
        }
        Event::RolledOut { target, rolled_out } => Some(format!("{target} {}", said(rolled_out))),
        Event::Begun | Event::Log { .. } | Event::Restarted { .. } | Event::Ended => None,
    }
}
