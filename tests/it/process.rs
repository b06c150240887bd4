//! Real gateways without Docker: which launcher is chosen, and what is said where nothing can be launched. Launching
//! them for real needs Python and a network, and is tested in CI.

use std::path::Path;
use std::process::Command;

use super::{answer, case, gatecrash, write};

/// The binary on a machine with nothing: no program on the PATH, no Docker engine, an empty cache.
fn on_a_bare_machine(arguments: &[&str], cache: &Path) -> Command {
    let mut command = gatecrash(arguments);
    command.env("PATH", "").env("DOCKER_HOST", "tcp://127.0.0.1:1").env("GATECRASH_CACHE", cache);
    command.env_remove("GATECRASH_LAUNCHER");
    command
}

#[test]
fn a_compromised_release_is_refused_before_anything_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    for launcher in ["docker", "process"] {
        for version in ["1.82.7", "v1.82.8"] {
            let target = format!("litellm@{version}");
            let arguments = ["run", &case("good.yaml"), "--target", &target, "--launcher", launcher];
            let (code, stdout, stderr) = answer(on_a_bare_machine(&arguments, &cache));
            assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
            assert!(stderr.contains("steals credentials") && stderr.contains("--allow-compromised"), "{stderr}");
            assert!(!cache.exists(), "something was made for it");
        }
    }
}

#[test]
fn where_nothing_can_be_launched_both_ways_are_named_and_the_default_works() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let (code, stdout, _) =
        answer(on_a_bare_machine(&["run", &case("good.yaml"), "--target", "litellm@1.82.3"], &cache));
    assert_eq!(code, 3, "{stdout}");
    // The launcher was chosen, and the output says why.
    for expected in
        ["as processes: no Docker engine answers", "neither uv nor python3", "--launcher docker", "`builtin`"]
    {
        assert!(stdout.contains(expected), "{expected}: {stdout}");
    }
    let in_docker = ["run", &case("good.yaml"), "--target", "litellm@1.82.3", "--launcher", "docker"];
    let (code, stdout, _) = answer(on_a_bare_machine(&in_docker, &cache));
    assert_eq!((code, stdout.contains("--launcher process")), (3, true), "{stdout}");

    let (code, stdout, _) = answer(on_a_bare_machine(&["doctor"], &cache));
    assert_eq!((code, stdout.contains("cannot be launched here")), (3, true), "{stdout}");
    let embedded = ["compare", "scenarios/budget/key.yaml", "--quiet"];
    assert_eq!(answer(on_a_bare_machine(&embedded, &cache)).0, 1);
}

#[test]
fn a_launcher_is_named_by_file_variable_and_flag_the_last_first() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let settings = write(folder.path(), "harness.toml", "[gateway.litellm]\nlauncher = \"docker\"\n");
    let launched = |variable: Option<&str>, flag: Option<&str>| {
        let scenario = case("good.yaml");
        let mut arguments =
            vec!["run", &scenario, "--target", "litellm@1.82.3", "--config", &settings, "--format", "json"];
        arguments.extend(flag.into_iter().flat_map(|flag| ["--launcher", flag]));
        let mut command = on_a_bare_machine(&arguments, &cache);
        command.envs(variable.map(|launcher| ("GATECRASH_LAUNCHER", launcher)));
        let report: serde_json::Value = serde_json::from_str(&answer(command).1).unwrap();
        let target = &report["targets"][0];
        assert!(target["launcher_because"].is_null(), "it was named: {target}");
        target["launcher"].as_str().unwrap().to_owned()
    };
    assert_eq!(launched(None, None), "docker");
    assert_eq!(launched(Some("process"), None), "process");
    assert_eq!(launched(Some("process"), Some("docker")), "docker");
}
