//! The composite action of `.github/actions/gate`, step by step as a runner takes it: bash runs each `run`, with the
//! inputs in its environment, and with the outputs of the steps before. GitHub's runners have bash and jq, too.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::support::not_tested;
use super::{answer, write};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const FAULT: &str = "builtin@fault:unpriced-model-skips-budgets";
const SCENARIO: &str = "scenarios/budget/key-and-user-no-team.yaml";

#[derive(Deserialize)]
struct Action {
    inputs: BTreeMap<String, Input>,
    outputs: BTreeMap<String, Output>,
    runs: Runs,
}

#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    default: String,
}

#[derive(Deserialize)]
struct Output {
    value: String,
}

#[derive(Deserialize)]
struct Runs {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    name: String,
    #[serde(default)]
    id: String,
    #[serde(default, rename = "if")]
    condition: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    run: Option<String>,
    uses: Option<String>,
    #[serde(default)]
    with: BTreeMap<String, String>,
}

/// What came of the action.
#[derive(Default)]
struct Ran {
    /// The exit code of the last step that failed.
    code: i32,
    log: String,
    summary: String,
    outputs: BTreeMap<String, String>,
    /// The files of the artifact, by its name.
    uploaded: Option<(String, Vec<String>)>,
    /// What the first step put on the PATH, and all that it left in the runner's folder.
    installed: Vec<PathBuf>,
    left: Vec<String>,
}

/// What is in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut names: Vec<_> = files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

impl Action {
    fn read() -> Action {
        let text = fs::read_to_string(Path::new(ROOT).join(".github/actions/gate/action.yml")).unwrap();
        serde_saphyr::from_str(&text).unwrap()
    }

    /// Takes all steps, in a folder as the workspace.
    fn run(&self, workspace: &Path, inputs: &[(&str, &str)], env: &[(&str, &str)]) -> Ran {
        let temporary = tempfile::tempdir().unwrap();
        let folder = |name: &str| temporary.path().join(name);
        let mut known = BTreeMap::new();
        for (name, input) in &self.inputs {
            known.insert(format!("inputs.{name}"), input.default.clone());
        }
        for (name, value) in inputs {
            assert!(self.inputs.contains_key(*name), "there is no input {name}");
            known.insert(format!("inputs.{name}"), (*value).to_owned());
        }
        known.insert("github.action_path".to_owned(), format!("{ROOT}/.github/actions/gate"));
        known.insert("github.repository".to_owned(), "somebody/gateways".to_owned());
        let (mut ran, summary, added) = (Ran::default(), folder("summary"), folder("path"));
        fs::write(&added, "").unwrap();
        let of_test = env.iter().find(|(name, _)| *name == "PATH").map_or_else(path, |(_, path)| path.into());
        for step in &self.runs.steps {
            if !holds(&step.condition, &known, ran.code == 0) {
                continue;
            }
            if let Some(script) = &step.run {
                let (script, output) = (write(temporary.path(), "script", script), folder("output"));
                fs::write(&output, "").unwrap();
                let mut bash = Command::new("bash");
                bash.args(["--noprofile", "--norc", "-e", "-o", "pipefail", &script]).current_dir(workspace);
                bash.env("GITHUB_OUTPUT", &output).env("GITHUB_STEP_SUMMARY", &summary).env("GITHUB_PATH", &added);
                bash.env("RUNNER_TEMP", temporary.path()).env_remove("GITHUB_BASE_REF").env_remove("GATECRASH_CONFIG");
                bash.env("XDG_RUNTIME_DIR", folder("nothing-is-up")).envs(env.iter().copied());
                let installed = fs::read_to_string(&added).unwrap();
                let folders = installed.lines().map(PathBuf::from).chain(std::env::split_paths(&of_test));
                bash.env("PATH", std::env::join_paths(folders).unwrap());
                bash.envs(step.env.iter().map(|(name, value)| (name, evaluated(value, &known))));
                let (code, stdout, stderr) = answer(bash);
                if step.name == "Install gatecrash" {
                    ran.installed = fs::read_to_string(&added).unwrap().lines().map(PathBuf::from).collect();
                    ran.left = names(temporary.path());
                }
                ran.log.push_str(&format!("{stdout}{stderr}"));
                ran.code = if code == 0 { ran.code } else { code };
                for (name, value) in
                    fs::read_to_string(&output).unwrap().lines().map(|line| line.split_once('=').unwrap())
                {
                    known.insert(format!("steps.{}.outputs.{name}", step.id), value.to_owned());
                }
            } else {
                let uses = step.uses.as_deref().unwrap_or_default();
                assert!(uses.starts_with("actions/upload-artifact@"), "{}", step.name);
                let with = |name: &str| evaluated(&step.with[name], &known);
                ran.uploaded = Some((with("name"), names(Path::new(&with("path")))));
            }
        }
        ran.summary = fs::read_to_string(&summary).unwrap_or_default();
        let outputs = self.outputs.iter().map(|(name, output)| (name.clone(), evaluated(&output.value, &known)));
        ran.outputs = outputs.collect();
        ran
    }
}

