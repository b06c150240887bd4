//! The upstream's own answers, as a gateway sees them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gatecrash::upstream::{Marker, Upstream, Usage};
use serde_json::{Value, json};

fn marker(request: usize) -> Marker {
    let usage = Usage { input_tokens: 4, output_tokens: 1999, cost: Some("0.02".parse().unwrap()) };
    Marker { trial: "t1".into(), request, usage, model: Some("gpt-4o".into()), ..Marker::default() }
}

async fn start() -> (Upstream, String) {
    let upstream = Upstream::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let url = format!("http://{}", upstream.address());
    (upstream, url)
}

async fn post(url: &str, body: &Value) -> (u16, String) {
    let response = reqwest::Client::new().post(url).json(body).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn chat(marker: &Marker) -> Value {
    json!({ "model": "asked-for", "messages": [{ "role": "system", "content": "Be brief." }, { "role": "user", "content": [
        { "type": "text", "text": marker.to_string() }
    ] }] })
}

#[tokio::test]
async fn it_answers_with_the_usage_model_and_cost_of_the_marker_and_counts() {
    let (upstream, url) = start().await;
    let (status, body) = post(&format!("{url}/v1/chat/completions"), &chat(&marker(1))).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200);
    assert_eq!(body["model"], "gpt-4o");
    assert_eq!(
        body["usage"],
        json!({ "prompt_tokens": 4, "completion_tokens": 1999, "total_tokens": 2003, "cost": 0.02 })
    );
    assert_eq!((upstream.calls("t1", 1), upstream.calls("t1", 2), upstream.calls("t2", 1)), (1, 0, 0));
}

#[tokio::test]
async fn a_stream_has_a_usage_chunk_only_if_asked_for() {
    let (_upstream, url) = start().await;
    let mut request = chat(&marker(1));
    request["stream"] = true.into();
    let (_, without) = post(&format!("{url}/v1/chat/completions"), &request).await;
    request["stream_options"] = json!({ "include_usage": true });
    let (_, with) = post(&format!("{url}/v1/chat/completions"), &request).await;
    assert!(without.ends_with("data: [DONE]\n\n") && !without.contains("1999"), "{without}");
    assert!(with.ends_with("data: [DONE]\n\n") && with.contains("\"completion_tokens\":1999"), "{with}");
}

#[tokio::test]
async fn responses_and_embeddings_and_azures_routes_answer_too() {
    let (_upstream, url) = start().await;
    let input = json!({ "model": "m", "input": marker(1).to_string() });
    let (_, response) = post(&format!("{url}/v1/responses"), &input).await;
    let response: Value = serde_json::from_str(&response).unwrap();
    assert_eq!(response["usage"]["output_tokens"], 1999);
    let (_, embeddings) = post(&format!("{url}/v1/embeddings"), &input).await;
    assert!(embeddings.contains("\"embedding\""), "{embeddings}");
    let azure = format!("{url}/openai/deployments/a-deployment/chat/completions?api-version=2024-06-01");
    assert_eq!(post(&azure, &chat(&marker(2))).await.0, 200);
}

#[tokio::test]
async fn it_fails_and_is_late_when_told_to() {
    let (upstream, url) = start().await;
    let failing = Marker { fail_with: Some(503), ..marker(1) };
    assert_eq!(post(&format!("{url}/v1/chat/completions"), &chat(&failing)).await.0, 503);
    assert_eq!(upstream.calls("t1", 1), 1);
    let late = Marker { late: Duration::from_millis(300), ..marker(2) };
    let began = Instant::now();
    assert_eq!(post(&format!("{url}/v1/chat/completions"), &chat(&late)).await.0, 200);
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_prompt_without_marker_is_refused_and_says_why() {
    let (_upstream, url) = start().await;
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hello" }] });
    let (status, body) = post(&format!("{url}/v1/chat/completions"), &body).await;
    assert_eq!(status, 400);
    assert!(body.contains("no gatecrash marker"), "{body}");
}
