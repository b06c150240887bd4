//! The formats of a report, and what fails a run.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::support::external::{ADMIN_KEY, External};
use super::{answer, case, gatecrash, write};

const FAULTY: &str = "builtin@fault:unpriced-model-skips-budgets";

/// Times and folders differ from run to run.
fn without_times(text: &str) -> String {
    let text = text.replace(env!("CARGO_MANIFEST_DIR"), "");
    let lines = text.lines().map(|line| match line.split_once(" time=\"") {
        Some((before, after)) => format!("{before}{}", after.split_once('"').map_or("", |(_, after)| after)),
        None => line.rsplit_once("; ").filter(|_| line.ends_with(" s")).map_or(line, |(before, _)| before).to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn as_many_formats_as_are_wanted_are_written_in_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (json, junit, markdown) = (file("r.json"), file("r.xml"), file("r.md"));
    let files = ["--json", &json, "--junit", &junit, "--markdown", &markdown, "--quiet"];
    let trials = ["scenarios/budget/key.yaml", "--filter", "/token", "--filter", "/alias"];
    let (code, stdout, _) = answer(gatecrash(&[&["compare", "builtin", FAULTY], &files[..], &trials[..]].concat()));
    assert_eq!((code, stdout.contains("1 regression, 1 same")), (1, true), "{stdout}");
    insta::assert_snapshot!("junit", without_times(&read(folder.path(), "r.xml")));
    insta::assert_snapshot!("markdown", without_times(&read(folder.path(), "r.md")));
    // The file is what standard output would have been, and any other format can be made from it.
    let (code, github, _) = answer(gatecrash(&["merge", &json, "--format", "github"]));
    assert_eq!(code, 1);
    insta::assert_snapshot!("github", without_times(&github));
    let again = file("again.xml");
    answer(gatecrash(&["merge", &json, "--junit", &again, "--quiet"]));
    assert_eq!(read(folder.path(), "again.xml"), read(folder.path(), "r.xml"));
}

#[test]
fn the_json_report_is_what_its_schema_says() {
    let (code, schema, _) = answer(gatecrash(&["schema", "--report"]));
    assert_eq!(code, 0);
    insta::assert_snapshot!("schema", schema);
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let runs: [&[&str]; 3] = [
        &["compare", "scenarios/budget/key.yaml", "scenarios/rate"],
        &["run", "--target", "builtin@fault:hangs", &case("good.yaml"), "--partition", "1/2"],
        &["run", "--filter", "no-such-trial"],
    ];
    for run in runs {
        let (_, report, _) = answer(gatecrash(&[run, &["--format", "json"]].concat()));
        let mut report: Value = serde_json::from_str(&report).unwrap();
        let errors: Vec<_> = schema.iter_errors(&report).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{run:?}: {errors:?}");
        report["targets"][0]["more"] = true.into();
        assert!(!schema.is_valid(&report), "{run:?}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_said_before_anything_is_launched() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("none/r.json").display().to_string();
    let (code, stdout, stderr) = answer(gatecrash(&["run", &case("good.yaml"), "--json", &nowhere]));
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.starts_with(&format!("error: cannot write the report to {nowhere}: ")), "{stderr}");
    let twice = folder.path().join("r").display().to_string();
    let (code, _, stderr) = answer(gatecrash(&["run", &case("good.yaml"), "--json", &twice, "--markdown", &twice]));
    assert_eq!((code, stderr.contains("another format is already written there")), (2, true), "{stderr}");
}

#[test]
fn reports_are_written_if_nothing_could_be_launched() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let settings = "[target.mine]\ngateway = \"litellm\"\nurl = \"http://127.0.0.1:9\"\nadmin_key_env = \"HOME\"\n\
                    upstream = \"127.0.0.1:0\"\n";
    let settings = write(folder.path(), "harness.toml", settings);
    let run = ["run", &case("good.yaml"), "--target", "mine", "--config", &settings, "--quiet"];
    let files = ["--junit", &file("r.xml"), "--markdown", &file("r.md")];
    let (code, ..) = answer(gatecrash(&[&run[..], &files[..]].concat()));
    assert_eq!(code, 3);
    assert!(read(folder.path(), "r.xml").contains("type=\"launch\">mine could not be launched"));
    assert!(read(folder.path(), "r.md").starts_with("## ❌ No answer: mine could not be launched."));
}

#[test]
fn fail_on_chooses_what_fails_the_run_and_hides_nothing() {
    let run = |more: &[&str]| {
        let compare = ["compare", "builtin", FAULTY, "scenarios/budget/key.yaml", "--quiet"];
        answer(gatecrash(&[&compare[..], more].concat()))
    };
    let (code, stdout, _) = run(&["--fail-on", "bypass,miscount"]);
    assert_eq!((code, stdout.contains("3 fail the run, which fails on bypass,miscount")), (1, true), "{stdout}");
    let (code, stdout, _) = run(&["--fail-on", "leak,unsteady"]);
    let said = ["REGRESSION budget/key/alias", "3 regressions", "0 fail the run, which fails on leak,unsteady"];
    assert_eq!((code, said.iter().all(|said| stdout.contains(said))), (0, true), "{stdout}");
    let (code, _, stderr) = run(&["--fail-on", "bypas"]);
    assert_eq!((code, stderr.contains("`bypas` is none of bypass, leak, overrun,")), (2, true), "{stderr}");
}

/// A gateway in front of another, which forgets the budget of the first key it is asked to make.
struct Forgetful {
    behind: String,
    keys: AtomicUsize,
}

impl Forgetful {
    fn start(external: &External) -> String {
        let state = std::sync::Arc::new(Forgetful { behind: external.url.clone(), keys: AtomicUsize::new(0) });
        let listener = external.runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().fallback(pass_on).with_state(state);
        external.runtime.spawn(async move { axum::serve(listener, routes).await });
        url
    }
}

async fn pass_on(State(own): State<std::sync::Arc<Forgetful>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let mut body = to_bytes(body, usize::MAX).await.unwrap();
    if head.uri.path() == "/key/generate" && own.keys.fetch_add(1, Ordering::SeqCst) == 0 {
        let mut key: Value = serde_json::from_slice(&body).unwrap();
        key.as_object_mut().unwrap().remove("max_budget");
        body = Bytes::from(key.to_string());
    }
    let mut headers = head.headers;
    headers.remove("content-length");
    let asked = reqwest::Client::new().request(head.method, format!("{}{}", own.behind, head.uri));
    let answer = asked.headers(headers).body(body).send().await.unwrap();
    (answer.status(), answer.bytes().await.unwrap()).into_response()
}

#[test]
fn what_passes_when_it_is_tried_again_is_unsteady_and_says_how_often() {
    let folder = tempfile::tempdir().unwrap();
    let run = |more: &[&str]| {
        let external = External::start(None);
        let url = Forgetful::start(&external);
        let settings = external.settings(folder.path(), "").replace(&external.url, &url);
        let text = std::fs::read_to_string(&settings).unwrap().replace(&external.url, &url);
        write(folder.path(), "harness.toml", text);
        let junit = folder.path().join("r.xml").display().to_string();
        let run = ["run", &case("good.yaml"), "--target", "mine", "--config", &settings, "--junit", &junit];
        let mut command = gatecrash(&[&run[..], more].concat());
        command.env("ADMIN_KEY_OF_THE_TESTS", ADMIN_KEY);
        answer(command)
    };
    let (code, stdout, _) = run(&[]);
    assert_eq!((code, stdout.contains("mine: 1 failed")), (1, true), "{stdout}");
    let (code, stdout, _) = run(&["--retries", "2"]);
    let said = ["unsteady bypass (failed 1 of 2 times)", "UNSTEADY good", "mine: 1 unsteady"];
    assert_eq!((code, said.iter().all(|said| stdout.contains(said))), (0, true), "{stdout}");
    assert!(read(folder.path(), "r.xml").contains("<flakyFailure message=\"failed 1 of 2 times\" type=\"unsteady\""));
    let (code, stdout, _) = run(&["--retries", "2", "--fail-on", "bypass,unsteady"]);
    assert_eq!((code, stdout.contains("1 fail the run")), (1, true), "{stdout}");
}

#[test]
fn what_always_fails_is_not_unsteady() {
    let (code, stdout, _) = answer(gatecrash(&[
        "run",
        &case("good.yaml"),
        "--target",
        "builtin@fault:key-budget-ignored",
        "--retries",
        "2",
    ]));
    assert_eq!((code, stdout.contains("1 failed"), stdout.contains("unsteady")), (1, true, false), "{stdout}");
}

#[test]
fn of_several_targets_each_has_its_own_failure() {
    let folder = tempfile::tempdir().unwrap();
    let junit = folder.path().join("r.xml").display().to_string();
    let targets =
        ["--target", "builtin@fault:key-budget-ignored", "--target", "builtin@fault:refused-call-reaches-upstream"];
    let scenario = case("good.yaml");
    let run = [&["run", &scenario, "--junit", &junit, "--quiet"], &targets[..]].concat();
    assert_eq!(answer(gatecrash(&run)).0, 1);
    let text = read(folder.path(), "r.xml");
    let types: Vec<&str> =
        text.split("<failure ").skip(1).filter_map(|failure| failure.split("type=\"").nth(1)).collect();
    let types: Vec<&str> = types.iter().filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(types, ["bypass", "leak"], "{text}");
}
