//! From what somebody pasted into a report to a scenario that asks for the same: `gatecrash reproduce`.
//!
//! `find` finds JSON in the text, the gateway's adapter understands it ([`crate::gateway::shown`]), and `pricing` looks
//! up the model's price in the configuration; then `plan` decides what to ask, with which amounts, and `write` writes
//! it. What could not be known, and what no scenario can say, stands in the scenario and is said.

mod find;
mod given;
mod head;
pub mod order;
mod plan;
mod pricing;
mod steps;
mod write;

use jiff::Timestamp;

use crate::gateway::litellm::configured::Models;
use crate::gateway::litellm::shown::{JsonPlace, NoKey, read};
use crate::gateway::shown::{Lost, Seen, Shown};
use crate::scenario::value::shortened;
use crate::scenario::{Kind, Usd};
use plan::{Asks, Draft};
use write::{comment, one_line, write};

/// The largest text to read, in bytes: an issue on GitHub has at most 64 KiB.
pub const LARGEST: u64 = 1024 * 1024;

/// A text and its name.
#[derive(Debug, Clone)]
pub struct ReportText {
    pub name: String,
    pub text: String,
}

/// A scenario, and what to say about it.
#[derive(Debug, Clone)]
pub struct Reproduced {
    pub scenario: String,
    pub remarks: Vec<String>,
}

/// Why there is no scenario.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotReproduced {
    #[error("{name}: there is no JSON in it\n  help: paste what `GET /key/info` answers")]
    NoJson { name: String },
    #[error("{name}:{line}:{column}: this is not JSON: {message}\n  help: paste it as it was answered, and whole")]
    Broken { name: String, line: usize, column: usize, message: String },
    #[error("{name}: {why}")]
    NoKey { name: String, why: NoKey },
    #[error("{name}: this is not a configuration of LiteLLM: {why}")]
    Configuration { name: String, why: String },
}

/// Makes a scenario from what admin APIs answered, and from the gateway's configuration.
///
/// # Errors
/// When there is no key in it, or the configuration is not one.
pub fn reproduce(
    sources: &[ReportText],
    config: Option<&ReportText>,
    now: Timestamp,
) -> Result<Reproduced, NotReproduced> {
    let mut shown = shown(sources, now)?;
    let mut left_out = leave_out(&mut shown, None);
    let models = match config {
        None => None,
        Some(ReportText { name, text }) => {
            let read = Models::read(text);
            let models = read.map_err(|why| NotReproduced::Configuration { name: name.clone(), why })?;
            Some((name.as_str(), models))
        }
    };
    let pricing = pricing::pricing(&shown, models.as_ref().map(|(name, models)| (*name, models)));
    let plan = plan::plan(&shown, &pricing);
    left_out.extend(leave_out(&mut shown, Some(&plan.asks)));
    let written = write(&shown, &pricing, &plan);
    let assumed = assumed(&shown, &plan);
    let unknown = unknown(&shown, &pricing);
    let mut lost = [left_out, written.lost].concat();
    lost.extend(shown.entities.iter().flat_map(unsaid));
    let mut scenario = comment("From what an admin API showed of a key, by `gatecrash reproduce`.", "");
    let mut remarks = Vec::new();
    for (title, lines) in [("Assumed", assumed), ("Not known", unknown), ("Not carried over", lost)] {
        if lines.is_empty() {
            continue;
        }
        scenario.push_str(&format!("#\n# {title}:\n"));
        for line in lines {
            scenario.push_str(&comment(&line, "- "));
            remarks.push(format!("{}: {}", title.to_lowercase(), one_line(&line)));
        }
    }
    scenario.push_str(&written.text);
    Ok(Reproduced { scenario, remarks })
}

/// Leaves out an end user that would have no budget in the scenario: the budget for unknown end users, which the
/// gateway's configuration names, would hold for it.
fn leave_out(shown: &mut Shown, asks: Option<&Asks>) -> Vec<String> {
    let is_free = |seen: &Seen| {
        let has_budget = seen.max_budget.is_some_and(|budget| budget >= Usd::ZERO);
        let stays = has_budget && !matches!(asks, Some(Asks::Parallel { .. }));
        seen.kind == Kind::EndUser && !stays && !seen.is_blocked
    };
    let count = shown.entities.len();
    shown.entities.retain(|seen| !is_free(seen));
    let is_one = shown.entities.len() < count;
    is_one.then(|| "the end user: without its budget, a default would hold for it".to_owned()).into_iter().collect()
}

