//! What the harness costs: 1,000 trials of the scenario of BerriAI/litellm#26672 on the built-in gateway, against a bare
//! reqwest loop that sends the same requests in the same order at the same concurrency. Rounds alternate, each on a fresh
//! gateway; the medians are compared.
//!
//! `cargo bench --bench overhead`
#![allow(clippy::disallowed_macros)] // Its output is its numbers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gatecrash::config::{Config, Limits};
use gatecrash::gateway::litellm::config_yaml::config_yaml;
use gatecrash::gateway::litellm::deployments::Deployment;
use gatecrash::host::gate::Gate;
use gatecrash::launch::{RunId, launch};
use gatecrash::outcome::Outcome;
use gatecrash::run::again::Retries;
use gatecrash::run::lengths::Lengths;
use gatecrash::run::schedule::Schedule;
use gatecrash::scenario::plan::plan;
use gatecrash::scenario::{Api, PricedBy, Provider};
use gatecrash::secret::Secret;
use gatecrash::target::{Compromised, Target};
use gatecrash::upstream::{Marker, Upstream};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const TRIALS: usize = 1000;
const JOBS: usize = 20;
const ROUNDS: usize = 5;
/// What one trial sends: a user and a key; three accepted requests, each followed by a look at both; two refused ones; a
/// last look at both.
const REQUESTS: usize = 2 + 3 * 3 + 2 + 2;

#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    cpu: Duration,
}

/// The CPU time of this process so far; zero where there is no /proc.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

async fn measured(work: impl Future<Output = ()>) -> Cost {
    let (wall, before) = (Instant::now(), cpu());
    work.await;
    Cost { wall: wall.elapsed(), cpu: cpu().saturating_sub(before) }
}

async fn harness() -> Cost {
    let config = Config::read(None).expect("the settings are right");
    let limits = Limits { jobs: Some(JOBS), ..config.limits };
    let file = config.scenarios.join("budget/key-and-user-no-team.yaml");
    let trials = plan(&[file]).expect("the scenario is right");
    let trial = trials.iter().find(|trial| trial.case.priced_by == PricedBy::Provider).expect("it has this path");
    let trials = vec![trial.clone(); TRIALS];
    let target = Target::parse("builtin", &config, Compromised::Refuse).expect("there is such a target");
    let run = RunId::new();
    let live = Arc::new(launch(&target, limits, &run).await.expect("it can be launched"));
    let (sender, mut results) = tokio::sync::mpsc::unbounded_channel();
    let (retries, gate) = (Retries::default(), Gate::default());
    let schedule = Schedule {
        name: run.as_str(),
        limits,
        targets: 1,
        lengths: &Lengths::default(),
        retries: &retries,
        gate: &gate,
        results: sender,
    };
    let cost = measured(schedule.run_all(live, &trials.iter().enumerate().collect::<Vec<_>>())).await;
    let mut passed = 0;
    while let Some(result) = results.recv().await {
        assert_eq!(result.outcome, Outcome::Pass, "{:?}", result.findings);
        assert_eq!(result.exchanges.len(), 5);
        passed += 1;
    }
    assert_eq!(passed, TRIALS);
    cost
}

async fn bare_loop() -> Cost {
    let upstream = Upstream::start(([127, 0, 0, 1], 0).into()).await.expect("a port is free");
    let upstream_url = format!("http://{}", upstream.address());
    let admin = Secret::new("sk-admin");
    let config = config_yaml(&upstream_url, None);
    let gateway = gatecrash::builtin::Builtin::start(&config, upstream_url, &admin, None);
    let gateway = gateway.await.expect("a port is free");
    let url = Arc::new(format!("http://{}", gateway.address));
    let client = reqwest::Client::builder().no_proxy().build().expect("there is a client");
    measured(async {
        let free = Arc::new(Semaphore::new(JOBS));
        let mut running = JoinSet::new();
        for number in 0..TRIALS {
            let (free, client, url) = (Arc::clone(&free), client.clone(), Arc::clone(&url));
            running.spawn(async move {
                let _turn = free.acquire().await.expect("nobody closes it");
                bare_trial(&client, &url, number).await;
            });
        }
        running.join_all().await;
    })
    .await
}

async fn bare_trial(client: &reqwest::Client, url: &str, number: usize) {
    let user = format!("user-{number}");
    let post = |route: &str, key: &str, body: Value| client.post(format!("{url}{route}")).bearer_auth(key).json(&body);
    let text = async |request: reqwest::RequestBuilder| {
        request.send().await.expect("it answers").text().await.expect("with a body")
    };
    text(post("/user/new", "sk-admin", json!({ "user_id": user, "max_budget": 0.10 }))).await;
    let made = text(post("/key/generate", "sk-admin", json!({ "user_id": user, "max_budget": 0.05 }))).await;
    let made: Value = serde_json::from_str(&made).expect("it is JSON");
    let key = made["key"].as_str().expect("there is a key");
    let get = |route: &str, name: &str, id: &str| {
        client.get(format!("{url}{route}")).query(&[(name, id)]).bearer_auth("sk-admin")
    };
    let deployment = Deployment::of(PricedBy::Provider, Api::Chat, Provider::Openai).expect("there is such a model");
    let usage = deployment.priced().usage("0.02".parse().expect("an amount"), Api::Chat).expect("it can be made");
    for request in 1..=5 {
        let marker = Marker { trial: user.clone(), request, usage: usage.clone(), ..Marker::default() };
        let messages = json!([{ "role": "user", "content": format!("{marker} What is new?") }]);
        text(post("/v1/chat/completions", key, json!({ "model": deployment.model, "messages": messages }))).await;
        if request <= 3 || request == 5 {
            text(get("/key/info", "key", key)).await;
            text(get("/user/info", "user_id", &user)).await;
        }
    }
}

fn median(mut costs: Vec<Cost>) -> Cost {
    let middle = costs.len() / 2;
    costs.sort_by_key(|cost| cost.wall);
    let wall = costs[middle].wall;
    costs.sort_by_key(|cost| cost.cpu);
    Cost { wall, cpu: costs[middle].cpu }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("there is a runtime");
    let (mut of_harness, mut of_loop) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        of_harness.push(runtime.block_on(harness()));
        of_loop.push(runtime.block_on(bare_loop()));
    }
    let (harness, bare) = (median(of_harness), median(of_loop));
    let say = |name: &str, cost: Cost| {
        let requests = (TRIALS * REQUESTS) as f64 / cost.wall.as_secs_f64();
        println!("{name:12} {:7.0} ms wall, {:7.0} ms CPU, {requests:6.0} requests/s", ms(cost.wall), ms(cost.cpu));
    };
    println!("{TRIALS} trials of {REQUESTS} requests, {JOBS} at a time, median of {ROUNDS} rounds");
    say("harness", harness);
    say("bare loop", bare);
    println!("ratio        {:7.2} wall, {:7.2} CPU", ms(harness.wall) / ms(bare.wall), ms(harness.cpu) / ms(bare.cpu));
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
