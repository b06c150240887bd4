//! The upstream's own answers, as a gateway sees them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gatecrash::scenario::{Api, Shape, Tier, Tokens};
use gatecrash::upstream::{Marker, Upstream, Usage};
use serde_json::{Value, json};

fn marker(request: usize) -> Marker {
    let usage = Usage { tokens: Tokens::plain(4, 1999), cost: Some("0.02".parse().unwrap()) };
    Marker { trial: "t1".into(), request, usage, model: Some("gpt-4o".into()), ..Marker::default() }
}

async fn start() -> (Upstream, String) {
    let upstream = Upstream::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let url = format!("http://{}", upstream.address());
    (upstream, url)
}

async fn send(url: &str, body: &Value) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.post(url).json(body).send().await.unwrap()
}

async fn post(url: &str, body: &Value) -> (u16, String) {
    let response = send(url, body).await;
    (response.status().as_u16(), response.text().await.unwrap())
}

fn route(api: Api) -> &'static str {
    match api {
        Api::Chat => "/v1/chat/completions",
        Api::Completions => "/v1/completions",
        Api::Messages => "/v1/messages",
        Api::Responses => "/v1/responses",
        Api::Embeddings => "/v1/embeddings",
        Api::Images => "/v1/images/generations",
        Api::Passthrough => "/v1/chat/completions",
    }
}

/// A request to an API with this marker.
fn request(api: Api, marker: &Marker) -> Value {
    let text = format!("{marker} What is new?");
    match api {
        Api::Chat | Api::Messages | Api::Passthrough => json!({ "model": "asked-for", "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": [{ "type": "text", "text": text }] }
        ] }),
        Api::Completions => json!({ "model": "asked-for", "prompt": ["Be brief.", text] }),
        Api::Responses | Api::Embeddings => json!({ "model": "asked-for", "input": text }),
        Api::Images => json!({ "model": "asked-for", "prompt": text, "n": 3 }),
    }
}

async fn ask(url: &str, api: Api, marker: &Marker) -> (u16, Value) {
    let (status, body) = post(&format!("{url}{}", route(api)), &request(api, marker)).await;
    (status, serde_json::from_str(&body).unwrap())
}

fn streamed(api: Api, marker: &Marker) -> Value {
    let mut request = request(api, marker);
    request["stream"] = true.into();
    request["stream_options"] = json!({ "include_usage": true });
    request
}

/// The data of a stream's events; what is not JSON as a string.
fn data(stream: &str) -> Vec<Value> {
    let lines = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.into())).collect()
}

#[tokio::test]
async fn it_answers_with_the_usage_model_and_cost_of_the_marker_and_counts() {
    let (upstream, url) = start().await;
    let (status, body) = ask(&url, Api::Chat, &marker(1)).await;
    assert_eq!(status, 200);
    assert_eq!(body["model"], "gpt-4o");
    assert_eq!(
        body["usage"],
        json!({ "prompt_tokens": 4, "completion_tokens": 1999, "total_tokens": 2003, "cost": 0.02 })
    );
    assert_eq!((upstream.calls("t1", 1), upstream.calls("t1", 2), upstream.calls("t2", 1)), (1, 0, 0));
}

#[tokio::test]
async fn every_api_answers_in_its_own_shape() {
    let (_upstream, url) = start().await;
    for (api, pointer, value) in [
        (Api::Chat, "/choices/0/message/content", json!("t1#1 ok")),
        (Api::Completions, "/choices/0/text", json!("t1#1 ok")),
        (Api::Completions, "/usage/completion_tokens", json!(1999)),
        (Api::Messages, "/content", json!([{ "type": "text", "text": "t1#1 ok" }])),
        (Api::Messages, "/usage", json!({ "input_tokens": 4, "output_tokens": 1999 })),
        (Api::Responses, "/output/0/content/0/text", json!("t1#1 ok")),
        (Api::Responses, "/usage/output_tokens", json!(1999)),
        (Api::Embeddings, "/data/0/object", json!("embedding")),
        (Api::Images, "/data/2/url", json!("https://gatecrash.invalid/image.png")),
        (Api::Passthrough, "/object", json!("chat.completion")),
    ] {
        let (status, body) = ask(&url, api, &marker(1)).await;
        assert_eq!((status, body.pointer(pointer)), (200, Some(&value)), "{api:?}: {body}");
    }
    for azure in ["deployments/a-deployment/chat/completions", "responses"] {
        let api = if azure == "responses" { Api::Responses } else { Api::Chat };
        let url = format!("{url}/openai/{azure}?api-version=2024-06-01");
        assert_eq!(post(&url, &request(api, &marker(1))).await.0, 200, "{azure}");
    }
}

