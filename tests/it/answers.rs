//! What answers say: it is in reports, and what a gateway says nowhere is a skip with its reason.

use serde_json::Value;

use super::{answer, gatecrash};

const OF_RESPONSES: &str = "scenarios/accounting/answers-cost-of-responses.yaml";

#[test]
fn a_report_shows_what_answers_say_where_a_step_asks_for_it() {
    let target = "builtin@fault:cost-zero-on-responses";
    let of = ["--target", target, "--filter", "token/whole", "--quiet"];
    let (code, text, _) = answer(gatecrash(&[&["run", OF_RESPONSES], &of[..]].concat()));
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("200 (states 0.02, 1 + 19 tokens)") && text.contains("200 (states 0.00,"), "{text}");
    assert!(text.contains("request 2: expected 0.02 stated in the answer, got 0.00"), "{text}");
}

#[test]
fn the_json_has_what_was_read_of_each_answer() {
    let (code, text, _) =
        answer(gatecrash(&["run", OF_RESPONSES, "--target", "builtin", "--format", "json", "--quiet"]));
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &report["format"]), (0, &7.into()));
    let exchanges = report["trials"].as_array().unwrap().iter().flat_map(|trial| {
        trial["results"].as_array().unwrap().iter().flat_map(|result| result["exchanges"].as_array().unwrap())
    });
    for exchange in exchanges {
        assert_eq!(exchange["said"]["cost"], "0.02", "{exchange}");
        assert!(exchange["said"]["usage"]["output"].is_u64() && exchange["said"]["finish"].is_string(), "{exchange}");
    }
}

#[test]
fn what_a_gateway_says_nowhere_is_skipped_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("streamed.yaml");
    let scenario = "name: A streamed message states its cost\nprice: 0.02\napi: messages\nstream: true\n\
                    given:\n  - key: laptop\nsteps:\n  - chat: laptop\n    expect: { cost: booked }\n";
    std::fs::write(&file, scenario).unwrap();
    let file = file.to_string_lossy().into_owned();
    let (code, text, _) = answer(gatecrash(&["run", &file, "--target", "builtin"]));
    assert_eq!(code, 4, "{text}");
    assert!(text.contains("a streamed answer of messages of litellm says nothing of its cost"), "{text}");
}
