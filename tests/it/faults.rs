//! The corpus proves itself on the built-in gateway: the healthy one passes everything, every fault is caught by a
//! scenario as what it is, every scenario catches a fault, and docs/data/faults.md says which.

use super::{answer, gatecrash};

#[test]
fn every_fault_is_caught_and_every_scenario_catches_one_as_the_matrix_says() {
    let (code, _, gaps) = answer(gatecrash(&["faults", "--check", "docs/data/faults.md"]));
    assert_eq!((code, gaps.as_str()), (0, ""), "if it is stale: gatecrash faults > docs/data/faults.md");
}
