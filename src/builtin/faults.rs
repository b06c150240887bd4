//! The faults that the built-in gateway can be given: each is one switch, at the place where a gateway has the check,
//! and each is a bug that a real gateway had; `table` lists them. Not: the checks themselves.

mod table;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::outcome::FindingKind;
pub use table::{FAULTS, Fault};

/// What there is to say about a fault.
#[derive(Debug, Clone, Copy)]
pub struct AboutFault {
    pub fault: Fault,
    /// Its name, as in `builtin@fault:NAME`.
    pub name: &'static str,
    pub what: &'static str,
    /// The real defect that it copies.
    pub like: &'static str,
    /// What finding a scenario has to report it as.
    pub finding: FindingKind,
}

impl Fault {
    pub fn named(name: &str) -> Option<Fault> {
        FAULTS.iter().find(|about| about.name == name).map(|about| about.fault)
    }

    pub fn about(self) -> &'static AboutFault {
        &FAULTS[self as usize]
    }
}

/// By its name.
impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.about().name)
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fault, D::Error> {
        let name = String::deserialize(deserializer)?;
        Fault::named(&name).ok_or_else(|| serde::de::Error::custom(format!("there is no fault `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        let names: HashSet<&str> = FAULTS.iter().map(|about| about.name).collect();
        assert_eq!(names.len(), FAULTS.len());
        for about in FAULTS {
            assert_eq!((about.fault.about().name, Fault::named(about.name)), (about.name, Some(about.fault)));
        }
    }
}
