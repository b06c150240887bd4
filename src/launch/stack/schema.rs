//! The schema of a target's database, as PostgreSQL itself describes it, and how it differs from what it was. Pure. Not:
//! asking for it.

use std::collections::{BTreeMap, BTreeSet};

use crate::outcome::SchemaChange;

/// Asks for one line for each column: `table|column|type`. What PostgreSQL and Prisma keep for themselves is left out.
pub(super) const COLUMNS: &str = "\
    SELECT c.relname || '|' || a.attname || '|' || format_type(a.atttypid, a.atttypmod) \
    || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END \
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped \
    AND c.relname <> '_prisma_migrations' ORDER BY 1";

/// Whether there is a list of migrations.
pub(super) const HAS_MIGRATIONS: &str = "SELECT to_regclass('public._prisma_migrations') IS NOT NULL";

/// Asks for one line for each migration that was made.
pub(super) const MIGRATIONS: &str =
    "SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY 1";

/// The tables, the type of each of their columns, and the migrations that made them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Schema {
    tables: BTreeMap<String, BTreeMap<String, String>>,
    migrations: BTreeSet<String>,
}

impl Schema {
    /// Reads what PostgreSQL answers to [`COLUMNS`] and [`MIGRATIONS`].
    pub(super) fn read(columns: &str, migrations: &str) -> Schema {
        let mut tables: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for line in columns.lines() {
            let mut parts = line.splitn(3, '|');
            if let (Some(table), Some(column), Some(kind)) = (parts.next(), parts.next(), parts.next()) {
                tables.entry(table.to_owned()).or_default().insert(column.to_owned(), kind.trim().to_owned());
            }
        }
        let migrations = migrations.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
        Schema { tables, migrations: migrations.collect() }
    }

    /// What is different now.
    pub(super) fn changed_to(&self, now: &Schema) -> SchemaChange {
        let missing_in = |here: &Schema, there: &Schema| -> Vec<String> {
            here.tables.keys().filter(|table| !there.tables.contains_key(*table)).cloned().collect()
        };
        let mut change = SchemaChange {
            migrations: now.migrations.difference(&self.migrations).cloned().collect(),
            tables_added: missing_in(now, self),
            tables_dropped: missing_in(self, now),
            ..SchemaChange::default()
        };
        for (table, before) in &self.tables {
            let Some(after) = now.tables.get(table) else { continue };
            for (column, kind) in after {
                match before.get(column) {
                    None => change.columns_added.push(format!("{table}.{column} {kind}")),
                    Some(was) if was != kind => {
                        change.columns_changed.push(format!("{table}.{column} {was} -> {kind}"));
                    }
                    Some(_) => {}
                }
            }
            let gone = before.iter().filter(|(column, _)| !after.contains_key(*column));
            change.columns_dropped.extend(gone.map(|(column, kind)| format!("{table}.{column} {kind}")));
        }
        change
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_columns_and_migrations_that_differ_are_named() {
        let before = Schema::read("key|spend|real\nkey|old|text\nuser|id|text not null\ngone|a|text\n", "one\n");
        let now = Schema::read(
            "key|spend|double precision\nkey|new|jsonb\nuser|id|text not null\nmade|a|text\n",
            "one\ntwo\n",
        );
        let change = before.changed_to(&now);
        let expected = SchemaChange {
            migrations: vec!["two".to_owned()],
            tables_added: vec!["made".to_owned()],
            tables_dropped: vec!["gone".to_owned()],
            columns_added: vec!["key.new jsonb".to_owned()],
            columns_dropped: vec!["key.old text".to_owned()],
            columns_changed: vec!["key.spend real -> double precision".to_owned()],
        };
        assert_eq!(change, expected);
        assert_eq!(before.changed_to(&before), SchemaChange::default());
    }
}
