//! The reader of streams: however a stream is cut into parts, it is the same stream.
#![no_main]

use gatecrash::gateway::adapter::StreamEnd;
use gatecrash::gateway::stream::Stream;
use gatecrash::scenario::Api;

const ANSWERS: [(Api, StreamEnd); 4] = [
    (Api::Chat, StreamEnd::Done),
    (Api::Chat, StreamEnd::FinishReason),
    (Api::Messages, StreamEnd::Done),
    (Api::Responses, StreamEnd::Done),
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((size, bytes)) = bytes.split_first() else { return };
    for (api, end) in ANSWERS {
        let (mut whole, mut parts) = (Stream::new(api, end), Stream::new(api, end));
        whole.push(bytes);
        bytes.chunks(usize::from(*size).max(1)).for_each(|part| parts.push(part));
        assert_eq!(whole.chunks(), parts.chunks());
        assert_eq!(whole.is_answer(), parts.is_answer());
    }
});
