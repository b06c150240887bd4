//! Reading and checking scenario files: time and peak memory for more and more of them. Both have to be linear.
//!
//! `cargo bench --bench reading`
#![allow(clippy::disallowed_macros)] // Its output is its numbers.

use std::time::Instant;

use gatecrash::scenario::plan::plan;

fn main() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let text = std::fs::read_to_string("scenarios/budget/key-and-user-no-team.yaml").expect("the corpus is here");
    println!("files      ms   us/file   trials   peak memory, MiB   of it since the start");
    let start = peak();
    let mut written = 0;
    for count in [1_250, 2_500, 5_000, 10_000] {
        for number in written..count {
            std::fs::write(folder.path().join(format!("s{number:05}.yaml")), &text).expect("it can be written");
        }
        written = count;
        let began = Instant::now();
        let trials = plan(&[folder.path().to_owned()]).expect("the files are right");
        let ms = began.elapsed().as_secs_f64() * 1000.0;
        let each = ms * 1000.0 / f64::from(count);
        println!("{count:5} {ms:7.0} {each:9.1} {:8} {:18.1} {:23.1}", trials.len(), peak(), peak() - start);
    }
}

/// The peak memory of this process, in MiB; zero where there is no /proc.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
}
