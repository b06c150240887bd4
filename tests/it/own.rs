//! An operator's own configuration: only that is changed which has to be, all of it is said, nothing of their credentials
//! shows, and a wrong one is shown as a compiler would show it.

use std::time::{Duration, Instant};

use super::{answer, case, gatecrash, write};

/// What is made of a configuration, from its own folder, so that nothing has a path of this machine; without our own models.
fn made(folder: &str, file: &str) -> (i32, String, String) {
    let mut command = gatecrash(&["config", "litellm", "--from", file]);
    command.current_dir(folder);
    let (code, stdout, stderr) = answer(command);
    let mut ours = false;
    let theirs = stdout.lines().filter(|line| {
        ours = line.starts_with("  - model_name: priced-by-token") || (ours && line.starts_with(' '));
        !ours
    });
    (code, theirs.map(|line| format!("{line}\n")).collect(), stderr)
}

/// The cases in a folder, by name; a part of another is none.
fn cases(folder: &str) -> Vec<String> {
    let names = std::fs::read_dir(case(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".yaml") && name != "split-models.yaml").collect();
    names.sort();
    names
}

#[test]
fn only_that_is_changed_which_has_to_be_and_all_of_it_is_said() {
    let names = cases("config");
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        let (code, stdout, stderr) = made(&case("config"), &name);
        assert_eq!(code, 0, "{stderr}");
        assert!(!format!("{stdout}{stderr}").contains("planted"), "{name}: {stdout}{stderr}");
        insta::assert_snapshot!(name.trim_end_matches(".yaml"), format!("{stderr}\n{stdout}"));
    }
}

#[test]
fn a_wrong_configuration_is_shown_as_a_compiler_would() {
    let mut all = String::new();
    for name in cases("config/broken").iter().map(String::as_str).chain(["is-not-there.yaml"]) {
        let (code, stdout, stderr) = made(&case("config/broken"), name);
        assert_eq!((code, stdout.as_str()), (2, ""), "{name}");
        assert!(stderr.contains(&format!("--> {name}:")), "{stderr}");
        all.push_str(&format!("{stderr}\n"));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_target_with_a_wrong_configuration_is_a_mistake_in_the_input() {
    let file = case("config/broken/unknown-provider.yaml");
    for command in ["run", "compare", "up"] {
        let targets: &[&str] = match command {
            "run" => &["--target", "litellm@1.82.3"],
            "compare" => &["litellm@1.81.0", "litellm@1.82.3"],
            _ => &["litellm@1.82.3"],
        };
        let (code, stdout, stderr) = answer(gatecrash(&[&[command], targets, &["--gateway-config", &file]].concat()));
        assert_eq!((code, stdout.as_str()), (2, ""), "{command}: {stderr}");
        assert!(stderr.contains("LiteLLM has no provider `nobody-knows-this`"), "{command}: {stderr}");
        assert!(stderr.contains("unknown-provider.yaml:3:30"), "{command}: {stderr}");
    }
}

#[test]
fn no_secret_of_a_configuration_is_in_any_output() {
    let planted = "\
        model_list:\n\
        \x20 - model_name: a\n\
        \x20   litellm_params:\n\
        \x20     model: azure/a\n\
        \x20     api_key: planted-api-key\n\
        \x20     azure_ad_token: planted-token-of-azure\n\
        \x20     aws_access_key_id: planted-id-of-aws\n\
        \x20     extra_headers: { x-anything: planted-header, authorization: \"Bearer planted-bearer\" }\n\
        \x20     api_base: https://user:planted-in-a-url@a.invalid/v1\n\
        \x20     vertex_credentials: '{\"private_key\": \"planted-private-key\"}'\n\
        litellm_settings:\n\
        \x20 cache: true\n\
        \x20 cache_params: { type: redis, url: \"redis://:planted-of-redis@r.invalid\" }\n\
        \x20 slack_webhook_url: https://hooks.invalid/planted-hook\n\
        \x20 house_api_key: planted-of-the-house\n\
        general_settings:\n\
        \x20 master_key: planted-master-key\n\
        \x20 database_url: postgresql://a:planted-password@d.invalid/a\n\
        environment_variables:\n\
        \x20 HOUSE_TOKEN: planted-in-environment\n";
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "config.yaml", planted);
    let (code, stdout, stderr) = answer(gatecrash(&["config", "litellm", "--from", &file]));
    assert_eq!(code, 0, "{stderr}");
    assert!(!format!("{stdout}{stderr}").contains("planted"), "{stdout}{stderr}");
    // Each line is shown once, as the one that is wrong; one that is no YAML is shown too.
    for (number, line) in planted.lines().enumerate().filter(|(_, line)| line.contains("planted")) {
        let before: String = planted.lines().take(number).map(|line| format!("{line}\n")).collect();
        for wrong in [format!("{before}{line} {{\n: [\n"), format!("{before}{line}: }}]\n")] {
            write(folder.path(), "config.yaml", &wrong);
            let (_, stdout, stderr) = answer(gatecrash(&["config", "litellm", "--from", &file]));
            assert!(!format!("{stdout}{stderr}").contains("planted"), "{wrong}\n{stdout}{stderr}");
        }
    }
}

#[test]
fn five_thousand_models_are_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let model = |number| {
        format!(
            "  - model_name: m{number}\n    litellm_params: {{ model: openai/m{number}, api_key: planted-key-{number} }}\n"
        )
    };
    let text: String = (0..5_000).map(model).collect();
    let file = write(folder.path(), "config.yaml", format!("model_list:\n{text}"));
    let began = Instant::now();
    let (code, stdout, stderr) = answer(gatecrash(&["config", "litellm", "--from", &file]));
    assert_eq!(code, 0, "{stderr}");
    assert!(began.elapsed() < Duration::from_secs(60), "it took {:?}", began.elapsed());
    assert!(stdout.contains("model_name: m4999\n") && !stdout.contains("planted"));
    assert!(stderr.contains("model_list[0-4999].litellm_params.api_key: "), "{stderr}");
}

