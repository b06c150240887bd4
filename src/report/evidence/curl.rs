//! A trial as lines of a shell: what it asked of the admin API and of models, in order, as `curl` commands. What only the
//! gateway knows, such as keys, is in variables. Not: how much of it is shown.

use std::fmt::Write as _;

use super::{Failed, provider};
use crate::outcome::{Acted, AdminCall, Answer, Company, Exchange, Sent};
use crate::scenario::Instance;
use crate::upstream::marker;

/// The lines of a trial, to be run one after the other.
pub(super) struct Script {
    /// What has to be set first.
    pub head: String,
    /// Each with a comment that says what it is, and what came of it.
    pub parts: Vec<String>,
}

impl Script {
    pub(super) fn of(failed: &Failed<'_>) -> Script {
        let variables = Variables::of(failed);
        let mut parts = Vec::new();
        let evidence = &failed.result.evidence;
        let mut acts = evidence.acts.iter().peekable();
        let exchanges = &failed.result.exchanges;
        for (index, exchange) in exchanges.iter().enumerate() {
            while let Some(act) = acts.next_if(|act| act.after < exchange.request) {
                parts.push(variables.acted(act));
            }
            let is_last_at_once = |next: &Exchange| next.company != Company::AtOnce || next.line != exchange.line;
            let ends_crowd =
                exchange.company == Company::AtOnce && exchanges.get(index + 1).is_none_or(is_last_at_once);
            parts.push(variables.asked(failed, exchange, ends_crowd));
        }
        parts.extend(acts.map(|act| variables.acted(act)));
        for (whose, said) in &evidence.said {
            let what = variables.comment(&format!("what it says of {whose} now"));
            parts.push(format!("{what}{}\n", variables.curl(&said.sent, Instance::First, "")));
        }
        Script { head: variables.head(failed), parts }
    }

    pub(super) fn whole(&self) -> String {
        [std::slice::from_ref(&self.head), &self.parts].concat().join("\n")
    }
}

/// What stands in the shell for a text that is not the same each time.
struct Variables<'a> {
    /// The name that begins those of all the trial's entities; on another gateway they can do without it.
    prefix: String,
    trial: &'a str,
    all: Vec<Variable>,
    /// Whether a provider answers without having to be told what.
    is_provider_simple: bool,
}

struct Variable {
    /// As it appears in what was sent.
    text: String,
    name: String,
    is_given: bool,
}

const BASE_URL: &str = "BASE_URL";
/// How a request of the admin API is authorized, as it is shown.
const MASTER_KEY: &str = "<master key>";

impl<'a> Variables<'a> {
    fn of(failed: &Failed<'a>) -> Variables<'a> {
        let evidence = &failed.result.evidence;
        let prefix = format!("{}-", evidence.name);
        let is_provider_simple = provider::program(failed).is_some();
        let mut variables = Variables { prefix, trial: &failed.trial.trial, all: Vec::new(), is_provider_simple };
        for act in &evidence.acts {
            for call in &act.calls {
                variables.find_key(&call.sent);
                if let Some(gives) = &call.gives {
                    let text = variables.own(&gives.text);
                    let what = if text.starts_with('<') { text.clone() } else { act.what.clone() };
                    variables.add(text, &what, true);
                }
            }
        }
        for sent in failed.result.exchanges.iter().filter_map(|exchange| exchange.sent.as_ref()) {
            variables.find_key(sent);
        }
        for (_, said) in &evidence.said {
            variables.find_key(&said.sent);
        }
        // One may be a part of another.
        variables.all.sort_by_key(|variable| std::cmp::Reverse(variable.text.len()));
        variables
    }

    /// The key that a request is sent with.
    fn find_key(&mut self, sent: &Sent) {
        let keys = sent
            .headers
            .iter()
            .filter_map(|(_, value)| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("Basic ")));
        for key in keys.filter(|key| key.starts_with('<')) {
            let key = self.own(key);
            self.add(key.clone(), &key, false);
        }
    }

