//! Secrets, and texts that may be shown although somebody put one into them (docs/design.md, decision 8).
//!
//! Everything that begins with `sk-` is a secret. Any other secret has to be made known by [`Secret::new`] or
//! [`know_setting`]; then it is found as it is, and as it looks in JSON, in URLs and in base64. [`redact`] is called where a
//! gateway's text comes in, and once more where any text leaves ([`crate::host::console`]). A secret with a name is shown by
//! it, so that readers can tell one key from another: `<key laptop>`.

mod redacted;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{LazyLock, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

pub use redacted::Redacted;

/// What is shown instead of a secret that has no name.
pub const SHOWN: &str = "sk-[secret]";

/// A shorter one may be part of many words: it is only replaced where it stands by itself.
const DISTINCT: usize = 8;

/// A key or password. It is never shown by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// From now on it is redacted from all that is shown.
    pub fn new(text: impl Into<String>) -> Secret {
        let text = text.into();
        if !is_found_by_its_beginning(&text) {
            know(&text);
        }
        Secret(text)
    }

    /// From now on it is shown by this name.
    pub fn named(text: impl Into<String>, name: &str) -> Secret {
        let text = text.into();
        know_as(&text, &redact(&format!("<{name}>")));
        Secret(text)
    }

    /// The secret itself, for the wire.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Secrets, and what is shown instead.
#[derive(Default)]
struct Known {
    /// The forms of each, by their length: one may be a part of another, and the longer is replaced first.
    forms: BTreeMap<(Reverse<usize>, String), String>,
    /// The long ones by how they begin: there may be thousands, and a text is looked through once for all of them.
    begins: HashMap<[u8; DISTINCT], Vec<String>>,
    /// Named keys that are found by their beginning: there may be thousands, too many to look for each.
    named: HashMap<String, String>,
}

/// What becomes of a form that has a name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Stays,
    Anew,
}

impl Known {
    fn add(&mut self, form: String, shown: &str, named: Named) {
        let key = (Reverse(form.len()), form);
        if self.forms.contains_key(&key) && named == Named::Stays {
            return;
        }
        let form = key.1.clone();
        if self.forms.insert(key, shown.to_owned()).is_none()
            && let Some(begin) = form.as_bytes().first_chunk()
        {
            self.begins.entry(*begin).or_default().push(form);
        }
    }

    /// The forms that are in a text, the longest first, and what is shown instead; of short ones all that may be.
    fn within<'a>(&'a self, text: &str) -> Vec<(&'a str, &'a str)> {
        /// So many are looked for one by one: that is quicker than to look at each place of the text.
        const FEW: usize = 500;
        if self.forms.len() <= FEW {
            return self.forms.iter().map(|((_, form), shown)| (form.as_str(), shown.as_str())).collect();
        }
        let is_in = |at: usize, form: &str| text.as_bytes()[at..].starts_with(form.as_bytes());
        let windows = text.as_bytes().windows(DISTINCT).enumerate();
        let begun = windows.filter_map(|(at, begin)| Some((at, self.begins.get(begin)?)));
        let long = begun.flat_map(|(at, forms)| forms.iter().filter(move |form| is_in(at, form)));
        let long = long.map(|form| (Reverse(form.len()), form.clone())).collect::<BTreeSet<_>>();
        let shortest = (Reverse(DISTINCT - 1), String::new());
        let long = long.iter().filter_map(|key| self.forms.get_key_value(key));
        let short = self.forms.range(shortest..);
        long.chain(short).map(|((_, form), shown)| (form.as_str(), shown.as_str())).collect()
    }
}

static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(RwLock::default);

/// Has a secret redacted in each of its forms, whatever it looks like.
pub fn know(secret: &str) {
    let secret = secret.trim();
    if !secret.is_empty() {
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        for form in forms(secret) {
            // A named one keeps its name.
            known.add(form, SHOWN, Named::Stays);
        }
    }
}

fn know_as(secret: &str, shown: &str) {
    let secret = secret.trim();
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if is_found_by_its_beginning(secret) {
        known.named.insert(secret.to_owned(), shown.to_owned());
    }
    let is_known = known.forms.contains_key(&(Reverse(secret.len()), secret.to_owned()));
    if !secret.is_empty() && (is_known || !is_found_by_its_beginning(secret)) {
        forms(secret).into_iter().for_each(|form| known.add(form, shown, Named::Anew));
    }
}

/// Whether it is found without being known.
fn is_found_by_its_beginning(secret: &str) -> bool {
    secret.starts_with("sk-") && secret.chars().all(of_word)
}

/// Has a setting redacted if its name says that it is a secret, and the password of a URL in any case.
pub fn know_setting(name: &str, value: &str) {
    let is_secret = |word: &str| {
        let word = word.to_ascii_uppercase();
        ["KEY", "SECRET", "TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE"].iter().any(|end| word.ends_with(end))
            || ["PASS", "CREDENTIAL", "CREDENTIALS", "SALT", "LICENSE"].contains(&word.as_str())
    };
    // A name ending in `_env` says where a secret is.
    if !name.ends_with("_env") && name.split(['_', '-', '.']).any(is_secret) {
        know(value);
    }
    let user = value.split_once("://").and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@'));
    if let Some((_, password)) = user.and_then(|(user, _)| user.split_once(':')) {
        know(password);
    }
}

