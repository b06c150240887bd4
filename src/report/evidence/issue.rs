//! The text to paste into an issue: what was expected and what happened, how to reproduce it with `curl` alone or with
//! gatecrash, and with what it was seen. The worst in full, the rest as a table; what has no room is in the folder.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Failed, Script, in_short, provider};
use crate::launch::Setup;
use crate::outcome::TrialResult;
use crate::report::markdown::{fenced, plain};
use crate::report::terminal::without_colours;
use crate::report::transcript::{legend, spent_before};
use crate::report::{Report, rollout};

/// The longest that it gets, in bytes: GitHub takes 65,536 characters.
const LARGEST: usize = 60_000;

/// Where in the folder scenarios are, by their files.
pub(super) type Scenarios<'a> = BTreeMap<&'a str, PathBuf>;

/// How much is shown.
#[derive(Clone, Copy)]
struct Room {
    /// How many trials are shown in full, each of another scenario.
    trials: usize,
    /// The rest are lines of a table.
    rows: usize,
    /// How many requests and acts there are at most, half of them the first and half the last.
    parts: usize,
    /// How many lines of a log.
    log: usize,
    /// How many characters of a file, an answer of the admin API, or one request.
    characters: usize,
}

/// The first one that makes it short enough is taken.
const ROOMS: [Room; 4] = [
    Room { trials: 3, rows: 50, parts: 40, log: 60, characters: 8000 },
    Room { trials: 1, rows: 30, parts: 40, log: 30, characters: 8000 },
    Room { trials: 1, rows: 20, parts: 16, log: 10, characters: 3000 },
    Room { trials: 1, rows: 5, parts: 8, log: 5, characters: 800 },
];

