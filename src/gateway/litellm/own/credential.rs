//! What in a configuration is a credential, by its name; and having it redacted. Not: taking it out.

use crate::gateway::yaml::Node;
use crate::secret::{Secret, know_setting};

/// The last words of names whose values are secrets.
const ENDS: [&str; 14] = [
    "authorization",
    "connectionstring",
    "credential",
    "credentials",
    "dsn",
    "key",
    "keys",
    "license",
    "passphrase",
    "passwd",
    "password",
    "salt",
    "secret",
    "token",
];

/// Names that end so and are none: prices, and settings of keys and tokens.
const NONE: [&str; 5] = ["cost", "header", "cache_key", "per_token", "generate_key"];

/// Whether a value of this name is a secret.
pub(super) fn is_credential(name: &str) -> bool {
    let name = name.trim().trim_matches(['"', '\'']).to_ascii_lowercase().replace('-', "_");
    let ends = ENDS.iter().any(|end| name.rsplit('_').next() == Some(*end));
    let begins =
        name.ends_with("access_key_id") || name.ends_with("webhook_url") || name.ends_with("connection_string");
    (ends || begins) && !NONE.iter().any(|none| name.contains(none))
}

/// Whether a value says nothing: people write it where a gateway asks for a key that nobody needs.
pub(super) fn is_dull(value: &str) -> bool {
    const WORDS: [&str; 16] = [
        "any",
        "anything",
        "dummy",
        "empty",
        "fake",
        "fake-key",
        "false",
        "na",
        "no-key",
        "none",
        "not-needed",
        "null",
        "placeholder",
        "test",
        "true",
        "~",
    ];
    value.len() < 4 || value.starts_with("os.environ/") || WORDS.contains(&value.to_ascii_lowercase().as_str())
}

/// Has a value redacted from all that is shown, with what follows the word `Bearer` in it.
fn keep(value: &str) {
    let value = value.trim();
    for part in [value, value.rsplit(' ').next().unwrap_or_default()] {
        if !is_dull(part) {
            Secret::new(part);
        }
    }
}

/// Has the secrets of a text redacted, line by line: it may be no YAML, and its lines are shown all the same.
pub(super) fn know_lines(text: &str) {
    // Every header may be one: those on the line of their name, and below it as long as lines are further in.
    let mut headers: Option<usize> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start_matches([' ', '-']).len();
        headers = headers.filter(|above| indent > *above || line.trim().is_empty());
        if line.contains("headers") {
            headers = Some(indent);
        }
        let fields = line.split(['{', ',']).filter_map(|field| field.split_once(':'));
        for (name, value) in fields.chain(line.split_once(':')) {
            let value = value.split(" #").next().unwrap_or_default().trim();
            let value = value.trim_end_matches(['}', ']']).trim().trim_matches(['"', '\'']);
            // The password of a URL.
            know_setting("", value);
            if headers.is_some() || is_credential(name.trim().trim_start_matches("- ")) {
                keep(value);
            }
        }
    }
}

/// Has the secrets of a program redacted: what is assigned to names of credentials, and passwords in URLs.
pub(super) fn know_code(text: &str) {
    for line in text.lines() {
        for (name, value) in line.split([',', '(', '{']).filter_map(|part| part.split_once(['=', ':'])) {
            let value = value.trim_matches(|c: char| c.is_whitespace() || "\"')}]=".contains(c));
            let name = name.trim().trim_matches(['"', '\'']);
            know_setting("", value);
            if is_credential(name) {
                keep(value);
            }
        }
    }
}

/// Has the secrets of a tree redacted: what is named so, headers, and the environment that it sets.
pub(super) fn know_tree(tree: &mut Node) {
    tree.each_scalar(&mut |path, node| {
        let Some(value) = node.text() else { return };
        know_setting("", value);
        let is_header = path.iter().any(|name| name.ends_with("headers"));
        let of_environment = path.first().is_some_and(|name| name == "environment_variables");
        // Items of a list are what the list is called.
        let name = path.iter().rev().find(|name| !name.starts_with('['));
        let is_named =
            name.is_some_and(|name| is_credential(name) || (of_environment && is_credential(&name.to_lowercase())));
        if is_header || is_named {
            keep(value);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_no_secret_and_a_key_is_one() {
        for name in [
            "api_key",
            "x-api-key",
            "AWS_SECRET_ACCESS_KEY",
            "aws_access_key_id",
            "azure_ad_token",
            "slack_webhook_url",
        ] {
            assert!(is_credential(name), "{name}");
        }
        for name in
            ["input_cost_per_token", "key_alias", "max_tokens", "key_management_system", "litellm_key_header_name"]
        {
            assert!(!is_credential(name), "{name}");
        }
    }
}
