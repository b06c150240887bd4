//! The commands as people run them: what they print, and their exit codes.

use super::{answer, case, gatecrash, write};

/// Times differ from run to run.
fn without_times(text: &str) -> String {
    let mut settings = String::new();
    for line in text.lines() {
        let line = match line.rfind(" (").filter(|_| line.ends_with(" s)")) {
            Some(at) => &line[..at],
            None => line,
        };
        settings.push_str(line);
        settings.push('\n');
    }
    settings
}

#[test]
fn compare_finds_the_regression_of_26672_and_shows_it() {
    let arguments =
        ["compare", "scenarios/budget/key-and-user-no-team.yaml", "--filter", "/token", "--filter", "/provider"];
    let (code, stdout, _) = answer(gatecrash(&arguments));
    assert_eq!(code, 1, "{stdout}");
    insta::assert_snapshot!(without_times(&stdout));
}

#[test]
fn compare_of_a_gateway_with_itself_is_the_same() {
    let (code, stdout, _) = answer(gatecrash(&["compare", "builtin", "builtin", "scenarios/access", "--quiet"]));
    let answer = without_times(&stdout);
    let is_all = answer.starts_with("\nbuiltin -> builtin: ") && answer.ends_with(" same\n") && !answer.contains(',');
    assert!(code == 0 && is_all, "{answer}");
}

#[test]
fn compare_the_other_way_round_is_fixed() {
    let fault = "builtin@fault:unpriced-model-skips-budgets";
    let (code, stdout, _) = answer(gatecrash(&["compare", fault, "builtin", "scenarios/budget/key.yaml", "--quiet"]));
    assert_eq!((code, without_times(&stdout).contains("3 fixed, 4 same")), (0, true), "{stdout}");
}

#[test]
fn a_wrong_refusal_does_not_look_like_a_bypass() {
    let target = "builtin@fault:budget-refused-with-400";
    let (code, stdout, _) = answer(gatecrash(&["run", &case("good.yaml"), "--target", target]));
    assert_eq!(code, 1);
    insta::assert_snapshot!(without_times(&stdout).replace(env!("CARGO_MANIFEST_DIR"), ""));
}

#[test]
fn json_is_one_document_with_everything_in_it() {
    let (code, stdout, _) = answer(gatecrash(&["compare", "scenarios/budget/key.yaml", "--format", "json", "--quiet"]));
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &report["format"], &report["exit_code"]), (1, &7.into(), &1.into()));
    let trials = report["trials"].as_array().unwrap();
    let of = |id: &str| trials.iter().find(|trial| trial["trial"] == id).unwrap();
    assert_eq!((trials.len(), &of("budget/key/alias")["verdict"]), (7, &"regression".into()));
    let fourth = &of("budget/key/alias")["results"][1]["exchanges"][3];
    assert_eq!(fourth["answer"], serde_json::json!({ "answer": "accepted", "status": 200 }));
    assert_eq!(
        fourth["before"][0],
        serde_json::json!({ "whose": "key laptop", "spent": "0.06", "max_budget": "0.05" })
    );
    assert!(!stdout.contains("sk-builtin"), "a key is in the report");
}

