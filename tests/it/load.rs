//! What becomes of a verdict when a gateway's books are behind: a late charge is waited for, and one that never comes
//! is found by a trial that runs a second time, in quiet.

use serde_json::Value;

use super::{answer, case, gatecrash};

#[test]
fn a_charge_that_comes_late_is_no_miscount_and_is_told_as_late() {
    let (code, stdout, _) =
        answer(gatecrash(&["run", &case("good.yaml"), "--target", "builtin@fault:spend-written-late"]));
    let said = ["1 passed", "charges came up to", "s later than usual"];
    assert!(code == 0 && said.iter().all(|said| stdout.contains(said)), "{code}: {stdout}");
}

#[test]
fn a_charge_that_never_comes_is_found_by_the_second_look() {
    let arguments = ["run", &case("good.yaml"), "--target", "builtin@fault:spend-lost", "--format", "json"];
    let (code, stdout, _) = answer(gatecrash(&arguments));
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let result = &report["trials"][0]["results"][0];
    assert_eq!((code, result["outcome"]["is"].as_str()), (1, Some("fail")), "{stdout}");
    assert!(result["findings"].as_array().unwrap().iter().any(|finding| finding["kind"] == "miscount"), "{result}");
    assert!(result["evidence"]["name"].as_str().unwrap().ends_with("-again-1"), "{}", result["evidence"]["name"]);
}

#[test]
fn more_than_was_spent_is_known_without_a_second_look() {
    let arguments = ["run", &case("good.yaml"), "--target", "builtin@fault:spend-doubled", "--format", "json"];
    let (code, stdout, _) = answer(gatecrash(&arguments));
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let result = &report["trials"][0]["results"][0];
    assert_eq!((code, result["findings"][0]["kind"].as_str()), (1, Some("miscount")), "{stdout}");
    assert!(!result["evidence"]["name"].as_str().unwrap().contains("-again-"), "{}", result["evidence"]["name"]);
}
