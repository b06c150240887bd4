//! Partitions and their merged reports: together they are the run, to the letter and the exit code.

use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use gatecrash::config::Config;
use gatecrash::host::gate::Gate;
use gatecrash::launch::RunId;
use gatecrash::report::merge::{self, PartReport};
use gatecrash::report::{Judged, Record, Report, json, terminal};
use gatecrash::run::session::{Event, Plan, execute};
use gatecrash::scenario::plan::plan;
use gatecrash::target::{Compromised, Target};
use gatecrash::verdict::fail_on::FailOn;

use super::support::external::{ADMIN_KEY, External};
use super::{answer, case, gatecrash, write};

/// The reports of a run in this many partitions, as files.
fn parts(folder: &Path, of: usize, run: &[&str]) -> Vec<(i32, String)> {
    let part = |number: usize| {
        let partition = format!("{number}/{of}");
        let (code, stdout, stderr) =
            answer(gatecrash(&[run, &["--format", "json", "--quiet", "--partition", &partition]].concat()));
        assert!(!stdout.is_empty(), "{stderr}");
        (code, write(folder, &format!("part-{number}.json"), stdout))
    };
    (1..=of).map(part).collect()
}

fn merged(files: &[&str], more: &[&str]) -> (i32, String, String) {
    answer(gatecrash(&[&["merge"], files, more].concat()))
}

/// The seconds at the end of the answer differ from run to run.
fn without_seconds(text: &str) -> String {
    text.rsplit_once(" (").map_or(text, |(text, _)| text).to_owned()
}

#[test]
fn the_parts_of_a_comparison_are_the_comparison() {
    let folder = tempfile::tempdir().unwrap();
    let run = ["compare", "scenarios/budget/key.yaml", "scenarios/budget/user.yaml"];
    let (whole_code, whole, _) = answer(gatecrash(&run));
    let parts = parts(folder.path(), 3, &run);
    let files: Vec<&str> = parts.iter().rev().map(|(_, file)| file.as_str()).collect();
    let (code, text, stderr) = merged(&files, &[]);
    assert_eq!((code, without_seconds(&text)), (whole_code, without_seconds(&whole)), "{stderr}");
    let trials = |file: &str| {
        let report: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        report["trials"].as_array().unwrap().len()
    };
    assert_eq!(parts.iter().map(|(_, file)| trials(file)).collect::<Vec<_>>(), [5, 5, 4]);
    // In JSON it is a report again, and of the whole run.
    let again = write(folder.path(), "whole.json", merged(&files, &["--format", "json"]).1);
    assert_eq!(merged(&[&again], &[]).1, text);
}

/// One run in both formats: two runs of crowds never say quite the same.
#[test]
fn a_report_alone_is_shown_as_the_run_itself_showed_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = Config::read(Some(&root.join("harness.toml"))).unwrap();
    let target = |name: &String| Target::parse(name, &config, Compromised::Refuse).unwrap();
    let targets = [&config.compare.baseline, &config.compare.candidate].map(target).to_vec();
    let trials = plan(&[root.join("scenarios/budget"), root.join("scenarios/access")]).unwrap();
    let trials: Vec<_> = trials.into_iter().filter(|trial| !trial.has_tag("slow")).collect();
    let names: Vec<_> = trials.iter().map(|trial| trial.id.clone()).collect();
    let plan = Plan {
        targets,
        trials,
        pairs: true,
        limits: config.limits,
        retries: 0,
        known: config.known_deviations.clone(),
        from: None,
    };
    let (began, record) = (Instant::now(), Mutex::new(Record::default()));
    let tell = |event: Event| record.lock().unwrap().add(&event);
    tokio::runtime::Runtime::new().unwrap().block_on(execute(&plan, &RunId::new(), &Gate::default(), &tell));
    let (fail_on, corpus, selected) = (&FailOn::default(), names.as_slice(), names.as_slice());
    let judged = Judged {
        plan: &plan,
        fail_on,
        corpus,
        partition: None,
        selected,
        began,
        today: jiff::ZonedDateTime::now().date(),
        interrupted: false,
        left_behind: None,
    };
    let report = Report::of(record.into_inner().unwrap(), &judged);
    let read = json::read(&json::render(&report)).unwrap();
    let merged = merge::merge(&[PartReport { name: "one.json".to_owned(), report: read }]).unwrap();
    let shown = |report: &Report| terminal::render(report, terminal::Detail::All);
    assert_eq!(shown(&merged), shown(&report));
    assert_eq!(json::render(&merged), json::render(&report));
    assert_eq!((merged.exit().code(), shown(&merged).matches("REGRESSION").count() > 10), (1, true));
}