/// The PATH with the binary's folder first.
fn path() -> std::ffi::OsString {
    let own = Path::new(env!("CARGO_BIN_EXE_gatecrash")).parent().map(PathBuf::from);
    let all = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(own.into_iter().chain(std::env::split_paths(&all))).unwrap()
}

/// A text with its `${{ }}` filled in: unknown names are empty, as on GitHub; only names, and `||` between two, are read.
fn evaluated(text: &str, known: &BTreeMap<String, String>) -> String {
    let (mut whole, mut rest) = (String::new(), text);
    while let Some((before, inner)) = rest.split_once("${{") {
        let (name, after) = inner.split_once("}}").unwrap();
        let value = |name: &str| {
            let is_a_name = name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
            assert!(is_a_name, "the tests do not evaluate {name}");
            known.get(name).map_or("", String::as_str)
        };
        whole.push_str(before);
        whole.push_str(name.split("||").map(|name| value(name.trim())).find(|value| !value.is_empty()).unwrap_or(""));
        rest = after;
    }
    whole + rest
}

fn holds(condition: &str, known: &BTreeMap<String, String>, all_went_well: bool) -> bool {
    let holds = |term: &str| match term.strip_suffix(" != ''") {
        Some(name) => known.get(name).is_some_and(|value| !value.is_empty()),
        None => {
            assert_eq!(term, "always()", "the tests do not evaluate {condition}");
            true
        }
    };
    (condition.contains("always()") || all_went_well)
        && condition.split(" && ").filter(|term| !term.is_empty()).all(holds)
}

/// Whether the action can be taken here; says what is missing.
fn has_jq() -> bool {
    let has = Command::new("jq").arg("--version").output().is_ok();
    if !has {
        not_tested("there is no jq here");
    }
    has
}

impl Ran {
    fn output(&self, name: &str) -> &str {
        &self.outputs[name]
    }

    /// Its exit code, in all three places.
    #[track_caller]
    fn is(&self, code: i32, verdict: &str) {
        let outputs = (self.output("exit-code"), self.output("verdict"));
        assert_eq!((self.code, outputs), (code, (code.to_string().as_str(), verdict)), "{}", self.log);
        assert!(self.summary.starts_with(&format!("**{verdict}** (exit code {code}): ")), "{}", self.summary);
    }
}

const REPORT: [&str; 5] = ["junit.xml", "log.txt", "report.html", "report.json", "report.md"];

#[test]
fn a_regression_is_red_after_it_was_told_everywhere() {
    if !has_jq() {
        return;
    }
    let inputs =
        [("baseline", "builtin"), ("candidate", FAULT), ("scenarios", SCENARIO), ("artifact", "gate of a test")];
    let ran = Action::read().run(Path::new(ROOT), &inputs, &[]);
    ran.is(1, "failed");
    let counts =
        ["regressions", "fixed", "still-failing", "changed", "not-comparable", "same"].map(|name| ran.output(name));
    assert_eq!(counts, ["3", "0", "0", "0", "0", "4"], "{}", ran.log);
    assert!(ran.log.contains(&format!("::error file={SCENARIO},line=18,")), "{}", ran.log);
    assert!(ran.summary.contains("budget/key-and-user-no-team/provider"), "{}", ran.summary);
    let files = REPORT.map(str::to_owned).to_vec();
    assert_eq!(ran.uploaded, Some(("gate of a test".to_owned(), files)), "{}", ran.log);
}

