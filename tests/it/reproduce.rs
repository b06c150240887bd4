//! `gatecrash reproduce`: each case is a folder with what somebody pasted, and its scenario can be run. `gatecrash
//! new`: so can what it writes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use gatecrash::reproduce::{ReportText, Reproduced, reproduce as reproduced};
use gatecrash::scenario::read::understand;

use super::{answer, case, gatecrash, write};

/// The folders of cases, by name.
fn cases() -> BTreeMap<String, std::path::PathBuf> {
    let folders = std::fs::read_dir(case("reproduce")).unwrap().map(|entry| entry.unwrap().path());
    folders.map(|folder| (folder.file_name().unwrap().to_str().unwrap().to_owned(), folder)).collect()
}

/// Runs a case with the files it has: from its own folder, so that the output has no path of this machine.
fn reproduce(folder: &Path) -> (i32, String, String) {
    let is_there = |name: &&str| folder.join(name).exists();
    let report = ["report.json", "report.md"].into_iter().find(is_there).expect("a case has a report");
    let mut command = gatecrash(&["reproduce", report]);
    if is_there(&"user.json") {
        command.args(["--user-info", "user.json"]);
    }
    if is_there(&"config.yaml") {
        command.args(["--config", "config.yaml"]);
    }
    command.current_dir(folder);
    answer(command)
}

#[test]
fn each_report_becomes_a_scenario_or_says_why_not() {
    for (name, folder) in cases() {
        let (code, stdout, stderr) = reproduce(&folder);
        assert!(!format!("{stdout}{stderr}").contains("PLANTED"), "{name}: {stdout}{stderr}");
        insta::assert_snapshot!(name, format!("{stderr}exit code {code}\n\n{stdout}"));
    }
}

#[test]
fn every_scenario_is_right_and_passes_on_the_built_in_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let reproduced = cases().into_iter().map(|(name, case)| (name, reproduce(&case)));
    let reproduced = reproduced.filter(|(_, (code, ..))| *code == 0);
    let files: Vec<String> =
        reproduced.map(|(name, (_, scenario, _))| write(folder.path(), &format!("{name}.yaml"), scenario)).collect();
    // Named, each of them runs: even one that an ordinary run leaves out because it takes long.
    let with_files = |command| [command].into_iter().chain(files.iter().map(String::as_str)).collect::<Vec<_>>();
    let (code, stdout, stderr) = answer(gatecrash(&with_files("check")));
    assert_eq!((code, stdout), (0, format!("{} scenarios are right\n", files.len())), "{stderr}");
    let (code, stdout, stderr) = answer(gatecrash(&with_files("run")));
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(!stdout.contains(" skip"), "{stdout}");
}

/// Numbers that are the same everywhere, and what they choose.
struct Chance(u64);

