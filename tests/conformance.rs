//! Every scenario on every target of `harness.toml`, or of GATECRASH_BASELINE and GATECRASH_CANDIDATE, as a test.

fn main() -> std::process::ExitCode {
    gatecrash::conformance::Harness::new().run()
}