#[test]
fn no_regression_is_green() {
    if !has_jq() {
        return;
    }
    let inputs = [
        ("baseline", "builtin"),
        ("candidate", "builtin"),
        ("scenarios", &format!("{SCENARIO}\n\nscenarios/access\n")),
    ];
    let ran = Action::read().run(Path::new(ROOT), &inputs, &[]);
    ran.is(0, "passed");
    assert!(ran.output("regressions") == "0" && !ran.log.contains("::error"), "{}", ran.log);
    assert!(ran.output("same").parse::<usize>().unwrap() > 7, "{}", ran.log);
    assert_eq!(ran.uploaded.unwrap().0, "gatecrash");
}

#[test]
fn wrong_input_is_red_with_what_is_wrong() {
    if !has_jq() {
        return;
    }
    let action = Action::read();
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[("baseline", "builtin"), ("candidate", "builtin@fault:none")], "there is no fault `none`"),
        (&[("candidate", "litellm@1.82.3")], "a comparison has two targets, not 1"),
        (&[("baseline", "builtin"), ("candidate", "builtin"), ("scenarios", "no-such.yaml")], "no-such.yaml"),
        // Nobody named a target, and there is no pull request.
        (&[], "no revision is named"),
        // Inputs are never commands.
        (&[("baseline", "$(touch injected)`touch injected`"), ("candidate", "\"; touch injected; \"@1")], "error"),
    ];
    for (inputs, expected) in cases {
        let ran = action.run(folder.path(), inputs, &[]);
        ran.is(2, "wrong-input");
        assert!(
            ran.log.contains("::error title=gatecrash::The input is wrong") && ran.log.contains(expected),
            "{}",
            ran.log
        );
        assert!(ran.summary.contains(expected), "{}", ran.summary);
        assert_eq!(ran.uploaded.map(|(_, files)| files), Some(vec!["log.txt".to_owned()]), "{}", ran.log);
    }
    assert!(!folder.path().join("injected").exists());
}

#[test]
fn a_broken_environment_is_said_to_be_one() {
    if !has_jq() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens there any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = format!(
        "[limits]\nlaunch = \"1s\"\n[target.gone]\ngateway = \"litellm\"\nurl = \"http://{gone}\"\nadmin_key_env = \
         \"KEY_OF_THE_GONE\"\nupstream = \"127.0.0.1:0\"\n"
    );
    write(folder.path(), "own.toml", settings);
    let inputs = [("baseline", "builtin"), ("candidate", "gone"), ("known-deviations", "own.toml")];
    let ran = Action::read().run(folder.path(), &inputs, &[("KEY_OF_THE_GONE", "sk-gone")]);
    ran.is(3, "environment-broke");
    assert!(ran.summary.contains("says nothing about the new version"), "{}", ran.summary);
    assert!(ran.log.contains("::error ") && ran.uploaded.is_some(), "{}", ran.log);
}

#[test]
fn nothing_that_ran_is_not_green() {
    if !has_jq() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let text = "name: a\nprice: 0.0123456\ngiven:\n  - key: k\nsteps:\n  - chat: k\n";
    let scenario = write(folder.path(), "odd-price.yaml", text);
    let inputs = [("baseline", "builtin"), ("candidate", "builtin"), ("scenarios", scenario.as_str())];
    Action::read().run(folder.path(), &inputs, &[]).is(4, "nothing-run");
}

/// A malicious release never gets as far as being launched, so this needs neither Docker nor the network.
#[test]
fn the_versions_are_those_of_the_pull_request() {
    if !has_jq() {
        return;
    }
    let repository = super::from_git::Repository::of("compromised");
    repository.git(&["update-ref", "refs/remotes/origin/main", "main"]);
    let ran = Action::read().run(repository.path(), &[], &[("GITHUB_BASE_REF", "main")]);
    ran.is(2, "wrong-input");
    assert!(ran.summary.contains("requirements.txt:1  litellm==1.82.3 -> litellm==1.82.7"), "{}", ran.summary);
    assert!(ran.summary.contains("litellm 1.82.7 was published by an attacker"), "{}", ran.summary);
}

