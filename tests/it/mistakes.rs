//! Every mistake in a scenario file is shown with its place, what was expected and the nearest right name; none takes
//! long, and none is a panic.

use std::time::{Duration, Instant};

use super::{answer, gatecrash, write};

#[test]
fn each_mistake_is_shown_as_a_compiler_would() {
    let (code, stdout, stderr) = answer(gatecrash(&["check", "tests/it/cases/mistakes"]));
    assert_eq!((code, stdout.as_str()), (2, ""));
    insta::assert_snapshot!(stderr);
}

#[test]
fn every_mistake_has_a_place_in_its_file() {
    for file in std::fs::read_dir(super::case("mistakes")).unwrap() {
        let file = file.unwrap().path().display().to_string();
        let (code, _, stderr) = answer(gatecrash(&["check", &file]));
        assert_eq!(code, 2, "{file}");
        assert!(stderr.starts_with("error: ") && stderr.contains(&format!("--> {file}:")), "{stderr}");
    }
}

#[test]
fn hostile_files_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = "name: a\nprice: 0.02\n";
    let bomb = {
        let mut text = String::from("name: &a [x, x, x, x, x, x, x, x]\n");
        ('b'..='p').zip('a'..).for_each(|(name, last)| {
            text.push_str(&format!("{name}: &{name} [*{last}, *{last}, *{last}, *{last}, *{last}]\n"));
        });
        text
    };
    let hostile = [
        ("large.yaml", vec![b'#'; 100 * 1024 * 1024]),
        ("flow.yaml", format!("{prefix}given: {}", "[".repeat(100_000)).into_bytes()),
        ("braces.yaml", format!("{prefix}tags: {}", "{a: ".repeat(50_000)).into_bytes()),
        ("block.yaml", (0..400).map(|depth| format!("{}- a:\n", "  ".repeat(depth))).collect::<String>().into_bytes()),
        ("bomb.yaml", bomb.into_bytes()),
        ("keys.yaml", (0..20_000).map(|key| format!("k{key}: 1\n")).collect::<String>().into_bytes()),
        ("line.yaml", format!("name: {}", "x".repeat(250_000)).into_bytes()),
        ("many.yaml", {
            let of = |item: &str| (0..8_000).map(|number| format!("  - {item}{number}\n")).collect::<String>();
            format!("{prefix}given:\n{}steps:\n{}", of("key: k"), of("chat: x")).into_bytes()
        }),
        ("nul.yaml", vec![0; 1000]),
        ("bytes.yaml", (0..=255).cycle().take(100_000).collect()),
    ];
    for (name, bytes) in hostile {
        let file = write(folder.path(), name, bytes);
        let began = Instant::now();
        let (code, _, stderr) = answer(gatecrash(&["check", &file]));
        assert_eq!(code, 2, "{name}: {stderr}");
        assert!(stderr.starts_with("error: "), "{name}: {stderr}");
        assert!(stderr.len() < 5_000, "{name}: a message of {} bytes", stderr.len());
        assert!(began.elapsed() < Duration::from_secs(10), "{name} took {:?}", began.elapsed());
    }
}

#[test]
fn what_is_no_file_is_said_to_be_none() {
    let (code, _, stderr) = answer(gatecrash(&["check", "no-such-file.yaml"]));
    assert_eq!(code, 2);
    assert!(stderr.contains("no-such-file.yaml") && stderr.contains("cannot be read"), "{stderr}");
    let folder = tempfile::tempdir().unwrap();
    let (code, _, stderr) = answer(gatecrash(&["run", &folder.path().display().to_string()]));
    assert_eq!(code, 2);
    assert!(stderr.contains("there is no scenario in this folder"), "{stderr}");
}

#[test]
fn two_scenarios_of_one_name_are_a_mistake_and_one_file_named_twice_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read(super::case("good.yaml")).unwrap();
    let files = ["a", "b"].map(|name| {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        write(&folder.path().join(name), "bug.yaml", &text)
    });
    let (code, _, stderr) = answer(gatecrash(&["list", &files[0], &files[1]]));
    assert_eq!((code, stderr.contains("a second scenario is named `bug`")), (2, true), "{stderr}");
    let (code, stdout, _) = answer(gatecrash(&["list", &files[0], &format!("{}/a/../a", folder.path().display())]));
    assert_eq!((code, stdout.lines().count()), (0, 1), "{stdout}");
}

#[test]
fn the_example_of_the_design_is_right() {
    let (code, stdout, stderr) = answer(gatecrash(&["check", "tests/it/cases/good.yaml"]));
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "1 scenario is right\n", ""));
}

#[test]
fn the_corpus_fits_the_schema_it_is_read_by() {
    let (code, stdout, _) = answer(gatecrash(&["schema"]));
    assert_eq!(code, 0);
    let schema: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    for field in ["name", "price", "priced_by", "given", "steps", "settle"] {
        assert!(properties.contains_key(field), "{field} is missing in the schema");
    }
    let validator = jsonschema::validator_for(&schema).unwrap();
    for file in gatecrash::scenario::plan::find("scenarios".as_ref()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let json: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        let errors: Vec<_> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", file.display());
    }
    let wrong = serde_json::json!({ "name": "a", "price": 0.02, "given": [], "steps": [{ "drian": "laptop" }] });
    assert!(!validator.is_valid(&wrong), "a misspelt step has to be wrong for editors, too");
}