pub(super) fn render(report: &Report, failed: &[Failed<'_>], scenarios: &Scenarios<'_>) -> String {
    let mut text = String::new();
    for room in ROOMS {
        text = within(report, failed, scenarios, room);
        if text.len() <= LARGEST {
            break;
        }
    }
    if text.len() > LARGEST {
        let end = (0..=LARGEST - 100).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
        text.push_str("\n\nThe rest has no room here.\n");
    }
    text
}

fn within(report: &Report, failed: &[Failed<'_>], scenarios: &Scenarios<'_>, room: Room) -> String {
    // One of each scenario: its others have mostly failed in the same way.
    let (mut full, mut rest): (Vec<&Failed<'_>>, Vec<&Failed<'_>>) = (Vec::new(), Vec::new());
    for failed in failed {
        let is_another = full.iter().all(|of| of.trial.file != failed.trial.file);
        if full.len() < room.trials && is_another { full.push(failed) } else { rest.push(failed) }
    }
    let mut text = String::new();
    for (index, failed) in full.iter().enumerate() {
        let level = if index == 0 { "#" } else { "\n---\n\n#" };
        let sentence = failed.worst.kind.sentence();
        let who = rollout::who(report, failed.trial, failed.result, failed.worst);
        let _ = writeln!(text, "{level} {} {sentence}: {}\n", plain(who), plain(&failed.trial.name));
        text.push_str(&happened(report, failed, room));
        text.push_str(&versions(report, failed));
        text.push_str(&with_curl(failed, room));
        text.push_str(&with_gatecrash(report, failed, scenarios, room));
        text.push_str(&said(failed, room));
        text.push_str(&log(failed, room));
        text.push_str(&launched(failed, room));
    }
    text.push_str(&others(&rest, room));
    text
}

/// The findings, and each request with its answer.
fn happened(report: &Report, failed: &Failed<'_>, room: Room) -> String {
    const FINDINGS: usize = 8;
    let Failed { trial, result, .. } = failed;
    let mut text = String::new();
    if let Some(issue) = &trial.issue {
        let _ = writeln!(text, "See {}.\n", if is_link(issue) { issue.clone() } else { plain(issue) });
    }
    for finding in result.new_findings().take(FINDINGS) {
        let request = finding.request.map(|request| format!("request {request}: ")).unwrap_or_default();
        let (expected, got) = (plain(&failed.own(&finding.expected)), plain(&failed.own(&finding.got)));
        let _ = writeln!(text, "- **{}**, {request}expected {expected}, got **{got}**", finding.kind.word());
    }
    if result.new_findings().count() > FINDINGS {
        let _ = writeln!(text, "- and {} more", result.new_findings().count() - FINDINGS);
    }
    let _ = writeln!(text, "\n| request | key | spent before | expected | answer |\n| --- | --- | --- | --- | --- |");
    let rows = result.exchanges.iter().map(|exchange| {
        let found = failed.kind_of(exchange).map(|kind| format!(" ← {}", kind.word())).unwrap_or_default();
        let expected = exchange.expected.as_deref().unwrap_or_default();
        let answer = failed.own(&exchange.answered());
        let cells = [&exchange.whose(), &spent_before(exchange), expected, &answer].map(plain);
        format!("| {} | {}{found} |", exchange.request, cells.join(" | "))
    });
    let rows: Vec<String> = rows.collect();
    let (first, left_out, last) = ends(&rows, room.parts);
    for row in first {
        let _ = writeln!(text, "{row}");
    }
    if left_out > 0 {
        let _ = writeln!(text, "| … | {left_out} more, which `report.json` has | | | |");
    }
    for row in last {
        let _ = writeln!(text, "{row}");
    }
    if legend(std::slice::from_ref(result)).is_some() {
        text.push_str("\n(`!`: that budget is spent, so the request has to be refused.)\n");
    }
    if report.compares
        && let Some(baseline) = trial.results.first()
    {
        let _ = writeln!(text, "\nOn {} the same was answered {}.", plain(&baseline.target), plain(&answers(baseline)));
    }
    text
}

/// Whether GitHub makes a link of it: `BerriAI/litellm#26672`
fn is_link(issue: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '.' | '_');
    let parts = issue.split_once('#');
    parts.is_some_and(|(name, number)| name.chars().all(is_name) && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `200, 200, 400 budget_exceeded`
fn answers(result: &TrialResult) -> String {
    const ANSWERS: usize = 12;
    let each = result.exchanges.iter().map(|exchange| exchange.answer.to_string());
    let mut text = each.take(ANSWERS).collect::<Vec<_>>().join(", ");
    if result.exchanges.len() > ANSWERS {
        text.push_str(", …");
    }
    text
}

/// All that is needed to reproduce it without gatecrash.
fn with_curl(failed: &Failed<'_>, room: Room) -> String {
    let mut text = String::from("\n## To see it with curl\n");
    match provider::program(failed) {
        Some(program) => {
            let what = "This provider gives the same answers (`python3 provider.py`):";
            let _ = writeln!(text, "\n{what}\n\n{}", fenced("python", program.trim_end()));
        }
        None => text.push_str("\nThe provider in this run followed the instructions in the square brackets of each prompt; a real provider ignores them.\n"),
    }
    if let Some(setup) = failed.target.and_then(|target| target.setup.as_ref()) {
        let file = super::of_target(&failed.result.target).join("config.yaml").display().to_string();
        let bodies = failed.result.exchanges.iter().filter_map(|exchange| Some(&exchange.sent.as_ref()?.body));
        let bodies: Vec<_> = bodies.collect();
        let config = failed.adapter().map_or(setup.config.clone(), |adapter| adapter.excerpt(&setup.config, &bodies));
        let config = with_provider(&config, setup);
        let (config, cut) = cut(config.trim_end(), room.characters, &file);
        let what = "The gateway's `config.yaml`, reduced to the models that were used:";
        let _ = write!(text, "\n{what}\n\n{}\n{cut}", fenced("yaml", config));
    }
    let Script { head, parts } = Script::of(failed);
    let all = failed.folder().join("requests.sh");
    let short = parts.iter().map(|part| match part.len() > room.characters {
        false => part.clone(),
        true => {
            let what = part.lines().next().unwrap_or_default();
            format!("{what}\n# (it has {} characters, and is in {})\n", part.len(), all.display())
        }
    });
    let short: Vec<String> = short.collect();
    let (first, left_out, last) = ends(&short, room.parts);
    let left_out = (left_out > 0).then(|| format!("# … {left_out} more, which are in {}\n", all.display()));
    let lines: Vec<&str> =
        std::iter::once(&head).chain(first).chain(&left_out).chain(last).map(String::as_str).collect();
    let _ = writeln!(text, "\nThe requests:\n\n{}", fenced("sh", lines.join("\n").trim_end()));
    text
}

/// A configuration whose provider is the issue's program.
fn with_provider(config: &str, setup: &Setup) -> String {
    config.replace(&setup.upstream, &format!("http://127.0.0.1:{}", provider::PORT))
}

fn with_gatecrash(report: &Report, failed: &Failed<'_>, scenarios: &Scenarios<'_>, room: Room) -> String {
    let file = scenarios.get(failed.trial.file.as_str()).map(|path| path.display().to_string()).unwrap_or_default();
    let yaml = report.scenarios.get(&failed.trial.file).map(String::as_str).unwrap_or_default();
    let (yaml, cut) = cut(yaml.trim_end(), room.characters, &file);
    let filter = failed.trial.trial.find('/').map(|_| format!(" --filter {}", filter(failed))).unwrap_or_default();
    let command =
        format!("cargo install --locked gatecrash\ngatecrash run {file} --target {}{filter}", failed.result.target);
    format!(
        "\n## To see it with gatecrash {}\n\n{}\n\n`{file}`, which needs nothing else:\n\n{}\n{cut}",
        report.gatecrash,
        fenced("sh", &command),
        fenced("yaml", yaml)
    )
}

/// What selects the trial, wherever its file is.
fn filter(failed: &Failed<'_>) -> String {
    let id = &failed.trial.trial;
    let stem = Path::new(&failed.trial.file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let at = stem.and_then(|stem| id.find(&format!("{stem}/"))).unwrap_or_default();
    id[at..].to_owned()
}

fn said(failed: &Failed<'_>, room: Room) -> String {
    if failed.result.evidence.said.is_empty() {
        return String::new();
    }
    let all = failed.folder().join("said.json");
    let said = failed.own(&format!("{:#}", condensed(failed.said())));
    let (said, cut) = cut(&said, room.characters, &all.display().to_string());
    let what = "What the admin API said about them afterwards, without empty values";
    format!("\n<details><summary>{what}</summary>\n\n{}\n{cut}\n</details>\n", fenced("json", said))
}

/// Without the empty values.
fn condensed(value: Value) -> Value {
    let says = |value: &Value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    };
    match value {
        Value::Array(items) => items.into_iter().map(condensed).filter(says).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, condensed(value)));
            fields.filter(|(_, value)| says(value)).collect::<serde_json::Map<_, _>>().into()
        }
        value => value,
    }
}