#[test]
fn a_variable_stays_if_it_is_set_and_is_a_dummy_if_not() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "[gateway.litellm.env]\nAZURE_VERSION = \"2024-06-01\"\nDATABASE_URL = \"postgresql://a:planted@d.invalid/a\"\n";
    let settings = write(folder.path(), "harness.toml", settings);
    let text = "\
        model_list:\n  - model_name: a\n    litellm_params: { model: azure/a, api_version: os.environ/AZURE_VERSION }\n\
        general_settings: { user_header_name: os.environ/HOUSE_HEADER, master_key: os.environ/HOUSE_KEY }\n";
    let file = write(folder.path(), "config.yaml", text);
    let (code, stdout, stderr) = answer(gatecrash(&["--config", &settings, "config", "litellm", "--from", &file]));
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("api_version: os.environ/AZURE_VERSION\n"), "{stdout}");
    assert!(stdout.contains("user_header_name: not-a-real-one\n"), "{stdout}");
    assert!(stdout.contains("master_key: os.environ/LITELLM_MASTER_KEY\n"), "{stdout}");
    assert!(stderr.contains("general_settings.user_header_name: a dummy: `HOUSE_HEADER` is not set"), "{stderr}");
    assert!(stderr.contains("DATABASE_URL: left out of its environment") && !stderr.contains("planted"), "{stderr}");
}

#[test]
fn an_audit_needs_a_configuration() {
    for target in ["litellm@1.82.3", "builtin"] {
        let (code, stdout, stderr) = answer(gatecrash(&["audit", target]));
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert!(stderr.contains("has no configuration of yours"), "{stderr}");
    }
}

#[test]
fn gateways_that_take_no_configuration_say_so() {
    let file = case("config/small-team.yaml");
    for target in ["builtin", "builtin@fault:unpriced-model-skips-budgets", "any-llm@1.16.1", "mlflow@3.9.0"] {
        let (code, _, stderr) = answer(gatecrash(&["run", "--target", target, "--gateway-config", &file]));
        assert_eq!(code, 2, "{target}: {stderr}");
        assert!(stderr.contains("configuration"), "{target}: {stderr}");
    }
}

#[test]
fn a_target_without_a_configuration_skips_what_is_asked_of_its_models() {
    let arguments = ["run", &case("each-model.yaml"), "--target", "builtin", "--format", "json"];
    let (code, told, _) = answer(gatecrash(&arguments));
    assert_eq!(code, 4, "{told}");
    assert!(told.contains("it asks the models of a configuration of yours, and this target has none"), "{told}");
}

