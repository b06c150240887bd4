//! The report as a page: what is read on it, that it is whole by itself, and that nothing on it is more than text.

use std::path::Path;

use serde_json::Value;

use super::{answer, gatecrash, write};

const FAULTY: &str = "builtin@fault:unpriced-model-skips-budgets";

/// A comparison as JSON.
fn report(more: &[&str]) -> Value {
    let (_, report, _) = answer(gatecrash(&[&["compare", "builtin", FAULTY, "--format", "json"], more].concat()));
    serde_json::from_str(&report).unwrap()
}

/// The page of a report.
fn page(folder: &Path, report: &Value) -> String {
    let report = write(folder, "r.json", report.to_string());
    let page = folder.join("r.html");
    let (_, _, stderr) = answer(gatecrash(&["merge", &report, "--quiet", "--html", &page.display().to_string()]));
    assert_eq!(stderr, "");
    std::fs::read_to_string(page).unwrap()
}

/// The tags of a page in order, each with the text up to the next. Fails if one is not closed where it has to be, or if
/// an attribute is not in quotes.
fn tags(page: &str) -> Vec<(&str, &str)> {
    const VOID: [&str; 5] = ["meta", "link", "input", "br", "!DOCTYPE"];
    let (mut tags, mut open, mut rest) = (Vec::new(), Vec::new(), page);
    while let Some(begin) = rest.find('<') {
        let end = rest[begin..].find('>').expect("each tag ends") + begin;
        let tag = &rest[begin + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split([' ', '/']).next().unwrap();
        let after = &rest[end + 1..];
        // The content of these two is not markup.
        let until = if ["style", "script"].contains(&name) { format!("</{name}>") } else { "<".to_owned() };
        let text = &after[..after.find(&until).unwrap_or(after.len())];
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed), "{rest:.200}"),
            None if !VOID.contains(&name) => open.push(name),
            None => {}
        }
        tags.push((tag, text));
        rest = &after[text.len()..];
    }
    assert_eq!(open, Vec::<&str>::new());
    tags
}

/// What a reader reads, a line for each block, and cells beside one another; times differ from run to run.
fn read(page: &str) -> String {
    const INLINE: [&str; 7] = ["span", "b", "code", "a", "mark", "small", "br"];
    let mut text = String::new();
    for (tag, after) in tags(page) {
        let name = tag.trim_start_matches('/').split(' ').next().unwrap();
        match name {
            "td" | "th" | "text" | "option" => text.push(if tag.starts_with('/') { ' ' } else { '|' }),
            name if !INLINE.contains(&name) || tag == "br" => text.push('\n'),
            _ => {}
        }
        if !["style", "script"].contains(&name) {
            text.push_str(after);
        }
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let lines = lines.map(|line| match line.split_once(" in ") {
        Some((trials, _)) if trials.ends_with(" trials") => trials,
        _ => line.split_once(", there after ").map_or(line, |(before, _)| before),
    });
    lines.collect::<Vec<_>>().join("\n").replace(env!("CARGO_MANIFEST_DIR"), "")
}

#[test]
fn the_answer_comes_first_then_the_matrix_then_each_trial() {
    let folder = tempfile::tempdir().unwrap();
    let mut report =
        report(&["scenarios/budget/key-and-user-no-team.yaml", "--filter", "/token", "--filter", "/alias"]);
    // What an admin API says differs from run to run.
    for trial in report["trials"].as_array_mut().unwrap() {
        for result in trial["results"].as_array_mut().unwrap() {
            result["evidence"] =
                serde_json::json!({ "name": "", "acts": [], "said": [], "log": ["what it had logged"] });
            for exchange in result["exchanges"].as_array_mut().unwrap() {
                exchange["sent"] = Value::Null;
            }
        }
    }
    insta::assert_snapshot!("page", read(&page(folder.path(), &report)));
}

#[test]
fn it_asks_for_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let page = page(folder.path(), &report(&["scenarios/budget"]));
    let mut links = 0;
    for (tag, text) in tags(&page) {
        for attribute in ["src", "href", "srcset", "action", "data", "poster", "style", "onclick", "onload"] {
            let Some((_, value)) = tag.split_once(&format!(" {attribute}=\"")) else { continue };
            let value = value.split('"').next().unwrap();
            // What a scenario or a deviation came from is a page that a reader can open.
            let is_link = tag.starts_with("a ") && value.starts_with("https://");
            assert!(value.starts_with('#') || value.starts_with("data:image/svg+xml,") || is_link, "<{tag}>");
            if let Some(place) = value.strip_prefix('#') {
                assert_eq!(page.matches(&format!(" id=\"{place}\"")).count(), 1, "<{tag}>");
                links += 1;
            }
        }
        if tag == "style" {
            assert!(!text.contains("url(") && !text.contains("@import"));
        }
    }
    assert!(links > 100, "{links}");
    // Without its script everything is there but the filters.
    let hidden: Vec<_> =
        tags(&page).into_iter().filter(|(tag, _)| tag.split(' ').any(|word| word == "hidden")).collect();
    assert!(hidden.len() == 1 && hidden[0].0.starts_with("form id=\"filters\""), "{hidden:?}");
}

