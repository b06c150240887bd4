//! What came of a search among versions: the first on the other side of the change and the last before it, what each
//! did, and what was tried to find out.

use std::fmt::Write as _;
use std::time::Instant;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::run::{SearchEnd, SearchEvent, SearchPlan};
use crate::bisect::{Sought, Told};
use crate::host::failure::Exit;
use crate::launch::LaunchError;
use crate::outcome::{Finding, FindingKind, Rate, TrialResult};
use crate::report::terminal::{BAD, BOLD, GOOD, ODD, painted, pointed_at};
use crate::report::transcript;
use crate::scenario::{Trial, TrialId};
use crate::versions::LeftOut;

/// Grows with every change that could break a program that reads an answer.
const FORMAT: u32 = 1;

/// What remains of the events of such a search.
#[derive(Debug)]
pub struct Bisected {
    plan: SearchPlan,
    left_out: Vec<LeftOut>,
    began: Instant,
    resumed: usize,
    launches: usize,
    followed: Option<(TrialId, Sought, Vec<TrialId>)>,
    /// By the places of the targets.
    told: Vec<Option<(Told, Vec<TrialResult>)>>,
    not_launched: Vec<LaunchError>,
    end: SearchEnd,
    left_behind: Option<String>,
}

/// A version of those that could be tried.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tried {
    target: String,
    is: Is,
    /// How often the finding was there, out of how many times.
    rate: Option<Rate>,
    /// How it fails instead.
    other: Option<FindingKind>,
    /// Why it tells nothing.
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Is {
    Good,
    Bad,
    /// It was tried, and tells nothing.
    Skipped,
    NotTried,
}

/// The answer of `gatecrash bisect`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Bisection")]
pub struct Bisection<'a> {
    /// Grows with every change that could break a program that reads an answer.
    format: u32,
    /// The version of gatecrash that made it.
    gatecrash: &'a str,
    /// 0 the answer is one version, 3 the environment broke, or versions in between told nothing, 4 there is nothing to search
    /// for, 130 interrupted.
    exit_code: u8,
    /// Whether the version that mended it was searched for, not the one that broke it.
    fixed: bool,
    /// The trial that was followed.
    trial: Option<&'a str>,
    finding: Option<&'a Finding>,
    /// The versions that could be tried, in their order.
    versions: Vec<Tried>,
    left_out: &'a [LeftOut],
    /// The last version before the change, as far as is known.
    last_before: Option<&'a str>,
    /// The first version after it: the bad one, or with `fixed` the good one.
    first_after: Option<&'a str>,
    /// Those in between, of which nothing is known: the first after the change may be one of them.
    undecided: Vec<&'a str>,
    /// Where the gateway's repository shows what changed between the two.
    changes: Option<String>,
    /// How many targets were launched.
    launches: usize,
    seconds: f64,
    /// Why there is no answer.
    error: Option<String>,
    /// What was asked and answered on the last version before, and on the first after.
    transcripts: Vec<&'a TrialResult>,
}

/// The JSON Schema of [`Bisected::document`].
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Bisection<'_>)
}

impl Bisected {
    pub fn new(plan: &SearchPlan, left_out: Vec<LeftOut>) -> Bisected {
        Bisected {
            told: vec![None; plan.targets.len()],
            plan: plan.clone(),
            left_out,
            began: Instant::now(),
            resumed: 0,
            launches: 0,
            followed: None,
            not_launched: Vec::new(),
            // Unless an event says otherwise.
            end: SearchEnd::Interrupted,
            left_behind: None,
        }
    }

    /// Adds what happened, and gives its line of progress, if it is worth one.
    pub fn add(&mut self, event: SearchEvent) -> Option<String> {
        match event {
            SearchEvent::Resumed(targets) => {
                self.resumed = targets;
                return Some(format!("continuing: {targets} of them were tried before"));
            }
            SearchEvent::Launching(target) => {
                self.launches += 1;
                return Some(format!("launching {target}"));
            }
            SearchEvent::Launched { target, seconds } => {
                return Some(format!("{target} is ready after {seconds:.1} s"));
            }
            SearchEvent::NotLaunched(error) => {
                let line = error.to_string();
                self.not_launched.push(error);
                return Some(line);
            }
            SearchEvent::Follows { trial, sought, others } => {
                let finding = &sought.finding;
                let line = match others.len() {
                    0 => format!("{trial} is followed: {}", finding.kind.word()),
                    count => {
                        format!("{trial} is followed: {}; {count} more differ, too (--filter)", finding.kind.word())
                    }
                };
                self.followed = Some((trial, *sought, others));
                return Some(line);
            }
            SearchEvent::Told { target, told, results } => {
                let name = &self.plan.targets[target].name;
                let line = format!("{name}: {}", in_words(&told));
                self.told[target] = Some((told, results));
                return Some(line);
            }
            SearchEvent::Forgets(why) => return Some(format!("what is learned is not kept: {why}")),
            SearchEvent::Ended(end) => self.end = end,
        }
        None
    }

    /// Adds what could not be taken away.
    pub fn left_behind(&mut self, left_behind: Option<String>) {
        self.left_behind = left_behind;
    }

