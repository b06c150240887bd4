//! Their models: each deployment is led to the upstream, or left out. Not: what the file says besides.

use std::collections::BTreeMap;

use super::credential::is_credential;
use super::provider::{self, StandIn};
use super::{Changes, DUMMY, Environment};
use crate::gateway::own::{OwnModel, UPSTREAM};
use crate::gateway::yaml::Node;

/// Fields of a deployment that say with whose credentials, or where else, a provider is asked: by their beginnings.
const ELSEWHERE: [&str; 24] = [
    "aws_",
    "azure_ad",
    "azure_endpoint",
    "azure_password",
    "azure_scope",
    "azure_username",
    "base_url",
    "client_id",
    "client_secret",
    "credential_name",
    "gcs_",
    "litellm_credential_name",
    "litellm_proxy",
    "oci_",
    "proxy",
    "region_name",
    "s3_",
    "sagemaker_",
    "ssl_",
    "tenant_id",
    "tpm_key",
    "vertex_",
    "watsonx_",
    "wx_",
];
/// And those that call somebody else.
const OTHERS: [&str; 8] = [
    "callbacks",
    "failure_callback",
    "fallback_callback",
    "guardrails",
    "prompt_id",
    "prompt_variables",
    "success_callback",
    "vector_store_ids",
];

/// Fields of a deployment that refuse requests, or lead them elsewhere, for other reasons than a budget.
const LIMITS: [&str; 9] =
    ["budget_duration", "max_budget", "max_parallel_requests", "order", "rpm", "tags", "timeout", "tpm", "weight"];

/// The kinds of models whose API the upstream speaks.
const SPOKEN: [&str; 5] = ["chat", "completion", "embedding", "image_generation", "responses"];

/// Leads each deployment to the upstream; gives their models, in the order of the file.
pub(super) fn lead_here(
    tree: &mut Node,
    env: Environment<'_>,
    custom: &[String],
    changes: &mut Changes,
) -> Vec<OwnModel> {
    let mut models: Vec<OwnModel> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut kept = Vec::new();
    for (number, mut item) in tree.get("model_list").map(Node::items).unwrap_or_default().iter().cloned().enumerate() {
        let text = |part: &str, key: &str| item.get(part).and_then(|part| part.text_of(key)).map(str::to_owned);
        let name = item.text_of("model_name").unwrap_or_default().to_owned();
        let behind = text("litellm_params", "model").unwrap_or_default();
        let mode = text("model_info", "mode").or_else(|| text("litellm_params", "mode"));
        let params = item.get("litellm_params").map(Node::fields).unwrap_or_default().iter();
        let limits = params.map(|field| field.key.clone()).filter(|key| LIMITS.contains(&key.as_str()));
        let limits: Vec<String> = limits.collect();
        let mocked = item.get("litellm_params").is_some_and(|params| params.get("mock_response").is_some());
        let is = match mode.as_deref().filter(|mode| !SPOKEN.contains(mode)) {
            Some(mode) => Err(format!("the upstream has no API for `{mode}`")),
            None => deployment(&mut item, number, &behind, env, custom, changes),
        };
        if mocked {
            changes.note(
                number,
                "litellm_params.mock_response",
                "stays: no request reaches a provider, and nothing can be asked of its price",
            );
        }
        let left_out = is.as_ref().err().cloned();
        match &is {
            Ok(()) => {
                kept.push(item);
                changes.kept.push(number);
            }
            Err(why) => changes.note(number, "", &format!("`{name}` is left out: {why}")),
        }
        match known.get(&name) {
            Some(at) => {
                let model = &mut models[*at];
                model.behind.push(behind);
                model.limits.extend(limits);
                model.mocked &= mocked;
                model.left_out = model.left_out.take().and(left_out);
            }
            None => {
                known.insert(name.clone(), models.len());
                let (alias_of, fallbacks) = (None, Vec::new());
                models.push(OwnModel {
                    name,
                    behind: vec![behind],
                    mode,
                    mocked,
                    left_out,
                    alias_of,
                    fallbacks,
                    limits,
                });
            }
        }
    }
    tree.set("model_list", Node::list(kept));
    models.extend(aliases(tree));
    for model in &mut models {
        model.fallbacks = fallbacks(tree, model.alias_of.as_ref().unwrap_or(&model.name));
    }
    models
}