#[test]
fn a_configuration_that_the_pull_request_changes_is_gated() {
    if !has_jq() {
        return;
    }
    let repository = super::from_git::Repository::of("config-broken");
    repository.git(&["update-ref", "refs/remotes/origin/main", "main"]);
    let ran = Action::read().run(repository.path(), &[], &[("GITHUB_BASE_REF", "main")]);
    ran.is(2, "wrong-input");
    for said in ["config.yaml of origin/main", "LiteLLM has no provider `nobody-knows-this`", "config.yaml:4:14"] {
        assert!(ran.summary.contains(said), "{said}: {}", ran.summary);
    }
}

#[test]
fn no_input_is_written_into_a_script() {
    for step in Action::read().runs.steps {
        assert!(step.run.is_none_or(|script| !script.contains("${{")), "{}", step.name);
    }
}

/// A folder like one that releases are downloaded from: a version's archive for this machine, and its checksum.
fn releases(folder: &Path, version: &str, program: &str) -> (String, String) {
    let target = format!(
        "{}-{}",
        std::env::consts::ARCH,
        if cfg!(target_os = "macos") { "apple-darwin" } else { "unknown-linux-musl" }
    );
    let name = format!("gatecrash-{version}-{target}");
    let release = folder.join(format!("v{version}"));
    fs::create_dir_all(release.join(&name)).unwrap();
    write(&release.join(&name), "gatecrash", program);
    let pack = format!(
        "chmod +x {name}/gatecrash && tar -czf {name}.tar.gz {name} && (sha256sum {name}.tar.gz || shasum -a 256 {name}.tar.gz)"
    );
    let mut bash = Command::new("bash");
    bash.args(["-c", &pack]).current_dir(&release);
    let (code, stdout, stderr) = answer(bash);
    assert_eq!(code, 0, "{stderr}");
    (format!("file://{}", folder.display()), stdout[..64].to_owned())
}

/// A program that passes its arguments on to the one under test.
fn program() -> String {
    format!("#!/bin/sh\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_gatecrash"))
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// A PATH without gatecrash.
const BARE: (&str, &str) = ("PATH", "/usr/bin:/bin");

/// What the set-up of a gate between two equal targets comes to, with one more input.
fn gate(inputs: &[(&str, &str)], env: &[(&str, &str)]) -> Ran {
    let both = [("baseline", "builtin"), ("candidate", "builtin"), ("scenarios", SCENARIO)];
    Action::read().run(Path::new(ROOT), &[&both, inputs].concat(), env)
}

#[test]
fn a_release_is_installed_by_its_checksum_and_then_compares() {
    if !has_jq() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (from, sha256) = releases(folder.path(), VERSION, &program());
    let ran = gate(&[("version", VERSION), ("sha256", &sha256), ("base-url", &from)], &[BARE]);
    ran.is(0, "passed");
    assert_eq!(ran.installed.len(), 1, "{}", ran.log);
    assert!(ran.log.contains(&format!("gatecrash {VERSION}, in ")), "{}", ran.log);
}

