//! What their file says besides models: what calls others is left out, and the master key, the database and the Redis
//! become those of the run. Not: what is added for scenarios ([`super::ours`]).

use super::credential::is_credential;
use super::{Changes, DUMMY, Environment};
use crate::gateway::own::{OwnFile, REDIS_HOST, REDIS_PORT};
use crate::gateway::yaml::{Node, Value};

/// Why something is left out.
const CALLS: &str = "left out: it calls others";
const CODE: &str = "left out: it is code of theirs, or is asked of it";
const SECRETS: &str = "left out: secrets come from nowhere else";
const PLACE: &str = "left out: it says where theirs runs";

/// Sections, fields of them, and why they are left out.
const LEFT_OUT: [(&str, &[&str], &str); 10] = [
    (
        "",
        &[
            "agent_list",
            "assistant_settings",
            "files_settings",
            "finetune_settings",
            "guardrails",
            "mcp_aliases",
            "mcp_servers",
            "mcp_tools",
            "policies",
            "policy_attachments",
            "prompts",
            "sandbox_settings",
            "search_tools",
            "vector_store_registry",
        ],
        CALLS,
    ),
    ("", &["credential_list", "credentials"], SECRETS),
    (
        "litellm_settings",
        &[
            "audit_log_callbacks",
            "callbacks",
            "default_team_settings",
            "failure_callback",
            "global_bitbucket_config",
            "global_gitlab_config",
            "global_prompt_directory",
            "guardrails",
            "input_callback",
            "logging_callback_manager",
            "mcp_aliases",
            "prompt_directory",
            "service_callback",
            "service_callbacks",
            "success_callback",
        ],
        CALLS,
    ),
    ("litellm_settings", &["custom_provider_map", "post_call_rules", "pre_call_rules"], CODE),
    (
        "litellm_settings",
        &["api_base", "api_key", "headers", "proxy_auth", "ssl_certificate", "ssl_security_level", "ssl_verify"],
        PLACE,
    ),
    (
        "general_settings",
        &[
            "alert_to_webhook_url",
            "alert_types",
            "alerting",
            "alerting_args",
            "alerting_threshold",
            "background_health_checks",
            "enable_jwt_auth",
            "enable_oauth2_auth",
            "enable_oauth2_proxy_auth",
            "health_check_details",
            "health_check_interval",
            "litellm_jwtauth",
            "oauth2_config_mappings",
            "pass_through_endpoints",
            "spend_report_frequency",
            "use_chat_completions_url_for_anthropic_messages_health",
        ],
        CALLS,
    ),
    (
        "general_settings",
        &[
            "custom_auth",
            "custom_auth_settings",
            "custom_key_generate",
            "custom_key_update",
            "custom_sso",
            "custom_ui_sso_sign_in_handler",
        ],
        CODE,
    ),
    (
        "general_settings",
        &["key_management_settings", "key_management_system", "use_aws_kms", "use_azure_key_vault", "use_google_kms"],
        SECRETS,
    ),
    ("general_settings", &["allowed_ips", "control_plane_url", "database_args", "database_type"], PLACE),
    ("router_settings", &["alerting_config", "assistants_config"], CALLS),
];

/// What is left out by how its name ends: the parameters of those who are called.
const ENDS: [(&str, &str); 3] = [
    ("litellm_settings", "_callback_params"),
    ("litellm_settings", "_callback_settings"),
    ("litellm_settings", "_params_presidio"),
];

/// Fields that say where a Redis is, and how it is asked.
const OF_REDIS: [&str; 16] = [
    "connection_pool_kwargs",
    "db",
    "gcp_iam_auth",
    "gcp_service_account",
    "host",
    "password",
    "port",
    "redis_startup_nodes",
    "sentinel_nodes",
    "sentinel_password",
    "service_name",
    "ssl",
    "ssl_ca_certs",
    "startup_nodes",
    "url",
    "username",
];

/// Settings that may name code of theirs, as `module.name`: what is in a file that was taken along stays.
const OF_CODE: [&str; 9] = [
    "audit_log_callbacks",
    "callbacks",
    "failure_callback",
    "input_callback",
    "post_call_rules",
    "pre_call_rules",
    "service_callback",
    "service_callbacks",
    "success_callback",
];

/// Leaves out what calls others.
pub(super) fn leave_out(tree: &mut Node, files: &[OwnFile], changes: &mut Changes) {
    for (section, keys, why) in LEFT_OUT {
        let at = |key: &str| if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
        let mut taken = Vec::new();
        let mut take = |within: &mut Node| {
            for key in keys {
                let Some(node) = within.remove(key) else { continue };
                let is_code = section == "litellm_settings" && OF_CODE.contains(key);
                let (stays, why) = if is_code { of_code(&node, files, why) } else { (Vec::new(), why.to_owned()) };
                if !stays.is_empty() {
                    within.set(key, Node::list(stays));
                }
                taken.push((key, why));
            }
        };
        match section {
            "" => take(tree),
            section if tree.get(section).is_some() => tree.edit(section, take),
            _ => {}
        }
        for (key, what) in taken {
            changes.set(&at(key), &what);
        }
    }
    for (section, end) in ENDS {
        let fields = tree.get(section).map(Node::fields).unwrap_or_default().iter();
        let keys: Vec<String> = fields.map(|field| field.key.clone()).filter(|key| key.ends_with(end)).collect();
        for key in keys {
            tree.edit(section, |settings| drop(settings.remove(&key)));
            changes.set(&format!("{section}.{key}"), CALLS);
        }
    }
}

