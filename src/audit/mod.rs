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
use crate::scenario::read::{Mistakes, understand};
use crate::scenario::{Api, ErrorKind, PricedBy, Trial, Usd};

/// What is asked of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Does a key's budget hold, asked whole?
    Key,
    User,
    Team,
    /// Does a key's budget hold, streamed?
    Streamed,
    /// Does a key's budget hold, where its provider fails and another model answers instead?
    Fallback,
}

impl Question {
    pub const ALL: [Question; 5] =
        [Question::Key, Question::User, Question::Team, Question::Streamed, Question::Fallback];

    /// Whose budget it is about.
    pub fn whose(self) -> &'static str {
        match self {
            Question::Key | Question::Streamed | Question::Fallback => "key",
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
    /// The model that it is another name for.
    pub alias_of: Option<String>,
    /// The models that answer in its place when its provider fails, in their order.
    pub fallbacks: Vec<String>,
    /// Empty, if it was not asked.
    pub asked: Vec<Asked>,
    /// Why it was not.
    pub not_asked: Option<String>,
}

impl Row {
    /// One that has no price of its own.
    pub fn is_unpriced(&self) -> bool {
        is_unpriced(self.priced_by)
    }

    pub fn holds_not(&self) -> bool {
        self.asked.iter().any(|asked| matches!(asked.holds, Answered::No(_)))
    }
}

/// Whether a model on this path has no price of its own.
pub(crate) fn is_unpriced(path: Option<PricedBy>) -> bool {
    matches!(path, Some(PricedBy::Provider | PricedBy::Alias | PricedBy::Unpriced))
}

/// A price of about two cents that whole tokens make, and that scenarios can be written with.
pub(crate) fn price(priced: &Priced, api: Api) -> Option<Usd> {
    let about = Decimal::new(2, 2);
    match priced.cost {
        Cost::Reported | Cost::Nothing => Some(Usd(about)),
        Cost::Image(each) => Some(Usd(each)),
        Cost::Tokens { input, output, .. } => {
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

/// All questions about a model, each with the trial that asks it, or why there is none. What it has no fallback for is no
/// question.
pub(crate) fn questions(own: &OwnPriced, all: &[OwnPriced]) -> Vec<(Question, Result<Trial, String>)> {
    let Ok(priced) = &own.priced else { return Vec::new() };
    let of = |question: Question| match question {
        Question::Key | Question::User | Question::Team | Question::Streamed => {
            Some((question, trial(own, priced, question)))
        }
        Question::Fallback => own.fallbacks.first().map(|first| (question, by_fallback(own, priced, first, all))),
    };
    Question::ALL.into_iter().filter_map(of).collect()
}

/// The trial that asks a model whose provider fails, so that another answers.
fn by_fallback(own: &OwnPriced, priced: &Priced, fallback: &str, all: &[OwnPriced]) -> Result<Trial, String> {
    let other = all.iter().find(|other| other.model == fallback);
    let other = other.ok_or_else(|| format!("`{fallback}`, its fallback, is not in the file by this name"))?;
    let because = |why: &String| format!("`{fallback}`, its fallback, is not asked: {why}");
    let of_other = other.priced.as_ref().map_err(because)?;
    match (own.path, other.path) {
        _ if own.api != other.api => return Err(format!("`{fallback}`, its fallback, has another API")),
        (Some(path), _) if !path.costs() => return Err("it is free: no budget holds for who asks it".to_owned()),
        (_, Some(PricedBy::Alias | PricedBy::Unpriced)) | (_, None) => {
            return Err(format!("`{fallback}`, its fallback, has no price"));
        }
        _ => {}
    }
    if priced.upstream_model == of_other.upstream_model {
        return Err(format!("the same model is behind it and `{fallback}`, its fallback: one cannot fail alone"));
    }
    let none = || "no whole number of tokens costs about two cents".to_owned();
    let (price, pays) = (price(priced, own.api).ok_or_else(none)?, price(of_other, own.api).ok_or_else(none)?);
    let path = other.path.unwrap_or(PricedBy::Token);
    let costs = if path.costs() { pays } else { Usd::ZERO };
    let budget = Usd((pays.0 * Decimal::new(25, 1)).normalize());
    let accepted = if path.costs() { "2..3" } else { "4" };
    let asks = match path.costs() {
        true => "drain: asker",
        false => "chat: asker\n    times: 4",
    };
    let text = format!(
        "name: {}\nprice: {price}\npriced_by: {}\napi: {}\ngiven:\n  - key: asker\n    max_budget: {budget}\nsteps:\n  - {asks}\n    \
         accepted: {accepted}\n    fallback: {{ priced_by: {}, price: {costs} }}\n    upstream: {{ status: 500 }}\n  - check: asker\n",
        quoted(&format!("The budget of a key holds on {fallback}, in place of {}", own.model)),
        own.path.unwrap_or(PricedBy::Token).word(),
        own.api.word(),
        path.word(),
    );
    let trial = written(&format!("{}/fallback", own.model), text)?;
    Ok(Trial { model: Some(Arc::from(own.model.as_str())), answered_by: Some(Arc::from(fallback)), ..trial })
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// The only trial of a scenario of ours.
fn written(name: &str, text: String) -> Result<Trial, String> {
    let file = understand(Path::new("audit.yaml"), text.into_bytes());
    let first = |mistakes: Mistakes| mistakes.diagnostics.first().map(|wrong| wrong.title.clone()).unwrap_or_default();
    multiply(name, file.map_err(first)?, true).into_iter().next().ok_or_else(|| "there is no such trial".to_owned())
}

/// The trial that asks a model a question.
///
/// # Errors
/// Why there is none.
fn trial(own: &OwnPriced, priced: &Priced, question: Question) -> Result<Trial, String> {
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
    let name = quoted(&format!("The budget of a {} holds on {}", question.whose(), own.model));
    let whose = question.whose();
    let (who, given) = match question {
        Question::Key | Question::Streamed | Question::Fallback => {
            ("asker", format!("  - key: asker\n    max_budget: {budget}\n"))
        }
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
    let trial = written(&format!("{}/{}", own.model, question.whose()), text)?;
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
    use crate::gateway::price::{KNOWN, Parts};

    #[test]
    fn every_rate_has_a_price_that_whole_tokens_make() {
        for (input, output) in [
            ("0.0000025", "0.00001"),
            ("0.00000059", "0.00000079"),
            ("0.000003", "0.000015"),
            ("0", "0.001"),
            ("0.00000125", "0.00001"),
        ] {
            let (input_rate, output_rate) = (input.parse().unwrap(), output.parse().unwrap());
            let cost = Cost::Tokens { input: input_rate, output: output_rate, parts: Parts::NONE };
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
                stands_in: true,
                alias_of: None,
                fallbacks: Vec::new(),
            };
            let asked = questions(&own, &[]);
            assert_eq!(asked.len(), 4, "it has no fallback");
            asked.into_iter().for_each(|(_, trial)| drop(trial.unwrap()));
        }
    }

    fn model(name: &str, path: PricedBy, cost: Cost, fallbacks: &[&str]) -> OwnPriced {
        let upstream_model = String::leak(format!("{name}-there"));
        let priced = Priced { model: String::leak(name.to_owned()), upstream_model, answer_names: None, cost };
        OwnPriced {
            model: name.to_owned(),
            says: String::new(),
            path: Some(path),
            api: Api::Chat,
            streams: true,
            priced: Ok(priced),
            stands_in: false,
            alias_of: None,
            fallbacks: fallbacks.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn a_fallback_with_a_price_is_asked_and_why_another_is_not_is_said() {
        let rates = Cost::Tokens { input: Decimal::new(25, 7), output: Decimal::new(1, 5), parts: Parts::NONE };
        let cheap = model("cheap", PricedBy::CostMap, rates, &[]);
        let unknown = model("unknown", PricedBy::Alias, KNOWN, &[]);
        let others = [cheap.clone(), unknown];
        let of = |own: OwnPriced| {
            let asked = questions(&own, &others).into_iter().find(|(question, _)| *question == Question::Fallback);
            asked.map(|(_, trial)| trial)
        };
        let trial = of(model("chat", PricedBy::Token, rates, &["cheap", "unknown"])).unwrap().unwrap();
        assert_eq!((trial.model.as_deref(), trial.answered_by.as_deref()), (Some("chat"), Some("cheap")));
        assert!(of(model("chat", PricedBy::Token, rates, &[])).is_none());
        let why = |own| of(own).unwrap().unwrap_err();
        assert_eq!(why(model("chat", PricedBy::Token, rates, &["unknown"])), "`unknown`, its fallback, has no price");
        assert!(why(model("chat", PricedBy::Token, rates, &["gone"])).contains("is not in the file"));
        assert!(why(model("own", PricedBy::Free, Cost::Nothing, &["cheap"])).starts_with("it is free"));
        assert!(why(model("cheap", PricedBy::CostMap, rates, &["cheap"])).starts_with("the same model"));
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