/// Has the secrets in this process's environment redacted: a gateway that is already running may have them from the same
/// place, and say them.
pub fn know_environment() {
    for (name, value) in std::env::vars_os() {
        if let (Some(name), Some(value)) = (name.to_str(), value.to_str())
            // Anything may be set to `true` or `none`.
            && value.len() >= DISTINCT
        {
            know_setting(name, value);
        }
    }
}

/// A secret as it is, and as it looks in JSON, in a URL, and in base64 wherever it begins there.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap_or_default();
    let mut forms = vec![secret.to_owned(), json.trim_matches('"').to_owned(), in_url(secret), in_query(secret)];
    for begins in 0..3 {
        let bytes = [&[0; 2][..begins], secret.as_bytes()].concat();
        let is_whole = bytes.len() % 3 == 0;
        let encoded = STANDARD_NO_PAD.encode(bytes);
        // A character shared with neighbouring bytes depends on them.
        let own = &encoded[[0, 2, 3][begins]..encoded.len() - usize::from(!is_whole)];
        if own.len() >= DISTINCT {
            forms.extend([own.to_owned(), own.replace('+', "-").replace('/', "_")]);
        }
    }
    forms
}

fn in_url(secret: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    secret.bytes().map(encode).collect()
}

/// As in a URL's query, encoded the way forms are.
fn in_query(secret: &str) -> String {
    in_url(secret).replace("%20", "+").replace("%2A", "*").replace('~', "%7E")
}

/// Replaces everything that is a key or looks like one, so that a text can be shown.
pub fn redact(text: &str) -> String {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let mut shown = Cow::Borrowed(text);
    for (form, instead) in known.within(text) {
        if shown.contains(form) {
            shown = Cow::Owned(without(&shown, form, instead));
        }
    }
    without_keys(&shown, &known.named)
}

/// The same for JSON that is somebody else's, which stays JSON: a secret may look like one of its numbers, so only what is
/// in quotes is redacted. For our own there is [`Redacted`].
pub fn redact_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(begin) = rest.find('"') {
        shown.push_str(&rest[..=begin]);
        rest = &rest[begin + 1..];
        let mut escaped = false;
        let ends = |c: char| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        };
        // JSON that was cut may end in a string.
        let end = rest.find(ends).unwrap_or(rest.len());
        shown.push_str(&redact(&rest[..end]));
        shown.push_str(if end < rest.len() { "\"" } else { "" });
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    shown.push_str(rest);
    shown
}

