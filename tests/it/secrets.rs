//! Secrets, planted wherever one can get in, and searched for in everything that comes out.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatecrash::host::console;
use serde_json::json;

use super::support::external::free_port;
use super::support::files;
use super::{answer, gatecrash, write};

/// An admin key that does not look like one.
const ADMIN: &str = "admin\"key/of+the=tests-0815";
/// Virtual keys: one as LiteLLM makes them, and one as it does not.
const VIRTUAL: [&str; 2] = ["sk-V1rtualKey0fTheTests42", "virtual~key/of+the=tests-4711"];
/// In the environment and in the settings.
const OF_A_PROVIDER: &str = "key-of-a-provider-1234";
const OF_A_DATABASE: &str = "password-of-a-database-5678";

/// What must not show of any of them, in any form.
const NEVER: [&str; 12] = [
    "admin\"key",
    "admin\\\"key",
    "admin%22key",
    "of+the=tests",
    "of%2Bthe",
    "tests-0815",
    "V1rtualKey",
    "virtual~key",
    "tests-4711",
    "of-a-provider",
    "of-a-database",
    "PLANTED",
];

/// Fails if anything secret is in an answer; says whether there was something to redact.
fn is_clean(what: &str, (_, stdout, stderr): &(i32, String, String)) -> bool {
    let basic = STANDARD.encode(format!("gatecrash:{ADMIN}"));
    for (stream, text) in [("standard output", stdout), ("standard error", stderr)] {
        for never in NEVER.into_iter().chain([&basic[16..40]]) {
            assert!(!text.contains(never), "{what}: {never} is in {stream}:\n{text}");
        }
        for (at, _) in text.match_indices("sk-") {
            let in_word = text[..at].ends_with(|c: char| c.is_ascii_lowercase()) && !text[..at].ends_with("[1m");
            let is_shown = ["sk-[secret]", "sk-\\[secret\\]"].iter().any(|shown| text[at..].starts_with(shown));
            assert!(in_word || is_shown, "{what}: a key is in {stream}:\n{text}");
        }
    }
    ["sk-[secret]", "<master key>", "<key "].iter().any(|shown| stdout.contains(shown) || stderr.contains(shown))
}

/// What a hostile gateway does with a model request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Hostile {
    NotReady,
    Refuses,
    AnswersNonsense,
    StreamsAnError,
    BreaksTheAdminApi,
    AnswersTheAdminApiWithNonsense,
    Lacks,
}

const HOSTILE: [Hostile; 7] = [
    Hostile::NotReady,
    Hostile::Refuses,
    Hostile::AnswersNonsense,
    Hostile::StreamsAnError,
    Hostile::BreaksTheAdminApi,
    Hostile::AnswersTheAdminApiWithNonsense,
    Hostile::Lacks,
];

/// Says everything that it was told, and all that it knows, wherever it can.
fn says(hostile: Hostile, key: &str, request: &Request) -> Response {
    // Nobody can recognise a secret that was never told, except by its looks.
    let handed_out = matches!(hostile, Hostile::Refuses | Hostile::AnswersNonsense | Hostile::StreamsAnError);
    let key = if handed_out { key } else { VIRTUAL[0] };
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let basic = STANDARD.encode(format!("gatecrash:{ADMIN}"));
    let url_encoded = ADMIN.replace('"', "%22").replace('/', "%2F").replace('+', "%2B").replace('=', "%3D");
    let all = format!(
        "{key}\n{} {ADMIN} ?key={url_encoded} Basic {basic} {OF_A_PROVIDER} {OF_A_DATABASE}",
        authorization.unwrap_or_default()
    );
    let error = |status: StatusCode, more: &str| {
        let error = json!({ "error": { "message": format!("{more} {all}"), "type": all, "param": all, "code": all } });
        (status, axum::Json(error)).into_response()
    };
    let path = request.uri().path();
    let is_of_model = path.starts_with("/v1/");
    let mut response = match (hostile, path) {
        (Hostile::NotReady, _) => error(StatusCode::SERVICE_UNAVAILABLE, "not ready"),
        (_, "/health/readiness") => axum::Json(json!({ "db": "connected", "litellm_version": all })).into_response(),
        (Hostile::BreaksTheAdminApi, "/key/generate") => error(StatusCode::INTERNAL_SERVER_ERROR, "broken"),
        (Hostile::Lacks, "/key/generate") => error(StatusCode::FORBIDDEN, "an enterprise feature"),
        (Hostile::AnswersTheAdminApiWithNonsense, "/key/generate") => {
            axum::Json(json!({ "key": [all] })).into_response()
        }
        (_, "/key/generate") => axum::Json(json!({ "key": key, "token": all })).into_response(),
        (Hostile::Refuses, _) if is_of_model => error(StatusCode::IM_A_TEAPOT, "no"),
        (Hostile::AnswersNonsense, _) if is_of_model => all.clone().into_response(),
        (Hostile::StreamsAnError, _) if is_of_model => format!("data: {{\"error\": \"{all}\"}}\n\n").into_response(),
        _ if is_of_model => error(StatusCode::BAD_REQUEST, "no"),
        (_, "/key/info") => axum::Json(json!({ "info": { "spend": all } })).into_response(),
        _ => axum::Json(json!({})).into_response(),
    };
    if let Ok(value) = all.replace('\n', " ").parse() {
        response.headers_mut().insert("x-litellm-version", value);
    }
    response
}

