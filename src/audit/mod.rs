//! Each model of an operator's own configuration, asked whether budgets hold on it and what it costs is charged. This is the
//! pure core: the scenarios that are asked of a model, and what their outcomes say. Not: asking ([`run`]), nor telling
//! ([`tell`]).

pub mod order;
pub mod page;
pub mod run;
pub mod tell;

use std::path::Path;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::gateway::own::OwnPriced;
use crate::gateway::price::{Cost, Priced};
use crate::outcome::{Finding, FindingKind, Outcome, TrialResult};
use crate::scenario::plan::multiply;
use crate::scenario::read::understand;
use crate::scenario::{Api, ErrorKind, PricedBy, Trial, Usd};

/// What is asked of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Does a key's budget hold, asked whole?
    Key,
    User,
    Team,
    /// Does a key's budget hold, streamed?
    Streamed,
}

impl Question {
    pub const ALL: [Question; 4] = [Question::Key, Question::User, Question::Team, Question::Streamed];

    /// Whose budget it is about.
    pub fn whose(self) -> &'static str {
        match self {
            Question::Key | Question::Streamed => "key",
            Question::User => "user",
            Question::Team => "team",
        }
    }
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "how")]
pub enum Answered {
    Yes,
    No(String),
    /// Why it was not asked, or nothing came of it.
    NotAsked(String),
    Broke(String),
}

/// What came of one question.
#[derive(Debug, Clone, Serialize)]
pub struct Asked {
    pub question: Question,
    /// Whether the budget holds.
    pub holds: Answered,
    /// Whether all was charged to the cent.
    pub exact: Answered,
}

/// What is known of a model.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub model: String,
    /// How it is priced.
    pub price: String,
    pub priced_by: Option<PricedBy>,
    /// Empty, if it was not asked.
    pub asked: Vec<Asked>,
    /// Why it was not.
    pub not_asked: Option<String>,
}

impl Row {
    /// One that has no price of its own.
    pub fn is_unpriced(&self) -> bool {
        matches!(self.priced_by, Some(PricedBy::Provider | PricedBy::Alias | PricedBy::Unpriced))
    }

    pub fn holds_not(&self) -> bool {
        self.asked.iter().any(|asked| matches!(asked.holds, Answered::No(_)))
    }
}

/// A price of about two cents that whole tokens make, and that scenarios can be written with.
pub(crate) fn price(priced: &Priced, api: Api) -> Option<Usd> {
    let about = Decimal::new(2, 2);
    match priced.cost {
        Cost::Reported | Cost::Nothing => Some(Usd(about)),
        Cost::Image(each) => Some(Usd(each)),
        Cost::Tokens { input, output } => {
            let inputs = if input.is_zero() {
                Decimal::ZERO
            } else {
                (about / Decimal::TWO / input).trunc().min(Decimal::from(9_000))
            };
            let left = about - inputs * input;
            let outputs = match api {
                Api::Embeddings => Decimal::ZERO,
                _ if output.is_zero() => Decimal::ZERO,
                _ => (left / output).trunc(),
            };
            let price = Usd((inputs * input + outputs * output).normalize());
            (price.0 > Decimal::ZERO && priced.usage(price, api).is_some()).then_some(price)
        }
    }
}

/// The trial that asks a model a question.
///
/// # Errors
/// Why there is none.
pub(crate) fn trial(own: &OwnPriced, priced: &Priced, question: Question) -> Result<Trial, String> {
    let path = own.path.unwrap_or(PricedBy::Token);
    if question == Question::Streamed && !own.api.streams() {
        return Err("it has no streams".to_owned());
    }
    if question == Question::Streamed && !own.streams {
        return Err("its provider says the usage of a stream unasked, which the upstream does not".to_owned());
    }
    let price = price(priced, own.api).ok_or("no whole number of tokens costs about two cents")?;
    // Two requests fit, the third crosses it.
    let budget = Usd((price.0 * Decimal::new(25, 1)).normalize());
    let name = serde_json::to_string(&format!("The budget of a {} holds on {}", question.whose(), own.model))
        .unwrap_or_default();
    let whose = question.whose();
    let (who, given) = match question {
        Question::Key | Question::Streamed => ("asker", format!("  - key: asker\n    max_budget: {budget}\n")),
        Question::User | Question::Team => {
            let owned = format!("  - {whose}: owner\n    max_budget: {budget}\n  - key: asker\n    {whose}: owner\n");
            ("owner", owned)
        }
    };
    let asks = match path.costs() {
        true => "  - drain: asker\n".to_owned(),
        false => "  - chat: asker\n    times: 4\n".to_owned(),
    };
    let text = format!(
        "name: {name}\nprice: {price}\npriced_by: {}\napi: {}\nstream: {}\ngiven:\n{given}steps:\n{asks}  - check: {who}\n",
        path.word(),
        own.api.word(),
        question == Question::Streamed,
    );
    let file = understand(Path::new("audit.yaml"), text.into_bytes());
    let file =
        file.map_err(|mistakes| mistakes.diagnostics.first().map(|wrong| wrong.title.clone()).unwrap_or_default())?;
    let trials = multiply(&format!("{}/{}", own.model, question.whose()), file, true);
    let trial = trials.into_iter().next().ok_or("there is no such trial")?;
    Ok(Trial { model: Some(Arc::from(own.model.as_str())), ..trial })
}