#[test]
fn more_partitions_than_trials_are_not_red_and_a_run_of_nothing_is() {
    let folder = tempfile::tempdir().unwrap();
    let parts = parts(folder.path(), 2, &["run", &case("good.yaml")]);
    assert_eq!((parts[0].0, parts[1].0), (0, 0));
    let (code, text, _) = answer(gatecrash(&["run", &case("good.yaml"), "--partition", "2/2"]));
    assert_eq!(
        (code, without_seconds(&text)),
        (0, "\nbuiltin: partition 2/2: nothing to do: the one selected trial is in another partition".to_owned())
    );
    let (code, text, _) = merged(&[&parts[0].1, &parts[1].1], &[]);
    assert_eq!((code, text.contains("builtin: 1 passed")), (0, true), "{text}");
    let nothing = ["run", "--filter", "no-such-trial"];
    let nothing: Vec<String> = self::parts(folder.path(), 2, &nothing)
        .into_iter()
        .map(|(code, file)| {
            assert_eq!(code, 4);
            file
        })
        .collect();
    assert_eq!(merged(&[&nothing[0], &nothing[1]], &[]).0, 4);
}

#[test]
fn what_does_not_belong_together_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let report = |name: &str, arguments: &[&str]| {
        let run = [&["run", "--format", "json", "--quiet", "scenarios/access/blocked-key.yaml"], arguments];
        write(folder.path(), name, answer(gatecrash(&run.concat())).1)
    };
    let altered = |name: &str, file: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        write(folder.path(), name, text.replace(from, to))
    };
    let good = case("good.yaml");
    let one = report("one.json", &["--partition", "1/3", &good]);
    let two = report("two.json", &["--partition", "2/3", &good]);
    let whole = report("whole.json", &[&good]);
    let failed = report("failed.json", &[&good, "--target", "builtin@fault:budget-refused-with-400"]);
    let failed = altered("other.json", &failed, "builtin@fault:budget-refused-with-400", "builtin");
    let cases: Vec<(Vec<&str>, &[&str])> = vec![
        (vec![&one], &["partitions 2/3, 3/3 are missing"]),
        (vec![&one, &two], &["partition 3/3 is missing"]),
        (vec![&one, &one], &["are both partition 1/3"]),
        (vec![&one, &whole], &["parts of different sizes: 1/3, and the whole run"]),
        (vec![&whole, &failed], &["good is in ", "with different results"]),
    ];
    for (files, expected) in cases {
        let (code, stdout, stderr) = merged(&files, &[]);
        assert_eq!((code, stdout.as_str()), (2, ""), "{files:?} {stderr}");
        assert!(expected.iter().all(|part| stderr.contains(part)), "{files:?}: {stderr}");
    }
    let version = format!("\"gatecrash\": \"{}\"", env!("CARGO_PKG_VERSION"));
    for (from, to, expected) in [
        ("\"name\": \"builtin\"", "\"name\": \"litellm@1.2.3\"", "they ran on builtin, and litellm@1.2.3"),
        ("\"version\": null", "\"version\": \"1\"", ""),
        (&version, "\"gatecrash\": \"0.0.1\"", "they were made by gatecrash"),
        ("\"compares\": false", "\"compares\": true", "they are a run, and a comparison"),
        ("\"corpus\": [", "\"corpus\": [\"more\",", "more is in the corpus of one of them only"),
        ("\"format\": 7", "\"format\": 1", "it is a report in format 1"),
        ("\"format\": 7", "\"formal\": 3", "it is not a report of gatecrash: missing field `format`"),
        ("\"interrupted\": false", "\"interrupted\": false, \"new\": 1", "unknown field `new`"),
    ] {
        let other = altered("altered.json", &whole, from, to);
        let (code, stdout, stderr) = merged(&[&whole, &other], &[]);
        match expected {
            "" => assert_eq!(code, 0, "{stderr}"),
            _ => assert_eq!((code, stdout.as_str(), stderr.contains(expected)), (2, "", true), "{expected}: {stderr}"),
        }
    }
    // The same file given twice adds nothing.
    assert_eq!(merged(&[&whole, &whole], &[]), merged(&[&whole], &[]));
    let (code, _, stderr) = answer(gatecrash(&["run", "--partition", "5/4"]));
    assert_eq!((code, stderr.contains("such as 1/4 or 4/4")), (2, true), "{stderr}");
}

