//! What an audit says: a table for people, and the same as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Answered, Asked, Question, Row};
use crate::host::failure::Exit;
use crate::scenario::PricedBy;

/// An audit that was done.
#[derive(Debug, Clone, Serialize)]
pub struct AuditReport {
    /// What JSON this is: raised when it changes.
    pub format: u32,
    pub target: String,
    pub version: Option<String>,
    pub config: String,
    pub changes: Vec<String>,
    pub models: Vec<Row>,
    /// Models without a price of their own.
    pub unpriced: Vec<String>,
}

impl AuditReport {
    pub fn new(
        target: String,
        version: Option<String>,
        config: String,
        changes: Vec<String>,
        models: Vec<Row>,
    ) -> AuditReport {
        let unpriced = models.iter().filter(|row| row.is_unpriced()).map(|row| row.model.clone()).collect();
        AuditReport { format: 1, target, version, config, changes, models, unpriced }
    }

    /// 1 if a budget does not hold, 3 if the environment broke, 4 if nothing was asked.
    pub fn exit(&self) -> Exit {
        let asked = || self.models.iter().flat_map(|row| &row.asked);
        let broke = asked().any(|asked| matches!(asked.holds, Answered::Broke(_)));
        match () {
            () if self.models.iter().any(Row::holds_not) => Exit::Failed,
            () if broke => Exit::Broke,
            () if asked().all(|asked| matches!(asked.holds, Answered::NotAsked(_))) => Exit::NothingRun,
            () => Exit::Fine,
        }
    }

    /// The table, what does not hold, and the answer.
    pub fn table(&self) -> String {
        let mut lines = vec![COLUMNS.map(str::to_owned)];
        lines.extend(self.models.iter().map(cells));
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
        let mut text = String::new();
        for line in &lines {
            let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect::<Vec<_>>();
            let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        }
        for row in &self.models {
            text.push_str(&said(row));
        }
        if !self.unpriced.is_empty() {
            let _ = writeln!(text, "\nwithout a price: {}", self.unpriced.join(", "));
            let _ = writeln!(
                text,
                "  No budget can stop one of these unless each answer says what it cost: give them prices."
            );
        }
        let _ = writeln!(text, "\n{}", self.answer());
        text
    }

    /// In one sentence.
    pub fn answer(&self) -> String {
        let version = self.version.as_ref().map(|version| format!(" ({version})")).unwrap_or_default();
        let of = self.models.len();
        let asked = self.models.iter().filter(|row| !row.asked.is_empty()).count();
        let failing = self.models.iter().filter(|row| row.holds_not()).count();
        let what = match failing {
            _ if asked == 0 => format!("none of its {of} models could be asked"),
            0 => format!("every budget that was asked for holds on {asked} of {of} models"),
            failing => format!("budgets do not hold on {failing} of {asked} models that were asked"),
        };
        format!("{}{version}, {}: {what}", self.target, self.config)
    }
}

/// What the table says of each model.
pub(super) const COLUMNS: [&str; 9] =
    ["model", "price", "key", "user", "team", "streamed", "charged", "streamed", "by fallback"];

pub(super) fn cells(row: &Row) -> [String; 9] {
    let of = |question: Question| row.asked.iter().find(|asked| asked.question == question);
    let (yes, wrong) = match row.priced_by {
        Some(PricedBy::Free | PricedBy::FreeAlias) => ("free", "WRONG"),
        // What an answer names, the gateway need not charge.
        _ if row.is_unpriced() => ("holds", "not charged"),
        _ => ("holds", "WRONG"),
    };
    let holds = |question| of(question).map_or("-", |asked| word(&asked.holds, yes, "DOES NOT HOLD")).to_owned();
    let exact = |question| of(question).map_or("-", |asked| word(&asked.exact, "exact", wrong)).to_owned();
    let price = match (&row.not_asked, row.price.as_str()) {
        (Some(why), "") => format!("not asked: {why}"),
        (Some(why), price) => format!("{price}; not asked: {why}"),
        (None, price) => price.to_owned(),
    };
    let price = match &row.alias_of {
        Some(model) => format!("another name for {model}: {price}"),
        None => price,
    };
    let charged = [Question::Key, Question::User, Question::Team].map(exact);
    // What is wrong for one of them is wrong.
    let charged =
        ["WRONG", "not charged", "broke", "exact"].into_iter().find(|word| charged.iter().any(|own| own == word));
    let by_fallback = match of(Question::Fallback) {
        Some(Asked { holds: Answered::No(_), .. }) => "DOES NOT HOLD",
        Some(Asked { exact, .. }) => word(exact, "exact", "WRONG"),
        None => "-",
    };
    [
        row.model.clone(),
        price,
        holds(Question::Key),
        holds(Question::User),
        holds(Question::Team),
        holds(Question::Streamed),
        charged.unwrap_or("-").to_owned(),
        exact(Question::Streamed),
        by_fallback.to_owned(),
    ]
}

fn word(answered: &Answered, yes: &'static str, no: &'static str) -> &'static str {
    match answered {
        Answered::Yes => yes,
        Answered::No(_) => no,
        Answered::NotAsked(_) => "-",
        Answered::Broke(_) => "broke",
    }
}

