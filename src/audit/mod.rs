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
use crate::outcome::{FindingKind, Outcome, TrialResult};
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
    let no = |finding: Option<&crate::outcome::Finding>| match finding {
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
    use crate::gateway::price::Parts;

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
            };
            for question in Question::ALL {
                trial(&own, &priced, question).unwrap();
            }
        }
    }
}
