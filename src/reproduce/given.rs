//! The entities of a written scenario: a key and those it belongs to, with what was shown of them beside it.

use rust_decimal::Decimal;

use super::plan::{Asks, is_short};
use super::steps::LIFE;
use super::write::{Writer, one_line};
use crate::gateway::shown::{Expiry, Seen};
use crate::scenario::value::shortened;
use crate::scenario::{Kind, Usd};

/// A key with a shorter life could expire in the middle of a trial.
const SHORT_LIFE: u64 = 60 * 60;

/// What to write of an entity: its fields, each with what stands beside it, and remarks between them.
#[derive(Debug, Default)]
struct Posted(Vec<(String, String)>);

impl Posted {
    fn field(&mut self, name: &str, value: impl std::fmt::Display, beside: impl Into<String>) {
        self.0.push((format!("    {name}: {value}"), beside.into()));
    }

    fn remark(&mut self, remark: &str) {
        self.0.push((format!("    # {}", one_line(remark)), String::new()));
    }
}

impl Writer<'_> {
    /// Writes all entities, those that others refer to first.
    pub(super) fn given(&mut self) {
        self.text.push_str("\ngiven:\n");
        let order = [Kind::Budget, Kind::Organisation, Kind::Team, Kind::User, Kind::Member, Kind::EndUser, Kind::Key];
        let shown = self.shown;
        for seen in order.into_iter().filter_map(|kind| shown.of(kind)) {
            let mut lines = Posted::default();
            self.owners(seen, &mut lines);
            self.budgets(seen, &mut lines);
            self.duration(seen, &mut lines);
            self.models(seen, &mut lines);
            if seen.only_model_routes {
                lines.field("allowed_routes", "[llm_api_routes]", "");
            }
            self.limits(seen, &mut lines);
            self.expiry(seen, &mut lines);
            let beside = if seen.is_shown { "" } else { "only referred to: what it may spend is not shown" };
            self.line(&format!("  - {}: {}", seen.kind.word(), self.name(seen.kind)), beside);
            for (line, beside) in lines.0 {
                self.line(&line, &beside);
            }
            match &self.plan.asks {
                Asks::Blocked(blocked) if *blocked == seen.kind => self.line("    state: blocked", ""),
                Asks::Negative if seen.kind == Kind::Key => self.line("    state: later", ""),
                _ => {}
            }
        }
    }

    fn owners(&self, seen: &Seen, lines: &mut Posted) {
        let is_there = |kind: Kind| self.shown.of(kind).is_some();
        let has = |owner: Kind| match (seen.kind, owner) {
            (Kind::Key | Kind::Member, Kind::User | Kind::Team) | (Kind::Team, Kind::Organisation) => true,
            // A key in a team is in the team's organisation.
            (Kind::Key, Kind::Organisation) => !is_there(Kind::Team),
            (Kind::Key, Kind::Budget) => true,
            _ => false,
        };
        for owner in [Kind::User, Kind::Team, Kind::Organisation, Kind::Budget] {
            if has(owner) && is_there(owner) {
                let beside = if owner == Kind::Budget { spent(seen) } else { String::new() };
                lines.field(owner.word(), self.name(owner), beside);
            }
        }
    }

    fn budgets(&mut self, seen: &Seen, lines: &mut Posted) {
        let kind = seen.kind;
        for (field, budget) in [("max_budget", seen.max_budget), ("member_budget", seen.member_budget)] {
            let Some(budget) = budget else { continue };
            if budget < Usd::ZERO && !(kind == Kind::Key && self.plan.asks == Asks::Negative) {
                self.lost.push(format!("{field} of the {kind}: {budget} is negative, and should not have been taken"));
                continue;
            }
            if matches!(self.plan.asks, Asks::Parallel { .. }) {
                self.lost.push(format!("{field} of the {kind}: for a budget, a gateway may let requests wait instead"));
                continue;
            }
            let scaled = self.plan.scaled(budget);
            let spent = if field == "max_budget" { spent(seen) } else { String::new() };
            let beside = match self.plan.scale == Decimal::ONE {
                true => spent,
                false if spent.is_empty() => format!("{budget} in the report"),
                false => format!("{budget} in the report, {spent}"),
            };
            lines.field(field, scaled, beside);
        }
        let has_object = kind == Kind::Key && self.shown.of(Kind::Budget).is_some();
        if seen.max_budget.is_none() && seen.spend.is_some_and(|spend| spend > Usd::ZERO) && !has_object {
            lines.remark(&format!("{}, without a budget", spent(seen)));
        }
    }

    fn duration(&mut self, seen: &Seen, lines: &mut Posted) {
        let Some((said, period)) = &seen.budget_duration else { return };
        let is_reset = matches!(&self.plan.asks, Asks::Budgets { reset: Some(kind), .. } if *kind == seen.kind);
        let kind = seen.kind;
        if is_reset {
            lines.remark(&format!("budget_duration: {said} in the report; set when the budget is spent"));
        } else if is_short(seen) {
            self.lost.push(format!("budget_duration of the {kind}: {said} could be over in the middle of a trial"));
        } else if !kind.fields().contains(&"budget_duration") {
            self.lost.push(format!("budget_duration of the {kind}: there is nothing like it in a scenario"));
        } else {
            let beside = if *said == period.text { String::new() } else { format!("{said} in the report") };
            lines.field("budget_duration", &period.text, beside);
        }
    }

    /// A scenario's models are those of pricing paths: the ones it asks stand for the ones that are allowed.
    fn models(&self, seen: &Seen, lines: &mut Posted) {
        if !seen.kind.fields().contains(&"models") {
            return;
        }
        let mut models: Vec<&str> = Vec::new();
        if seen.all_team_models {
            models.push("all-team-models");
        }
        if !seen.models.is_empty() {
            models.extend(self.plan.paths.iter().map(|path| path.word()));
            if let Asks::Nobody { priced_by: Some(free) } = &self.plan.asks {
                models.push(free.word());
            }
        }
        let beside = match seen.models.as_slice() {
            [] => String::new(),
            [one] => shortened(one),
            [one, another] => format!("{}, {}", shortened(one), shortened(another)),
            [one, another, rest @ ..] => format!("{}, {} and {} more", shortened(one), shortened(another), rest.len()),
        };
        if !models.is_empty() {
            lines.field("models", format!("[{}]", models.join(", ")), beside);
        }
    }

    fn limits(&self, seen: &Seen, lines: &mut Posted) {
        let reported = |field: &str| match field {
            "rpm_limit" => seen.rpm_limit,
            "tpm_limit" => seen.tpm_limit,
            _ => seen.max_parallel_requests,
        };
        for (_, field, amount) in self.plan.limits.iter().filter(|(kind, _, _)| *kind == seen.kind) {
            let other = reported(field).filter(|reported| reported != amount);
            lines.field(field, amount, other.map(|other| format!("{other} in the report")).unwrap_or_default());
        }
    }

    fn expiry(&mut self, seen: &Seen, lines: &mut Posted) {
        match seen.expiry {
            Some(Expiry::Over) if self.plan.asks == Asks::Expired => {
                lines.field("expires", format!("{LIFE}s"), "it was over in the report");
            }
            Some(Expiry::After(life)) if life.as_secs() >= SHORT_LIFE => {
                lines.field("expires", in_words(life.as_secs()), "");
            }
            Some(Expiry::After(life)) => {
                self.lost.push(format!("expires: {} could be over in the middle of a trial", in_words(life.as_secs())));
            }
            Some(Expiry::Over) | None => {}
        }
    }
}

fn spent(seen: &Seen) -> String {
    seen.spend.map(|spend| format!("spent {spend} when reported")).unwrap_or_default()
}

/// Seconds in the largest unit that fits well enough: a key is made some milliseconds before its time begins.
fn in_words(seconds: u64) -> String {
    let units = [("d", 24 * 60 * 60), ("h", 60 * 60), ("m", 60), ("s", 1)];
    for (unit, length) in units {
        let rounded = (seconds + length / 2) / length;
        if rounded > 0 && (rounded * length).abs_diff(seconds) <= seconds / 100 {
            return format!("{}{unit}", rounded.min(u64::from(u16::MAX)));
        }
    }
    format!("{seconds}s")
}