fn shown(sources: &[ReportText], now: Timestamp) -> Result<Shown, NotReproduced> {
    let mut documents = Vec::new();
    let mut is_cut = false;
    for ReportText { name, text } in sources {
        let found = find::objects(text);
        is_cut |= found.is_cut;
        if found.objects.is_empty() {
            let name = name.clone();
            return Err(match found.broken.filter(find::BrokenJson::is_json) {
                Some(find::BrokenJson { line, column, message, .. }) => {
                    NotReproduced::Broken { name, line, column, message }
                }
                None => NotReproduced::NoJson { name },
            });
        }
        let document = |object: find::Object<'_>| (object.json.to_owned(), format!("{name}:{}", object.line));
        documents.extend(found.objects.into_iter().map(document));
    }
    let borrowed: Vec<JsonPlace<'_>> =
        documents.iter().map(|(json, place)| JsonPlace { json, place: place.clone() }).collect();
    let name = sources.first().map(|source| source.name.clone()).unwrap_or_default();
    let mut shown = read(&borrowed, now).map_err(|why| NotReproduced::NoKey { name, why })?;
    if is_cut {
        shown.remarks.push("what stands after so many braces that begin nothing".to_owned());
    }
    Ok(shown)
}

/// How many fields to name that no scenario can say.
const NAMED: usize = 12;

/// What is set on an entity and no scenario can say.
fn unsaid(seen: &Seen) -> Vec<String> {
    let kind = seen.kind;
    let (nothing_like_it, with_reason): (Vec<&Lost>, Vec<&Lost>) =
        seen.lost.iter().partition(|lost| lost.why.is_empty());
    let mut names: Vec<String> = nothing_like_it.iter().map(|lost| shortened(&one_line(&lost.field))).collect();
    if names.len() > NAMED {
        let more = names.len() - NAMED;
        names.truncate(NAMED);
        names.push(format!("{more} more"));
    }
    let mut unsaid: Vec<String> =
        with_reason.iter().map(|lost| format!("{} of the {kind}: {}", lost.field, lost.why)).collect();
    if !names.is_empty() {
        unsaid.push(format!("{} of the {kind}: there is nothing like it in a scenario", names.join(", ")));
    }
    unsaid
}

/// What a scenario has to say, but the report did not.
fn assumed(shown: &Shown, plan: &Draft) -> Vec<String> {
    if plan.asks == Asks::Negative {
        return Vec::new();
    }
    let api = plan.api.word();
    let mut assumed = vec![
        "nothing is spent at first".to_owned(),
        format!("requests come one after the other, on the {api} API, not streamed"),
    ];
    if plan.paths.len() > 1 {
        assumed.push("its model may be priced in each of these ways: each is a trial of its own".to_owned());
    }
    if shown.of(Kind::Team).is_some() && shown.of(Kind::User).is_some_and(|user| user.max_budget.is_some()) {
        assumed.push("its user's budget does not apply, because the key is in a team".to_owned());
    }
    match &plan.asks {
        Asks::Budgets { .. } => assumed.push(format!(
            "a request costs {}: what one cost is not shown, and so the smallest budget is crossed soon",
            plan.price
        )),
        Asks::Requests { .. } | Asks::Tokens { .. } | Asks::Parallel { .. } => {
            assumed.push("it is about the limit: no budget was spent in the report".to_owned());
        }
        Asks::Blocked(_) | Asks::Expired | Asks::Zero(_) | Asks::Negative | Asks::Nobody { .. } => {}
    }
    if plan.scale != rust_decimal::Decimal::ONE {
        assumed.push(format!("all budgets are multiplied by {}, in proportion", plan.scale.normalize()));
    }
    assumed
}

fn unknown(shown: &Shown, pricing: &pricing::Pricing) -> Vec<String> {
    let mut unknown = pricing.unknown.clone();
    unknown.extend(shown.remarks.iter().cloned());
    for seen in shown.entities.iter().filter(|seen| !seen.is_shown) {
        let help = match seen.kind {
            Kind::User => " (--user-info)",
            _ => "",
        };
        unknown.push(format!("the budget and limits of its {}: they are not shown{help}", seen.kind));
    }
    if shown.of(Kind::Key).is_some_and(|key| key.spend.is_none()) {
        unknown.push("what the key has spent: it is not shown".to_owned());
    }
    unknown
}
