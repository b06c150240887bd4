//! The reader of streams: however a stream is cut into parts, it is the same stream.
#![no_main]

use gatecrash::gateway::stream::Stream;
use gatecrash::scenario::Api;

const APIS: [Api; 3] = [Api::Chat, Api::Messages, Api::Responses];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((size, bytes)) = bytes.split_first() else { return };
    for api in APIS {
        let (mut whole, mut parts) = (Stream::new(api), Stream::new(api));
        whole.push(bytes);
        bytes.chunks(usize::from(*size).max(1)).for_each(|part| parts.push(part));
        assert_eq!(whole.chunks(), parts.chunks());
        assert_eq!(whole.is_answer(), parts.is_answer());
    }
});