#[tokio::test]
async fn as_many_images_are_made_as_are_asked_for_and_one_otherwise() {
    let (_upstream, url) = start().await;
    let mut body = request(Api::Images, &marker(1));
    let images = |answer: &str| serde_json::from_str::<Value>(answer).unwrap()["data"].as_array().unwrap().len();
    assert_eq!(images(&post(&format!("{url}/v1/images/generations"), &body).await.1), 3);
    body.as_object_mut().unwrap().remove("n");
    assert_eq!(images(&post(&format!("{url}/v1/images/generations"), &body).await.1), 1);
}

#[tokio::test]
async fn every_api_that_streams_sends_its_text_in_chunks_and_its_usage_at_the_end() {
    let (upstream, url) = start().await;
    let marker = Marker { chunks: 3, ..marker(1) };
    for (api, texts, usage) in [
        (Api::Chat, "/choices/0/delta/content", "/usage/completion_tokens"),
        (Api::Passthrough, "/choices/0/delta/content", "/usage/completion_tokens"),
        (Api::Completions, "/choices/0/text", "/usage/completion_tokens"),
        (Api::Messages, "/delta/text", "/usage/output_tokens"),
        (Api::Responses, "/delta", "/response/usage/output_tokens"),
    ] {
        let (status, stream) = post(&format!("{url}{}", route(api)), &streamed(api, &marker)).await;
        let events = data(&stream);
        let texts = events.iter().filter_map(|event| event.pointer(texts)?.as_str()).filter(|text| !text.is_empty());
        assert_eq!((status, texts.collect::<Vec<_>>()), (200, vec!["t1#1 ok", " ok", " ok"]), "{api:?}: {stream}");
        let usage: Vec<_> = events.iter().filter_map(|event| event.pointer(usage)?.as_u64()).collect();
        assert_eq!(usage, [1999], "{api:?}: {stream}");
    }
    assert_eq!(upstream.calls("t1", 1), 5);
}

#[tokio::test]
async fn a_stream_of_completions_has_a_usage_chunk_only_if_asked_for() {
    let (_upstream, url) = start().await;
    for api in [Api::Chat, Api::Completions, Api::Passthrough] {
        let url = format!("{url}{}", route(api));
        let mut request = streamed(api, &marker(1));
        let (_, with) = post(&url, &request).await;
        request.as_object_mut().unwrap().remove("stream_options");
        let (_, without) = post(&url, &request).await;
        assert!(without.ends_with("data: [DONE]\n\n") && !without.contains("1999"), "{without}");
        assert!(with.ends_with("data: [DONE]\n\n") && with.contains("\"completion_tokens\":1999"), "{with}");
    }
}

#[tokio::test]
async fn messages_and_responses_name_their_events_in_the_order_of_their_providers() {
    let (_upstream, url) = start().await;
    let names = async |api| {
        let (_, stream) = post(&format!("{url}{}", route(api)), &streamed(api, &marker(1))).await;
        let named = stream.lines().filter_map(|line| line.strip_prefix("event: ")).map(str::to_owned);
        let named: Vec<String> = named.collect();
        let typed: Vec<_> = data(&stream).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
        assert_eq!(named, typed);
        named.join(" ")
    };
    assert_eq!(
        names(Api::Messages).await,
        "message_start content_block_start content_block_delta content_block_stop message_delta message_stop"
    );
    assert_eq!(
        names(Api::Responses).await,
        "response.created response.output_item.added response.content_part.added response.output_text.delta \
         response.output_text.done response.content_part.done response.output_item.done response.completed"
    );
}