/// The models that are asked in place of one whose provider fails: those that are named for it, else those for all.
fn fallbacks(tree: &Node, model: &str) -> Vec<String> {
    let settings = ["router_settings", "litellm_settings"].into_iter().filter_map(|section| tree.get(section));
    let names = |list: &Node| list.items().iter().filter_map(Node::text).map(str::to_owned).collect::<Vec<_>>();
    let of_it = settings.clone().filter_map(|settings| settings.get("fallbacks")).flat_map(Node::items);
    let of_it = of_it.filter_map(|item| item.get(model)).map(names).find(|names| !names.is_empty());
    let of_all = settings.filter_map(|settings| settings.get("default_fallbacks")).map(names);
    let mut all = of_it.or_else(|| of_all.into_iter().next()).unwrap_or_default();
    all.retain(|fallback| fallback != model);
    all
}

/// Other names for them.
fn aliases(tree: &Node) -> Vec<OwnModel> {
    let aliases = tree.get("router_settings").and_then(|settings| settings.get("model_group_alias"));
    let fields = aliases.map(Node::fields).unwrap_or_default().iter();
    let alias = fields.filter_map(|field| {
        let model = field.node.text().or(field.node.text_of("model"))?.to_owned();
        Some((field.key.clone(), model))
    });
    alias
        .map(|(name, model)| OwnModel {
            name,
            behind: Vec::new(),
            mode: None,
            mocked: false,
            left_out: None,
            alias_of: Some(model),
            fallbacks: Vec::new(),
            limits: Vec::new(),
        })
        .collect()
}

/// Leads one to the upstream.
///
/// # Errors
/// Why it cannot be.
fn deployment(
    item: &mut Node,
    number: usize,
    behind: &str,
    env: Environment<'_>,
    custom: &[String],
    changes: &mut Changes,
) -> Result<(), String> {
    let params = item.get("litellm_params").cloned().unwrap_or_else(Node::map);
    let behind = match behind.strip_prefix("os.environ/") {
        Some(variable) => {
            env.get(variable).ok_or_else(|| format!("which model it is says `{variable}`, which is not set"))?
        }
        None => behind,
    };
    let stated = params.text_of("custom_llm_provider");
    let (provider, model) =
        provider::of(behind, stated).unwrap_or_else(|| behind.split_once('/').unwrap_or((behind, "")));
    if custom.iter().any(|own| own == provider) {
        return Err(format!("its provider `{provider}` is code of theirs"));
    }
    let mut changed = params.clone();
    let path = match provider::stand_in(provider, model) {
        StandIn::No(why) => return Err(why.to_owned()),
        StandIn::Speaks(path) => path,
        StandIn::Behind(name) => {
            changed.remove("custom_llm_provider");
            changed.set("model", Node::plain(format!("litellm_proxy/{name}")));
            let own = item.text_of("model_name").unwrap_or_default();
            let what = format!(
                "`{own}` is asked as `litellm_proxy/{name}`, which has the same price: the upstream cannot speak as {provider} does"
            );
            changes.note(number, "litellm_params.model", &what);
            "/v1"
        }
    };
    for field in params.fields() {
        let key = field.key.as_str();
        let at = format!("litellm_params.{key}");
        if key.ends_with("headers") {
            let headers = field.node.fields().iter();
            let headers = headers.fold(Node::map(), |mut all, header| {
                all.set(&header.key, Node::plain(DUMMY));
                all
            });
            changed.set(key, headers);
            changes.note(number, &at, "dummies instead of credentials");
        } else if OTHERS.contains(&key) {
            changed.remove(key);
            changes.note(number, &at, "left out: it calls others");
        } else if key != "api_key" && (is_credential(key) || ELSEWHERE.iter().any(|begin| key.starts_with(begin))) {
            changed.remove(key);
            changes.note(number, &at, "left out: the upstream asks for no credentials, and is at one address");
        }
    }
    changed.set("api_base", Node::plain(format!("{UPSTREAM}{path}")));
    changes.note(number, "litellm_params.api_base", "the address of the upstream");
    changed.set("api_key", Node::plain(DUMMY));
    changes.note(number, "litellm_params.api_key", "a dummy instead of a credential");
    item.set("litellm_params", changed);
    Ok(())
}