#[test]
fn code_of_theirs_stays_if_its_file_is_named_and_is_said_if_not() {
    let folder = tempfile::tempdir().unwrap();
    let text = "\
        model_list:\n  - model_name: a\n    litellm_params: { model: openai/a, api_key: none }\n\
        litellm_settings:\n  callbacks: [hooks.one.handler, other.handler, prometheus]\n  success_callback: [langfuse]\n";
    write(folder.path(), "config.yaml", text);
    std::fs::create_dir(folder.path().join("hooks")).unwrap();
    write(&folder.path().join("hooks"), "one.py", "HOUSE_TOKEN = 'planted-in-code'\nhandler = None\n");
    let made = |settings: &str| {
        write(folder.path(), "harness.toml", settings);
        let mut command = gatecrash(&["config", "litellm", "--from", "config.yaml"]);
        command.current_dir(folder.path());
        let (code, stdout, stderr) = answer(command);
        assert!(!format!("{stdout}{stderr}").contains("planted"), "{stdout}{stderr}");
        (code, stdout, stderr)
    };
    let (code, stdout, stderr) = made("");
    assert_eq!((code, stdout.contains("hooks.one")), (0, false), "{stdout}{stderr}");
    let code_is = "`hooks.one.handler`, `other.handler` is code of theirs, which `files` in harness.toml takes along";
    assert!(stderr.contains(code_is), "{stderr}");
    let (code, stdout, stderr) = made("[gateway.litellm]\nfiles = [\"hooks/one.py\"]\n");
    assert!(
        code == 0 && stdout.contains("- hooks.one.handler\n") && !stdout.contains("other.handler"),
        "{stdout}{stderr}"
    );
    assert!(stderr.contains("files: `hooks/one.py` is taken along"), "{stderr}");
    assert!(stderr.contains("litellm_settings.callbacks: `hooks.one.handler` stays"), "{stderr}");
    let (code, _, stderr) = made("[gateway.litellm]\nfiles = [\"hooks/two.py\"]\n");
    assert!(code == 2 && stderr.contains("the file cannot be read") && stderr.contains("hooks/two.py"), "{stderr}");
}

#[test]
fn a_mistake_in_a_named_target_is_shown_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = String::new();
    for (target, table) in [
        ("ours", "gateway = \"litellm\""),
        ("ours", "gateway = \"litelm\"\nversion = \"1.82.3\""),
        ("ours", "gateway = \"litellm\"\nversion = \"1.82.3\"\nurl = \"http://127.0.0.1:4000\"\nimage = \"a:b\""),
        ("ours", "gateway = \"litellm\"\nurl = \"http://127.0.0.1:4000\""),
        ("ours", "gateway = \"litellm\"\nversion = \"1.82.3\"\nupstream = \"127.0.0.1:9099\""),
        ("ours", "gateway = \"litellm\"\nversion = \"1.82.7\""),
        ("ours", "gateway = \"litellm\"\nimage = \"registry.invalid/litellm:v1.82.8\""),
        ("ours", "gateway = \"litellm\"\nimage = \"a:b\"\nlauncher = \"process\""),
        ("ours", "gateway = \"any-llm\"\nversion = \"1.0\"\nlauncher = \"docker\""),
        ("ours", "gateway = \"litellm\"\nversion = \"1.82.3\"\nconfig = \"is-not-there.yaml\""),
        ("ours", "gateway = \"litellm\"\nversion = \"1.82.3\"\nimagee = \"a:b\""),
        ("ours", "gateway = \"litellm\"\nurl = \"http://127.0.0.1:4000\"\nfiles = [\"a.py\"]"),
    ] {
        write(folder.path(), "harness.toml", format!("[target.{target}]\n{table}\n"));
        let mut command = gatecrash(&["run", "--target", target]);
        command.current_dir(folder.path());
        let (code, _, stderr) = answer(command);
        assert_eq!(code, 2, "{table}: {stderr}");
        all.push_str(&format!("{stderr}\n"));
    }
    insta::assert_snapshot!(all);
}
