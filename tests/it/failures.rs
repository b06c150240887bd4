//! When the environment breaks, the report says so: it is never a pass, and never the gateway's failure. What the
//! gateway breaks is a finding.

use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use gatecrash::builtin::Fault;

use super::support::external::{ADMIN_KEY, External};
use super::support::running::{ends_within, long_scenario, until_ready};
use super::{answer, case, gatecrash, write};

fn run_on_mine(settings: &str, scenario: &str) -> (i32, String, String) {
    let mut command = gatecrash(&["run", scenario, "--target", "mine", "--config", settings]);
    command.env("ADMIN_KEY_OF_THE_TESTS", ADMIN_KEY);
    answer(command)
}

#[test]
fn requests_of_models_go_to_a_service_in_front_and_the_admin_api_stays_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let external = External::start(None);
    let front = external.runtime.block_on(async {
        let front = wiremock::MockServer::start().await;
        let refusal = wiremock::ResponseTemplate::new(418).set_body_string("the service in front says no");
        wiremock::Mock::given(wiremock::matchers::any()).respond_with(refusal).mount(&front).await;
        front
    });
    let more = format!(
        "ask_url = \"{}/\"\n[target.mine.ask_headers]\nx-service = \"shop\"\nx-auth = \"env:AUTH_OF_THE_TESTS\"\n",
        front.uri()
    );
    let settings = external.settings(folder.path(), &more);
    let mut command = gatecrash(&["--config", &settings, "run", &case("good.yaml"), "--target", "mine"]);
    command.env("ADMIN_KEY_OF_THE_TESTS", ADMIN_KEY).env("AUTH_OF_THE_TESTS", "planted-credential");
    let (code, stdout, stderr) = answer(command);
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(stdout.contains("418") && !format!("{stdout}{stderr}").contains("planted-credential"), "{stdout}{stderr}");
    let asked = external.runtime.block_on(front.received_requests()).unwrap();
    assert!(!asked.is_empty());
    for request in asked {
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!(request.url.path(), "/v1/chat/completions", "the admin API is asked at the gateway");
        assert_eq!((header("x-service"), header("x-auth")), ("shop", "planted-credential"));
        assert!(header("authorization").starts_with("Bearer sk-"), "the key goes along");
    }
}

#[test]
fn a_gateway_that_runs_already_is_tested_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let external = External::start(None);
    let (code, stdout, stderr) = run_on_mine(&external.settings(folder.path(), ""), &case("good.yaml"));
    assert_eq!(code, 0, "{stdout}{stderr}");
    let external = External::start(Some(Fault::KeyBudgetIgnored));
    let (code, stdout, _) = run_on_mine(&external.settings(folder.path(), ""), &case("good.yaml"));
    assert_eq!((code, stdout.contains("FAIL bypass")), (1, true), "{stdout}");
}

#[test]
fn a_known_deviation_is_green_until_it_is_stale_or_expired() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = folder.path().join("scenarios");
    std::fs::create_dir(&corpus).unwrap();
    let scenario = write(&corpus, "good.yaml", std::fs::read(case("good.yaml")).unwrap());
    let deviation = |more: &str| {
        format!(
            "[[known_deviation]]\ngateway = \"litellm\"\nversions = \">=1.80,<1.82\"\nscenario = \"go*\"\n\
             finding = \"wrong refusal\"\ngot = \"400 budget_exceeded\"\nreason = \"400 for 429\"\nissue = \"#1\"\n{more}"
        )
    };
    let deviating = External::start(Some(Fault::BudgetRefusedWith400));
    let (code, stdout, _) = run_on_mine(&deviating.settings(folder.path(), &deviation("")), &scenario);
    assert_eq!((code, stdout.contains("400 for 429; in 1 trial")), (0, true), "{stdout}");
    let expired = deviating.settings(folder.path(), &deviation("until = \"2020-01-01\"\n"));
    let (code, stdout, _) = run_on_mine(&expired, &scenario);
    assert_eq!((code, stdout.contains("EXPIRED")), (1, true), "{stdout}");
    let other_version = deviating.settings(folder.path(), &deviation("").replace("<1.82", "<1.81"));
    assert_eq!(run_on_mine(&other_version, &scenario).0, 1);
    let healthy = External::start(None);
    let (code, stdout, _) = run_on_mine(&healthy.settings(folder.path(), &deviation("")), &scenario);
    assert_eq!((code, stdout.contains("STALE")), (1, true), "{stdout}");
}

#[test]
fn a_target_that_cannot_be_reached_is_an_error_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let mut external = External::start(None);
    let settings = external.settings(folder.path(), "");
    let without_key = gatecrash(&["run", &case("good.yaml"), "--target", "mine", "--config", &settings]);
    let (code, stdout, _) = answer(without_key);
    assert_eq!((code, stdout.contains("ADMIN_KEY_OF_THE_TESTS is not set")), (3, true), "{stdout}");

    let taken = TcpListener::bind(external.upstream).unwrap();
    let (code, stdout, _) = run_on_mine(&settings, &case("good.yaml"));
    assert_eq!((code, stdout.contains("the upstream cannot listen on")), (3, true), "{stdout}");
    drop(taken);

    external.kill();
    let (code, stdout, _) = run_on_mine(&settings, &case("good.yaml"));
    assert_eq!((code, stdout.contains("it is not ready")), (3, true), "{stdout}");
}

