//! The reader of scenarios: whatever is in a file, it is read or its mistakes are shown.
#![no_main]

use std::path::Path;

use gatecrash::scenario::diagnostic::Style;
use gatecrash::scenario::plan::multiply;
use gatecrash::scenario::read::understand;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match understand(Path::new("fuzzed.yaml"), bytes.to_vec()) {
        Ok(file) => assert!(!multiply("fuzzed", file, true).is_empty()),
        Err(mistakes) => {
            assert!(!mistakes.diagnostics.is_empty());
            for diagnostic in &mistakes.diagnostics {
                assert!(!diagnostic.render(&mistakes.text, Style::Coloured).is_empty());
            }
        }
    }
});
