//! What a provider's answer says of its own price: read from a whole body, or from a stream as it passes.

use rust_decimal::Decimal;
use serde_json::Value;

use super::account::exact;
use super::faults::Fault;

/// What an answer consumed, as far as it says. `input` and `output` are all of it, in whichever shape a provider says so.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// The model that the answer names.
    pub(super) model: String,
    /// The service that it says it was.
    pub(super) tier: String,
    /// The answer's own id.
    pub(super) id: String,
    pub(super) input: u64,
    pub(super) cached: u64,
    pub(super) written: u64,
    pub(super) written_1h: u64,
    pub(super) audio_input: u64,
    pub(super) output: u64,
    pub(super) reasoning: u64,
    pub(super) audio_output: u64,
    pub(super) images: u64,
    pub(super) cost: Option<Decimal>,
    /// A faulty gateway believes that tokens were given back.
    pub(super) is_negative: bool,
    pub(super) has_finished: bool,
}

impl Tally {
    pub(super) fn tokens(&self) -> u64 {
        self.input + self.output
    }

    pub(super) fn of_body(body: &[u8], fault: Option<Fault>) -> Tally {
        let mut usage = Tally::default();
        if let Ok(answer) = serde_json::from_slice(body) {
            usage.add(&answer, fault);
        }
        usage
    }

    /// Takes in what a body, or an event of a stream, says. What a later event says takes the place of what an earlier one
    /// said: it is the sum so far. Anthropic's streams say it in two parts.
    fn add(&mut self, event: &Value, fault: Option<Fault>) {
        let finishes = event["choices"][0]["finish_reason"].is_string();
        let is_lost = match fault {
            Some(Fault::UsageAfterFinishLost) => self.has_finished && event["choices"][0].is_object(),
            Some(Fault::UsageWithFinishLost) => finishes && event["object"] == "chat.completion.chunk",
            Some(_) | None => false,
        };
        self.has_finished |= finishes;
        for part in [event, &event["response"], &event["message"]] {
            for (name, of) in [("model", &mut self.model), ("service_tier", &mut self.tier), ("id", &mut self.id)] {
                if let Some(text) = part[name].as_str() {
                    text.clone_into(of);
                }
            }
            if part["usage"].is_object() && !is_lost {
                self.add_usage(&part["usage"], fault);
            }
        }
        if event["data"].is_array() && event["object"] != "list" {
            self.images = event["data"].as_array().map_or(0, |images| images.len() as u64);
        }
    }

    fn add_usage(&mut self, usage: &Value, fault: Option<Fault>) {
        let before = self.clone();
        let count = |names: &[&str]| names.iter().find_map(|name| usage[*name].as_u64());
        let detail = |of: [&str; 2], name: &str| of.iter().find_map(|of| usage[*of][name].as_u64()).unwrap_or(0);
        const INPUT: [&str; 2] = ["prompt_tokens_details", "input_tokens_details"];
        const OUTPUT: [&str; 2] = ["completion_tokens_details", "output_tokens_details"];
        let beside = |name: &str| usage[name].as_u64().unwrap_or(0);
        if let Some(input) = count(&["prompt_tokens", "input_tokens"]) {
            let by_hour = usage["cache_creation"]["ephemeral_1h_input_tokens"].as_u64().unwrap_or(0);
            let (read, created) = (beside("cache_read_input_tokens"), beside("cache_creation_input_tokens"));
            self.cached = read + detail(INPUT, "cached_tokens");
            self.written = created.saturating_sub(by_hour);
            self.written_1h = by_hour;
            self.audio_input = detail(INPUT, "audio_tokens");
            self.input = input + read + created;
            if fault == Some(Fault::CacheBesideInputMissed) && read + created > 0 {
                (self.input, self.cached, self.written, self.written_1h) = (input, 0, 0, 0);
            }
        }
        if let Some(output) = count(&["completion_tokens", "output_tokens"]) {
            self.output = output;
            self.reasoning = detail(OUTPUT, "reasoning_tokens");
            self.audio_output = detail(OUTPUT, "audio_tokens");
        }
        self.cost = exact(&usage["cost"]).or(self.cost);
        if fault == Some(Fault::UsageOfChunksSummed) {
            self.input += before.input;
            self.cached += before.cached;
            self.output += before.output;
        }
        let below_zero = |name: &str| usage[name].as_i64().filter(|count| *count < 0).map(i64::unsigned_abs);
        if let (Some(Fault::NegativeUsageBelieved), Some(input)) = (fault, below_zero("prompt_tokens")) {
            (self.input, self.output) = (input, below_zero("completion_tokens").unwrap_or(0));
            self.is_negative = true;
        }
    }
}

/// Reads a stream of server-sent events as its chunks pass.
#[derive(Debug)]
pub(super) struct Reader {
    fault: Option<Fault>,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
    pub(super) has_begun: bool,
    usage: Tally,
    /// Its last event has come.
    pub(super) is_whole: bool,
}

impl Reader {
    pub(super) fn new(fault: Option<Fault>) -> Reader {
        Reader { fault, rest: Vec::new(), has_begun: false, usage: Tally::default(), is_whole: false }
    }

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
            self.usage.add(&event, self.fault);
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
            let mut reader = Reader::new(None);
            stream.as_bytes().chunks(size).for_each(|chunk| reader.read(chunk));
            let Tally { model, input, output, .. } = reader.usage();
            assert_eq!((model.as_str(), input, output, reader.is_whole), ("m", 3, 7, true));
        }
    }

    #[test]
    fn images_are_counted_and_embeddings_are_not() {
        assert_eq!(Tally::of_body(br#"{"created":0,"data":[{"url":"a"},{"url":"b"}]}"#, None).images, 2);
        assert_eq!(Tally::of_body(br#"{"object":"list","data":[{"embedding":[0.5]}]}"#, None).images, 0);
    }
}