#[test]
fn what_others_say_is_text() {
    const PLANTED: &str = "</pre><script>alert('x')</script><img src=x onerror=\"alert(1)\">&amp; ' \"";
    let folder = tempfile::tempdir().unwrap();
    let mut report = report(&["scenarios/budget/key.yaml", "--filter", "/alias"]);
    let file = PLANTED.to_owned();
    report["scenarios"] = serde_json::json!({ &file: format!("{PLANTED}\n").repeat(30) });
    report["left_behind"] = serde_json::json!([PLANTED]);
    report["targets"][1]["version"] = PLANTED.into();
    report["targets"][1]["launcher_because"] = PLANTED.into();
    report["targets"][1]["name"] = PLANTED.into();
    report["known_deviations"] = serde_json::json!([{
        "target": PLANTED, "scenario": PLANTED, "finding": "bypass", "got": PLANTED, "reason": PLANTED,
        "issue": "javascript:alert(1)", "state": { "is": "stale" },
    }]);
    let trial = &mut report["trials"][0];
    for field in ["trial", "name", "file", "issue"] {
        trial[field] = PLANTED.into();
    }
    trial["tags"] = serde_json::json!([PLANTED]);
    for result in trial["results"].as_array_mut().unwrap() {
        result["trial"] = PLANTED.into();
        result["target"] = PLANTED.into();
        result["evidence"] = serde_json::json!({
            "name": PLANTED, "acts": [], "log": [PLANTED],
            "said": [[PLANTED, {
                "sent": { "method": PLANTED, "route": PLANTED, "headers": [], "body": null }, "answer": { PLANTED: PLANTED },
            }]],
        });
        for finding in result["findings"].as_array_mut().unwrap() {
            finding["expected"] = PLANTED.into();
            finding["got"] = PLANTED.into();
        }
        for exchange in result["exchanges"].as_array_mut().unwrap() {
            exchange["key"] = PLANTED.into();
            exchange["sent"] = serde_json::json!({
                "method": PLANTED, "route": PLANTED, "headers": [[PLANTED, PLANTED]], "body": { PLANTED: PLANTED },
            });
            exchange["answer"] = serde_json::json!({
                "answer": "refused", "status": 418, "kind": null, "error_type": PLANTED, "message": PLANTED,
            });
            for standing in exchange["before"].as_array_mut().unwrap() {
                standing["whose"] = PLANTED.into();
            }
        }
    }
    let page = page(folder.path(), &report);
    let tags = tags(&page);
    let runs = |tag: &str| tag.starts_with("img") || tag.contains("=\"javascript:");
    assert_eq!(tags.iter().find(|(tag, _)| runs(tag)), None);
    assert_eq!(tags.iter().filter(|(tag, _)| tag.starts_with("script")).count(), 1);
    assert!(page.matches("&lt;script&gt;alert").count() > 40, "{page}");
}