/// The longest line of a log, in characters.
const LINE: usize = 400;

fn log(failed: &Failed<'_>, room: Room) -> String {
    let log = &failed.result.evidence.log;
    if log.is_empty() {
        return String::new();
    }
    let last = &log[log.len().saturating_sub(room.log)..];
    let lines = last.iter().map(|line| without_colours(&failed.own(line)).chars().take(LINE).collect::<String>());
    let lines: Vec<String> = lines.collect();
    let what = "The end of its log when this first showed. Other trials may have been running.";
    format!("\n<details><summary>{what}</summary>\n\n{}\n\n</details>\n", fenced("text", &lines.join("\n")))
}

fn versions(report: &Report, failed: &Failed<'_>) -> String {
    let mut text = String::from("\n");
    if let Some(target) = failed.target {
        let says =
            target.version.as_ref().map(|version| format!(", says it is {}", plain(version))).unwrap_or_default();
        let made_of = match &target.setup {
            Some(setup) => format!(", {}", plain(&setup.gateway)),
            None => ", which ran already".to_owned(),
        };
        let _ = writeln!(text, "- gateway: `{}`{says}{made_of}", target.name);
        if let Some(setup) = &target.setup {
            let _ = writeln!(text, "- database: {}", plain(&setup.database));
        }
    }
    let interrupted = if report.interrupted { "; it was interrupted" } else { "" };
    let _ = writeln!(text, "- harness: gatecrash {}{interrupted}", report.gatecrash);
    text
}

/// The environment and command line of the gateway.
fn launched(failed: &Failed<'_>, room: Room) -> String {
    let Some(setup) = failed.target.and_then(|target| target.setup.as_ref()).filter(|setup| !setup.command.is_empty())
    else {
        return String::new();
    };
    let lines = setup.environment.iter().map(|(name, value)| format!("{name}={value}"));
    let lines: Vec<String> = lines.chain([setup.command.join(" ")]).map(|line| in_short(&line, LINE)).collect();
    let what = "The environment and the arguments that it was launched with";
    let file = super::of_target(&failed.result.target).join("environment").display().to_string();
    let lines = lines.join("\n");
    let (lines, cut) = cut(&lines, room.characters, &file);
    format!("\n<details><summary>{what}</summary>\n\n{}\n{cut}\n</details>\n", fenced("text", lines))
}

fn others(rest: &[&Failed<'_>], room: Room) -> String {
    if rest.is_empty() {
        return String::new();
    }
    let mut text =
        String::from("\n## Failed as well\n\n| trial | on | finding | answers |\n| --- | --- | --- | --- |\n");
    for failed in rest.iter().take(room.rows) {
        let found = failed.worst.kind.word();
        let cells = [&failed.trial.trial, &failed.result.target, found, &answers(failed.result)].map(plain);
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    if rest.len() > room.rows {
        let _ = writeln!(text, "\nand {} more, which `report.json` has.", rest.len() - room.rows);
    }
    text
}

/// The first and the last of some, and how many are left out between them.
fn ends<T>(all: &[T], most: usize) -> (&[T], usize, &[T]) {
    match all.len() <= most {
        true => (all, 0, &[]),
        false => (&all[..most.div_ceil(2)], all.len() - most, &all[all.len() - most / 2..]),
    }
}

/// The beginning of a text, and what is said of the rest.
fn cut<'a>(text: &'a str, most: usize, whole: &str) -> (&'a str, String) {
    match text.char_indices().nth(most) {
        None => (text, String::new()),
        Some((end, _)) => {
            let left_out = text.len() - end;
            (&text[..end], format!("\nThat is its beginning; {left_out} more characters are in `{whole}`.\n"))
        }
    }
}