/// What a result says.
pub(crate) fn judged(question: Question, result: &TrialResult) -> Asked {
    let both = |answered: Answered| Asked { question, holds: answered.clone(), exact: answered };
    match &result.outcome {
        Outcome::Skip { reason } => return both(Answered::NotAsked(reason.clone())),
        Outcome::Error { reason } => return both(Answered::Broke(reason.clone())),
        Outcome::Pass | Outcome::Fail | Outcome::Unsteady { .. } => {}
    }
    // Their defaults for users and teams may allow only some models: that says nothing of a budget.
    let denied = result.findings.iter().find(|finding| {
        finding.kind == FindingKind::FalseRefusal && finding.got.contains(ErrorKind::ModelDenied.word())
    });
    if let Some(denied) = denied {
        return both(Answered::NotAsked(format!("it may not ask this model: {denied}")));
    }
    let of = |kinds: &[FindingKind]| result.findings.iter().find(|finding| kinds.contains(&finding.kind));
    let no = |finding: Option<&Finding>| match finding {
        Some(finding) => Answered::No(finding.to_string()),
        None => Answered::Yes,
    };
    let broke = of(&[FindingKind::Fault]).map(|finding| Answered::Broke(finding.to_string()));
    let holds = match of(&[FindingKind::Bypass, FindingKind::Leak, FindingKind::Overrun]) {
        Some(finding) => Answered::No(finding.to_string()),
        None => broke.clone().unwrap_or_else(|| no(of(&[FindingKind::FalseRefusal]))),
    };
    let exact = match of(&[FindingKind::Miscount]) {
        Some(finding) => Answered::No(finding.to_string()),
        None => broke.unwrap_or(Answered::Yes),
    };
    Asked { question, holds, exact }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rate_has_a_price_that_whole_tokens_make() {
        for (input, output) in [
            ("0.0000025", "0.00001"),
            ("0.00000059", "0.00000079"),
            ("0.000003", "0.000015"),
            ("0", "0.001"),
            ("0.00000125", "0.00001"),
        ] {
            let cost = Cost::Tokens { input: input.parse().unwrap(), output: output.parse().unwrap() };
            let priced = Priced { model: "a", upstream_model: "a", answer_names: None, cost };
            let price = price(&priced, Api::Chat).unwrap_or_else(|| panic!("{input} {output}"));
            assert!(price.0 > Decimal::new(5, 3) && price.0 < Decimal::new(3, 2), "{input} {output}: {price}");
            let own = OwnPriced {
                model: "a: b".to_owned(),
                says: String::new(),
                path: Some(PricedBy::Token),
                api: Api::Chat,
                streams: true,
                priced: Ok(priced),
            };
            for question in Question::ALL {
                trial(&own, &priced, question).unwrap();
            }
        }
    }

    #[test]
    fn what_was_found_says_whether_a_budget_holds_and_a_charge_is_right() {
        use FindingKind::{Bypass, FalseRefusal, Fault, Leak, Miscount, Overrun, WrongRefusal};
        let result = |outcome: Outcome, kinds: &[FindingKind], got: &str| {
            let file =
                understand(Path::new("a.yaml"), "name: A\nprice: 1\ngiven:\n  - key: a\nsteps:\n  - chat: a\n".into());
            let trial = multiply("a", file.unwrap(), true).remove(0);
            let finding = |kind: &FindingKind| Finding {
                kind: *kind,
                place: Default::default(),
                request: None,
                expected: "the contrary".to_owned(),
                got: got.to_owned(),
                known: None,
            };
            let findings = kinds.iter().map(finding).collect();
            TrialResult { outcome, findings, ..TrialResult::skipped(&trial, "a", String::new()) }
        };
        let words = |answered: &Answered| match answered {
            Answered::Yes => "yes",
            Answered::No(_) => "no",
            Answered::NotAsked(_) => "not asked",
            Answered::Broke(_) => "broke",
        };
        let says = |result: &TrialResult| {
            let Asked { holds, exact, .. } = judged(Question::User, result);
            (words(&holds), words(&exact))
        };
        let fails = |kinds: &[FindingKind]| says(&result(Outcome::Fail, kinds, "something"));
        assert_eq!(says(&result(Outcome::Pass, &[], "")), ("yes", "yes"));
        let reason = || "because".to_owned();
        assert_eq!(says(&result(Outcome::Skip { reason: reason() }, &[], "")), ("not asked", "not asked"));
        assert_eq!(says(&result(Outcome::Error { reason: reason() }, &[], "")), ("broke", "broke"));
        for kind in [Bypass, Leak, Overrun, FalseRefusal] {
            assert_eq!(fails(&[kind]), ("no", "yes"), "{kind:?}");
        }
        assert_eq!(fails(&[Miscount]), ("yes", "no"));
        assert_eq!(fails(&[Miscount, Bypass]), ("no", "no"));
        // A refusal with another status is one.
        assert_eq!(fails(&[WrongRefusal]), ("yes", "yes"));
        assert_eq!(fails(&[Fault]), ("broke", "broke"));
        // What is known is known, whatever broke besides.
        assert_eq!(fails(&[Fault, Bypass]), ("no", "broke"));
        assert_eq!(fails(&[Fault, Miscount]), ("broke", "no"));
        let denied = result(Outcome::Fail, &[FalseRefusal, Miscount], "refused with 401 model_denied");
        assert_eq!(says(&denied), ("not asked", "not asked"));
    }
}
