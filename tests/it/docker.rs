//! The docker launcher, where there is an engine with the images: what a gateway in it can reach, and what it is told.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use super::support::engine::{IMAGE, TARGET, docker, turn};
use super::{answer, gatecrash, write};

/// The gateway with this in its environment, once it runs.
fn gateway_with(variable: &str, limit: Duration) -> String {
    let began = Instant::now();
    loop {
        for id in docker(&["ps", "--quiet", "--filter", "label=dev.gatecrash.run"]).lines() {
            let env = docker(&["inspect", "--format", "{{range .Config.Env}}{{println .}}{{end}}", id]);
            if env.lines().any(|line| line == variable) {
                return id.to_owned();
            }
        }
        assert!(began.elapsed() < limit, "there is no gateway after {limit:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What became of a connection from inside a container.
fn connection(container: &str, host: &str, port: &str) -> String {
    let script = "import errno, socket, sys\n\
                  try:\n    socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).close(); print('connected')\n\
                  except OSError as e:\n    print(errno.errorcode.get(e.errno, str(e)))";
    let became = docker(&["exec", container, "python", "-c", script, host, port]);
    assert_ne!(became, "", "python runs in the gateway");
    became.trim().to_owned()
}

#[test]
fn a_gateway_reaches_its_upstream_and_nothing_outside_and_knows_what_it_was_told() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mark = format!("MARK=test-{}", std::process::id());
    let (_, value) = mark.split_once('=').unwrap();
    let settings = write(folder.path(), "harness.toml", format!("[gateway.litellm.env]\nMARK = \"{value}\"\n"));
    let text = "name: a\nprice: 0.02\nsettle: at_check\ngiven:\n  - key: k\nsteps:\n  - chat: k\n";
    let scenario = write(folder.path(), "short.yaml", text);
    let mut command = gatecrash(&["run", &scenario, "--target", TARGET, "--config", &settings]);
    command.env("GATECRASH_CACHE", folder.path().join("cache")).env("OF_THE_HOST", "not for gateways");
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    // It need not be ready for this.
    let gateway = gateway_with(&mark, Duration::from_secs(120));
    let inside = docker(&["exec", &gateway, "env"]);
    let of =
        |name: &str| inside.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
    let base = of("OPENAI_API_BASE").trim_end_matches('/').to_owned();
    let (host, port) =
        base.strip_prefix("http://").and_then(|base| base.split_once(':')).expect("it names the upstream");
    assert_eq!(connection(&gateway, host, port), "connected", "its upstream, at {host}:{port}");
    assert_eq!(connection(&gateway, "host.docker.internal", port), "connected");
    // Engines before 28 leave a route outwards, on which the engine's firewall drops everything.
    assert_ne!(connection(&gateway, "1.1.1.1", "443"), "connected");
    let networks =
        docker(&["inspect", "--format", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}", &gateway]);
    let closed = docker(&["network", "inspect", "--format", "{{.Internal}}", networks.trim()]);
    assert_eq!(closed.trim(), "true");
    let ports = docker(&["inspect", "--format", "{{json .HostConfig.PortBindings}}", &gateway]);
    assert!(["null", "{}"].contains(&ports.trim()), "{ports}");

    let own = [
        "MARK",
        "DATABASE_URL",
        "LITELLM_MASTER_KEY",
        "LITELLM_SALT_KEY",
        "LITELLM_LOCAL_MODEL_COST_MAP",
        "OPENAI_API_BASE",
        "OPENAI_API_KEY",
        "HOSTNAME",
        "HOME",
    ];
    let image = docker(&["image", "inspect", "--format", "{{range .Config.Env}}{{println .}}{{end}}", IMAGE]);
    let names = inside.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name);
    let of_image = |name: &&str| image.lines().any(|line| line.starts_with(&format!("{name}=")));
    let others: Vec<&str> = names.filter(|name| !own.contains(name) && !of_image(name)).collect();
    assert_eq!(others, [""; 0], "{inside}");

    let Output { status, stdout, stderr } = run.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(0), "{text}");
    let (_, cached, _) = answer({
        let mut command = gatecrash(&["cache"]);
        command.env("GATECRASH_CACHE", folder.path().join("cache"));
        command
    });
    let version = TARGET.split_once('@').unwrap().1;
    assert!(cached.starts_with(&format!("template     litellm  {version}")), "{cached}");
}

#[test]
fn a_new_version_that_does_not_start_is_an_error_of_its_trials_and_leaves_nothing() {
    let Some(_turn) = turn() else { return };
    // An image that ends at once, under the name of a version that there is not.
    let image = "ghcr.io/berriai/litellm:v0.0.1";
    docker(&["tag", "postgres:15", image]);
    let targets = ["--target", "litellm@0.0.1", "--from", TARGET, "--launcher", "docker", "--filter", "token"];
    let (code, told, _) = answer(gatecrash(&[&["run", "scenarios/upgrade/spent-key.yaml"][..], &targets].concat()));
    docker(&["rmi", image]);
    assert_eq!(code, 3, "{told}");
    let why = "1 trial on litellm@0.0.1 could not be judged:\n  `upgrade: gateway` could not be done: the gateway has stopped";
    assert!(told.contains(why), "{told}");
    assert!(told.contains("litellm@0.0.1 was to be upgraded in place from litellm@1.82.3"), "{told}");
    assert_eq!(docker(&["ps", "--all", "--quiet", "--filter", "label=dev.gatecrash.run"]), "");
}

/// Two models of the same kind: nobody says what the first costs.
const CONFIG: &str = "\
model_list:
  - model_name: assistant
    litellm_params: { model: openrouter/house/assistant, api_key: os.environ/OPENROUTER_API_KEY }
  - model_name: priced
    litellm_params:
      model: openrouter/house/priced
      api_key: os.environ/OPENROUTER_API_KEY
      input_cost_per_token: 0.000003
      output_cost_per_token: 0.000015
";

#[test]
fn an_audit_names_the_models_on_which_budgets_do_not_hold() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), "config.yaml", CONFIG);
    let arguments = ["audit", TARGET, "--gateway-config", &config, "--format", "json", "--launcher", "docker"];
    let (code, json, told) = answer(gatecrash(&arguments));
    assert_eq!(code, 1, "{json}{told}");
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["unpriced"], serde_json::json!(["assistant"]));
    let holds = |model: usize| {
        let asked = report["models"][model]["asked"].as_array().unwrap().iter();
        asked.map(|asked| asked["holds"]["is"].as_str().unwrap()).collect::<Vec<_>>()
    };
    // A key's, a user's and a team's budget, and a key's on streams.
    assert_eq!((holds(0), holds(1)), (vec!["no"; 4], vec!["yes"; 4]), "{json}{told}");
}