#[test]
fn wrong_targets_are_said_with_the_nearest_right_one() {
    let cases = [
        (vec!["run", "--target", "litelm@1.81.0"], "did you mean `litellm`?"),
        (vec!["run", "--target", "litellm"], "which version?"),
        (vec!["run", "--target", "litellm@1.82.7"], "--allow-compromised"),
        (
            vec!["run", "--target", "builtin@fault:key-budget-ignord"],
            "did you mean `builtin@fault:key-budget-ignored`?",
        ),
        (vec!["compare", "builtin"], "a comparison has two targets, not 1"),
        (vec!["run", "--config", "no-such.toml"], "no-such.toml: the file cannot be read"),
        (vec!["run", "--jobs", "0"], "0 is not in 1..=65535"),
    ];
    for (arguments, expected) in cases {
        let (code, stdout, stderr) = answer(gatecrash(&arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
    }
}

#[test]
fn nothing_run_is_never_green() {
    for arguments in [["run", "--filter", "no-such-trial"], ["list", "--tag", "no-such-tag"]] {
        assert_eq!(answer(gatecrash(&arguments)).0, 4, "{arguments:?}");
    }
}

#[test]
fn a_price_that_no_tokens_make_is_skipped_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let text = "name: a\nprice: 0.0123456\ngiven:\n  - key: k\nsteps:\n  - chat: k\n";
    let file = write(folder.path(), "odd-price.yaml", text);
    let (code, stdout, _) = answer(gatecrash(&["run", &file]));
    assert_eq!(code, 4);
    assert!(stdout.contains("skip (no whole number of tokens costs 0.0123456"), "{stdout}");
}

#[test]
fn slow_trials_run_only_when_named() {
    let all = answer(gatecrash(&["list"])).1;
    let tagged = answer(gatecrash(&["list", "--tag", "slow"])).1;
    assert!(!all.contains("agent-slow") && tagged.contains("agent-slow"), "{tagged}");
}

#[test]
fn the_gateways_configuration_has_every_pricing_path() {
    let (code, stdout, _) = answer(gatecrash(&["config", "litellm", "--upstream", "http://10.0.0.1:9099/"]));
    assert_eq!(code, 0);
    insta::assert_snapshot!(stdout);
}

#[test]
fn known_deviations_keep_green_and_stale_or_expired_ones_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let with = |more: &str| {
        let text = format!(
            "scenarios = \"{}\"\n[[known_deviation]]\ngateway = \"litellm\"\nversions = \">=1\"\nscenario = \"good\"\n\
             finding = \"wrong refusal\"\nreason = \"a reason\"\nissue = \"an issue\"\n{more}",
            case("")
        );
        write(folder.path(), "harness.toml", text)
    };
    // Deviations are for versions, and the built-in gateway has none: none ever applies.
    let config = with("");
    let arguments =
        ["run", "--config", &config, &case("good.yaml"), "--target", "builtin@fault:budget-refused-with-400"];
    assert_eq!(answer(gatecrash(&arguments)).0, 1);
    let (code, _, stderr) = answer(gatecrash(&["run", "--config", &with("until = \"next year\"\n")]));
    assert_eq!(code, 2);
    assert!(stderr.contains("until = \"next year\""), "{stderr}");
}

#[test]
fn completions_and_the_manual_page_name_every_command() {
    for arguments in [vec!["completions", "bash"], vec!["completions", "zsh"], vec!["man"]] {
        let (code, stdout, _) = answer(gatecrash(&arguments));
        assert_eq!(code, 0);
        assert!(stdout.contains("compare") && stdout.contains("schema"), "{arguments:?}");
    }
}

#[test]
fn the_help_of_each_command_has_an_example_of_it() {
    let (_, help, _) = answer(gatecrash(&["--help"]));
    let commands = help.split_once("Commands:\n").unwrap().1.lines().take_while(|line| !line.is_empty());
    let names: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 15, "{help}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let (code, help, _) = answer(gatecrash(&[name, "--help"]));
        let example = help.split_once("Example").map(|(_, example)| example).unwrap_or_default();
        assert!(code == 0 && example.contains(&format!("gatecrash {name}")), "{name}: {help}");
    }
}

#[test]
fn a_known_deviation_of_what_there_is_not_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let with = |gateway: &str, versions: &str, scenario: &str| {
        let text = format!(
            "scenarios = \"{}/scenarios\"\n[[known_deviation]]\ngateway = \"{gateway}\"\nversions = \"{versions}\"\n\
             scenario = \"{scenario}\"\nfinding = \"wrong refusal\"\nreason = \"a reason\"\nissue = \"an issue\"\n",
            env!("CARGO_MANIFEST_DIR")
        );
        let config = write(folder.path(), "harness.toml", text);
        answer(gatecrash(&["run", "--config", &config, "scenarios/budget/key.yaml"]))
    };
    let (code, _, stderr) = with("litelm", ">=1", "budget/*");
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("there is no gateway `litelm`\n  help: did you mean `litellm`?"), "{stderr}");
    let (code, _, stderr) = with("litellm", ">=1", "budgets/*");
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("no trial is called `budgets/*`\n  help: "), "{stderr}");
    let (code, _, stderr) = with("litellm", ">=1", "budget/*");
    assert_eq!((code, stderr.contains("known_deviation")), (0, false), "{stderr}");
    let (code, _, stderr) = with("builtin", ">=1", "budget/*");
    assert!(code == 0 && stderr.contains("warning: known_deviation in `budget/*`: no version of builtin"), "{stderr}");
}
