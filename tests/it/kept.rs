//! Targets that are kept between runs: `up`, what uses them, and `down`. On the built-in gateway, which is up in no time.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::support::external::{ADMIN_KEY, External, free_port};
use super::support::not_tested;
use super::support::running::until_ready;
use super::{answer, case, gatecrash, write};

/// Stops the database and starts it again.
const OUTAGE: &str = "scenarios/resilience/database-outage.yaml";

/// A separate place for what is kept, as each user has one. Whatever is up at its end is taken away.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = gatecrash(arguments);
        command.env("XDG_RUNTIME_DIR", self.0.path());
        command
    }

    fn answer(&self, arguments: &[&str]) -> (i32, String, String) {
        answer(self.command(arguments))
    }

    fn up(&self, arguments: &[&str]) {
        let (code, stdout, stderr) = self.answer(&[&["up"], arguments].concat());
        assert_eq!(code, 0, "{stdout}{stderr}");
    }

    /// The pid of a target's keeper, from its record.
    fn pid(&self, target: &str) -> u32 {
        let record = std::fs::read(self.0.path().join("gatecrash/up").join(target).join("record.json")).unwrap();
        serde_json::from_slice::<serde_json::Value>(&record).unwrap()["pid"].as_u64().unwrap().try_into().unwrap()
    }

    fn is_empty(&self) -> bool {
        std::fs::read_dir(self.0.path()).unwrap().next().is_none()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.answer(&["down"]);
    }
}

fn is_there(pid: u32) -> bool {
    Command::new("kill").args(["-0", &pid.to_string()]).stderr(Stdio::null()).status().unwrap().success()
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Where the targets of a run came from, and which of its trials passed.
fn of_json(stdout: &str) -> (serde_json::Value, usize) {
    let report: serde_json::Value = serde_json::from_str(stdout).unwrap();
    let trials = report["trials"].as_array().unwrap();
    let passed = trials.iter().filter(|trial| trial["results"][0]["outcome"]["is"] == "pass").count();
    (report["targets"].clone(), passed)
}

#[test]
fn what_is_up_is_used_until_it_is_down() {
    let place = Place::new();
    place.up(&["builtin"]);
    let (_, listed, _) = place.answer(&["up"]);
    assert!(listed.starts_with("builtin  since "), "{listed}");
    let (_, again, _) = place.answer(&["up", "builtin"]);
    assert!(again.starts_with("builtin was up since "), "{again}");

    let (code, stdout, stderr) = place.answer(&["run", "scenarios/budget/key.yaml", "--format", "json"]);
    let (targets, passed) = of_json(&stdout);
    assert_eq!((code, passed), (0, 7), "{stdout}{stderr}");
    assert_eq!(targets[0]["origin"]["kept"]["pid"], place.pid("builtin"));
    assert!(stderr.contains(&format!("kept by process {}", place.pid("builtin"))), "{stderr}");

    // One that is up, and one that is not.
    let (code, stdout, _) = place.answer(&["compare", "scenarios/budget/key.yaml", "--format", "json"]);
    let (targets, _) = of_json(&stdout);
    assert_eq!((code, &targets[1]["origin"]), (1, &"launched".into()));
    assert_eq!(targets[0]["origin"]["kept"]["pid"], place.pid("builtin"));

    let keeper = place.pid("builtin");
    let (code, stdout, _) = place.answer(&["down"]);
    assert_eq!((code, stdout.as_str()), (0, "builtin is down\n"));
    assert!(place.is_empty());
    until("the keeper is gone", || !is_there(keeper));
    let (code, stdout, stderr) = place.answer(&["down", "builtin"]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "", "builtin is not up\n"));
}

#[test]
fn runs_share_what_is_up_and_take_turns() {
    let place = Place::new();
    place.up(&["builtin"]);
    // Trials that stop the database, and trials that could not bear it.
    let run = || {
        let mut run = place.command(&["run", OUTAGE, "scenarios/budget/key.yaml", "--format", "json"]);
        run.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    };
    for run in [run(), run(), run(), run()] {
        let output = run.wait_with_output().unwrap();
        let (targets, _) = of_json(std::str::from_utf8(&output.stdout).unwrap());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(targets[0]["origin"]["kept"]["pid"], place.pid("builtin"));
    }
}

#[test]
fn a_run_that_is_killed_while_it_is_alone_leaves_nothing_disturbed() {
    let place = Place::new();
    place.up(&["builtin"]);
    let folder = tempfile::tempdir().unwrap();
    let stops = "name: a\nprice: 0.02\nalone: last\npace: 10s\ngiven:\n  - key: k\nsteps:\n  - stop: database\n  \
                 - chat: k\n    times: 100\n    expect: accepted\n";
    let stops = write(folder.path(), "stops.yaml", stops);
    for moment in 0..10 {
        let mut killed = place.command(&["run", &stops]);
        let mut killed = killed.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        until_ready(&mut killed);
        std::thread::sleep(Duration::from_millis(10 * moment));
        killed.kill().unwrap();
        killed.wait().unwrap();
        let (code, stdout, stderr) = place.answer(&["run", &case("good.yaml")]);
        assert_eq!(code, 0, "killed after {moment}0 ms: {stdout}{stderr}");
    }
}

#[test]
fn a_keeper_that_was_killed_is_not_missed() {
    let place = Place::new();
    place.up(&["builtin"]);
    let keeper = place.pid("builtin").to_string();
    assert!(Command::new("kill").args(["-KILL", &keeper]).status().unwrap().success());
    // Its record is still there, and says that it is up.
    until("its lock is free", || place.answer(&["up"]).1.starts_with("nothing is up"));
    let (code, stdout, _) = place.answer(&["run", &case("good.yaml"), "--format", "json"]);
    let (targets, _) = of_json(&stdout);
    assert_eq!((code, &targets[0]["origin"]), (0, &"launched".into()));
    assert!(place.is_empty());
    place.up(&["builtin"]);
    assert_ne!(place.pid("builtin").to_string(), keeper);
}