/// What went wrong on a model, each with whose budget was asked for: what is the same for several is said once.
pub(super) fn reasons(row: &Row) -> Vec<String> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    let mut add = |what: String, asked: &Asked| {
        let how = match (asked.question, row.fallbacks.first()) {
            (Question::Streamed, _) => " (streamed)".to_owned(),
            (Question::Fallback, Some(fallback)) => format!(" (answered by {fallback})"),
            (Question::Key | Question::User | Question::Team | Question::Fallback, _) => String::new(),
        };
        let whose = format!("{}{how}", asked.question.whose());
        match all.iter_mut().find(|(known, _)| *known == what) {
            Some((_, of)) => of.push(whose),
            None => all.push((what, vec![whose])),
        }
    };
    for asked in &row.asked {
        match &asked.holds {
            Answered::No(how) => add(format!("the budget does not hold: {how}"), asked),
            Answered::Broke(how) => add(format!("nothing is known: {how}"), asked),
            Answered::NotAsked(why) => add(format!("not asked: {why}"), asked),
            Answered::Yes => {}
        }
        if let Answered::No(how) = &asked.exact {
            let of_unpriced = row.is_unpriced() && asked.question != Question::Fallback;
            add(format!("{}: {how}", if of_unpriced { "not charged" } else { "charged wrong" }), asked);
        }
    }
    all.into_iter().map(|(what, of)| format!("{}: {what}", of.join(", "))).collect()
}

fn said(row: &Row) -> String {
    let reasons = reasons(row);
    match reasons.is_empty() {
        true => String::new(),
        false => format!("\n{}\n  {}\n", row.model, reasons.join("\n  ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::page;
    use super::*;

    fn asked(question: Question, holds: Answered, exact: Answered) -> Asked {
        Asked { question, holds, exact }
    }

    fn report() -> AuditReport {
        let no = |what: &str| Answered::No(what.to_owned());
        let all =
            |holds: fn() -> Answered| Question::ALL.map(|question| asked(question, holds(), Answered::Yes)).to_vec();
        let row = |model: &str, price: &str, path, asked, not_asked: Option<&str>| Row {
            model: model.to_owned(),
            price: price.to_owned(),
            priced_by: path,
            alias_of: (model == "chat").then(|| "gpt-4o".to_owned()),
            fallbacks: if model == "gpt-4o" { vec!["small".to_owned()] } else { Vec::new() },
            asked,
            not_asked: not_asked.map(str::to_owned),
        };
        let unpriced = vec![
            asked(Question::Key, no("expected budget_exceeded, got 200"), Answered::Yes),
            asked(Question::User, no("expected budget_exceeded, got 200"), Answered::Yes),
            asked(Question::Team, Answered::NotAsked("it may not ask this model".to_owned()), Answered::Yes),
            asked(Question::Streamed, Answered::Broke("503".to_owned()), no("0.00 of 0.06")),
        ];
        // One of them may not ask it; what the others were charged is known.
        let denied = vec![
            asked(Question::Key, Answered::Yes, Answered::Yes),
            asked(Question::User, Answered::NotAsked("401".to_owned()), Answered::NotAsked("401".to_owned())),
        ];
        let models = vec![
            row("gpt-4o", "2.5 and 10 USD a million tokens", Some(PricedBy::CostMap), all(|| Answered::Yes), None),
            row("house <model>", "", Some(PricedBy::Provider), unpriced, None),
            row("chat", "2.5 and 10 USD a million tokens", Some(PricedBy::CostMap), denied, None),
            row("openai/*", "", None, Vec::new(), Some("it is a wildcard: name a model")),
        ];
        let changes = vec!["chat: api_base is the upstream".to_owned()];
        AuditReport::new(
            "litellm@1.82.3".to_owned(),
            Some("1.82.3".to_owned()),
            "config.yaml".to_owned(),
            changes,
            models,
        )
    }

    #[test]
    fn a_model_on_which_a_budget_does_not_hold_is_named_with_the_reason() {
        assert_eq!(report().exit(), Exit::Failed);
        insta::assert_snapshot!(report().table());
    }

    #[test]
    fn a_configuration_of_which_nothing_could_be_asked_is_no_good_news() {
        let models = report().models.into_iter().filter(|row| row.model == "openai/*").collect();
        let report = AuditReport { models, unpriced: Vec::new(), ..report() };
        assert_eq!(report.exit(), Exit::NothingRun);
        assert!(report.answer().ends_with("none of its 1 models could be asked"), "{}", report.answer());
    }

    #[test]
    fn the_page_says_what_the_table_says_and_nothing_in_it_is_taken_for_markup() {
        let page = page::render(&report());
        for said in [
            report().answer().as_str(),
            "house &lt;model&gt;",
            "DOES NOT HOLD",
            "name a model",
            "api_base is the upstream",
        ] {
            assert!(page.contains(said), "{said} is not in {page}");
        }
        assert!(!page.contains("house <model>") && !page.contains("<script"), "{page}");
    }
}
