//! A gateway's migrated, otherwise empty database, kept in the cache: the next launch of the same gateway starts with
//! its tables and runs no migrations. Not: how a launcher gets them out of a database, or into one.
//!
//! A template is SQL: the schema, with what the gateway made at its start beyond its migrations, and the list of
//! migrations; no other row. Its name and head say what it is for, what it holds, and its checksum; a template that is
//! damaged, or for something else, is never used.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::cache::{Cache, CacheError};
use crate::target::Target;

/// What a template is for, and how it is written. Raise it when either changes.
const FORMAT: &str = "gatecrash template 1";

/// The arguments of `pg_dump` for all that is in a database but its rows.
pub(super) const DUMP_TABLES: [&str; 3] = ["--schema-only", "--no-owner", "--no-privileges"];
/// The arguments of `pg_dump` for the rows that list the migrations made.
pub(super) const DUMP_MIGRATIONS: [&str; 3] = ["--data-only", "--no-owner", "--table=_prisma_migrations"];

/// Asks a database what it holds. It answers nothing if a migration has not ended well.
pub(super) const COUNT: &str = "\
    SELECT count(*) FILTER (WHERE relkind = 'r') || ' tables, ' || count(*) FILTER (WHERE relkind = 'v') || ' views, ' \
    || count(*) FILTER (WHERE relkind = 'i') || ' indexes, ' || (SELECT count(*) FROM _prisma_migrations) || ' migrations' \
    FROM pg_class WHERE relnamespace = 'public'::regnamespace HAVING NOT EXISTS \
    (SELECT FROM _prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL)";

/// Where the template of a gateway is, or will be.
#[derive(Debug, Clone)]
pub(super) struct Template {
    cache: Cache,
    name: String,
    key: String,
}

/// What a template holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tables {
    pub sql: String,
    /// What a database with these tables answers to [`COUNT`].
    pub holds: String,
}

/// The remark where the tables came from a template.
pub(super) const USED: &str = "its tables were in the cache";

/// The remark where they did not: why an existing template was bad, why there is none now.
pub(super) fn remark(bad: Option<String>, not_kept: Option<String>) -> Option<String> {
    let bad = bad.map(|why| format!("its tables in the cache were made again: {why}"));
    let not_kept = not_kept.map(|why| format!("its tables are not in the cache now: {why}"));
    let remarks: Vec<String> = [bad, not_kept].into_iter().flatten().collect();
    (!remarks.is_empty()).then(|| remarks.join("; "))
}

/// Why an existing template cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("it is damaged")]
    Damaged,
}

impl Template {
    /// The template for a target and all else that decides which tables its gateway makes: what the gateway consists
    /// of, the database, the gateway's environment.
    pub(super) fn of<'a>(
        target: &'a Target,
        decisive: impl IntoIterator<Item = &'a str>,
    ) -> Result<Template, CacheError> {
        let version = target.version.as_deref().unwrap_or("unknown");
        let gateway = target.gateway.name();
        let key = digest([FORMAT, gateway, version].into_iter().chain(decisive));
        let name = format!("{gateway}-{version}-{:.16}.sql", key);
        Ok(Template { cache: Cache::find()?, name, key })
    }

    /// What is kept, if it is there.
    pub(super) fn read(&self) -> Result<Option<Tables>, Unusable> {
        match fs::read_to_string(self.path()) {
            Ok(text) => self.parse(&text).map(Some).ok_or(Unusable::Damaged),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps it for the next launch. Another run that reads or keeps it meanwhile finds the old one or the new one.
    pub(super) fn keep(&self, tables: &Tables) -> Result<(), CacheError> {
        let broken = |how| CacheError::Broken { path: self.path(), how };
        let mut file = tempfile::Builder::new().prefix(".template-").tempfile_in(self.cache.make()?).map_err(broken)?;
        file.write_all(self.render(tables).as_bytes()).map_err(broken)?;
        file.persist(self.path()).map_err(|error| broken(error.error))?;
        Ok(())
    }

    /// Removes one that did not work.
    pub(super) fn discard(&self) {
        // If it cannot be removed, it is found unusable again.
        let _ = fs::remove_file(self.path());
    }

    fn path(&self) -> PathBuf {
        Path::new(self.cache.folder()).join(&self.name)
    }

    fn render(&self, Tables { sql, holds }: &Tables) -> String {
        format!(
            "-- {FORMAT}\n-- key {}\n-- holds {holds}\n-- sha256 {}\n{sql}",
            self.key,
            digest([holds, sql.as_str()])
        )
    }

    fn parse(&self, text: &str) -> Option<Tables> {
        let (_, after_key) = text.split_once(&format!("-- {FORMAT}\n-- key {}\n-- holds ", self.key))?;
        let (holds, rest) = after_key.split_once('\n')?;
        let (_, sql) = rest.split_once('\n')?;
        let tables = Tables { sql: sql.to_owned(), holds: holds.to_owned() };
        // Exactly as it would be written, and nothing more.
        (self.render(&tables) == text).then_some(tables)
    }
}

/// A checksum of several parts, which changes with where one part ends and the next begins.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    format!("{:x}", hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{GatewayName, Launcher};

    fn target(version: &str) -> Target {
        Target {
            name: format!("litellm@{version}"),
            gateway: GatewayName::of(&crate::gateway::litellm::LiteLlm),
            version: Some(version.to_owned()),
            launcher: Launcher::Builtin { fault: None },
            chosen: None,
            own: None,
        }
    }

    fn template(folder: &Path, version: &str, decisive: &[&str]) -> Template {
        let of = Template::of(&target(version), decisive.iter().copied()).unwrap();
        Template { cache: Cache::at(folder.to_owned()), ..of }
    }

    #[test]
    fn it_is_found_by_all_that_matters_and_by_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables { sql: "CREATE TABLE a;\n".to_owned(), holds: "1 tables".to_owned() };
        let kept = template(folder.path(), "1.82.3", &["sha256:1", "sha256:2"]);
        assert_eq!(kept.read().unwrap(), None);
        kept.keep(&tables).unwrap();
        assert_eq!(kept.read().unwrap(), Some(tables));
        for (version, decisive) in [
            ("1.82.4", ["sha256:1", "sha256:2"].as_slice()),
            ("1.82.3", &["sha256:1", "sha256:3"]),
            ("1.82.3", &["sha256:1", "sha256:2", "A=b"]),
            ("1.82.3", &["sha256:1sha256:2"]),
        ] {
            assert_eq!(template(folder.path(), version, decisive).read().unwrap(), None, "{version} {decisive:?}");
        }
        kept.discard();
        assert_eq!(kept.read().unwrap(), None);
    }

    #[test]
    fn one_that_is_damaged_anywhere_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let kept = template(folder.path(), "1.82.3", &[]);
        kept.keep(&Tables { sql: "CREATE TABLE a;\n".to_owned(), holds: "1 tables".to_owned() }).unwrap();
        let good = fs::read(kept.path()).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(kept.path(), &bad).unwrap();
            assert!(kept.read().is_err(), "byte {at} of {:?}", String::from_utf8_lossy(&bad));
            fs::write(kept.path(), &good[..at]).unwrap();
            assert!(kept.read().is_err(), "only {at} bytes");
        }
    }
}
