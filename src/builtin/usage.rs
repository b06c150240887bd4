//! What a provider's answer says of its own price: read from a whole body, or from a stream as it passes.

use rust_decimal::Decimal;
use serde_json::Value;

use super::account::exact;

/// What an answer consumed, as far as it says.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// The model that the answer names.
    pub(super) model: String,
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) images: u64,
    pub(super) cost: Option<Decimal>,
}

impl Tally {
    pub(super) fn tokens(&self) -> u64 {
        self.input + self.output
    }

    pub(super) fn of_body(body: &[u8]) -> Tally {
        let mut usage = Tally::default();
        if let Ok(answer) = serde_json::from_slice(body) {
            usage.add(&answer);
        }
        usage
    }

    /// Takes in what a body, or an event of a stream, says. Anthropic's streams say it in two parts.
    fn add(&mut self, event: &Value) {
        for part in [event, &event["response"], &event["message"]] {
            if let Some(model) = part["model"].as_str() {
                model.clone_into(&mut self.model);
            }
            let usage = &part["usage"];
            let tokens = |a: &str, b: &str| usage[a].as_u64().or_else(|| usage[b].as_u64());
            self.input = tokens("prompt_tokens", "input_tokens").unwrap_or(self.input);
            self.output = tokens("completion_tokens", "output_tokens").unwrap_or(self.output);
            self.cost = exact(&usage["cost"]).or(self.cost);
        }
        if event["data"].is_array() && event["object"] != "list" {
            self.images = event["data"].as_array().map_or(0, |images| images.len() as u64);
        }
    }
}

/// Reads a stream of server-sent events as its chunks pass.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
    pub(super) has_begun: bool,
    usage: Tally,
    /// Its last event has come.
    pub(super) is_whole: bool,
}

impl Reader {
    /// What the stream says of its usage; until it says so, one token once it has begun.
    pub(super) fn usage(&self) -> Tally {
        let is_said = self.is_whole || self.usage.tokens() > 0 || self.usage.cost.is_some();
        let output = if is_said { self.usage.output } else { self.has_begun.into() };
        Tally { output, ..self.usage.clone() }
    }

    pub(super) fn read(&mut self, chunk: &[u8]) {
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.rest);
                self.line(&line);
            }
        }
    }

    fn line(&mut self, line: &[u8]) {
        let Some(data) = line.trim_ascii().strip_prefix(b"data:") else { return };
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            self.is_whole = true;
        } else if let Ok(event) = serde_json::from_slice::<Value>(data) {
            self.has_begun = true;
            self.usage.add(&event);
            self.is_whole |= matches!(event["type"].as_str(), Some("response.completed" | "message_stop"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_read_in_whatever_pieces_it_comes() {
        let stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n\
                      data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":7}}\n\ndata: {\"type\":\"message_stop\"}\n\n";
        for size in [1, 7, 1000] {
            let mut reader = Reader::default();
            stream.as_bytes().chunks(size).for_each(|chunk| reader.read(chunk));
            let Tally { model, input, output, .. } = reader.usage();
            assert_eq!((model.as_str(), input, output, reader.is_whole), ("m", 3, 7, true));
        }
    }

    #[test]
    fn images_are_counted_and_embeddings_are_not() {
        assert_eq!(Tally::of_body(br#"{"created":0,"data":[{"url":"a"},{"url":"b"}]}"#).images, 2);
        assert_eq!(Tally::of_body(br#"{"object":"list","data":[{"embedding":[0.5]}]}"#).images, 0);
    }
}