/// Serves it for as long as the runtime lives.
fn serve(runtime: &tokio::runtime::Runtime, hostile: Hostile, key: &'static str) -> SocketAddr {
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(move |request: Request| async move { says(hostile, key, &request) });
    runtime.spawn(async move { axum::serve(listener, app).await });
    address
}

fn settings(folder: &Path, gateway: SocketAddr) -> String {
    let text = format!(
        "[limits]\nrequest = \"5s\"\nsettle = \"1s\"\nlaunch = \"5s\"\n[gateway.litellm.env]\n\
         OPENAI_API_KEY = \"{OF_A_PROVIDER}\"\n[target.mine]\ngateway = \"litellm\"\nurl = \"http://{gateway}\"\n\
         admin_key_env = \"ADMIN_KEY_OF_THE_TESTS\"\nupstream = \"127.0.0.1:{}\"\n",
        free_port()
    );
    write(folder, "harness.toml", text)
}

/// Adds secrets in the environment.
fn with_secrets(mut command: Command) -> Command {
    command
        .env("ADMIN_KEY_OF_THE_TESTS", ADMIN)
        .env("DATABASE_URL", format!("postgresql://me:{OF_A_DATABASE}@127.0.0.1:5432/mine"))
        .env("LITELLM_MASTER_KEY", "master-key-PLANTED")
        .env("DOCKER_HOST", "tcp://127.0.0.1:1");
    command
}

const SCENARIO: &str = "name: Says sk-PLANTED to everyone\nissue: owner/sk-PLANTED#1\ntags: [sk-PLANTED]\nprice: 0.02\n\
                        stream: [false, true]\ngiven:\n  - key: sk-PLANTED\n    max_budget: 1\nsteps:\n  - chat: sk-PLANTED\n";

#[test]
fn a_hostile_gateway_cannot_make_gatecrash_say_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = write(folder.path(), "sk-PLANTED.yaml", SCENARIO);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let page = folder.path().join("report.html");
    let to_page = page.display().to_string();
    for (hostile, key) in HOSTILE.into_iter().flat_map(|hostile| VIRTUAL.map(|key| (hostile, key))) {
        let settings = settings(folder.path(), serve(&runtime, hostile, key));
        for more in [&["--html", &to_page] as &[&str], &["--quiet"], &["--format", "json"]] {
            let arguments = [&["run", &scenario, "--target", "mine", "--config", &settings], more].concat();
            let answered = answer(with_secrets(gatecrash(&arguments)));
            assert!(answered.0 != 0 && answered.0 != 2, "{hostile:?}: {answered:?}");
            assert!(is_clean(&format!("{hostile:?} {more:?}"), &answered), "nothing was redacted: {answered:?}");
            if more[0] == "--html" {
                let written = std::fs::read_to_string(&page).unwrap();
                assert!(is_clean(&format!("{hostile:?}, the page"), &(answered.0, written, String::new())));
            }
            let out = tempfile::tempdir_in(folder.path()).unwrap();
            let evidence = [&arguments[..], &["--evidence", out.path().to_str().unwrap()]].concat();
            is_clean("standard output", &answer(with_secrets(gatecrash(&evidence))));
            for (name, text) in files(out.path()) {
                is_clean(&format!("{hostile:?}: {name}"), &(0, text, String::new()));
            }
            if more == ["--format", "json"] {
                // What one machine wrote, another reads.
                let report = write(folder.path(), "report.json", &answered.1);
                let merged = answer(gatecrash(&["merge", &report]));
                assert_eq!(merged.0, answered.0, "{merged:?}");
                is_clean("merge", &merged);
            }
        }
    }
}

