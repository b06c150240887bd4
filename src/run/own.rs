//! Which model of an operator's own configuration a trial asks, and why it cannot: each of them where a scenario says
//! `model: own`, and one that is priced as the scenario wants where nothing else of it matters. Not: the request itself.

use crate::gateway::own::OwnPriced;
use crate::launch::Live;
use crate::scenario::{AskFields, Kind, Provider, Scenario, Step, Trial};

/// The model of theirs that a trial asks; none if it asks ours.
///
/// # Errors
/// Why it cannot be asked.
pub(super) fn asked<'a>(live: &'a Live, trial: &Trial) -> Result<Option<&'a OwnPriced>, String> {
    let Some(name) = &trial.model else {
        return match trial.file.scenario.model {
            Some(_) => Err("it asks the models of a configuration of yours, and this target has none".to_owned()),
            None => Ok(in_place_of_ours(live, trial)),
        };
    };
    let models =
        live.own.as_ref().map_err(|why| format!("the gateway does not say how its models are priced: {why}"))?;
    let own = models.iter().find(|own| own.model == **name);
    let own = own.ok_or_else(|| format!("its configuration has no model `{name}`"))?;
    if let Err(why) = &own.priced {
        return Err(format!("`{name}` is not asked: {why}"));
    }
    let (case, is_axis) = (trial.case, trial.file.scenario.model.is_some());
    if own.api != case.api {
        return Err(format!("`{name}` is a model of {}, and {} is asked", own.api.word(), case.api.word()));
    }
    if case.stream && !own.streams {
        return Err(format!("`{name}` is not asked for streams: its provider says their usage unasked"));
    }
    if is_axis && own.path.is_some_and(|path| !path.costs()) {
        return Err(format!("`{name}` is free, as its configuration says: no budget is ever spent on it"));
    }
    Ok(Some(own))
}

/// A model of theirs that is on the trial's pricing path, and of which the scenario asks nothing that is peculiar to ours.
fn in_place_of_ours<'a>(live: &'a Live, trial: &Trial) -> Option<&'a OwnPriced> {
    let (case, scenario) = (trial.case, &trial.file.scenario);
    if is_about_ours(scenario) {
        return None;
    }
    let can = |own: &&OwnPriced| {
        own.stands_for(case.priced_by, case.api)
            && (own.streams || !case.stream)
            && own.priced.as_ref().is_ok_and(|priced| priced.usage(scenario.price.value, case.api).is_some())
    };
    live.own.as_ref().ok()?.iter().find(can)
}

/// Whether a scenario names models, counts tokens, or is about what the provider does: that is known of ours only. Across
/// an upgrade prices are known of ours only, too.
fn is_about_ours(scenario: &Scenario) -> bool {
    let of_ask = |fields: &AskFields| {
        fields.priced_by.is_some()
            || fields.model.is_some()
            || fields.fallback.is_some()
            || fields.max_tokens.is_some()
            || fields.upstream.is_some()
            || fields.retries.is_some()
            || fields.cached.is_some()
            || fields.tier.is_some()
            || fields.costs.is_some()
    };
    let of_step = |step: &Step| match step {
        Step::Drain { fields, .. } | Step::Chat { fields, .. } => of_ask(fields),
        Step::Change { fields, .. } => {
            fields.to.as_ref().is_some_and(|to| to.models.is_some() || to.tpm_limit.is_some())
        }
        Step::List { .. } | Step::Disturb { .. } | Step::Move { .. } => true,
        Step::Check { .. } => false,
    };
    scenario
        .given
        .iter()
        .any(|given| given.kind == Kind::Model || given.fields.models.is_some() || given.fields.tpm_limit.is_some())
        || scenario.steps.iter().any(of_step)
        || scenario.provider.0.contains(&Provider::Anthropic)
        || scenario.tools.is_some()
        || scenario.system_prompt.is_some()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::read::understand;

    #[test]
    fn a_scenario_that_names_models_or_counts_tokens_is_about_ours() {
        let is = |given: &str, step: &str| {
            let text =
                format!("name: A\nprice: 0.02\ngiven:\n  - key: laptop\n{given}steps:\n  - chat: laptop\n{step}");
            is_about_ours(&understand(Path::new("a.yaml"), text.into_bytes()).unwrap().scenario)
        };
        assert!(!is("", "") && !is("    max_budget: 1\n", "    expect: accepted\n"));
        assert!(is("    models: [token]\n", "") && is("    tpm_limit: 100\n", ""));
        for step in
            ["    priced_by: token\n", "    max_tokens: 3\n", "    upstream: { status: 500 }\n", "  - list: laptop\n"]
        {
            assert!(is("", step), "{step}");
        }
    }
}
