//! Scenarios in which a gateway comes to another version: on the built-in one, whose versions differ in their faults.

use serde_json::Value;

use super::{answer, gatecrash, write};

const SPENT: &str = "scenarios/upgrade/spent-key.yaml";
const FORGETS: &str = "builtin@fault:upgrade-forgets-counters";

/// A report, and how the command ended.
fn report(arguments: &[&str]) -> (i32, Value) {
    let (code, json, told) = answer(gatecrash(&[arguments, &["--quiet", "--format", "json"]].concat()));
    (code, serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}{told}")))
}

fn outcomes(report: &Value) -> Vec<&str> {
    let trials = report["trials"].as_array().unwrap().iter();
    trials
        .flat_map(|trial| trial["results"].as_array().unwrap())
        .map(|own| own["outcome"]["is"].as_str().unwrap())
        .collect()
}

#[test]
fn what_an_upgrade_breaks_is_new_in_a_comparison_and_said_in_one_line() {
    let (code, told, _) = answer(gatecrash(&["compare", "builtin", FORGETS, SPENT]));
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("\nupgrading in place: 2 bypasses are new\n"), "{told}");
    assert!(told.contains("was upgraded in place from builtin (upgrade: "), "{told}");
    // The baseline is the old version, upgraded to itself.
    assert!(told.contains("regression      upgrade/spent-key/token     pass    FAIL bypass"), "{told}");
    assert!(told.contains("  upgrade gateway  --"), "the move stands among the requests: {told}");
}

#[test]
fn a_run_upgrades_from_itself_or_from_what_is_named() {
    let (code, by_itself) = report(&["run", SPENT, "--target", "builtin"]);
    assert_eq!((code, outcomes(&by_itself)), (0, vec!["pass", "pass"]));
    assert_eq!(by_itself["targets"][0]["rollouts"][0]["from"], "builtin");
    assert_eq!(by_itself["targets"][0]["rollouts"][0]["moves"][0]["trials"], 2, "one upgrade for both");
    // A fault of the old version is gone with it.
    let old = "builtin@fault:blocked-key-served";
    let (code, from) = report(&["run", SPENT, "--target", "builtin", "--from", old]);
    assert_eq!((code, &from["targets"][0]["rollouts"][0]["from"]), (0, &old.into()));
    let (_, told, _) = answer(gatecrash(&["run", SPENT, "--target", FORGETS, "--from", "builtin"]));
    assert!(told.contains(&format!("--target {FORGETS} --from builtin --filter")), "{told}");
}

#[test]
fn an_upgrade_is_within_one_gateway_and_by_whoever_launched_it() {
    let (code, report) = report(&["run", SPENT, "--target", "builtin", "--from", "litellm@1.81.0"]);
    assert_eq!((code, outcomes(&report)), (4, vec!["skip", "skip"]));
    let why = report["trials"][0]["results"][0]["outcome"]["reason"].as_str().unwrap();
    assert_eq!(why, "an upgrade is from one version of a gateway to another, not from litellm to builtin");
    let (code, _, told) = answer(gatecrash(&["run", SPENT, "--target", "builtin", "--from", "litelm@1"]));
    assert!(code == 2 && told.contains("did you mean `litellm`?"), "{told}");
}

#[test]
fn one_that_ends_before_its_upgrade_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Its first request cannot be made: no number of tokens costs so little.
    write(folder, "ends.yaml", ENDS);
    let good = std::fs::read_to_string(SPENT).unwrap();
    write(folder, "goes-on.yaml", good);
    let (code, report) = report(&["run", &folder.display().to_string(), "--target", "builtin"]);
    assert_eq!(code, 0);
    let trials = report["trials"].as_array().unwrap();
    let outcome = |name: &str| {
        let trial = trials.iter().find(|trial| trial["trial"].as_str().unwrap().starts_with(name)).unwrap();
        trial["results"][0]["outcome"]["is"].as_str().unwrap()
    };
    assert_eq!((outcome("ends"), outcome("goes-on")), ("skip", "pass"));
}

const ENDS: &str = "\
name: Next to nothing
price: 0.000000000001
given:
  - key: phone
steps:
  - chat: phone
  - upgrade: gateway
  - chat: phone
";

#[test]
fn a_search_holds_what_is_upgraded_from_and_varies_the_target() {
    let versions = format!("builtin,builtin@fault:blocked-key-served,{FORGETS}");
    let arguments = ["bisect", SPENT, "--from", "builtin", "--versions", &versions, "--filter", "token"];
    let (code, told, all) = answer(gatecrash(&arguments));
    assert_eq!(code, 0, "{told}{all}");
    assert!(told.contains(&format!("first bad: {FORGETS}")) && told.contains("3 versions"), "{told}");
}

#[test]
fn a_reduction_keeps_the_upgrade_that_it_needs() {
    let (code, text, told) = answer(gatecrash(&["minimize", SPENT, "--target", FORGETS]));
    assert_eq!(code, 0, "{text}{told}");
    assert!(text.contains("- upgrade: gateway") && !text.contains("phone"), "{text}");
}

#[test]
fn a_table_of_versions_names_what_they_are_upgraded_from() {
    let arguments = ["matrix", "builtin", FORGETS, SPENT, "--from", "builtin"];
    let (code, told, all) = answer(gatecrash(&arguments));
    assert_eq!(code, 1, "{told}{all}");
    let (code, _, told) = answer(gatecrash(&[&arguments[..], &["--from", FORGETS]].concat()));
    assert!(code == 2 && told.contains("--from names two targets"), "{told}");
}

#[test]
fn what_the_old_version_did_before_its_upgrade_is_told_of_it() {
    let old = "builtin@fault:key-budget-ignored";
    let (code, told, _) = answer(gatecrash(&["run", SPENT, "--target", "builtin", "--from", old, "--filter", "token"]));
    assert_eq!(code, 1, "{told}");
    assert!(told.contains(&format!("bypass: {old} accepted a request")), "{told}");
    assert!(!told.contains("bypass: builtin accepted"), "{told}");
    let lines = ["run", SPENT, "--target", "builtin", "--from", old, "--filter", "token", "--format", "json-lines"];
    let (_, lines, _) = answer(gatecrash(&lines));
    assert!(lines.contains(&format!("\"summary\":\"bypass: {old} accepted")), "{lines}");
}

/// This test also starts itself: its name is in the name of the trial, so that one filter selects both.
#[test]
fn cargo_test_tells_it_of_the_version_that_did_it() {
    const STARTED: &str = "SCENARIO_OF_THE_TESTS";
    if let Ok(scenario) = std::env::var(STARTED) {
        gatecrash::conformance::Harness::new().scenarios(scenario).target("builtin").run();
        return;
    }
    let (folder, old) = (tempfile::tempdir().unwrap(), "builtin@fault:key-budget-ignored");
    let name = "cargo_test_tells_it_of_the_version_that_did_it";
    let scenario = write(folder.path(), &format!("{name}.yaml"), std::fs::read_to_string(SPENT).unwrap());
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args([name, "--nocapture"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env(STARTED, scenario).env("GATECRASH_FROM", old).env("NO_COLOR", "1");
    let (_, told, _) = answer(command);
    assert!(told.contains(&format!("bypass: {old} accepted a request")), "{told}");
    assert!(!told.contains("bypass: builtin accepted"), "{told}");
}