/// This test also starts itself: its name is in the name of the trial, so that one filter selects both.
#[test]
fn secrets_in_cargo_test() {
    const SETTINGS: &str = "SETTINGS_OF_THE_TESTS";
    if let Ok(settings) = std::env::var(SETTINGS) {
        let scenarios = Path::new(&settings).with_file_name("secrets_in_cargo_test.yaml");
        gatecrash::conformance::Harness::new().config(settings).scenarios(scenarios).target("mine").run();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "secrets_in_cargo_test.yaml", SCENARIO);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for hostile in HOSTILE {
        let settings = settings(folder.path(), serve(&runtime, hostile, VIRTUAL[1]));
        let mut command = with_secrets(Command::new(std::env::current_exe().unwrap()));
        command.args(["secrets_in_cargo_test", "--nocapture"]).env(SETTINGS, settings);
        let answered = answer(command);
        assert!(answered.1.contains("mine::secrets_in_cargo_test"), "{answered:?}");
        is_clean(&format!("{hostile:?} in cargo test"), &answered);
    }
}

/// The same: it starts itself, to panic.
#[test]
fn a_panic_says_no_secret() {
    const PANICS: &str = "PANICS_OF_THE_TESTS";
    if std::env::var_os(PANICS).is_some() {
        console::guard();
        let panics = std::thread::spawn(|| panic!("of sk-PLANTED and {OF_A_DATABASE}"));
        assert!(panics.join().is_err());
        return;
    }
    for backtrace in ["0", "1"] {
        let mut command = with_secrets(Command::new(std::env::current_exe().unwrap()));
        command.args(["a_panic_says_no_secret", "--nocapture"]).env(PANICS, "1").env("RUST_BACKTRACE", backtrace);
        let answered = answer(command);
        assert!(answered.2.contains("gatecrash itself broke: panicked at"), "{answered:?}");
        assert!(is_clean("a panic", &answered));
    }
}

#[test]
fn what_users_write_is_not_said_if_it_is_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| write(folder.path(), name, text);
    let scenario = file("sk-PLANTED.yaml", SCENARIO);
    let no_field = file("field.yaml", "name: a\nsk-PLANTED: 1\n");
    let no_price = file("price.yaml", "name: a\nprice: sk-PLANTED\ngiven: []\nsteps: []\n");
    let no_yaml = file("yaml.yaml", "name: [sk-PLANTED\nb: }\n");
    let unquoted = file("unquoted.toml", &format!("[gateway.litellm.env]\nPG_PASSWORD = {OF_A_DATABASE}\n"));
    let inline = file("inline.toml", &format!("[gateway.litellm]\nenv = {{ API_KEY = \"{OF_A_PROVIDER}\", B = 1 }}\n"));
    let key_for_name = format!(
        "[target.mine]\ngateway = \"litellm\"\nurl = \"http://me:{OF_A_DATABASE}@127.0.0.1:1\"\n\
         admin_key_env = \"key-PLANTED\"\nupstream = \"127.0.0.1:0\"\n"
    );
    let key_for_name = file("key.toml", &key_for_name);
    let nobody = key_for_name.replace("key.toml", "nobody.toml");
    let text = std::fs::read_to_string(&key_for_name).unwrap().replace("key-PLANTED", "ADMIN_KEY_OF_THE_TESTS");
    std::fs::write(&nobody, text).unwrap();
    let cases: &[&[&str]] = &[
        &["list", &scenario],
        &["run", &scenario],
        &["run", &scenario, "--format", "json"],
        &["run", &scenario, "--quiet", "--target", "builtin@fault:key-budget-ignored"],
        &["compare", "builtin", "builtin", &scenario],
        &["check", &scenario, &no_field, &no_price, &no_yaml],
        &["run", "--filter", "sk-PLANTED"],
        &["run", "--target", "sk-PLANTED"],
        &["run", "--target", "litellm@sk-PLANTED"],
        &["run", "--jobs", "sk-PLANTED"],
        &["run", "--partition", "sk-PLANTED"],
        &["sk-PLANTED"],
        &["run", "--config", "sk-PLANTED.toml"],
        &["merge", "sk-PLANTED.json"],
        &["merge", &no_field],
        &["list", "--config", &unquoted],
        &["list", "--config", &inline],
        &["run", "--config", &key_for_name, "--target", "mine", &scenario],
        &["run", "--config", &nobody, "--target", "mine", &scenario],
        &["config", "litellm", "--upstream", "http://sk-PLANTED"],
    ];
    for arguments in cases {
        is_clean(&format!("{arguments:?}"), &answer(with_secrets(gatecrash(arguments))));
    }
    for arguments in [&["completions", "bash"] as &[&str], &["man"], &["schema"], &["--help"], &["run", "--help"]] {
        let mut command = with_secrets(gatecrash(arguments));
        command.env("GATECRASH_CONFIG", "sk-PLANTED");
        is_clean(&format!("{arguments:?}"), &answer(command));
    }
}

