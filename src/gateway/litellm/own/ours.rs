//! What is added to their configuration, and set in it, so that scenarios can be asked: our models, and how soon spend is
//! written. Not: what is taken out.

use std::path::Path;

use super::Changes;
use crate::gateway::litellm::config_yaml::config_yaml;
use crate::gateway::own::{OwnConfig, REDIS_HOST, REDIS_PORT, UPSTREAM};
use crate::gateway::yaml::{Node, parse};

/// Settings of ours that count even if theirs are others, and why.
const SET: [(&str, &str, &str); 9] = [
    ("litellm_settings", "telemetry", "nobody else is told"),
    (
        "litellm_settings",
        "max_end_user_budget_id",
        "scenarios about unknown end users know this budget; theirs is in their database",
    ),
    ("router_settings", "disable_cooldowns", "a provider that fails in one trial is there for the others"),
    ("general_settings", "master_key", "the one of the run"),
    ("general_settings", "database_url", "the one of the run"),
    ("general_settings", "store_model_in_db", "scenarios make models"),
    ("general_settings", "proxy_batch_write_at", "spend is written sooner, so that trials need not wait"),
    ("general_settings", "proxy_budget_rescheduler_min_time", "budgets are reset sooner, so that trials need not wait"),
    ("general_settings", "proxy_budget_rescheduler_max_time", "budgets are reset sooner, so that trials need not wait"),
];

/// The configuration to launch with, where the upstream and a Redis are.
pub(in super::super) fn launched(own: &OwnConfig, upstream: &str, redis: Option<(&str, u16)>) -> String {
    let mut tree = own.tree.clone();
    add(&mut tree, redis, &mut Changes::default());
    let (host, port) = redis.map_or(("", String::new()), |(host, port)| (host, port.to_string()));
    tree.written().replace(UPSTREAM, upstream).replace(REDIS_HOST, host).replace(REDIS_PORT, &port)
}

/// Adds what is ours.
pub(super) fn add(tree: &mut Node, redis: Option<(&str, u16)>, changes: &mut Changes) {
    let Ok(ours) = parse(Path::new("ours"), &config_yaml(UPSTREAM, redis)) else { return };
    let theirs = tree.get("model_list").map(Node::items).unwrap_or_default();
    let is_theirs = |name: &str| theirs.iter().any(|model| model.text_of("model_name") == Some(name));
    let models = ours.get("model_list").map(Node::items).unwrap_or_default();
    let named = |model: &&Node| model.text_of("model_name").is_some_and(is_theirs);
    let (taken, free): (Vec<&Node>, Vec<&Node>) = models.iter().partition(named);
    for name in taken.iter().filter_map(|model| model.text_of("model_name")) {
        changes
            .set("model_list", &format!("scenarios that ask our model `{name}` ask theirs, which is called the same"));
    }
    let free: Vec<Node> = free.into_iter().cloned().collect();
    changes.set("model_list", "models of gatecrash are added, for scenarios that are about ways to price");
    tree.edit("model_list", |list| list.extend(free));
    for (section, key, why) in SET {
        let Some(value) = ours.get(section).and_then(|settings| settings.get(key)) else { continue };
        let before = tree.get(section).and_then(|settings| settings.get(key));
        if before.and_then(Node::text) != value.text() {
            changes.set(&format!("{section}.{key}"), &format!("{}: {why}", shown(value)));
        }
        tree.edit(section, |settings| settings.set(key, value.clone()));
    }
    let aliases = ours.get("router_settings").and_then(|settings| settings.get("model_group_alias"));
    tree.edit("router_settings", |settings| {
        settings.edit("model_group_alias", |all| {
            for alias in aliases.map(Node::fields).unwrap_or_default() {
                all.set(&alias.key, alias.node.clone());
            }
        });
    });
    changes.set("router_settings.model_group_alias", "other names for models of gatecrash are added");
    cache(tree, &ours, redis.is_some(), changes);
}

/// A cache for requests that ask for one, where they have none; and with a Redis, that Redis.
fn cache(tree: &mut Node, ours: &Node, with_redis: bool, changes: &mut Changes) {
    let is_on = tree.get("litellm_settings").and_then(|settings| settings.get("cache")).is_some_and(Node::is_true);
    let Some(params) = ours.get("litellm_settings").and_then(|settings| settings.get("cache_params")) else { return };
    tree.edit("litellm_settings", |settings| {
        settings.set("cache", Node::plain("true"));
        if !is_on {
            settings.set("cache_params", params.clone());
            changes.set("litellm_settings.cache", "a cache is added, for requests that ask for it");
        } else if with_redis {
            settings.edit("cache_params", |theirs| {
                for key in ["type", "host", "port"] {
                    if let Some(value) = params.get(key) {
                        theirs.set(key, value.clone());
                    }
                }
            });
        }
    });
}

/// A value of ours, for people.
fn shown(value: &Node) -> String {
    value.text().map(|text| format!("`{text}`")).unwrap_or_default()
}