    fn add(&mut self, text: String, what: &str, is_given: bool) {
        if let Some(known) = self.all.iter_mut().find(|known| known.text == text) {
            known.is_given |= is_given;
            return;
        }
        let what = what.strip_prefix("make ").unwrap_or(what).trim_matches(['<', '>']);
        let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let mut name: String = what.chars().map(upper).collect();
        while self.all.iter().any(|known| known.name == name) {
            name.push('_');
        }
        self.all.push(Variable { text, name, is_given });
    }

    /// A text of the trial without the prefix that sets its names apart.
    fn own(&self, text: &str) -> String {
        super::without_prefix(text, &self.prefix, self.trial)
    }

    /// What whoever runs the lines has to set.
    fn head(&self, failed: &Failed<'_>) -> String {
        let mut head = String::new();
        let mut set = |name: &str, value: &str, what: &str| {
            let _ = writeln!(head, "{name}=${{{name}:-{value}}}  # {what}");
        };
        set(BASE_URL, "http://127.0.0.1:4000", "the gateway");
        if failed.result.exchanges.iter().any(|exchange| exchange.on == Instance::Second) {
            set("BASE_URL_2", "http://127.0.0.1:4001", "its second instance, on the same database");
        }
        for Variable { text, name, .. } in self.all.iter().filter(|variable| !variable.is_given) {
            match text.as_str() {
                // Quoted: it is not a secret, but would look like one.
                MASTER_KEY => set(name, "sk\"-1234\"", "what the gateway was started with"),
                text if text.starts_with("<key ") => {
                    set(name, "sk\"-of-nobody\"", "one that the gateway does not know")
                }
                text => set(name, "", text.trim_matches(['<', '>'])),
            }
        }
        if failed.behind_s() > 0 && failed.result.exchanges.iter().any(|exchange| exchange.is_settled) {
            let seconds = failed.behind_s().to_string();
            set("SETTLE", &seconds, "seconds until what a request cost is in the gateway's books");
        }
        head
    }

    fn acted(&self, act: &Acted) -> String {
        let mut what = format!("line {}: {}", act.line, act.what);
        if let (Some(expected), Some(answer)) = (&act.expected, &act.answer)
            && !matches!(answer, Answer::Accepted { .. })
        {
            let _ = write!(what, "; expected {expected}, got {answer}");
        }
        let mut text = self.comment(&what);
        for AdminCall { sent, gives } in &act.calls {
            let given = gives.as_ref().map(|gives| (self.own(&gives.text), &gives.field));
            let given = given.and_then(|(text, field)| {
                let variable = self.all.iter().find(|variable| variable.text == text)?;
                Some((&variable.name, field))
            });
            let curl = self.curl(sent, Instance::First, "");
            let _ = match given {
                Some((name, field)) => writeln!(text, "{name}=$({curl} | jq -r {})", quoted(&format!(".{field}"))),
                None => writeln!(text, "{curl}"),
            };
        }
        if act.calls.is_empty() {
            text.push_str("# (to be done by hand)\n");
        }
        text
    }

    fn asked(&self, failed: &Failed<'_>, exchange: &Exchange, ends_crowd: bool) -> String {
        let Exchange { request, line, company, answer, sent, .. } = exchange;
        let mut what = format!("request {request}, line {line}");
        what.push_str(match company {
            Company::Alone => "",
            Company::AtOnce => ", one of several at the same time",
            Company::Again => ", repeated until the answer is as expected",
        });
        if let Some(expected) = &exchange.expected {
            let _ = write!(what, ": expected {expected}");
        }
        let _ = write!(what, "; got {answer}");
        if let Some(kind) = failed.kind_of(exchange) {
            let _ = write!(what, " <-- {}", kind.word());
        }
        let mut text = self.comment(&what);
        if let Answer::Refused { message, .. } = answer {
            text.push_str(&self.comment(message));
        }
        if let Some(sent) = sent {
            let curl = self.curl(sent, exchange.on, " -w '\\n%{http_code}\\n'");
            let _ = writeln!(text, "{curl}{}", if *company == Company::AtOnce { " &" } else { "" });
        }
        if ends_crowd {
            text.push_str("wait\n");
        }
        if exchange.is_settled && failed.behind_s() > 0 {
            text.push_str("sleep \"$SETTLE\"\n");
        }
        text
    }