#[test]
fn the_built_in_gateway_says_no_key() {
    let arguments = ["run", "scenarios/access", "scenarios/budget/key.yaml", "--format", "json", "--target"];
    for target in ["builtin", "builtin@fault:budget-refused-with-400"] {
        let answered = answer(gatecrash(&[&arguments[..], &[target]].concat()));
        is_clean(target, &answered);
        assert!(answered.1.contains("\"refused\""), "{answered:?}");
    }
}

/// Secrets that are also words of ours: an outcome, a field, a verdict.
const WORDS: [&str; 3] = ["pass", "outcome", "regression"];

#[test]
fn a_secret_that_is_a_word_of_the_report_is_redacted_and_the_report_stays_one() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two, three] = WORDS;
    let settings =
        format!("[gateway.litellm.env]\nMY_API_KEY = \"{one}\"\nMY_SECRET = \"{two}\"\nMY_TOKEN = \"{three}\"\n");
    let settings = write(folder.path(), "harness.toml", settings);
    let scenario = format!(
        "name: planted {one}, planted {two}, planted {three}\ntags: [{one}, {two}, {three}]\nprice: 0.02\n\
         priced_by: [token, provider]\ngiven:\n  - key: {one}\n    max_budget: 0.01\nsteps:\n  - drain: {one} # planted {two}\n"
    );
    let scenario = write(folder.path(), "words.yaml", scenario);
    let at = |name: &str| folder.path().join(name).display().to_string();
    let [report, junit, markdown, page, evidence] = ["r.json", "r.xml", "r.md", "r.html", "evidence"].map(at);
    let targets = ["builtin", "builtin@fault:key-budget-ignored"];
    let run = [&["compare"], &targets[..], &[&scenario, "--config", &settings]].concat();
    let files =
        ["--json", &report, "--junit", &junit, "--markdown", &markdown, "--html", &page, "--evidence", &evidence];
    let told = answer(gatecrash(&[&run[..], &files].concat()));
    assert_eq!(told.0, 1, "{told:?}");
    let (json, github) = (
        answer(gatecrash(&[&run[..], &["--format", "json"]].concat())),
        answer(gatecrash(&[&run[..], &["--format", "github"]].concat())),
    );
    let read = |file: &str| (file.to_owned(), std::fs::read_to_string(file).unwrap());
    let mut outputs: Vec<(String, String)> = [&report, &junit, &markdown, &page].map(|file| read(file)).into();
    outputs.extend(super::support::files(Path::new(&evidence)));
    for (name, (_, stdout, stderr)) in [("the terminal", &told), ("json", &json), ("github", &github)] {
        outputs.extend([(name.to_owned(), stdout.clone()), (format!("{name}, errors"), stderr.clone())]);
    }
    assert!(outputs.len() > 10, "{outputs:?}");
    for (name, text) in &outputs {
        for word in WORDS {
            assert!(!text.contains(&format!("planted {word}")), "{word} is in {name}:\n{text}");
        }
    }
    // Each of these is a report, and another command can read it.
    for text in [&json.1, &read(&report).1, &read(&format!("{evidence}/report.json")).1] {
        let parsed = gatecrash::read_report(text).unwrap();
        assert_eq!(parsed.trials.len(), 2, "{text}");
        assert!(text.contains(r#""is": "pass""#) && text.contains(r#""verdict": "regression""#), "{text}");
    }
    let merged = answer(gatecrash(&["merge", &report, "--config", &settings]));
    assert_eq!(merged.0, 1, "{merged:?}");
    let matrix = answer(gatecrash(&["matrix", "--from", &report, "--format", "json", "--config", &settings]));
    assert!(serde_json::from_str::<serde_json::Value>(&matrix.1).is_ok(), "{matrix:?}");
    assert!(matrix.1.contains(r#""is": "pass""#) && !matrix.1.contains("planted pass"), "{matrix:?}");
    let xml = read(&junit).1;
    assert!(xml.contains("<testcase") && !xml.contains("sk-[secret]>"), "{xml}");
}
