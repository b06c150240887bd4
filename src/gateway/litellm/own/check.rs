//! What LiteLLM could do nothing with: mistakes in their file, each at its place. Not: whether it is a good configuration.

use std::path::Path;

use super::provider;
use crate::gateway::yaml::{Node, Value};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::value::shortened;

/// The sections that hold settings.
const SECTIONS: [&str; 4] = ["environment_variables", "general_settings", "litellm_settings", "router_settings"];

/// The mistakes in one file, which may be one of several.
pub(super) fn file(path: &Path, tree: &Node) -> Vec<Diagnostic> {
    if !matches!(tree.value, Value::Map(_)) {
        let diagnostic = match tree.text() {
            None => Diagnostic::new(path, "the file is empty: there is no configuration in it"),
            Some(_) => Diagnostic::new(path, "this is no configuration")
                .at(tree.place)
                .label("expected fields, each `name: value`"),
        };
        return vec![diagnostic.help("a configuration has a `model_list`")];
    }
    let mut mistakes = Vec::new();
    for field in tree.fields().iter().filter(|field| SECTIONS.contains(&field.key.as_str())) {
        if !matches!(field.node.value, Value::Map(_)) && field.node.text().is_some() || !field.node.items().is_empty() {
            let wrong = Diagnostic::new(path, format!("`{}` holds settings", field.key)).at(field.node.place);
            mistakes.push(wrong.label("expected fields, each `name: value`"));
        }
    }
    if let Some(include) = tree.get("include").filter(|include| !matches!(include.value, Value::List(_))) {
        let wrong = Diagnostic::new(path, "`include` is a list of files").at(include.place);
        mistakes.push(wrong.label("expected a list, each item beginning with `- `"));
    }
    let custom = custom_providers(tree);
    match tree.get("model_list") {
        Some(list) if matches!(list.value, Value::List(_)) => {
            mistakes.extend(list.items().iter().filter_map(|item| model(path, item, &custom)));
        }
        Some(list) if list.text().is_some() || !list.fields().is_empty() => {
            let wrong = Diagnostic::new(path, "`model_list` is a list of models").at(list.place);
            mistakes.push(wrong.label("expected a list, each item beginning with `- model_name: `"));
        }
        Some(_) | None => {}
    }
    mistakes
}

/// What is wrong with all files together.
pub(super) fn whole(path: &Path, tree: &Node) -> Option<Diagnostic> {
    let is_empty = tree.get("model_list").is_none_or(|list| list.items().is_empty());
    is_empty.then(|| {
        let place = tree.fields().first().map(|field| field.place).unwrap_or(tree.place);
        Diagnostic::new(path, "there are no models in it")
            .at(place)
            .label("`model_list` is expected beside this")
            .help("models that are only in a database are not known here: name them in the file")
    })
}

/// The providers that are code of theirs.
pub(super) fn custom_providers(tree: &Node) -> Vec<String> {
    let map = tree.get("litellm_settings").and_then(|settings| settings.get("custom_provider_map"));
    let items = map.map(Node::items).unwrap_or_default().iter();
    items.filter_map(|item| item.text_of("provider")).map(str::to_owned).collect()
}

/// What is wrong with a model, if anything is.
fn model(path: &Path, item: &Node, custom: &[String]) -> Option<Diagnostic> {
    let missing = |what: &str, at: &Node| {
        let wrong = Diagnostic::new(path, format!("`{what}` of this model is missing")).at(at.place);
        Some(wrong.label(format!("`{what}` is expected here")))
    };
    if item.text_of("model_name").is_none() {
        return missing("model_name", item);
    }
    let Some(params) = item.get("litellm_params") else { return missing("litellm_params", item) };
    let Some(node) = params.get("model") else { return missing("model", params) };
    let Some(behind) = node.text() else { return missing("model", node) };
    let stated = params.text_of("custom_llm_provider");
    let named = stated.or(behind.split_once('/').map(|(provider, _)| provider));
    let is_known = named.is_none_or(|name| {
        name == "os.environ" || custom.iter().any(|own| own == name) || provider::known().any(|known| known == name)
    });
    let name = shortened(named.unwrap_or_default());
    (!is_known).then(|| {
        let place = stated.and(params.get("custom_llm_provider")).unwrap_or(node).place;
        Diagnostic::new(path, format!("LiteLLM has no provider `{name}`"))
            .at(place)
            .label("expected PROVIDER/MODEL")
            .help("`openai/...` is for any provider that speaks as OpenAI does")
            .nearest(&name, provider::known())
    })
}