#[test]
fn a_part_is_numbered_by_the_system_that_runs_it() {
    let good = case("good.yaml");
    let auto = |argument: &str, set: &[(&str, &str)]| {
        let mut command = gatecrash(&["run", &good, "--quiet", "--format", "json", "--partition", argument]);
        for name in ["CI_NODE_INDEX", "CIRCLE_NODE_INDEX", "BUILDKITE_PARALLEL_JOB", "JOB_COMPLETION_INDEX"] {
            command.env_remove(name);
        }
        for name in ["CI_NODE_TOTAL", "CIRCLE_NODE_TOTAL", "BUILDKITE_PARALLEL_JOB_COUNT"] {
            command.env_remove(name);
        }
        command.envs(set.iter().copied());
        answer(command)
    };
    let gitlab = auto("auto", &[("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "2")]);
    let kubernetes = auto("auto/2", &[("JOB_COMPLETION_INDEX", "1")]);
    for (code, stdout, stderr) in [gitlab, kubernetes] {
        assert!(code == 0 && stdout.contains("\"partition\": \"2/2\""), "{code}: {stdout}{stderr}");
    }
    let nobody = auto("auto", &[]);
    let of_no_number = auto("auto", &[("CI_NODE_INDEX", "second"), ("CI_NODE_TOTAL", "2")]);
    for ((code, stdout, stderr), expected) in
        [(nobody, "nothing says which part this is"), (of_no_number, "CI_NODE_INDEX is `second`")]
    {
        assert!(code == 2 && stdout.is_empty() && stderr.contains(expected), "{code}: {stdout}{stderr}");
    }
}

/// What a part cannot know: the scenario of the deviation ran, or did not run, on another machine.
#[test]
fn known_deviations_are_judged_over_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = folder.path().join("scenarios");
    std::fs::create_dir(&corpus).unwrap();
    for name in ["a.yaml", "b.yaml"] {
        write(&corpus, name, std::fs::read(case("good.yaml")).unwrap());
    }
    let external = External::start(None);
    let deviation = "[[known_deviation]]\ngateway = \"litellm\"\nversions = \">=1\"\nscenario = \"*\"\n\
                     finding = \"wrong refusal\"\nreason = \"a reason\"\nissue = \"an issue\"\n";
    let settings = external.settings(folder.path(), deviation);
    let settings = write(
        folder.path(),
        "harness.toml",
        format!("scenarios = {:?}\n{}", corpus.display().to_string(), std::fs::read_to_string(settings).unwrap()),
    );
    let part = |partition: &str| {
        let arguments =
            ["run", "--target", "mine", "--config", &settings, "--format", "json", "--partition", partition];
        let mut command = gatecrash(&arguments);
        command.env("ADMIN_KEY_OF_THE_TESTS", ADMIN_KEY);
        let (code, stdout, stderr) = answer(command);
        assert_eq!((code, stdout.contains("\"is\": \"not_tried\"")), (0, true), "{stdout}{stderr}");
        write(folder.path(), &format!("{}.json", &partition[..1]), stdout)
    };
    let (code, text, _) = merged(&[&part("1/2"), &part("2/2")], &[]);
    assert_eq!((code, text.contains("STALE")), (1, true), "{text}");
}