/// What stays of a setting that names code, and what is said of the rest.
fn of_code(node: &Node, files: &[OwnFile], why: &str) -> (Vec<Node>, String) {
    let items = if node.text().is_some() { std::slice::from_ref(node) } else { node.items() };
    let module = |item: &Node| item.text().and_then(|text| text.rsplit_once('.')).map(|(module, _)| module.to_owned());
    let is_taken = |item: &&Node| {
        let file = module(item).map(|module| format!("{}.py", module.replace('.', "/")));
        file.is_some_and(|file| files.iter().any(|own| own.name == file))
    };
    let (stays, left): (Vec<&Node>, Vec<&Node>) = items.iter().partition(is_taken);
    let names = |items: &[&Node]| {
        let names = items.iter().filter_map(|item| item.text());
        names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let code: Vec<&Node> = left.iter().copied().filter(|item| module(item).is_some()).collect();
    let what = match (stays.is_empty(), left.is_empty(), code.is_empty()) {
        (true, _, true) => why.to_owned(),
        (true, _, false) if code.len() == left.len() => {
            format!("left out: {} is code of theirs; `files` in harness.toml takes it along", names(&code))
        }
        (true, _, false) => {
            format!("{why}; {} is code of theirs, which `files` in harness.toml takes along", names(&code))
        }
        (false, true, _) => format!("{} stays: its file is taken along", names(&stays)),
        (false, false, _) => format!("{} stays: its file is taken along; the rest is left out", names(&stays)),
    };
    (stays.into_iter().cloned().collect(), what)
}

/// The environment that the file sets: what names a secret or another's address is left out.
pub(super) fn environment(tree: &mut Node, changes: &mut Changes) {
    let fields = tree.get("environment_variables").map(Node::fields).unwrap_or_default().iter();
    let elsewhere = |name: &str| {
        let name = name.to_ascii_lowercase();
        is_credential(&name) || ["url", "host", "port", "endpoint", "base"].iter().any(|end| name.ends_with(end))
    };
    let names: Vec<String> = fields.map(|field| field.key.clone()).filter(|name| elsewhere(name)).collect();
    for name in names {
        tree.edit("environment_variables", |variables| drop(variables.remove(&name)));
        changes.set(
            &format!("environment_variables.{name}"),
            "left out: it is a credential, or says where something else runs",
        );
    }
}

/// Their Redis becomes that of the run; gives whether they have one.
pub(super) fn redis(tree: &mut Node, changes: &mut Changes) -> bool {
    let mut has = false;
    let settings = tree.get("litellm_settings");
    let params = settings.and_then(|settings| settings.get("cache_params")).cloned();
    let is_cached = settings.and_then(|settings| settings.get("cache")).is_some_and(Node::is_true);
    let kind = params.as_ref().and_then(|params| params.text_of("type")).unwrap_or("redis").to_owned();
    match kind.as_str() {
        "local" | "disk" => {}
        "redis" if is_cached || params.is_some() => {
            has = is_cached;
            tree.edit("litellm_settings", |settings| {
                settings.edit("cache_params", |params| at_ours(params, "", changes))
            });
        }
        _ if params.is_some() => {
            tree.edit("litellm_settings", |settings| drop((settings.remove("cache"), settings.remove("cache_params"))));
            changes.set("litellm_settings.cache_params", &format!("left out: no {kind} is launched here"));
        }
        _ => {}
    }
    let router = tree.get("router_settings").map(Node::fields).unwrap_or_default();
    if router.iter().any(|field| field.key.starts_with("redis_")) {
        has = true;
        tree.edit("router_settings", |settings| at_ours(settings, "redis_", changes));
    }
    has
}

/// Names the run's Redis in settings that name theirs, whose fields begin so.
fn at_ours(settings: &mut Node, begin: &str, changes: &mut Changes) {
    let section = if begin.is_empty() { "litellm_settings.cache_params" } else { "router_settings" };
    for key in OF_REDIS {
        let key = format!("{begin}{key}");
        if settings.remove(&key).is_some() && key != format!("{begin}host") && key != format!("{begin}port") {
            changes.set(&format!("{section}.{key}"), "left out: the Redis of the run has no such thing");
        }
    }
    settings.set(&format!("{begin}host"), Node::plain(REDIS_HOST));
    settings.set(&format!("{begin}port"), Node::plain(REDIS_PORT));
    changes.set(&format!("{section}.{begin}host"), "the Redis of the run");
    changes.set(&format!("{section}.{begin}port"), "the Redis of the run");
}

/// What is left of credentials becomes dummies; so does what names a variable that is not set.
pub(super) fn resolve(tree: &mut Node, env: Environment<'_>, changes: &mut Changes) {
    tree.each_scalar(&mut |path, node| {
        let Some(text) = node.text() else { return };
        // They have been led to the upstream.
        let of_model = path.first().is_some_and(|name| name == "model_list");
        let name = path.iter().rev().find(|name| !name.starts_with('[')).map(String::as_str).unwrap_or_default();
        let variable = text.strip_prefix("os.environ/");
        let what = match variable {
            Some(variable) if env.get(variable).is_some() => return,
            Some(variable) => format!("a dummy: `{variable}` is not set"),
            None if is_credential(name) && !of_model && !node.is_flag() => "a dummy instead of a credential".to_owned(),
            None => return,
        };
        let model = path.get(1).filter(|_| of_model).and_then(|item| item.trim_matches(['[', ']']).parse().ok());
        let key = if of_model { path[2..].join(".") } else { path.join(".") };
        let key = key.replace(".[", "[");
        node.value = Value::Plain(DUMMY.to_owned());
        match model {
            Some(model) => changes.note_kept(model, &key, &what),
            None => changes.set(&key, &what),
        }
    });
}
