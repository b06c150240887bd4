//! docs/examples, and what else people copy into their own repositories: each file is read as its system reads it, and
//! its commands run on the built-in gateway. A few scenarios stand for the corpus; what the systems do is done here.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::support::{in_peace, not_tested};
use super::{answer, write};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// What stands for the two real versions here; the second regresses.
const ON_BUILTIN: [(&str, &str); 3] = [
    ("litellm@1.81.0", "builtin"),
    ("litellm@1.82.3", "builtin@fault:unpriced-model-skips-budgets"),
    ("--launcher process", ""),
];

fn text(file: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(file)).unwrap()
}

/// A folder with scenarios, and with programs that stand for what is not here.
fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["budget/key-and-user-no-team.yaml", "access/blocked-key.yaml"] {
        let copy = folder.path().join("scenarios").join(name);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(Path::new(ROOT).join("scenarios").join(name), copy).unwrap();
    }
    let tools = folder.path().join("tools");
    fs::create_dir(&tools).unwrap();
    symlink(env!("CARGO_BIN_EXE_gatecrash"), tools.join("gatecrash")).unwrap();
    tool(&tools, "pipx", &format!("[ \"$1 $2\" = 'install gatecrash=={}' ]", env!("CARGO_PKG_VERSION")));
    folder
}

