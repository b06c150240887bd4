//! The `config.yaml` that LiteLLM is launched with. Not: an operator's own (`own`), nor what a deployment is
//! ([`super::deployments`]).

use std::fmt::Write as _;

use serde_json::Value;

use super::deployments::{Deployment, Price};
use crate::scenario::PricedBy;

/// The budget object for end users that the gateway does not know, or that have no budget of their own: named in the
/// configuration, and made by [`super::LiteLlm`]. (`max_end_user_budget`, an amount, does nothing on 1.81.0, 1.82.3 and
/// 1.108.7.)
pub(super) const DEFAULT_END_USER_BUDGET: &str = "gatecrash-default-end-user";

/// The `config.yaml` that LiteLLM needs, with the upstream at this base URL, and a Redis at this host and port if there is one.
///
/// Spend is written every second (LiteLLM adds up to 5 s) and budgets are reset every second, instead of every 10 s and
/// 10 min, so that a trial need not wait. A failing upstream must not take a deployment away from the other trials: no
/// cooldown, no retries but those that a request asks for. Responses are cached for requests that ask for it; the same
/// Redis also lets instances share rate limits and, where a version can, spend.
pub fn config_yaml(upstream: &str, redis: Option<(&str, u16)>) -> String {
    let mut yaml = String::from("model_list:\n");
    let mut aliases = String::new();
    for deployment in Deployment::all() {
        let free = Deployment::of(PricedBy::Free, deployment.api, deployment.provider);
        if let (Price::AnotherName, Some(free)) = (deployment.price, free) {
            let _ = writeln!(aliases, "    {}: {}", deployment.model, free.model);
        }
        let Some(definition) = deployment.definition(upstream) else { continue };
        let _ = writeln!(yaml, "  - model_name: {}", deployment.model);
        for part in ["litellm_params", "model_info"] {
            let fields = definition[part].as_object().filter(|fields| !fields.is_empty());
            if fields.is_some() {
                let _ = writeln!(yaml, "    {part}:");
            }
            for (name, value) in fields.into_iter().flatten() {
                let _ = writeln!(yaml, "      {name}: {value}");
            }
        }
    }
    let cache = match redis {
        None => "    type: local\n".to_owned(),
        Some((host, port)) => format!("    type: redis\n    host: {host}\n    port: {port}\n"),
    };
    let _ = write!(
        yaml,
        "
litellm_settings:
  telemetry: false
  max_end_user_budget_id: {DEFAULT_END_USER_BUDGET}
  cache: true
  cache_params:
    mode: default_off
{cache}
router_settings:
  num_retries: 0
  disable_cooldowns: true
  model_group_alias:
{aliases}
general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
  database_url: os.environ/DATABASE_URL
  store_model_in_db: true
  proxy_batch_write_at: 1
  proxy_budget_rescheduler_min_time: 1
  proxy_budget_rescheduler_max_time: 1
"
    );
    yaml
}

/// A configuration with only those of its models, and other names for them, that these bodies ask for.
pub(super) fn excerpt(config: &str, bodies: &[&Value]) -> String {
    const ENTRY: &str = "  - model_name: ";
    const ALIASES: &str = "  model_group_alias:";
    let mut asked: Vec<&str> =
        bodies.iter().flat_map(|body| [&body["model"], &body["fallbacks"][0]]).filter_map(Value::as_str).collect();
    let aliases: Vec<(&str, &str)> = config
        .lines()
        .skip_while(|line| *line != ALIASES)
        .skip(1)
        .map_while(|line| line.strip_prefix("    ")?.split_once(": "))
        .collect();
    let (named, unnamed): (Vec<_>, Vec<_>) = aliases.into_iter().partition(|(alias, _)| asked.contains(alias));
    asked.extend(named.iter().map(|(_, model)| *model));
    let mut text = String::new();
    let mut is_told = true;
    for line in config.lines() {
        match line.strip_prefix(ENTRY) {
            Some(model) => is_told = asked.contains(&model),
            None if !line.starts_with(' ') => is_told = true,
            None => {}
        }
        let is_unnamed = unnamed.iter().any(|(alias, model)| line == format!("    {alias}: {model}"));
        if is_told && !is_unnamed && !(line == ALIASES && named.is_empty()) {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_excerpt_has_what_was_asked_and_its_other_name() {
        let config = config_yaml("http://10.0.0.1:9099", None);
        let models = |asked: &str| {
            let text = excerpt(&config, &[&json!({ "model": asked })]);
            let config: Value = serde_saphyr::from_str(&text).unwrap();
            let name = |model: &Value| model["model_name"].as_str().map(str::to_owned);
            let models: Vec<String> = config["model_list"].as_array().unwrap().iter().filter_map(name).collect();
            (models, config["router_settings"]["model_group_alias"].clone())
        };
        assert_eq!(models("priced-by-token"), (vec!["priced-by-token".to_owned()], Value::Null));
        let (asked, aliases) = models("free-by-another-name-on-messages");
        assert_eq!(asked, ["free-on-messages"]);
        assert_eq!(aliases, json!({ "free-by-another-name-on-messages": "free-on-messages" }));
    }
}