    /// On one line, whatever a gateway has put into it: it must not get out of its comment.
    fn comment(&self, text: &str) -> String {
        format!("# {}\n", super::in_short(&self.own(text), 300))
    }

    fn curl(&self, sent: &Sent, on: Instance, more: &str) -> String {
        let Sent { method, route, headers, body } = sent;
        let base = match on {
            Instance::First => BASE_URL,
            Instance::Second => "BASE_URL_2",
        };
        let has_body = !body.is_null();
        let method = match (method.as_str(), has_body) {
            ("GET", false) | ("POST", true) => String::new(),
            (method, _) => format!(" -X {}", quoted(method)),
        };
        let mut curl = format!("curl -sS{more}{method} {}", self.word(&format!("${base}{route}"), Some(base)));
        for (name, value) in headers {
            // Name and password, which curl encodes as base64.
            if let Some(who) = value.strip_prefix("Basic ") {
                let _ = write!(curl, " \\\n  -u {}", self.word(who, None));
                continue;
            }
            let _ = write!(curl, " \\\n  -H {}", self.word(&format!("{name}: {value}"), None));
        }
        if has_body {
            let body = body.to_string();
            let body = if self.is_provider_simple { marker::without(&body) } else { body };
            let _ = write!(curl, " \\\n  -d {}", self.word(&body, None));
        }
        curl
    }

    /// A text as one word of the shell, with variables in place of what they hold. It may begin with the named one.
    fn word(&self, text: &str, begins_with: Option<&str>) -> String {
        let mut rest = self.own(text);
        let mut pieces = Vec::new();
        if let Some(name) = begins_with {
            pieces.push(Piece::Variable(name));
            rest = rest[1 + name.len()..].to_owned();
        }
        let mut rest = rest.as_str();
        while let Some((at, variable)) = self.first_in(rest) {
            pieces.push(Piece::Text(&rest[..at]));
            pieces.push(Piece::Variable(&variable.name));
            rest = &rest[at + variable.text.len()..];
        }
        pieces.push(Piece::Text(rest));
        joined(&pieces)
    }

    fn first_in(&self, text: &str) -> Option<(usize, &Variable)> {
        let found = self.all.iter().filter_map(|variable| Some((text.find(&variable.text)?, variable)));
        found.min_by_key(|(at, _)| *at)
    }
}

enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

/// Pieces as one word: in double quotes if nothing in them is special there, else each as it has to be.
fn joined(pieces: &[Piece<'_>]) -> String {
    let is_plain = |piece: &Piece<'_>| match piece {
        Piece::Text(text) => !text.contains(['"', '\\', '$', '`', '!', '\0']),
        Piece::Variable(_) => true,
    };
    let has_variable = pieces.iter().any(|piece| matches!(piece, Piece::Variable(_)));
    if has_variable && pieces.iter().all(is_plain) {
        let inside = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => (*text).to_owned(),
            Piece::Variable(name) => format!("${{{name}}}"),
        });
        return format!("\"{}\"", inside.collect::<String>());
    }
    let each = pieces.iter().map(|piece| match piece {
        Piece::Text("") => String::new(),
        Piece::Text(text) => quoted(text),
        Piece::Variable(name) => format!("\"${name}\""),
    });
    each.collect()
}

fn quoted(text: &str) -> String {
    // Nothing that was sent has one.
    let text = text.replace('\0', "");
    shlex::try_quote(&text).map(std::borrow::Cow::into_owned).unwrap_or_default()
}