fn tool(folder: &Path, name: &str, script: &str) {
    let path = write(folder, name, format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs a script of an example on the built-in gateway.
fn run(shell: &[&str], script: &str, workspace: &Path, env: &[(&str, &str)]) -> (i32, String, String) {
    let script = ON_BUILTIN.iter().fold(script.to_owned(), |script, (real, own)| script.replace(real, own));
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).arg(script).current_dir(workspace);
    in_peace(&mut command);
    for name in
        ["CI_NODE_INDEX", "CI_NODE_TOTAL", "CIRCLE_NODE_TOTAL", "BUILDKITE_PARALLEL_JOB", "JOB_COMPLETION_INDEX"]
    {
        command.env_remove(name);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = [workspace.join("tools")].into_iter().chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(path).unwrap()).envs(env.iter().copied());
    answer(command)
}

/// What the parts came to as a whole: the regression, and the exit code of one.
#[track_caller]
fn is_judged_as_one((code, stdout, stderr): (i32, String, String)) {
    assert!(code == 1 && stdout.contains("3 regressions"), "{code}: {stdout}{stderr}");
}

#[derive(Deserialize)]
struct GitHub {
    jobs: BTreeMap<String, GitHubJob>,
}

#[derive(Deserialize)]
struct GitHubJob {
    strategy: Option<Strategy>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    steps: Vec<GitHubStep>,
}

#[derive(Deserialize)]
struct Strategy {
    matrix: BTreeMap<String, Vec<u16>>,
}

#[derive(Deserialize)]
struct GitHubStep {
    run: Option<String>,
}

#[test]
fn the_matrix_on_github_is_judged_as_one_run() {
    let workflow: GitHub = serde_saphyr::from_str(&text("docs/examples/github-matrix.yml")).unwrap();
    let folder = workspace();
    let steps = |job: &GitHubJob, env: &[(&str, &str)]| {
        let mut answer = (0, String::new(), String::new());
        for script in job.steps.iter().filter_map(|step| step.run.as_deref()) {
            assert_eq!(answer.0, 0, "{}{}", answer.1, answer.2);
            answer = run(&["bash", "-e", "-c"], script, folder.path(), env);
        }
        answer
    };
    let part = &workflow.jobs["part"];
    assert_eq!(part.env["PART"], "${{ matrix.part }}");
    for number in &part.strategy.as_ref().unwrap().matrix["part"] {
        let (code, stdout, stderr) = steps(part, &[("PART", &number.to_string())]);
        assert_eq!(code, 0, "{stdout}{stderr}");
    }
    is_judged_as_one(steps(&workflow.jobs["gate"], &[]));
}

#[derive(Deserialize)]
struct GitLab {
    part: GitLabJob,
    gate: GitLabJob,
}

#[derive(Deserialize)]
struct GitLabJob {
    parallel: Option<u16>,
    script: Vec<String>,
}

#[test]
fn parallel_jobs_on_gitlab_are_judged_as_one_run() {
    let pipeline: GitLab = serde_saphyr::from_str(&text("docs/examples/gitlab-parallel.yml")).unwrap();
    let folder = workspace();
    let total = pipeline.part.parallel.unwrap();
    for number in 1..=total {
        let env = [("CI_NODE_INDEX", number.to_string()), ("CI_NODE_TOTAL", total.to_string())];
        let env = env.each_ref().map(|(name, value)| (*name, value.as_str()));
        let (code, stdout, stderr) = run(&["sh", "-e", "-c"], &pipeline.part.script.join("\n"), folder.path(), &env);
        assert_eq!(code, 0, "{stdout}{stderr}");
    }
    is_judged_as_one(run(&["sh", "-e", "-c"], &pipeline.gate.script.join("\n"), folder.path(), &[]));
    assert!(folder.path().join("junit.xml").exists());
}

#[derive(Deserialize)]
struct Kubernetes {
    spec: JobSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobSpec {
    #[serde(default)]
    completion_mode: String,
    completions: Option<u16>,
    template: Pod,
}

#[derive(Deserialize)]
struct Pod {
    spec: PodSpec,
}

#[derive(Deserialize)]
struct PodSpec {
    containers: Vec<Container>,
}

#[derive(Deserialize)]
struct Container {
    command: Vec<String>,
    args: Vec<String>,
}

#[test]
fn an_indexed_job_on_kubernetes_is_judged_as_one_run() {
    let manifest = text("docs/examples/kubernetes-indexed-job.yml");
    let jobs: Vec<Kubernetes> =
        manifest.split("\n---\n").map(|document| serde_saphyr::from_str(document).unwrap()).collect();
    let [parts, gate] = &jobs[..] else { panic!("there are {} jobs", jobs.len()) };
    let folder = workspace();
    let reports = folder.path().join("reports");
    fs::create_dir(&reports).unwrap();
    let start = |job: &Kubernetes, index: &str| {
        let [container] = &job.spec.template.spec.containers[..] else { panic!("one container") };
        let command: Vec<&str> = container.command.iter().map(String::as_str).collect();
        let [script] = &container.args[..] else { panic!("one script") };
        let env = [("REPORTS", reports.to_str().unwrap()), ("JOB_COMPLETION_INDEX", index)];
        run(&command, script, folder.path(), &env)
    };
    assert_eq!(parts.spec.completion_mode, "Indexed");
    for index in 0..parts.spec.completions.unwrap() {
        let (code, stdout, stderr) = start(parts, &index.to_string());
        assert_eq!(code, 0, "{stdout}{stderr}");
    }
    is_judged_as_one(start(gate, "0"));
}

#[test]
fn engines_on_other_machines_are_judged_as_one_run() {
    let folder = workspace();
    // Stands for Docker: an engine for each name, whose containers run here.
    let docker = format!(
        "case \"$*\" in\n  *--entrypoint*) echo 998 ;;\n  *\"--group-add 998\"*) echo \"$DOCKER_HOST\" >>engines\n    while [ \
         \"${{1#ghcr.io/OWNER/gatecrash:{}}}\" = \"$1\" ]; do shift; done\n    shift; exec gatecrash \"$@\" ;;\n  *) exit 125 \
         ;;\nesac",
        env!("CARGO_PKG_VERSION")
    );
    tool(&folder.path().join("tools"), "docker", &docker);
    let script = format!("set -- ssh://one ssh://two\n{}", text("docs/examples/remote-engines.sh"));
    is_judged_as_one(run(&["bash", "-c"], &script, folder.path(), &[]));
    let mut engines: Vec<_> =
        fs::read_to_string(folder.path().join("engines")).unwrap().lines().map(str::to_owned).collect();
    engines.sort();
    assert_eq!(engines, ["ssh://one", "ssh://two"]);
}

#[derive(Deserialize)]
struct Hook {
    entry: String,
    files: String,
}

#[derive(Deserialize)]
struct PreCommit {
    repos: Vec<Repo>,
}

#[derive(Deserialize)]
struct Repo {
    hooks: Vec<Hook>,
}

/// Both ways to have the hook: from a wheel, and from the gatecrash that is installed.
#[test]
fn the_hook_reads_scenarios_and_nothing_else() {
    let folder = workspace();
    let config: PreCommit = serde_saphyr::from_str(&text("docs/examples/pre-commit-config.yaml")).unwrap();
    let mut hooks: Vec<Hook> = serde_saphyr::from_str(&text(".pre-commit-hooks.yaml")).unwrap();
    hooks.extend(config.repos.into_iter().flat_map(|repo| repo.hooks));
    assert_eq!(hooks.len(), 2);
    write(&folder.path().join("scenarios"), "bad.yml", "name: a\nprise: 0.02\n");
    for Hook { entry, files } in hooks {
        // grep knows the same expressions, as far as this one goes.
        let matching = "printf '%s\\n' scenarios/bad.yml deploy/scenarios/a/b.yaml scenarios/README.md compose.yaml | grep -E \"$0\"";
        let (_, matched, _) = run(&["bash", "-c", matching], &files, folder.path(), &[]);
        assert_eq!(matched, "scenarios/bad.yml\ndeploy/scenarios/a/b.yaml\n");
        let good = format!("{entry} scenarios/access/blocked-key.yaml scenarios/budget/key-and-user-no-team.yaml");
        assert_eq!(run(&["sh", "-c"], &good, folder.path(), &[]).0, 0);
        let (code, _, stderr) = run(&["sh", "-c"], &format!("{entry} scenarios/bad.yml"), folder.path(), &[]);
        assert!(code == 2 && stderr.contains("prise"), "{stderr}");
    }
}

#[test]
fn each_example_stands_in_the_docs_as_it_is() {
    let pages = text("docs/scale.md") + &text("docs/gate.md");
    let mut examples = 0;
    for entry in fs::read_dir(Path::new(ROOT).join("docs/examples")).unwrap() {
        let path = entry.unwrap().path();
        let block = format!("\n{}```\n", fs::read_to_string(&path).unwrap());
        assert!(pages.contains(&block), "{} differs from what the docs say", path.display());
        examples += 1;
    }
    assert_eq!(examples, 5);
}

/// The component of `ci/gitlab.yml`: its inputs, and the job with them in their places.
struct Component {
    defaults: BTreeMap<String, String>,
    job: String,
}

#[derive(Deserialize)]
struct Head {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    inputs: BTreeMap<String, Input>,
}

#[derive(Deserialize)]
struct Input {
    default: String,
}

#[derive(Deserialize)]
struct ComponentJob {
    variables: BTreeMap<String, String>,
    script: Vec<String>,
}

impl Component {
    fn read() -> Component {
        let text = text("ci/gitlab.yml");
        let (head, job) = text.split_once("\n---\n").unwrap();
        let head: Head = serde_saphyr::from_str(head).unwrap();
        let defaults = head.spec.inputs.into_iter().map(|(name, input)| (name, input.default)).collect();
        Component { defaults, job: job.to_owned() }
    }

    /// Its only job, named as the inputs say.
    fn job(&self, inputs: &[(&str, &str)]) -> ComponentJob {
        let mut values = self.defaults.clone();
        for (name, value) in inputs {
            assert!(values.insert((*name).to_owned(), (*value).to_owned()).is_some(), "there is no input {name}");
        }
        let job = values
            .iter()
            .fold(self.job.clone(), |job, (name, value)| job.replace(&format!("$[[ inputs.{name} ]]"), value));
        assert!(!job.contains("$[["), "{job}");
        let jobs: BTreeMap<String, ComponentJob> = serde_saphyr::from_str(&job).unwrap();
        jobs.into_values().next().unwrap()
    }

    fn run(&self, workspace: &Path, inputs: &[(&str, &str)], env: &[(&str, &str)]) -> (i32, String, String) {
        let job = self.job(inputs);
        let variables = job.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let env: Vec<_> = env.iter().copied().chain(variables).collect();
        run(&["sh", "-c"], &job.script.join("\n"), workspace, &env)
    }
}

const FAULT: &str = "builtin@fault:unpriced-model-skips-budgets";

#[test]
fn the_component_for_gitlab_is_red_on_a_regression_and_green_otherwise() {
    let (component, folder) = (Component::read(), workspace());
    let (code, stdout, stderr) =
        component.run(folder.path(), &[("baseline", "builtin"), ("candidate", FAULT), ("scenarios", "scenarios")], &[]);
    assert!(code == 1 && stdout.contains("3 regressions"), "{code}: {stdout}{stderr}");
    for report in ["report.html", "report.json", "junit.xml"] {
        assert!(folder.path().join(report).exists(), "{report}");
    }
    let inputs =
        [("baseline", "builtin"), ("candidate", "builtin"), ("scenarios", "scenarios/access scenarios/budget")];
    let (code, stdout, stderr) = component.run(folder.path(), &inputs, &[]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    let only_bypasses = [("baseline", "builtin"), ("candidate", FAULT), ("fail-on", "leak")];
    assert_eq!(component.run(folder.path(), &only_bypasses, &[]).0, 0);
}

#[test]
fn the_component_compares_what_it_was_told_or_nothing() {
    let (component, folder) = (Component::read(), workspace());
    // There is no merge request, and nobody named a target.
    let (code, _, stderr) = component.run(folder.path(), &[], &[("CI_MERGE_REQUEST_DIFF_BASE_SHA", "")]);
    assert!(code == 2 && stderr.contains("no revision is named"), "{code}: {stderr}");
    // Inputs are never commands.
    let hostile = [("baseline", "$(touch injected)`touch injected`"), ("scenarios", "'; touch injected; '")];
    assert_eq!(component.run(folder.path(), &hostile, &[]).0, 2);
    assert!(!folder.path().join("injected").exists());
    let script = &component.job[component.job.find("  script:").unwrap()..];
    assert!(!script.contains("$[["), "{script}");
}

#[test]
fn the_component_installs_an_archive_only_by_its_checksum() {
    if !Command::new("sha256sum").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return not_tested("there is no sha256sum of GNU here, as in the image that the job runs in");
    }
    let (component, folder) = (Component::read(), workspace());
    let release = folder.path().join("release");
    let name = "gatecrash-9.9.9-x86_64-unknown-linux-musl";
    fs::create_dir_all(release.join(name)).unwrap();
    let program = format!("echo of the archive >&2\nexec {} \"$@\"", env!("CARGO_BIN_EXE_gatecrash"));
    tool(&release.join(name), "gatecrash", &program);
    let pack = format!("cd release && tar -czf a.tar.gz {name} && sha256sum a.tar.gz");
    let (_, stdout, stderr) = run(&["sh", "-c"], &pack, folder.path(), &[]);
    assert!(stdout.len() > 64, "{stderr}");
    let archive = format!("file://{}/a.tar.gz", release.display());
    let gate = |archive: &str, sha256: &str| {
        let both = [("baseline", "builtin"), ("candidate", "builtin"), ("scenarios", "scenarios/access")];
        component.run(folder.path(), &[&both[..], &[("archive", archive), ("sha256", sha256)]].concat(), &[])
    };
    let (code, _, stderr) = gate(&archive, &stdout[..64]);
    assert!(code == 0 && stderr.contains("of the archive\n"), "{code}: {stderr}");
    for (archive, sha256, expected) in [
        (archive.as_str(), "0".repeat(64), "nothing was installed"),
        (archive.as_str(), String::new(), "nothing was installed"),
        ("file:///no/such/archive", stdout[..64].to_owned(), "curl: "),
    ] {
        let (code, _, stderr) = gate(archive, &sha256);
        assert!(code != 0 && stderr.contains(expected) && !stderr.contains("of the archive\n"), "{code}: {stderr}");
    }
}
