//! The corpus proves itself on the built-in gateway: the healthy one passes everything, every fault is caught by a
//! scenario as what it is, and every scenario catches a fault.

use super::{answer, gatecrash};

#[test]
fn every_fault_is_caught_every_scenario_catches_one_and_the_matrix_is_fresh() {
    let (code, matrix, gaps) = answer(gatecrash(&["faults"]));
    assert_eq!((code, gaps.as_str()), (0, ""));
    let written = std::fs::read_to_string("docs/faults.md").unwrap_or_default();
    assert!(matrix == written, "docs/faults.md is stale: run `gatecrash faults > docs/faults.md`");
}