impl Chance {
    fn one(&mut self, some: &[&'static str]) -> &'static str {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        some[(self.0 >> 33) as usize % some.len()]
    }

    /// The fields that every kind of entity may have.
    fn fields(&mut self) -> String {
        const AMOUNTS: &[&str] = &[
            "null",
            "0",
            "0.05",
            "0.1",
            "1e-9",
            "0.0333",
            "-1",
            "1e9",
            "5e8",
            "123456.789",
            "\"0.05\"",
            "\"x\"",
            "1e30",
        ];
        const DURATIONS: &[&str] = &["null", "\"30d\"", "\"30s\"", "\"1mo\"", "\"0s\"", "\"x\""];
        const LIMITS: &[&str] = &["null", "null", "0", "1", "3", "50", "4000", "99999999999", "1.5", "\"7\"", "true"];
        const MODELS: &[&str] = &["[]", "[\"all-team-models\"]", "[\"a\", \"b\"]", "null", "3"];
        let [budget, spend, duration] = [self.one(AMOUNTS), self.one(AMOUNTS), self.one(DURATIONS)];
        let [requests, tokens, parallel] = [self.one(LIMITS), self.one(LIMITS), self.one(LIMITS)];
        let [models, blocked] = [self.one(MODELS), self.one(&["null", "false", "false", "true"])];
        format!(
            r#""max_budget": {budget}, "spend": {spend}, "budget_duration": {duration}, "rpm_limit": {requests},
               "tpm_limit": {tokens}, "max_parallel_requests": {parallel}, "models": {models}, "blocked": {blocked}"#
        )
    }

    /// A key, and some of those it may belong to.
    fn report(&mut self) -> String {
        const NAMES: &[&str] =
            &["null", r#""laptop""#, r#""true""#, r#""007""#, r#""-""#, r#""a b""#, r#""owner""#, r#""\u0000""#];
        const TIMES: &[&str] =
            &["null", "null", r#""2026-01-01T00:00:00Z""#, r#""2026-02-01T00:00:00""#, r#""2026-01-01T00:00:09Z""#];
        let [key, user, team, end_user, table] = std::array::from_fn(|_| self.fields());
        let [key_alias, team_alias] = [self.one(NAMES), self.one(NAMES)];
        let [made, expires] = [self.one(TIMES), self.one(TIMES)];
        let user_id = self.one(&["null", r#""u""#, r#""other""#]);
        let team_id = self.one(&["null", r#""t""#, r#""other""#]);
        let organisation = self.one(&["null", r#""o""#]);
        let key = format!(
            r#"{{"key_name": "a", "key_alias": {key_alias}, {key}, "user_id": {user_id}, "team_id": {team_id},
                "created_at": {made}, "expires": {expires}, "organization_id": {organisation},
                "litellm_budget_table": {{{table}}}}}"#
        );
        let others = [
            format!(r#"{{"user_role": "a", "user_id": "u", {user}}}"#),
            format!(
                r#"{{"team_id": "t", "team_info": {{"team_alias": {team_alias}, "team_id": "t", {team},
                    "team_member_budget_table": {{{table}}}, "members_with_roles": [{{"user_id": "u"}}]}}}}"#
            ),
            format!(r#"{{"allowed_model_region": null, "user_id": "c", "litellm_budget_table": {{{end_user}}}}}"#),
        ];
        others
            .into_iter()
            .fold(key, |report, other| report + if self.one(&["no", "yes"]) == "yes" { &other } else { "" })
    }
}

#[test]
fn whatever_an_admin_api_shows_becomes_a_scenario_that_is_right_and_passes() {
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Chance(26672);
    for number in 0..4000 {
        let text = chance.report();
        let sources = [ReportText { name: "report".to_owned(), text: text.clone() }];
        let Reproduced { scenario, .. } =
            reproduced(&sources, None, jiff::Timestamp::UNIX_EPOCH).unwrap_or_else(|why| panic!("{why}: {text}"));
        if let Err(mistakes) = understand("bug.yaml".as_ref(), scenario.clone().into_bytes()) {
            panic!("{:#?}\n{scenario}\n{text}", mistakes.diagnostics);
        }
        // Scenarios that wait for a minute to pass take long, and there are others.
        if number < 100 && !["\npace:", "reset, slow"].iter().any(|slow| scenario.contains(slow)) {
            write(folder.path(), &format!("n{number}.yaml"), scenario);
        }
    }
    let (code, stdout, stderr) = answer(gatecrash(&["run", &folder.path().display().to_string()]));
    assert_eq!(code, 0, "{stdout}{stderr}");
}

#[test]
fn the_report_of_26672_is_a_regression_where_its_model_has_no_price() {
    let folder = tempfile::tempdir().unwrap();
    let (_, scenario, _) = reproduce(case("reproduce/issue-26672-unpriced").as_ref());
    let file = write(folder.path(), "bug.yaml", scenario);
    let (code, stdout, _) = answer(gatecrash(&["compare", &file]));
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.contains("REGRESSION bug/provider") && stdout.contains("bypass"), "{stdout}");
}

#[test]
fn a_report_comes_from_standard_input_too() {
    let mut command = gatecrash(&["reproduce", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let report = std::fs::read(case("reproduce/issue-26672/report.md")).unwrap();
    child.stdin.take().unwrap().write_all(&report).unwrap();
    let Output { status, stdout, .. } = child.wait_with_output().unwrap();
    assert!(status.success());
    assert_eq!(String::from_utf8(stdout).unwrap(), reproduce(case("reproduce/issue-26672").as_ref()).1);
}

#[test]
fn a_report_that_is_no_text_or_far_too_large_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, bytes: &[u8]| {
        let file = write(folder.path(), name, bytes);
        let (code, stdout, stderr) = answer(gatecrash(&["reproduce", &file]));
        assert_eq!((code, stdout.as_str()), (2, ""), "{name}: {stderr}");
        stderr.replace(&format!("{}/", folder.path().display()), "")
    };
    let utf16: Vec<u8> = "{\"a\": 1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16 = [&[0xff, 0xfe], &utf16[..]].concat();
    assert_eq!(
        refused("utf16.json", &utf16),
        "error: utf16.json: it is not UTF-8 text, from byte 1 on\n  help: save it as UTF-8\n"
    );
    let large = "{\"a\": 1}".repeat(1 << 18);
    assert_eq!(
        refused("large.json", large.as_bytes()),
        "error: large.json: it is too large: at most 1024 KiB are read\n"
    );
    let braces = "{\"a\":".repeat(200_000);
    assert!(refused("braces.json", braces.as_bytes()).contains("this is not JSON"));
    assert!(refused("brace.json", "{".repeat(1 << 20).as_bytes()).contains("there is no JSON in it"));
    assert!(refused("objects.json", "{}".repeat(500_000).as_bytes()).contains("there is no key in it"));
}

#[test]
fn a_file_is_not_overwritten_unless_it_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bug.yaml").display().to_string();
    let report = case("reproduce/issue-26672/report.md");
    for arguments in [vec!["new", &file], vec!["reproduce", &report, "--output", &file]] {
        let _ = std::fs::remove_file(&file);
        let (code, stdout, stderr) = answer(gatecrash(&arguments));
        assert_eq!((code, stdout.as_str()), (0, ""), "{stderr}");
        assert!(stderr.contains(&format!("next: gatecrash run {file}")), "{stderr}");
        std::fs::write(&file, "mine").unwrap();
        let (code, _, stderr) = answer(gatecrash(&arguments));
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains("already exists") && stderr.contains("--force"), "{stderr}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
        let (code, ..) = answer(gatecrash(&[&arguments[..], &["--force"]].concat()));
        assert_eq!((code, std::fs::read_to_string(&file).unwrap() == "mine"), (0, false));
    }
}

#[test]
fn settings_of_gatecrash_are_not_taken_for_a_configuration_of_the_gateway() {
    let mut command = gatecrash(&["reproduce", &case("reproduce/issue-26672/report.md")]);
    command.env("GATECRASH_CONFIG", "harness.toml");
    let (code, stdout, stderr) = answer(command);
    assert_eq!((code, stdout), (0, reproduce(case("reproduce/issue-26672").as_ref()).1), "{stderr}");
}

#[test]
fn the_scenario_to_start_from_runs_as_it_is_and_fits_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text, _) = answer(gatecrash(&["new"]));
    assert_eq!(code, 0);
    assert!(text.starts_with("# yaml-language-server: $schema="), "{text}");
    let file = write(folder.path(), "start.yaml", &text);
    let (code, stdout, stderr) = answer(gatecrash(&["run", &file]));
    assert_eq!(code, 0, "{stdout}{stderr}");
    let schema: serde_json::Value = serde_json::from_str(&answer(gatecrash(&["schema"])).1).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let json: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let errors: Vec<_> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

/// The properties anywhere in a schema that have no description.
fn unexplained(at: &str, schema: &serde_json::Value, found: &mut Vec<String>) {
    let Some(object) = schema.as_object() else {
        schema.as_array().into_iter().flatten().for_each(|one| unexplained(at, one, found));
        return;
    };
    for (name, property) in object.get("properties").and_then(|all| all.as_object()).into_iter().flatten() {
        if property["description"].as_str().is_none_or(str::is_empty) {
            found.push(format!("{at}/{name}"));
        }
    }
    object.iter().for_each(|(name, inner)| unexplained(&format!("{at}/{name}"), inner, found));
}

#[test]
fn editors_explain_every_field() {
    let schema: serde_json::Value = serde_json::from_str(&answer(gatecrash(&["schema"])).1).unwrap();
    let mut found = Vec::new();
    unexplained("", &schema, &mut found);
    assert!(found.is_empty(), "no description: {found:#?}");
}