#[tokio::test]
async fn it_fails_and_is_late_when_told_to() {
    let (upstream, url) = start().await;
    let failing = Marker { fail_with: Some(503), ..marker(1) };
    for api in Api::ALL {
        let (status, body) = ask(&url, api, &failing).await;
        let message = body["error"]["message"].as_str().unwrap();
        assert_eq!((status, gatecrash::upstream::told_to_fail(message)), (503, true), "{api:?}: {body}");
    }
    assert_eq!(upstream.calls("t1", 1), Api::ALL.len());
    let late = Marker { late: Duration::from_millis(300), ..marker(2) };
    let began = Instant::now();
    assert_eq!(ask(&url, Api::Chat, &late).await.0, 200);
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn only_the_first_calls_of_a_request_fail_if_they_are_counted() {
    let (upstream, url) = start().await;
    let failing = |request| Marker { fail_with: Some(500), fail_calls: Some(2), ..marker(request) };
    let mut statuses = Vec::new();
    for request in [1, 1, 2, 1, 1, 2, 2] {
        statuses.push(ask(&url, Api::Chat, &failing(request)).await.0);
    }
    assert_eq!(statuses, [500, 500, 500, 200, 200, 500, 200]);
    assert_eq!((upstream.calls("t1", 1), upstream.calls_of("t1", 1..=2), upstream.calls_of("t1", [])), (4, 7, 0));
}

#[tokio::test]
async fn a_fallback_never_fails_and_costs_what_it_costs() {
    let (_upstream, url) = start().await;
    let usage = Usage { tokens: Tokens::plain(1, 2), cost: None };
    let fallback = Some(("another".to_owned(), usage));
    let failing = Marker { fail_with: Some(500), break_after: Some(1), fallback, ..marker(1) };
    assert_eq!(ask(&url, Api::Chat, &failing).await.0, 500);
    let mut body = request(Api::Chat, &failing);
    body["model"] = "another".into();
    let (status, answer) = post(&format!("{url}/v1/chat/completions"), &body).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, &answer["model"]), (200, &json!("another")));
    assert_eq!(answer["usage"], json!({ "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3 }));
    body["stream"] = true.into();
    let (status, stream) = post(&format!("{url}/v1/chat/completions"), &body).await;
    assert!(status == 200 && stream.ends_with("data: [DONE]\n\n"), "{stream}");
}

#[tokio::test]
async fn a_paced_stream_arrives_in_pieces_after_it_was_late_once() {
    let (upstream, url) = start().await;
    let pause = Duration::from_millis(100);
    let paced = Marker { chunks: 4, pause, late: pause * 6, ..marker(1) };
    for (api, begin, end) in [(Api::Chat, "assistant", "[DONE]"), (Api::Messages, "message_start", "message_stop")] {
        let began = Instant::now();
        let mut response = send(&format!("{url}{}", route(api)), &streamed(api, &paced)).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(began.elapsed() >= paced.late);
        let mut pieces = Vec::new();
        while let Some(piece) = response.chunk().await.unwrap() {
            pieces.push(String::from_utf8(piece.to_vec()).unwrap());
        }
        let took = began.elapsed();
        assert!(took >= paced.late + pause * 4 && took < paced.late * 2 + pause * 4, "{took:?}");
        assert!(pieces.len() > 1, "{pieces:?}");
        assert!(pieces[0].contains(begin) && pieces.last().unwrap().contains(end), "{pieces:?}");
    }
    assert_eq!(upstream.calls("t1", 1), 2);
}

#[tokio::test]
async fn a_stream_breaks_after_its_chunks_so_that_the_client_sees_it() {
    let (upstream, url) = start().await;
    for (api, after, pause, seen) in [
        (Api::Chat, 2, 0, 2),
        (Api::Chat, 2, 20, 2),
        (Api::Chat, 0, 0, 0),
        (Api::Completions, 9, 0, 4),
        (Api::Messages, 1, 0, 1),
        (Api::Responses, 3, 0, 3),
    ] {
        let broken = Marker { chunks: 4, break_after: Some(after), pause: Duration::from_millis(pause), ..marker(1) };
        let mut response = send(&format!("{url}{}", route(api)), &streamed(api, &broken)).await;
        assert_eq!(response.status(), 200);
        let mut stream = String::new();
        let end = loop {
            match response.chunk().await {
                Ok(Some(piece)) => stream.push_str(std::str::from_utf8(&piece).unwrap()),
                other => break other,
            }
        };
        assert!(end.is_err(), "{api:?} ended well: {stream}");
        assert_eq!(stream.matches("ok\"").count(), seen, "{api:?}: {stream}");
        assert!(!stream.contains("1999") && !stream.contains("[DONE]"), "{api:?}: {stream}");
    }
    assert_eq!(upstream.calls("t1", 1), 6);
    let whole = Marker { break_after: Some(1), ..marker(2) };
    assert_eq!(ask(&url, Api::Chat, &whole).await.0, 200, "what is not streamed cannot break in mid-stream");
}

#[tokio::test]
async fn what_is_no_call_with_a_marker_is_refused_says_why_and_is_not_counted() {
    let (upstream, url) = start().await;
    for (api, field) in [(Api::Chat, "messages"), (Api::Images, "prompt"), (Api::Messages, "messages")] {
        let mut body = json!({ "model": "m", "user": marker(1).to_string(), "stream": true });
        body[field] = json!([{ "role": "user", "content": "hello pause= break_after=" }]);
        let (status, body) = post(&format!("{url}{}", route(api)), &body).await;
        assert_eq!(status, 400);
        assert!(body.contains("no gatecrash marker"), "{body}");
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.post(format!("{url}/v1/responses")).body("hello").send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.text().await.unwrap().contains("not JSON"));
    assert_eq!(post(&format!("{url}/v1/moderations"), &request(Api::Chat, &marker(1))).await.0, 404);
    assert_eq!(upstream.calls("t1", 1), 0);
}

#[tokio::test]
async fn dropping_it_frees_its_address() {
    let (upstream, url) = start().await;
    let address = upstream.address();
    assert_eq!(ask(&url, Api::Chat, &marker(1)).await.0, 200);
    drop(upstream);
    let again = async {
        loop {
            match Upstream::start(address).await {
                Ok(upstream) => break upstream,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let upstream = tokio::time::timeout(Duration::from_secs(10), again).await.expect("the address is free");
    assert_eq!(upstream.address(), address);
}

/// What each provider says of the same tokens.
#[tokio::test]
async fn parts_of_a_usage_are_told_in_each_providers_own_shape() {
    let (_upstream, url) = start().await;
    let tokens = Tokens { cached: 600, reasoning: 4, ..Tokens::plain(1000, 10) };
    let written = Tokens { cached: 500, written: 200, written_1h: 100, ..Tokens::plain(1000, 10) };
    let asked = |tokens, request| Marker { usage: Usage { tokens, cost: None }, ..marker(request) };
    let usage = async |api, marker: Marker| ask(&url, api, &marker).await.1["usage"].clone();
    assert_eq!(
        usage(Api::Chat, asked(tokens, 1)).await,
        json!({
            "prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010,
            "prompt_tokens_details": { "cached_tokens": 600, "audio_tokens": 0 },
            "completion_tokens_details": { "reasoning_tokens": 4, "audio_tokens": 0 }
        })
    );
    assert_eq!(
        usage(Api::Responses, asked(tokens, 2)).await,
        json!({
            "input_tokens": 1000, "input_tokens_details": { "cached_tokens": 600 },
            "output_tokens": 10, "output_tokens_details": { "reasoning_tokens": 4 }, "total_tokens": 1010
        })
    );
    assert_eq!(
        usage(Api::Messages, asked(written, 3)).await,
        json!({
            "input_tokens": 200, "output_tokens": 10, "cache_read_input_tokens": 500,
            "cache_creation_input_tokens": 300,
            "cache_creation": { "ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100 }
        })
    );
}

/// The usages that a stream tells, in their order, and where: beside the text, with the finish reason, after it.
#[tokio::test]
async fn a_stream_tells_its_usage_in_the_shape_it_is_told_to() {
    let (_upstream, url) = start().await;
    let mut told = String::new();
    for (number, shape) in Shape::ALL.into_iter().enumerate() {
        let usage = Usage { tokens: Tokens::plain(30, 10), cost: None };
        let marker = Marker { shape, usage, chunks: 2, tier: Some(Tier::Flex), same_id: true, ..marker(number + 1) };
        let (_, stream) = post(&format!("{url}{}", route(Api::Chat)), &streamed(Api::Chat, &marker)).await;
        let mut where_to = Vec::new();
        for chunk in data(&stream).iter().filter(|chunk| chunk.is_object()) {
            assert_eq!((&chunk["id"], &chunk["service_tier"]), (&json!("chatcmpl-t1"), &json!("flex")));
            let choice = &chunk["choices"][0];
            let place = match choice {
                Value::Null => "alone",
                _ if choice["finish_reason"].is_string() => "finish",
                _ if choice["delta"]["content"] == "" => "empty choice",
                _ => "text",
            };
            if let Some(output) = chunk["usage"]["completion_tokens"].as_i64() {
                where_to.push(format!("{place} {output}"));
            }
        }
        told.push_str(&format!("{} ({})\n", shape.word(), where_to.join(", ")));
    }
    insta::assert_snapshot!(told, @r"
    as_documented (alone 10)
    with_finish (finish 10)
    after_finish (empty choice 10)
    in_every_chunk (text 5, text 10, finish 10)
    twice (finish 10, alone 10)
    nowhere ()
    null ()
    zero (alone 0)
    negative (alone -10)
    ");
}
