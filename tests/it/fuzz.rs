//! What fuzzing found, with some good input beside it, read again in each test run. `fuzz/run.sh` looks for more.

use std::path::{Path, PathBuf};

use gatecrash::gateway::adapter::StreamEnd;
use gatecrash::gateway::stream::Stream;
use gatecrash::scenario::Api;
use gatecrash::scenario::diagnostic::Style;
use gatecrash::scenario::read::understand;

fn cases(of: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = super::case(&format!("fuzz/{of}"));
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let cases: Vec<_> = files.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    assert!(cases.len() > 3, "there are cases of {of}");
    cases
}

#[test]
fn whatever_is_in_a_scenario_its_mistakes_are_shown() {
    for (path, bytes) in cases("scenario") {
        if let Err(mistakes) = understand(Path::new("fuzzed.yaml"), bytes) {
            let shown = mistakes.diagnostics.iter().map(|one| one.render(&mistakes.text, Style::Plain));
            assert!(shown.clone().count() > 0 && shown.clone().all(|text| text.contains("error: ")), "{path:?}");
        }
    }
}

#[test]
fn however_a_stream_is_cut_it_is_the_same() {
    for (path, bytes) in cases("stream") {
        for (api, end) in [
            (Api::Chat, StreamEnd::Done),
            (Api::Chat, StreamEnd::FinishReason),
            (Api::Messages, StreamEnd::Done),
            (Api::Responses, StreamEnd::Done),
        ] {
            let read = |size: usize| {
                let mut stream = Stream::new(api, end);
                bytes.chunks(size).for_each(|part| stream.push(part));
                (stream.chunks(), stream.is_answer())
            };
            assert!((1..20).all(|size| read(size) == read(bytes.len().max(1))), "{path:?} as {api:?}, {end:?}");
        }
    }
}
