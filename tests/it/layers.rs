//! Which room of `src` may import which: the house as a table. A room imports only what stands above it here, so there
//! is no circle among rooms, nor among files of different rooms.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A room, and the rooms that it may import.
const ROOMS: &[(&str, &str)] = &[
    // Facts: what is said, what is hidden, what came of it.
    ("secret", ""),
    ("scenario", ""),
    ("outcome", "scenario"),
    // This process.
    ("host", "secret"),
    // The provider and the gateways.
    ("upstream", "scenario"),
    ("gateway", "secret scenario outcome upstream"),
    ("builtin", "secret scenario outcome"),
    ("versions", "scenario gateway"),
    // What is meant by a name.
    ("config", "secret scenario outcome gateway"),
    ("target", "scenario gateway builtin config"),
    // The corridor: launch, run, judge, report.
    ("verdict", "scenario outcome upstream config target"),
    ("launch", "secret scenario outcome host upstream gateway builtin config target"),
    ("run", "secret scenario outcome host upstream gateway config target verdict launch"),
    ("report", "secret scenario outcome host upstream gateway target verdict launch run"),
    // Verbs.
    ("from_git", "gateway"),
    ("reproduce", "secret scenario host gateway"),
    ("bisect", "secret scenario outcome host versions config target verdict launch run report"),
    ("matrix", "secret scenario outcome host versions config target launch run report"),
    ("minimize", "scenario outcome host config target verdict launch run report"),
    ("audit", "scenario outcome host gateway config target verdict launch run report"),
    ("faults", "scenario outcome host builtin config target launch run"),
    ("adapter_check", "scenario outcome host gateway config target launch run"),
    ("doctor", "host target launch"),
    ("standby", "host config target launch report"),
    ("compare", "scenario host config target verdict launch run report from_git"),
    // The ways in.
    ("conformance", "secret scenario outcome host config target verdict launch run report"),
    (
        "commands",
        "scenario host gateway builtin config target verdict launch run report reproduce bisect matrix minimize \
         audit faults adapter_check doctor standby compare",
    ),
    ("main", "commands"),
];

/// A place that names another room.
#[derive(Debug)]
struct Import {
    file: PathBuf,
    line: usize,
    text: String,
    from: String,
    to: String,
}

#[test]
fn a_room_imports_only_what_the_table_allows() {
    let mut wrong = String::new();
    let imports = imports(Path::new("src"));
    assert!(imports.len() > 200, "only {} imports were found", imports.len());
    for Import { file, line, text, from, to } in imports {
        let Some((row, (_, allowed))) = ROOMS.iter().enumerate().find(|(_, (room, _))| **room == from) else {
            let _ = writeln!(wrong, "{}: the room `{from}` is not in the table", file.display());
            continue;
        };
        if !allowed.split(' ').any(|room| room == to) {
            let (number, row) = of_table(row);
            let _ = writeln!(wrong, "{}:{line}: {text}\ntests/it/layers.rs:{number}: {row}\n", file.display());
        }
    }
    assert!(wrong.is_empty(), "imports that the table forbids:\n{wrong}");
}

#[test]
fn each_room_stands_below_those_it_may_import() {
    for (row, (room, allowed)) in ROOMS.iter().enumerate() {
        for other in allowed.split(' ').filter(|other| !other.is_empty()) {
            let above = ROOMS[..row].iter().any(|(above, _)| *above == other);
            assert!(above, "`{other}` does not stand above `{room}`");
        }
        let [file, folder] = [format!("src/{room}.rs"), format!("src/{room}")];
        assert!(Path::new(&file).exists() || Path::new(&folder).is_dir(), "there is no room `{room}`");
    }
}

/// The line of this file that says what a room may import, and its number.
fn of_table(row: usize) -> (usize, &'static str) {
    let lines = include_str!("layers.rs").lines().zip(1..);
    let room = |line: &str| line.trim_start().starts_with(&format!("(\"{}\",", ROOMS[row].0));
    let alone = |line: &str| line.trim() == format!("\"{}\",", ROOMS[row].0);
    let found = lines.map(|(line, number)| (number, line.trim())).find(|(_, line)| room(line) || alone(line));
    found.unwrap_or_default()
}

/// All places in a folder where a file names another room of the crate.
fn imports(folder: &Path) -> Vec<Import> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(imports(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && path != Path::new("src/lib.rs") {
            let from = path.strip_prefix("src").unwrap().components().next().unwrap();
            let from = from.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
            all.extend(of_file(&path, &from));
        }
    }
    all
}

fn of_file(path: &Path, from: &str) -> Vec<Import> {
    let text = std::fs::read_to_string(path).unwrap();
    // What a comment names is not an import.
    let code: String = text.lines().map(|line| format!("{}\n", line.split("//").next().unwrap_or_default())).collect();
    let mut all = Vec::new();
    for root in ["crate::", "gatecrash::"] {
        for (at, _) in code.match_indices(root) {
            let line = code[..at].matches('\n').count() + 1;
            let shown = text.lines().nth(line - 1).unwrap_or_default().trim();
            for to in named(&code[at + root.len()..]).into_iter().filter(|to| to != from) {
                let (file, text, from) = (path.to_owned(), shown.to_owned(), from.to_owned());
                all.push(Import { file, line, text, from, to });
            }
        }
    }
    all
}

/// The rooms that a path names, or a list of paths in braces.
fn named(path: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(list) = path.strip_prefix('{') else { return vec![word(path)] };
    let (mut depth, mut begins, mut all) = (1, true, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => begins = true,
            c if begins && c.is_alphanumeric() => {
                all.push(word(&list[at..]));
                begins = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    all
}

#[test]
fn lists_in_braces_are_read_too() {
    assert_eq!(named("run::{a, b};"), ["run"]);
    assert_eq!(named("{run::{a, b}, report::Report};"), ["run", "report"]);
}
