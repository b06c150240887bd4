//! Reading a streamed answer while it arrives: server-sent events, byte by byte, each looked at once. Not: what one of
//! them says ([`super::told`]), nor the connection it comes from.

use serde_json::Value;

use super::adapter::StreamEnd;
use super::told::read_event;
use crate::outcome::Said;
use crate::scenario::Api;

/// A streamed answer of a model, as far as it has come. It keeps one line, however long the stream.
#[derive(Debug, Clone)]
pub struct Stream {
    api: Api,
    end: StreamEnd,
    /// The line that has not ended yet.
    line: Vec<u8>,
    events: usize,
    chunks: usize,
    failed: bool,
    ended: bool,
    said: Said,
    /// Whether its usage may have a cost.
    with_cost: bool,
}

impl Stream {
    pub fn new(api: Api, end: StreamEnd) -> Stream {
        let (line, said) = (Vec::new(), Said::default());
        Stream { api, end, line, events: 0, chunks: 0, failed: false, ended: false, said, with_cost: false }
    }

    /// The same, after what its headers said.
    pub(super) fn after(self, said: Said, with_cost: bool) -> Stream {
        Stream { said, with_cost, ..self }
    }

    /// Takes in the next part. Parts may end anywhere, even within a character.
    pub fn push(&mut self, part: &[u8]) {
        let mut rest = part;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&rest[..end]);
            self.end_line();
            rest = &rest[end + 1..];
        }
        self.line.extend_from_slice(rest);
    }

    /// How many chunks with text of the answer there were.
    pub fn chunks(&self) -> usize {
        self.chunks
    }

    /// Nothing more comes: whether it was a whole answer of a model.
    pub fn is_answer(self) -> bool {
        self.ended().0
    }

    /// The same, and what it said.
    pub(super) fn ended(mut self) -> (bool, Said) {
        self.end_line();
        (self.ended && !self.failed && self.events > 1, self.said)
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let Some(event) = line.strip_prefix("data:").map(str::trim) else { return };
        self.events += 1;
        self.failed |= event.starts_with("{\"error\"");
        let read: Option<Value> = serde_json::from_str(event).ok();
        if let Some(event) = &read {
            self.chunks += usize::from(read_event(self.api, event, self.with_cost, &mut self.said));
        }
        self.ended = match self.api {
            Api::Chat | Api::Completions | Api::Passthrough | Api::Embeddings | Api::Images => match self.end {
                // What comes after the end is not part of a whole answer.
                StreamEnd::Done => event == "[DONE]",
                StreamEnd::FinishReason => self.ended || self.said.finish.is_some(),
            },
            Api::Messages => self.ended || event.contains("\"message_stop\""),
            Api::Responses => self.ended || event.contains("\"response.completed\""),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{Stream, StreamEnd};
    use crate::scenario::Api;

    #[test]
    fn a_stream_may_end_with_why_the_model_has_stopped() {
        let chunk = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";
        let last = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
        let usage = "data: {\"choices\":[],\"usage\":{}}\n\n";
        for (text, is_answer) in [
            ([chunk, last, usage].concat(), true),
            ([chunk, last].concat(), true),
            ([chunk, chunk, usage].concat(), false),
        ] {
            let mut stream = Stream::new(Api::Chat, StreamEnd::FinishReason);
            stream.push(text.as_bytes());
            assert_eq!(stream.is_answer(), is_answer, "{text}");
        }
    }

    #[test]
    fn a_stream_is_an_answer_when_it_is_whole_however_it_is_cut() {
        let chat = "data: {\"choices\":[{\"delta\":{\"content\":\"h\u{e9}\"}}]}\r\n\r\ndata: [DONE]\n\n";
        let messages =
            "event: x\ndata: {\"delta\":{\"text\":\"a\"}}\n\ndata: {\"type\": \"message_stop\"}\n\ndata: {}\n";
        let responses = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\ndata: {\"type\":\"response.completed\"}";
        let failed = "data: {\"error\":{\"code\":500}}\n\ndata: [DONE]\n\n";
        for (api, text, is_answer, chunks) in [
            (Api::Chat, chat, true, 1),
            (Api::Chat, &chat[..40], false, 0),
            (Api::Chat, "data: [DONE]\n\n", false, 0),
            (Api::Chat, failed, false, 0),
            (Api::Messages, messages, true, 1),
            (Api::Responses, responses, true, 1),
            (Api::Responses, chat, false, 0),
            (Api::Chat, "", false, 0),
        ] {
            for size in [1, 2, 7, text.len().max(1)] {
                let mut stream = Stream::new(api, StreamEnd::Done);
                text.as_bytes().chunks(size).for_each(|part| stream.push(part));
                assert_eq!((stream.chunks(), stream.is_answer()), (chunks, is_answer), "{text} in parts of {size}");
            }
        }
    }
}