    /// 0 the answer is one version, 3 the environment broke or versions in between told nothing, 4 there is nothing to search
    /// for, 130 interrupted.
    pub fn exit(&self) -> Exit {
        match (&self.end, &self.left_behind) {
            (SearchEnd::Interrupted, _) => Exit::Interrupted,
            (SearchEnd::NotLaunched(_) | SearchEnd::Broke { .. }, _) | (_, Some(_)) => Exit::Broke,
            (SearchEnd::Passes | SearchEnd::BothFail, None) => Exit::NothingRun,
            (SearchEnd::Found { .. }, None) if !self.undecided().is_empty() => Exit::Broke,
            (SearchEnd::Found { .. }, None) => Exit::Fine,
        }
    }

    fn name(&self, target: usize) -> &str {
        &self.plan.targets[target].name
    }

    /// The targets on both sides of the change.
    fn sides(&self) -> Option<(usize, usize)> {
        match self.end {
            SearchEnd::Found { last_before, first_after } => Some((last_before, first_after)),
            _ => None,
        }
    }

    fn undecided(&self) -> Vec<&str> {
        self.sides().map_or(Vec::new(), |(before, after)| (before + 1..after).map(|target| self.name(target)).collect())
    }

    fn changes(&self) -> Option<String> {
        let (before, after) = self.sides()?;
        let [before, after] = [before, after].map(|target| &self.plan.targets[target]);
        let changes = before.gateway.adapter().about().changes;
        changes(before.version.as_deref()?, after.version.as_deref()?)
    }

    fn trial(&self) -> Option<&Trial> {
        let (followed, ..) = self.followed.as_ref()?;
        self.plan.trials.iter().find(|trial| trial.id == *followed)
    }

    /// What a target did: with the finding, if it ever had it.
    fn shown(&self, target: usize) -> Option<&TrialResult> {
        let (_, results) = self.told[target].as_ref()?;
        let (_, sought, _) = self.followed.as_ref()?;
        results.iter().find(|result| sought.find(result).is_some()).or(results.first())
    }

    fn error(&self) -> Option<String> {
        let bad = if self.plan.fixed { 0 } else { self.plan.targets.len() - 1 };
        let good = self.plan.targets.len() - 1 - bad;
        match &self.end {
            SearchEnd::Found { .. } => None,
            SearchEnd::NotLaunched(error) => Some(error.to_string()),
            SearchEnd::Passes => Some(format!("{} passes it: there is nothing to search for", self.name(bad))),
            SearchEnd::BothFail => Some(format!(
                "{} fails in the same way as {}: there is nothing to search for",
                self.name(good),
                self.name(bad)
            )),
            SearchEnd::Broke { target, reason } => Some(format!("{target} cannot be judged: {reason}")),
            SearchEnd::Interrupted => Some("interrupted: run the same command to continue from here".to_owned()),
        }
    }

