//! The head of a written scenario: what it proves, its tags, what a request costs, and how that is known.

use super::plan::Asks;
use super::pricing::Pricing;
use super::steps::AFTER_LIFE;
use super::write::{Writer, one_line};
use crate::scenario::{Api, Count, Kind};

impl Writer<'_> {
    pub(super) fn head(&mut self, pricing: &Pricing) {
        self.line(&format!("name: {}", self.name_of_it()), "");
        self.line("# issue: owner/repository#1", "the report, if there is one: then without the first #");
        self.line(&format!("tags: [{}]", self.tags().join(", ")), "");
        let why = match &self.plan.asks {
            Asks::Budgets { accepted, smallest, .. } => fits(*accepted, &self.plan.scaled(*smallest).to_string()),
            _ => String::new(),
        };
        self.line(&format!("price: {}", self.plan.price), &why);
        let paths: Vec<&str> = self.plan.paths.iter().map(|path| path.word()).collect();
        let is_free = matches!(self.plan.asks, Asks::Nobody { priced_by: Some(_) });
        let axis = match paths.as_slice() {
            ["token"] if pricing.why.is_empty() || is_free => None,
            [one] => Some(format!("priced_by: {one}")),
            several => Some(format!("priced_by: [{}]", several.join(", "))),
        };
        if let Some(axis) = axis {
            match pricing.why.as_slice() {
                [one] => self.line(&axis, one),
                several => {
                    self.line(&axis, "");
                    several.iter().for_each(|why| self.line(&format!("# - {}", one_line(why)), ""));
                }
            }
        }
        if self.plan.api != Api::Chat {
            self.line(&format!("api: {}", self.plan.api.word()), "");
        }
        match &self.plan.asks {
            Asks::Expired => {
                self.line(&format!("pace: {AFTER_LIFE}s"), "the second request comes when its time is over")
            }
            asks if asks.is_about_rates() => {
                self.line("alone: first", "other trials could disturb the counts of a minute");
                self.line("settle: at_check", "requests follow one another at once: the window is a minute");
            }
            _ => {
                if let Some(pace) = self.plan.pace {
                    self.line(&format!("pace: {pace}s"), "so that the limit of requests a minute is not reached");
                }
            }
        }
    }

    fn name_of_it(&self) -> String {
        let whose = |kind: Kind| match kind {
            Kind::Key | Kind::Budget => "a key".to_owned(),
            Kind::Member => "a team member".to_owned(),
            Kind::Organisation => "an organisation".to_owned(),
            Kind::EndUser => "an end user".to_owned(),
            Kind::User | Kind::Team | Kind::Tag | Kind::Model => format!("a {kind}"),
        };
        match &self.plan.asks {
            Asks::Blocked(Kind::Key) => "A blocked key is refused".to_owned(),
            Asks::Blocked(Kind::EndUser) => "A blocked end user is refused".to_owned(),
            Asks::Blocked(kind) => format!("The key of a blocked {kind} is refused"),
            Asks::Expired => "A key is refused once its time is over".to_owned(),
            Asks::Zero(Kind::Key | Kind::Budget) => "A key with a budget of zero is never let in".to_owned(),
            Asks::Zero(kind) => format!("The key of a {kind} with a budget of zero is never let in"),
            Asks::Negative => "A negative budget is refused".to_owned(),
            Asks::Budgets { of, .. } => {
                let order = [Kind::Key, Kind::Budget, Kind::User, Kind::Team, Kind::Member];
                let order = order.into_iter().chain([Kind::Organisation, Kind::EndUser]);
                let is_of_key = of.iter().any(|kind| matches!(kind, Kind::Key | Kind::Budget));
                let whose = |kind: Kind| match kind {
                    Kind::User | Kind::Team if is_of_key => format!("its {kind}"),
                    _ => whose(kind),
                };
                let mut names: Vec<String> = order.filter(|kind| of.contains(kind)).map(whose).collect();
                names.dedup();
                match names.split_last() {
                    Some((last, [])) => format!("The budget of {last} holds"),
                    Some((last, first)) => format!("The budgets of {} and {last} hold", first.join(", ")),
                    None => "Budgets hold".to_owned(),
                }
            }
            Asks::Requests { of, .. } => format!("The limit of requests a minute of {} holds", whose(*of)),
            Asks::Tokens { of, .. } => format!("The limit of tokens a minute of {} holds", whose(*of)),
            Asks::Parallel { of, .. } => format!("The limit of requests at the same time of {} holds", whose(*of)),
            Asks::Nobody { priced_by: Some(_) } => "A free model refuses nobody for a budget".to_owned(),
            Asks::Nobody { priced_by: None } => "A key without any limit is not refused".to_owned(),
        }
    }

    fn tags(&self) -> Vec<String> {
        let mut tags = vec!["reproduced"];
        tags.push(match &self.plan.asks {
            Asks::Blocked(_) | Asks::Expired => "access",
            Asks::Zero(_) | Asks::Negative | Asks::Budgets { .. } | Asks::Nobody { .. } => "budget",
            Asks::Requests { .. } | Asks::Tokens { .. } | Asks::Parallel { .. } => "rate",
        });
        let kinds = [Kind::Key, Kind::User, Kind::Team, Kind::Member, Kind::Organisation, Kind::EndUser];
        let mut tags: Vec<String> = tags.into_iter().map(str::to_owned).collect();
        tags.extend(
            kinds.into_iter().filter(|kind| self.shown.of(*kind).is_some()).map(|kind| kind.word().replace('_', "-")),
        );
        if matches!(self.plan.asks, Asks::Budgets { reset: Some(_), .. }) {
            tags.extend(["reset".to_owned(), "slow".to_owned()]);
        }
        if self.shown.of(Kind::Team).is_none() {
            tags.push("no-team".to_owned());
        }
        if self.shown.entities.iter().all(|seen| seen.budget_duration.is_none()) {
            tags.push("no-reset".to_owned());
        }
        tags
    }
}

/// How many requests fit into a budget, and what the next one does.
fn fits(accepted: Count, budget: &str) -> String {
    let Count { least, most } = accepted;
    let (fit, verb) = if least == 1 { ("one".to_owned(), "fits") } else { (least.to_string(), "fit") };
    match least == most {
        true => format!("{fit} {verb} into {budget}, and spend all of it"),
        false => format!("{fit} {verb} into {budget}; the next crosses it"),
    }
}