#[test]
fn what_is_not_the_release_is_refused_and_nothing_is_installed() {
    if !has_jq() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (from, sha256) = releases(folder.path(), VERSION, &program());
    let (_, of_another) = releases(folder.path(), "0.0.1", &program());
    let (_, of_no_program) = releases(folder.path(), "0.0.2", "#!/bin/sh\necho something else\n");
    let no_wheel = write(folder.path(), "gatecrash-0.2.0-py3-none-win_amd64.whl", "no wheel");
    // Stands for GitHub: it attests nothing, and says so.
    let tools = folder.path().join("tools");
    fs::create_dir(&tools).unwrap();
    write(&tools, "gh", "#!/bin/sh\necho \"$@\" >&2\necho no attestations found >&2\nexit 1\n");
    write(&tools, "uname", "#!/bin/sh\n[ \"$1\" = -s ] && echo Linux || echo riscv64\n");
    for tool in ["gh", "uname"] {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(tools.join(tool), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let with_tools = format!("{}:/usr/bin:/bin", tools.display());
    let only_gh = folder.path().join("only-gh");
    fs::create_dir(&only_gh).unwrap();
    fs::rename(tools.join("gh"), only_gh.join("gh")).unwrap();
    let with_gh = format!("{}:/usr/bin:/bin", only_gh.display());

    let wrong = "0".repeat(64);
    type Inputs<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Inputs, &str, &str); 10] = [
        (&[("version", VERSION), ("sha256", &wrong)], BARE.1, "and 000"),
        (&[("version", VERSION), ("sha256", &of_another)], BARE.1, "it is not what was released"),
        (&[("version", "0.0.3"), ("sha256", &sha256)], BARE.1, "cannot be downloaded"),
        (&[("version", "../0.2.0"), ("sha256", &sha256)], BARE.1, "is not a version of gatecrash"),
        (&[("version", VERSION), ("sha256", &sha256)], &with_tools, "there is no release for Linux on riscv64"),
        (&[("version", "0.0.1"), ("sha256", &of_another)], BARE.1, "and 0.0.1 was asked for"),
        (&[("version", "0.0.2"), ("sha256", &of_no_program)], BARE.1, "it says something else"),
        (&[("version", "0.0.1")], &with_gh, "no attestations found"),
        (&[("wheel", &no_wheel)], BARE.1, "cannot be installed"),
        (&[("binary", "/no/such/gatecrash")], BARE.1, "there is no file /no/such/gatecrash"),
    ];
    for (inputs, path, expected) in cases {
        let ran = gate(&[inputs, &[("base-url", from.as_str())]].concat(), &[("PATH", path)]);
        assert!(
            ran.code != 0 && ran.log.contains("::error title=gatecrash is not installed::"),
            "{inputs:?}: {}",
            ran.log
        );
        assert!(ran.log.contains(expected), "{inputs:?}: {}", ran.log);
        assert!(ran.installed.is_empty() && ran.output("verdict") == "interrupted", "{inputs:?}: {}", ran.log);
        assert!(!ran.left.iter().any(|name| name.starts_with("gatecrash")), "{inputs:?} left {:?}", ran.left);
    }
}

/// For a release whose checksum nobody wrote down, GitHub is asked which workflow of whose built it, from which tag.
#[test]
fn a_release_that_github_attests_needs_no_checksum() {
    if !has_jq() {
        return;
    }
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (from, _) = releases(folder.path(), VERSION, &program());
    let tools = folder.path().join("tools");
    fs::create_dir(&tools).unwrap();
    let asked = folder.path().join("asked");
    let gh = write(&tools, "gh", format!("#!/bin/sh\necho \"$@\" >'{}'\n", asked.display()));
    fs::set_permissions(gh, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", tools.display());
    let ran = gate(&[("version", VERSION), ("base-url", &from)], &[("PATH", &path)]);
    ran.is(0, "passed");
    let asked = fs::read_to_string(asked).unwrap();
    for expected in [
        "attestation verify ",
        "--repo somebody/gateways ",
        &format!("--source-ref refs/tags/v{VERSION} "),
        "--signer-workflow somebody/gateways/.github/workflows/release.yml",
    ] {
        assert!(asked.contains(expected), "{asked}");
    }
}

#[test]
fn a_program_that_is_there_is_taken() {
    if !has_jq() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let binary = write(folder.path(), "program", program());
    let ran = gate(&[("binary", &binary)], &[BARE]);
    ran.is(0, "passed");
    assert_eq!(ran.installed.len(), 1, "{}", ran.log);
}

/// The checksums in the action's folder are of one release, which is not newer than the sources.
#[test]
fn the_action_is_pinned_to_one_release() {
    let text = fs::read_to_string(Path::new(ROOT).join(".github/actions/gate/release")).unwrap();
    let (version, archives) = text.split_once('\n').unwrap();
    let numbers = |version: &str| -> Vec<u32> { version.split('.').map(|number| number.parse().unwrap()).collect() };
    assert!(numbers(version) <= numbers(VERSION), "{version}");
    for archive in archives.lines() {
        let (sha256, name) = archive.split_once("  ").unwrap();
        assert!(sha256.len() == 64 && sha256.chars().all(|c| c.is_ascii_hexdigit()), "{archive}");
        assert!(name.starts_with(&format!("gatecrash-{version}-")) && name.ends_with(".tar.gz"), "{archive}");
    }
}
