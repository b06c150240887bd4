//! Gateways and their adapters: what is known of one stays in its adapter, and each states what it promises.

use std::path::{Path, PathBuf};

use super::{answer, gatecrash};

/// Where a gateway may be named: its adapter; the built-in one, which copies real bugs; and what is about one gateway
/// by its nature (its reports, its releases in a repository).
const OF_A_GATEWAY: [&str; 4] = ["gateway", "builtin", "reproduce", "from_git"];

/// Names, and words from their admin APIs.
const PECULIAR: [&str; 14] = [
    "litellm",
    "any-llm",
    "any_llm",
    "anyllm",
    "mlflow",
    "/key/",
    "/user/info",
    "/team/",
    "/v1/users",
    "/v1/budgets",
    "/v1/pricing",
    "budget_policy",
    "budget_duration_sec",
    "auto_create_key",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.is_dir() {
            true => all.extend(sources(&entry)),
            false if entry.extension().is_some_and(|end| end == "rs") => all.push(entry),
            false => {}
        }
    }
    all
}

/// A line without its comment, and without targets, issues and examples of help, which name a gateway as an example.
fn said(line: &str) -> String {
    let code = match line.trim_start() {
        comment if comment.starts_with("//") => "",
        example if example.contains("after_help") || example.starts_with("curl ") => "",
        code => code.split(" // ").next().unwrap_or_default(),
    };
    let words = code.split([' ', '"', '`', '(']);
    words.filter(|word| !word.contains('@') && !word.contains('#')).collect::<Vec<_>>().join(" ").to_lowercase()
}

#[test]
fn nothing_of_a_gateway_is_known_outside_its_adapter() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for file in sources(&root) {
        let path = file.strip_prefix(&root).unwrap();
        let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
        if OF_A_GATEWAY.contains(&first) {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let own = text.split("#[cfg(test)]").next().unwrap();
        for (line, code) in own.lines().enumerate().map(|(number, line)| (number + 1, said(line))) {
            let words = PECULIAR.iter().filter(|word| code.contains(**word));
            found.extend(words.map(|word| format!("{}:{line}: {word}", path.display())));
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_adapter_of_the_built_in_gateway_keeps_every_promise() {
    let (code, stdout, stderr) = answer(gatecrash(&["adapter-check", "builtin"]));
    assert_eq!(code, 0, "{stdout}{stderr}");
    insta::assert_snapshot!(stdout);
}

#[test]
fn each_gateway_has_a_configuration() {
    for (gateway, part) in [("any-llm", "input_price_per_million"), ("mlflow", "input_per_million_tokens")] {
        let (code, stdout, stderr) = answer(gatecrash(&["config", gateway]));
        assert!(code == 0 && stdout.contains(part), "{stdout}{stderr}");
    }
}

#[test]
fn docker_is_refused_for_a_gateway_without_an_image() {
    let (code, _, stderr) = answer(gatecrash(&["run", "--target", "any-llm@1.14.0", "--launcher", "docker"]));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("it has no image") && stderr.contains("--launcher process"), "{stderr}");
}