    /// The answer as JSON.
    pub fn document(&self) -> Bisection<'_> {
        let tried = |(target, told): (usize, &Option<(Told, Vec<TrialResult>)>)| {
            let tried =
                Tried { target: self.name(target).to_owned(), is: Is::NotTried, rate: None, other: None, reason: None };
            match told.as_ref().map(|(told, _)| told.clone()) {
                None => tried,
                Some(Told::Has(rate)) => Tried { is: Is::Bad, rate: Some(rate), ..tried },
                Some(Told::HasNot(other)) => Tried { is: Is::Good, other, ..tried },
                Some(Told::Nothing(reason)) => Tried { is: Is::Skipped, reason: Some(reason), ..tried },
            }
        };
        let sides = self.sides();
        Bisection {
            format: FORMAT,
            gatecrash: env!("CARGO_PKG_VERSION"),
            exit_code: self.exit().code(),
            fixed: self.plan.fixed,
            trial: self.followed.as_ref().map(|(trial, ..)| trial.as_str()),
            finding: self.followed.as_ref().map(|(_, sought, _)| &sought.finding),
            versions: self.told.iter().enumerate().map(tried).collect(),
            left_out: &self.left_out,
            last_before: sides.map(|(before, _)| self.name(before)),
            first_after: sides.map(|(_, after)| self.name(after)),
            undecided: self.undecided(),
            changes: self.changes(),
            launches: self.launches,
            seconds: self.began.elapsed().as_secs_f64(),
            error: self.error(),
            transcripts: sides.map_or(Vec::new(), |(before, after)| {
                [before, after].into_iter().filter_map(|target| self.shown(target)).collect()
            }),
        }
    }

    /// All there is to say at the end.
    pub fn render(&self) -> String {
        let mut text = String::new();
        if let (Some((before, after)), Some((id, sought, others))) = (self.sides(), &self.followed) {
            let bad = if self.plan.fixed { before } else { after };
            if let (Some(trial), Some(result)) = (self.trial(), self.shown(bad)) {
                let found = sought.find(result).unwrap_or(&sought.finding);
                let line = trial.file.text.lines().nth(found.place.line.saturating_sub(1)).unwrap_or_default();
                let file = trial.file.path.display().to_string();
                let _ = writeln!(text, "{}\n", pointed_at(line, &file, self.name(bad), found));
            }
            let shown: Vec<TrialResult> =
                [before, after].into_iter().filter_map(|target| self.shown(target)).cloned().collect();
            let _ = writeln!(text, "{}", transcript::as_text(&shown));
            let _ = writeln!(text, "{}\n", self.line());
            text.push_str(&self.answer(id, sought.finding.kind, before, after));
            if !others.is_empty() {
                let _ = writeln!(text, "these also differ, but are not followed: {}", others.join(", "));
            }
        } else {
            if self.told.iter().any(Option::is_some) {
                let _ = writeln!(text, "{}\n", self.line());
            }
            if let Some(error) = self.error() {
                let _ = writeln!(text, "{}: {error}", painted(ODD, "error"));
            }
        }
        if let Some(left_behind) = &self.left_behind {
            let _ = writeln!(text, "{}: {left_behind}", painted(ODD, "error"));
        }
        text
    }

    fn answer(&self, trial: &str, kind: FindingKind, before: usize, after: usize) -> String {
        let (first, last) = if self.plan.fixed { ("first good", "last bad") } else { ("first bad", "last good") };
        let mut text = String::new();
        let undecided = self.undecided();
        let told = |target: usize| self.told[target].as_ref().map(|(told, _)| in_words(told)).unwrap_or_default();
        if undecided.is_empty() {
            let _ = writeln!(text, "{first}: {} ({})", painted(BOLD, self.name(after)), told(after));
        } else {
            let _ = writeln!(
                text,
                "{first}: {} or {}; of {} nothing can be said",
                undecided.join(", "),
                painted(BOLD, self.name(after)),
                if undecided.len() == 1 { "the first" } else { "all but the last" },
            );
        }
        let _ = writeln!(text, "{last}:  {} ({})", painted(BOLD, self.name(before)), told(before));
        let _ = writeln!(text, "of {trial}: {}", kind.sentence());
        if let Some(changes) = self.changes() {
            let _ = writeln!(text, "what changed: {changes}");
        }
        let skipped = self.told.iter().enumerate().filter_map(|(target, told)| match told {
            Some((Told::Nothing(reason), _)) => Some(format!("skipped: {} ({reason})", self.name(target))),
            _ => None,
        });
        for line in skipped {
            let _ = writeln!(text, "{line}");
        }
        let before = match self.resumed {
            0 => String::new(),
            count => format!(", {count} before"),
        };
        let seconds = self.began.elapsed().as_secs_f64();
        let _ =
            writeln!(text, "{} versions, {} launches{before} ({seconds:.0} s)", self.plan.targets.len(), self.launches);
        text
    }

    /// The versions as a line: which were tried, and what they are. The untried ones are only counted.
    fn line(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut not_tried = 0;
        let counted = |count: &mut usize, parts: &mut Vec<String>| {
            if *count > 0 {
                parts.push(format!("·{}", std::mem::take(count)));
            }
        };
        for (target, told) in self.plan.targets.iter().zip(&self.told) {
            let version = target.version.as_deref().unwrap_or(&target.name);
            let (style, mark) = match told.as_ref().map(|(told, _)| told) {
                None => {
                    not_tried += 1;
                    continue;
                }
                Some(Told::Has(Rate { failed, of })) if failed < of => (BAD, "✗~"),
                Some(Told::Has(_)) => (BAD, "✗"),
                Some(Told::HasNot(None)) => (GOOD, "✓"),
                Some(Told::HasNot(Some(_))) => (GOOD, "✓*"),
                Some(Told::Nothing(_)) => (ODD, "?"),
            };
            counted(&mut not_tried, &mut parts);
            parts.push(painted(style, format!("{mark}{version}")));
        }
        counted(&mut not_tried, &mut parts);
        let mut legend = vec!["✓ good", "✗ bad"];
        let any = |is: fn(&Told) -> bool| self.told.iter().flatten().any(|(told, _)| is(told));
        if any(|told| matches!(told, Told::Has(Rate { failed, of }) if failed < of)) {
            legend.push("✗~ bad at times");
        }
        if any(|told| matches!(told, Told::HasNot(Some(_)))) {
            legend.push("✓* fails in another way");
        }
        if any(|told| matches!(told, Told::Nothing(_))) {
            legend.push("? tells nothing");
        }
        if self.told.iter().any(Option::is_none) {
            legend.push("·n so many not tried");
        }
        format!("  {}\n  ({})", parts.join("  "), legend.join(", "))
    }
}

/// `bad`, `bad, failed 1 of 5 times`, `good, but for a wrong refusal`, `skipped: its database is gone`.
fn in_words(told: &Told) -> String {
    match told {
        Told::Has(Rate { failed, of }) if failed == of => "bad".to_owned(),
        Told::Has(rate) => format!("bad, {rate}"),
        Told::HasNot(None) => "good".to_owned(),
        Told::HasNot(Some(other)) => format!("good, but fails in another way: {}", other.word()),
        Told::Nothing(reason) => format!("skipped: {reason}"),
    }
}
