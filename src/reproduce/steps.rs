//! The steps of a written scenario: one way to ask for each thing that is put to the test.

use super::plan::{Asks, Draft};
use super::pricing::Pricing;
use super::write::Writer;
use crate::scenario::{Kind, PricedBy};

/// How long a key lives that is to expire soon, and how long after its first request it asks again, in seconds.
pub(super) const LIFE: u64 = 30;
pub(super) const AFTER_LIFE: u64 = 35;

/// When a spent budget is reset, and how long that may take: what follows has to come before the next reset.
const RESET: &str = "2m";
const WITHIN_RESET: &str = "150s";

impl Writer<'_> {
    pub(super) fn steps(&mut self, pricing: &Pricing) {
        self.text.push_str("\nsteps:\n");
        let key = self.name(Kind::Key);
        let end_user = self.shown.of(Kind::EndUser).map(|_| format!("    end_user: {}", self.name(Kind::EndUser)));
        let ask = |writer: &mut Writer<'_>, act: &str, beside: &str, more: &[(String, &str)]| {
            writer.line(&format!("  - {act}: {key}"), beside);
            for (line, comment) in end_user.iter().map(|line| (line.clone(), "")).chain(more.iter().cloned()) {
                writer.line(&line, comment);
            }
        };
        let expect = |refusal: &str| (format!("    expect: {{ {refusal} }}"), "");
        let spent = expect("status: 429, error: budget_exceeded");
        let limited = expect("status: 429, error: rate_limited");
        let accepted = ("    expect: accepted".to_owned(), "");
        let asks = self.plan.asks.clone();
        let is_let_in = !matches!(asks, Asks::Blocked(_) | Asks::Zero(_));
        match asks {
            Asks::Negative => {
                self.line(&format!("  - make: {key}"), "");
                return self.line("    expect: refused", "");
            }
            Asks::Blocked(_) => ask(self, "chat", "", &[expect("error: blocked")]),
            Asks::Expired => {
                ask(self, "chat", "", &[accepted]);
                ask(self, "chat", "", &[expect("error: key_expired")]);
            }
            Asks::Zero(_) => ask(self, "chat", "", &[spent]),
            Asks::Budgets { accepted: count, reset, .. } => {
                let count = (format!("    accepted: {count}"), "");
                ask(self, "drain", "ask until refused", &[count]);
                ask(self, "chat", "and once more", &[spent]);
                if let Some(kind) = reset {
                    let name = self.name(kind);
                    self.line(&format!("  - update: {name}"), "not before: a reset could come in the middle");
                    self.line(&format!("    to: {{ budget_duration: {RESET} }}"), "");
                    self.line(&format!("  - check: {name}"), "");
                    self.line("    spend: 0.00", "");
                    self.line(&format!("    within: {WITHIN_RESET}"), "");
                    let within = ("    within: 80s".to_owned(), "a gateway may cache it for a minute");
                    ask(self, "chat", "", &[within, accepted]);
                }
            }
            Asks::Requests { limit, .. } => {
                ask(self, "drain", "", &[(format!("    accepted: {limit}"), ""), limited]);
            }
            Asks::Tokens { accepted: count, .. } => {
                let count = (format!("    accepted: {count}"), "two may be on their way before one is counted");
                ask(self, "drain", "", &[count, limited]);
            }
            Asks::Parallel { limit, .. } => {
                let crowd = limit + 8;
                let late =
                    ("    upstream: { late: 10s }".to_owned(), "all of them arrive before the first is answered");
                let of = [(format!("    at_once: {crowd}"), ""), (format!("    accepted: {limit}"), ""), limited, late];
                ask(self, "chat", "", &of);
                ask(self, "chat", "", &[("    within: 10s".to_owned(), ""), accepted]);
            }
            Asks::Nobody { priced_by } => {
                let why = pricing.why.first().map_or("", String::as_str);
                let free = priced_by.map(|path: PricedBy| (format!("    priced_by: {}", path.word()), why));
                let more: Vec<_> =
                    [("    times: 3".to_owned(), "")].into_iter().chain(free).chain([accepted]).collect();
                ask(self, "chat", "", &more);
            }
        }
        // It is reset again and again.
        let is_reset =
            |plan: &Draft, kind| matches!(plan.asks, Asks::Budgets { reset: Some(reset), .. } if reset == kind);
        let mut beside = "recorded spend is what was spent";
        let kinds = [Kind::Key, Kind::User, Kind::Member, Kind::Team, Kind::Organisation, Kind::EndUser];
        let (plan, shown) = (self.plan, self.shown);
        for kind in kinds.into_iter().filter(|kind| shown.of(*kind).is_some() && !is_reset(plan, *kind)) {
            self.line(&format!("  - check: {}", self.name(kind)), beside);
            if kind == Kind::Key && !is_let_in {
                self.line("    calls: 0", "and nothing reached the provider");
            }
            beside = "";
        }
    }
}
