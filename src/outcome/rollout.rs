//! What a rollout did to a target: its moves from one version to another, and what changed in its database. Facts, for
//! reports. Not: what its trials found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::{Move, Rollout};

/// A rollout on one target, which all its trials shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolledOut {
    /// How it was done.
    pub rollout: Rollout,
    /// The version that it began with, as a target.
    pub from: String,
    /// The moves that were made, in their order.
    pub moves: Vec<Moved>,
    /// Why the next one could not be made.
    pub error: Option<String>,
    /// The end of the log of what did not start.
    pub log: Vec<String>,
}

/// A move, as a trial sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MovedAt {
    /// Which.
    pub to: Move,
    /// How many requests came before it.
    pub after: usize,
    /// The line of its step in the scenario's file.
    pub line: usize,
}

/// One move of a target to another version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// Which.
    pub to: Move,
    /// How long it took, until the version that was started was ready, in ms.
    pub took_ms: u64,
    /// How long no instance of the gateway was there to answer, in ms.
    pub away_ms: u64,
    /// How many trials waited for it.
    pub trials: usize,
    /// What changed in the database; `None` if it cannot be asked.
    pub database: Option<SchemaChange>,
}

/// What a version's migrations changed in the database of another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SchemaChange {
    /// The migrations that ran, by their names.
    pub migrations: Vec<String>,
    /// Tables that are new.
    pub tables_added: Vec<String>,
    /// Tables that are gone.
    pub tables_dropped: Vec<String>,
    /// Columns that tables of both have only now: `table.column type`
    pub columns_added: Vec<String>,
    /// Columns that they had before: `table.column type`
    pub columns_dropped: Vec<String>,
    /// Columns of another type than before: `table.column old -> new`
    pub columns_changed: Vec<String>,
}

impl SchemaChange {
    /// What changed, in numbers, for people: `12 migrations; 3 tables added; 9 columns added`
    pub fn in_short(&self) -> String {
        let count = |what: &str, of: &[String], done: &str| {
            let s = if of.len() == 1 { "" } else { "s" };
            (!of.is_empty()).then(|| format!("{} {what}{s}{done}", of.len()))
        };
        let parts = [
            count("migration", &self.migrations, ""),
            count("table", &self.tables_added, " added"),
            count("table", &self.tables_dropped, " dropped"),
            count("column", &self.columns_added, " added"),
            count("column", &self.columns_dropped, " dropped"),
            count("column", &self.columns_changed, " of another type"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "its database is as it was".to_owned() } else { parts.join("; ") }
    }
}