#[test]
fn what_is_up_with_other_settings_is_not_used_silently() {
    let (place, folder) = (Place::new(), tempfile::tempdir().unwrap());
    let external = External::start(None);
    let on_mine = |command: &str, more: &[&str], settings: &str| {
        let mut command = place.command(&[&[command, "--config", settings], more].concat());
        command.env("ADMIN_KEY_OF_THE_TESTS", ADMIN_KEY);
        answer(command)
    };
    let settings = external.settings(folder.path(), "");
    let (code, _, stderr) = on_mine("up", &["mine"], &settings);
    assert_eq!(code, 0, "{stderr}");
    let run = ["--target", "mine", &case("good.yaml")];
    let (code, stdout, stderr) = on_mine("run", &run, &settings);
    assert_eq!((code, stderr.contains("kept by process")), (0, true), "{stdout}{stderr}");
    // It shows nobody's secrets.
    let record = std::fs::read_to_string(place.0.path().join("gatecrash/up/mine/record.json")).unwrap();
    assert!(!record.contains(ADMIN_KEY), "{record}");

    let elsewhere = SocketAddr::from(([127, 0, 0, 1], free_port())).to_string();
    let elsewhere = std::fs::read_to_string(&settings).unwrap().replace(&external.upstream.to_string(), &elsewhere);
    let elsewhere = write(folder.path(), "elsewhere.toml", elsewhere);
    let (_, _, stderr) = on_mine("run", &run, &elsewhere);
    assert!(stderr.contains("its upstream in harness.toml was another; `gatecrash down mine"), "{stderr}");
    let (code, _, stderr) = on_mine("up", &["mine"], &elsewhere);
    assert_eq!((code, stderr.contains("one is up that is another")), (3, true), "{stderr}");
}

#[test]
fn what_is_up_and_has_died_is_said() {
    let (place, folder) = (Place::new(), tempfile::tempdir().unwrap());
    let mut external = External::start(None);
    let settings = external.settings(folder.path(), "");
    let on_mine = |arguments: &[&str]| {
        let mut command = place.command(&[arguments, &["--config", &settings]].concat());
        command.env("ADMIN_KEY_OF_THE_TESTS", ADMIN_KEY);
        answer(command)
    };
    assert_eq!(on_mine(&["up", "mine"]).0, 0);
    external.kill();
    let (code, stdout, _) = on_mine(&["run", "--target", "mine", &case("good.yaml")]);
    assert_eq!((code, stdout.contains("it was up, but it is gone")), (3, true), "{stdout}");
    assert!(stdout.contains("`gatecrash down mine && gatecrash up mine` launches it anew"), "{stdout}");
}

#[test]
fn what_cannot_be_launched_is_not_up() {
    let place = Place::new();
    let mut command = place.command(&["up", "litellm@1.81.0", "--launcher", "docker"]);
    command.env("DOCKER_HOST", "tcp://127.0.0.1:1");
    let (code, _, stderr) = answer(command);
    assert_eq!((code, stderr.contains("no Docker engine answers")), (3, true), "{stderr}");
    assert!(place.is_empty());
}

#[test]
fn a_folder_that_others_can_read_keeps_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let folder = place.0.path().join("gatecrash");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (code, _, stderr) = place.answer(&["up", "builtin"]);
    assert_eq!((code, stderr.contains("other users can access the folder")), (3, true), "{stderr}");
}

/// The newest of the test programs of `tests/conformance.rs`, which are beside this one.
fn conformance() -> Option<PathBuf> {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let is_one = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_string_lossy();
        name.starts_with("conformance-") && file.extension().is_none()
    };
    files.filter(is_one).max_by_key(|file| file.metadata().unwrap().modified().unwrap())
}

#[test]
fn processes_of_nextest_share_a_target_that_goes_with_it() {
    let Some(conformance) = conformance() else {
        not_tested("tests/conformance.rs was not built, which `cargo test` does");
        return;
    };
    let (place, folder) = (Place::new(), tempfile::tempdir().unwrap());
    let external = External::start(None);
    // The setting has to stand before the first table.
    let settings = std::fs::read_to_string(external.settings(folder.path(), "")).unwrap();
    let scenarios = format!("scenarios = \"{}/scenarios\"\n", env!("CARGO_MANIFEST_DIR"));
    write(folder.path(), "harness.toml", scenarios + &settings);
    // A stand-in for nextest: a process that starts test processes and waits for them. The upstream has one port, so no
    // two of them could have targets of their own.
    let script = "for n in 1 2 3 4; do \"$0\" budget::key:: & pids=\"$pids $!\"; done; \
                  for pid in $pids; do wait $pid || exit 1; done; ls \"$XDG_RUNTIME_DIR/gatecrash\"";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(conformance)
        .current_dir(folder.path())
        .env("XDG_RUNTIME_DIR", place.0.path())
        .env("NEXTEST_RUN_ID", "of-the-tests")
        .env("GATECRASH_BASELINE", "mine")
        .env_remove("GATECRASH_CANDIDATE")
        .env("ADMIN_KEY_OF_THE_TESTS", ADMIN_KEY)
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(stdout.ends_with("nextest-of-the-tests\n"), "{stdout}");
    until("nothing is left", || place.is_empty());
}