#[test]
fn what_was_not_launched_here_is_neither_doubled_nor_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let external = External::start(None);
    let settings = external.settings(folder.path(), "");
    let text = |more: &str, step: &str| {
        format!("name: a\nprice: 0.02\nalone: last\n{more}given:\n  - key: k\nsteps:\n  - chat: k\n{step}")
    };
    for (more, step, said) in [
        ("instances: 2\n", "    on: second\n", "it has one address"),
        ("redis: true\n", "", "whether it has a Redis is not known"),
        ("", "  - restart: gateway\n", "nobody here can restart its gateway"),
        ("", "  - stop: database\n", "nobody here can stop its database"),
    ] {
        let scenario = write(folder.path(), "disturbing.yaml", text(more, step));
        let (code, stdout, _) = run_on_mine(&settings, &scenario);
        assert_eq!((code, stdout.contains(said)), (4, true), "{stdout}");
    }
}

#[test]
fn without_docker_that_is_said() {
    for arguments in [
        vec!["run", "--target", "litellm@1.81.0", "scenarios/access", "--launcher", "docker"],
        vec!["compare", "litellm@1.81.0", "builtin", "scenarios/access", "--launcher", "docker"],
    ] {
        let mut command = gatecrash(&arguments);
        command.env("DOCKER_HOST", "tcp://127.0.0.1:1");
        let (code, stdout, _) = answer(command);
        assert_eq!((code, stdout.contains("no Docker engine answers")), (3, true), "{stdout}");
    }
}

#[test]
fn a_gateway_that_dies_in_the_middle_is_neither_a_pass_nor_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mut external = External::start(None);
    let settings = external.settings(folder.path(), "");
    let scenario = long_scenario(folder.path());
    let mut command = gatecrash(&["run", &scenario, "--target", "mine", "--config", &settings]);
    command.env("ADMIN_KEY_OF_THE_TESTS", ADMIN_KEY).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    until_ready(&mut child);
    external.kill();
    let (code, stdout) = ends_within(child, Duration::from_secs(20));
    assert_eq!((code, stdout.contains("ERROR")), (3, true), "{stdout}");
    assert!(!stdout.contains("passed") && !stdout.contains("failed"), "{stdout}");
}

#[test]
fn a_gateway_that_hangs_fails_its_trials_and_not_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let settings = write(folder.path(), "harness.toml", "[limits]\nrequest = \"300ms\"\n");
    let began = Instant::now();
    let (code, stdout, _) =
        answer(gatecrash(&["run", &case("good.yaml"), "--target", "builtin@fault:hangs", "--config", &settings]));
    assert_eq!((code, stdout.contains("FAIL fault")), (1, true), "{stdout}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

/// Three trials, two of which ask at once with one key: those hang the gateway, and only they fail.
#[test]
fn a_gateway_that_hangs_for_good_is_started_again_for_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let settings = write(folder.path(), "harness.toml", "[limits]\nrequest = \"2s\"\n");
    let trial = |name: &str, step: &str| {
        let text = format!("name: {name}\nprice: 0.02\ngiven:\n  - key: k\nsteps:\n  - chat: k\n{step}");
        write(folder.path(), &format!("{name}.yaml"), &text)
    };
    let crowd = "    at_once: 4\n    upstream: { late: 2s }\n";
    let trials = [trial("crowd", crowd), trial("other-crowd", crowd), trial("patient", "    times: 30\npace: 1s\n")];
    let arguments = ["run", "--target", "builtin@fault:hangs-for-good", "--config", &settings];
    let json = folder.path().join("report.json");
    let files = ["--json", json.to_str().unwrap()];
    let trials = trials.iter().map(String::as_str);
    let arguments: Vec<&str> = arguments.into_iter().chain(files).chain(trials).collect();
    let (code, stdout, _) = answer(gatecrash(&arguments));
    assert_eq!(code, 1, "{stdout}");
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    let outcome = |trial: &serde_json::Value| {
        let result = &trial["results"][0];
        let got = result["findings"].as_array().unwrap().last().map(|finding| finding["got"].to_string());
        format!("{}: {} {}", trial["trial"], result["outcome"], got.unwrap_or_default())
    };
    let outcomes: Vec<String> = report["trials"].as_array().unwrap().iter().map(outcome).collect();
    insta::assert_snapshot!(outcomes.join("\n"));
    // Once because of whichever was first, and once because of each of them alone.
    assert_eq!(report["targets"][0]["restarts"], 3);
    assert!(stdout.contains("hung 3 times and was restarted each time"), "{stdout}");
}

#[test]
fn a_trial_ends_by_its_limit_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let settings = write(folder.path(), "harness.toml", "[limits]\ntrial = \"300ms\"\n");
    let late = "name: a\nprice: 0.02\ngiven:\n  - key: k\nsteps:\n  - chat: k\n    upstream: { late: 20s }\n";
    let scenario = write(folder.path(), "late.yaml", late);
    let (code, stdout, _) = answer(gatecrash(&["run", &scenario, "--config", &settings]));
    assert_eq!((code, stdout.contains("not done after")), (1, true), "{stdout}");
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let mut child = gatecrash(&["schema"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}
