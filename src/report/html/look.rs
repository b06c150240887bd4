//! How outcomes and verdicts look: each by its word, a sign and a colour, never by its colour alone.

use maud::{Markup, html};

use crate::host::failure::Exit;
use crate::outcome::Outcome;
use crate::report::answer::in_short;
use crate::report::{Report, TrialReport};
use crate::verdict::Verdict;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Odd,
    Faint,
}

impl Tone {
    /// That of a command that ends so.
    pub(crate) fn of(exit: Exit) -> Tone {
        match exit {
            Exit::Fine => Tone::Good,
            Exit::Failed => Tone::Bad,
            Exit::NothingRun | Exit::Broke | Exit::WrongInput | Exit::Interrupted => Tone::Odd,
        }
    }

    /// The class of what is shown in it.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Tone::Good => "good",
            Tone::Bad => "bad",
            Tone::Odd => "odd",
            Tone::Faint => "faint",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub word: &'static str,
    pub sign: &'static str,
    pub tone: Tone,
}

impl Look {
    pub(super) fn of_verdict(verdict: Verdict) -> Look {
        let (sign, tone) = match verdict {
            Verdict::Regression => ("✕", Tone::Bad),
            Verdict::StillFailing => ("✕", Tone::Odd),
            Verdict::Changed => ("≠", Tone::Odd),
            Verdict::NotComparable => ("?", Tone::Faint),
            Verdict::Fixed => ("✓", Tone::Good),
            Verdict::Same => ("=", Tone::Good),
        };
        Look { word: verdict.word(), sign, tone }
    }

    pub(super) fn of_outcome(outcome: &Outcome) -> Look {
        let (sign, tone) = match outcome {
            Outcome::Pass => ("✓", Tone::Good),
            Outcome::Fail => ("✕", Tone::Bad),
            Outcome::Unsteady { .. } => ("≈", Tone::Odd),
            Outcome::Error { .. } => ("!", Tone::Odd),
            Outcome::Skip { .. } => ("–", Tone::Faint),
        };
        Look { word: outcome.word(), sign, tone }
    }

    /// A trial's look: its verdict, or its worst outcome.
    pub(super) fn of(trial: &TrialReport) -> Look {
        let outcomes = || trial.results.iter().map(|result| Look::of_outcome(&result.outcome));
        match trial.verdict {
            Some(verdict) => Look::of_verdict(verdict),
            None => outcomes().min_by_key(|look| OUTCOMES.iter().position(|word| *word == look.word)).unwrap_or(PASS),
        }
    }

    /// Those that occur in a report, those to look at first coming first.
    pub(super) fn all(report: &Report) -> Vec<Look> {
        let words = match report.compares {
            true => Verdict::ALL.map(Verdict::word).to_vec(),
            false => OUTCOMES.to_vec(),
        };
        let looks: Vec<Look> = report.trials.iter().map(Look::of).collect();
        words.into_iter().filter_map(|word| looks.iter().find(|look| look.word == word).copied()).collect()
    }

    /// Whether it is as it should be, so that nobody has to look at it.
    pub(super) fn is_usual(self) -> bool {
        self.word == Verdict::Same.word() || self.word == PASS.word
    }

    /// `3 regressions`, `12 passed`
    pub(super) fn counted(self, count: usize) -> String {
        let what = match self.word {
            "regression" if count > 1 => "regressions",
            "FAIL" => "failed",
            "ERROR" => "could not be judged",
            "skip" => "skipped",
            "pass" => "passed",
            word => word,
        };
        format!("{count} {what}")
    }

    /// Its sign and its word.
    pub(super) fn badge(self) -> Markup {
        html! { span class={ "badge " (self.tone.class()) } { (self.mark()) (self.word) } }
    }

    /// Its sign, for those who see it.
    pub(super) fn mark(self) -> Markup {
        html! { span class="sign" aria-hidden="true" { (self.sign) } }
    }
}

const PASS: Look = Look { word: "pass", sign: "✓", tone: Tone::Good };

/// The words of outcomes, the worst first.
const OUTCOMES: [&str; 5] = ["FAIL", "unsteady", "ERROR", "skip", "pass"];

/// Why something was not judged, in a line; all of it on demand.
pub(crate) fn why(reason: &str) -> Markup {
    let short = in_short(reason);
    if short == reason {
        return html! { (reason) };
    }
    html! { details class="whole" { summary { (short) } (reason) } }
}