/// A short secret is only replaced where it stands by itself: it may be a part of many words.
fn without(text: &str, secret: &str, instead: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(secret) {
        let (before, after) = (&rest[..at], &rest[at + secret.len()..]);
        shown.push_str(before);
        let in_word = is_in_word(&shown) || after.starts_with(char::is_alphanumeric);
        let is_secret = secret.len() >= DISTINCT || !in_word;
        shown.push_str(if is_secret { instead } else { secret });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// Without anything that begins with `sk-`.
fn without_keys(text: &str, named: &HashMap<String, String>) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("sk-") {
        let (before, key) = rest.split_at(at);
        let (key, after) = key.split_at(key.find(|c| !of_word(c)).unwrap_or(key.len()));
        shown.push_str(before);
        // `task-7` is not one, and redacted text stays as it is.
        let is_word = is_in_word(&shown) && !is_random(key);
        let is_redacted = key == "sk-" && (after.starts_with("[secret]") || after.starts_with("\\[secret\\]"));
        shown.push_str(match named.get(key) {
            Some(name) => name,
            None if is_word || is_redacted => key,
            None => SHOWN,
        });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

fn of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// Whether what follows is the rest of a word. An escape, of JSON (`\n`), of a URL (`%20`) or of a terminal (`[1m`), is not.
fn is_in_word(before: &str) -> bool {
    let tail = &before.as_bytes()[before.len().saturating_sub(12)..];
    let is_escape = match tail {
        [.., b'\\', b'n' | b't' | b'r' | b'b' | b'f' | b'0'] | [.., b'\\', b'u', _, _, _, _] => true,
        [.., b'%', a, b] => a.is_ascii_hexdigit() && b.is_ascii_hexdigit(),
        [style @ .., b'm'] => {
            let end = style.iter().rposition(|byte| !(byte.is_ascii_digit() || *byte == b';'));
            end.is_some_and(|end| style[end] == b'[')
        }
        _ => false,
    };
    before.ends_with(|c: char| c.is_ascii_alphanumeric()) && !is_escape
}

/// Whether a key runs into the word before it, rather than being a part of one.
fn is_random(key: &str) -> bool {
    let has = |what: fn(&char) -> bool| key["sk-".len()..].chars().any(|c| what(&c));
    key.len() >= 16 && has(char::is_ascii_digit) && has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_never_shown_and_words_are_left_alone() {
        for (text, shown) in [
            (
                "Key=sk-gatecrash-1a2b (sk-...NmMg) of task-7, again sk-9_Z.",
                "Key=sk-[secret] (sk-[secret]...NmMg) of task-7, again sk-[secret].",
            ),
            (r#"{"a":"x\nsk-1\tsk-2\u000ask-3"}"#, r#"{"a":"x\nsk-[secret]\tsk-[secret]\u000ask-[secret]"}"#),
            ("\u{1b}[1msk-1\u{1b}[0m \u{1b}[38;5;9msk-2", "\u{1b}[1msk-[secret]\u{1b}[0m \u{1b}[38;5;9msk-[secret]"),
            ("?key=%20sk-1&x_sk-2", "?key=%20sk-[secret]&x_sk-[secret]"),
            ("Bearersk-1aB2cD3eF4gH5iJ6 risk-1-of-many-more-words", "Bearersk-[secret] risk-1-of-many-more-words"),
        ] {
            assert_eq!(redact(text), shown);
            assert_eq!(redact(shown), shown, "redacted again it is the same");
        }
    }

    #[test]
    fn what_is_known_is_found_in_each_of_its_forms() {
        let secret = "pa\"ss/w\u{f6}rd?+~*0123456789";
        know(secret);
        let beside = |user: &str| STANDARD_NO_PAD.encode(format!("{user}:{secret}:more"));
        let json = serde_json::to_string(&["so", secret]).unwrap();
        for text in [
            secret.to_owned(),
            json,
            format!("?a={}", in_url(secret)),
            in_query(secret),
            beside("a"),
            beside("ab"),
            beside("abc"),
        ] {
            let shown = redact(&format!("it is {text}."));
            let left = ["pa\"ss", "ss/w", "0123456789", "123456", &STANDARD_NO_PAD.encode("0123456789")[..12]];
            assert!(
                shown.contains(SHOWN) && !left.iter().any(|part| shown.contains(part)),
                "{text} is shown as {shown}"
            );
        }
    }

    #[test]
    fn json_stays_json() {
        know("47114711");
        let shown = redact_json(r#"{"a": 47114711, "b\"": "is 47114711", "c\\": ["sk-1\nsk-2"], "d": "\""}"#);
        let expected = r#"{"a": 47114711, "b\"": "is sk-[secret]", "c\\": ["sk-[secret]\nsk-[secret]"], "d": "\""}"#;
        assert_eq!(shown, expected);
    }

    #[test]
    fn json_that_was_cut_is_redacted_too() {
        know("wörter/4711");
        let json = r#"{"a": ["is wörter/4711", "\\", "sk-1\"sk-2"], "b": "\\\"sk-3", "cut: sk-4"#;
        let expected =
            r#"{"a": ["is sk-[secret]", "\\", "sk-[secret]\"sk-[secret]"], "b": "\\\"sk-[secret]", "cut: sk-[secret]"#;
        assert_eq!(redact_json(json), expected);
    }

    #[test]
    fn a_secret_with_a_name_is_shown_by_it_and_never_by_its_name_alone() {
        for secret in ["sk-0815aB-c_d", "of another kind/0815"] {
            know(secret);
            let secret = Secret::named(secret, "key laptop");
            know(secret.reveal());
            let url = in_url(secret.reveal());
            let text = format!("{} ?key={url} {}-", secret.reveal(), secret.reveal());
            let shown = redact(&text);
            assert!(shown.starts_with("<key laptop> ?key=<key laptop> ") && !shown.contains("0815"), "{shown}");
            assert_eq!(redact(&shown), shown);
        }
        Secret::named("sk-4711aB", "key sk-PLANTED");
        assert_eq!(redact("sk-4711aB"), "<key sk-[secret]>");
    }

    #[test]
    fn a_short_secret_is_redacted_where_it_stands_alone() {
        know("qz7");
        assert_eq!(redact("qz7 \"qz7\" aqz7 qz7b"), "sk-[secret] \"sk-[secret]\" aqz7 qz7b");
    }

    #[test]
    fn a_setting_is_a_secret_by_its_name() {
        for (name, value, is_known) in [
            ("OPENAI_API_KEY", "of-a-provider-1", true),
            ("PGPASSWORD", "of-a-database-2", true),
            ("DATABASE_URL", "postgres://me:of-a-url-3@127.0.0.1/x", true),
            ("LITELLM_LOG", "DEBUG-AND-MORE", false),
            ("KEYBOARD", "dvorak-of-4", false),
        ] {
            know_setting(name, value);
            assert_eq!(redact(value) != value, is_known, "{name}");
        }
        assert_eq!(redact("postgres://me:of-a-url-3@127.0.0.1/x"), "postgres://me:sk-[secret]@127.0.0.1/x");
    }
}
