//! The cache folder: where it is, what is in it, and how it is cleared. Not: what is kept there, or when that is still
//! right; that is up to those who keep it (`template`, and the process launcher's environments).
//!
//! All of it can be made again. The name of an entry begins with gateway and version, such as `litellm-1.82.3-...`; a
//! template is a `.sql` file, an environment a folder, results of trials are `.results` files, a search that was
//! stopped is a `.bisection` file, and how long trials took is a `.lengths` file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use etcetera::BaseStrategy as _;

/// The environment variable that names another folder.
pub const VARIABLE: &str = "GATECRASH_CACHE";

/// What marks a folder as a cache, for us and for backup programs (bford.info/cachedir).
const TAG: &str = "CACHEDIR.TAG";
const TAG_TEXT: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
                        # This is gatecrash's cache. All of it can be made again: `gatecrash cache clear`.\n";

/// The folder of what need not be made twice.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// Why there is no cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("there is no home folder for the cache\n  help: set the environment variable {VARIABLE} to a folder")]
    Homeless,
    #[error(
        "the cache folder {} contains other files\n  help: set {VARIABLE} to an empty or a new folder",
        .0.display()
    )]
    Foreign(PathBuf),
    #[error("the cache cannot be used: {}: {how}", path.display())]
    Broken { path: PathBuf, how: io::Error },
}

/// Something in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheEntry {
    pub kind: EntryKind,
    /// The name of its file or folder.
    pub name: String,
    pub bytes: u64,
    /// When it was made.
    pub made: SystemTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// The tables of a gateway's migrated database.
    Template,
    /// A gateway's packages.
    Environment,
    /// Results of trials.
    Results,
    /// What a search among versions has learned so far.
    Bisection,
    /// How long each trial took on a gateway.
    Lengths,
    /// What an interrupted run has left.
    Remainder,
}

impl EntryKind {
    pub fn word(self) -> &'static str {
        match self {
            EntryKind::Template => "template",
            EntryKind::Environment => "environment",
            EntryKind::Results => "results",
            EntryKind::Bisection => "bisection",
            EntryKind::Lengths => "lengths",
            EntryKind::Remainder => "remainder",
        }
    }
}

impl CacheEntry {
    /// The gateway and its version, as far as the name says.
    pub fn gateway(&self) -> Option<(&str, &str)> {
        // The version is the part that begins with a digit: `any-name-1.14.0-...`
        let is_version = |at: &usize| self.name[at + 1..].starts_with(|c: char| c.is_ascii_digit());
        let dash = self.name.match_indices('-').map(|(at, _)| at).find(is_version);
        let (gateway, rest) = self.name.split_at(dash.filter(|_| self.kind != EntryKind::Remainder)?);
        let rest = &rest[1..];
        Some((gateway, rest.split_once('-').map_or(rest, |(version, _)| version)))
    }
}

impl Cache {
    /// The folder that `GATECRASH_CACHE` names, or else `gatecrash` in the platform's folder for caches. It need not
    /// be there yet.
    ///
    /// # Errors
    /// When there is no home folder either.
    pub fn find() -> Result<Cache, CacheError> {
        if let Some(folder) = std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty()) {
            let folder = PathBuf::from(folder);
            // Processes that are started in other folders have to find it, too.
            let absolute = std::path::absolute(&folder).map_err(|how| CacheError::Broken { path: folder, how })?;
            return Ok(Cache { folder: absolute });
        }
        let platform = etcetera::choose_base_strategy().map_err(|_| CacheError::Homeless)?;
        Ok(Cache { folder: platform.cache_dir().join("gatecrash") })
    }

    #[cfg(test)]
    pub(crate) fn at(folder: PathBuf) -> Cache {
        Cache { folder }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder, made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made, or is in use for something else.
    pub fn make(&self) -> Result<&Path, CacheError> {
        fs::create_dir_all(&self.folder).map_err(|how| self.broken(how))?;
        if !self.is_ours()? {
            return Err(CacheError::Foreign(self.folder.clone()));
        }
        let tag = self.folder.join(TAG);
        if !tag.exists() {
            fs::write(&tag, TAG_TEXT).map_err(|how| CacheError::Broken { path: tag, how })?;
        }
        Ok(&self.folder)
    }

    /// What is in it, by kind and name; nothing if it is not there.
    ///
    /// # Errors
    /// When the folder cannot be read, or is in use for something else.
    pub fn list(&self) -> Result<Vec<CacheEntry>, CacheError> {
        if !self.folder.exists() {
            return Ok(Vec::new());
        }
        if !self.is_ours()? {
            return Err(CacheError::Foreign(self.folder.clone()));
        }
        let mut entries = Vec::new();
        for path in self.paths().map_err(|how| self.broken(how))? {
            // It may go while we look: another run may tidy up, or clear.
            let Ok(about) = path.symlink_metadata() else { continue };
            entries.push(CacheEntry {
                kind: kind(&path, about.is_dir()),
                name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                bytes: size(&path),
                made: about.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            });
        }
        entries.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        Ok(entries)
    }

    /// Removes all that is in it, and says what that was. A run that is on its way does not miss a template, but it
    /// does miss an environment.
    ///
    /// # Errors
    /// When something cannot be removed, or the folder is in use for something else.
    pub fn clear(&self) -> Result<Vec<CacheEntry>, CacheError> {
        let entries = self.list()?;
        for entry in &entries {
            let path = self.folder.join(&entry.name);
            let removed = match path.is_dir() && !path.is_symlink() {
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
            match removed {
                Err(how) if how.kind() != io::ErrorKind::NotFound => return Err(CacheError::Broken { path, how }),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(entries)
    }

    /// Whether it may be filled and cleared: it has our mark, or nothing else in it.
    fn is_ours(&self) -> Result<bool, CacheError> {
        let marked = fs::read_to_string(self.folder.join(TAG)).is_ok_and(|text| text == TAG_TEXT);
        Ok(marked || self.paths().map_err(|how| self.broken(how))?.is_empty())
    }

    /// All that is in it except the mark.
    fn paths(&self) -> io::Result<Vec<PathBuf>> {
        let paths = fs::read_dir(&self.folder)?.map(|entry| entry.map(|entry| entry.path()));
        paths.filter(|path| !path.as_ref().is_ok_and(|path| path.ends_with(TAG))).collect()
    }

    fn broken(&self, how: io::Error) -> CacheError {
        CacheError::Broken { path: self.folder.clone(), how }
    }
}

/// What is still being made has a name that begins with a dot.
fn kind(path: &Path, is_folder: bool) -> EntryKind {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    match (path.extension().and_then(|extension| extension.to_str()), is_folder) {
        _ if hidden => EntryKind::Remainder,
        (Some("sql"), false) => EntryKind::Template,
        (Some("results"), false) => EntryKind::Results,
        (Some("bisection"), false) => EntryKind::Bisection,
        (Some("lengths"), false) => EntryKind::Lengths,
        (Some("sql"), true) | (_, false) => EntryKind::Remainder,
        (_, true) => EntryKind::Environment,
    }
}

/// The bytes of a file, or of all files in a folder; links are not followed.
fn size(path: &Path) -> u64 {
    let Ok(about) = path.symlink_metadata() else { return 0 };
    match about.is_dir() {
        true => fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size(&entry.path())).sum(),
        false => about.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(folder: &Path) -> Cache {
        Cache::at(folder.join("gatecrash"))
    }

    #[test]
    fn what_is_kept_is_listed_and_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        assert_eq!(cache.list().unwrap(), []);
        let made = cache.make().unwrap().to_owned();
        fs::write(made.join("litellm-1.82.3-0af1.sql"), "tables").unwrap();
        fs::write(made.join(".litellm-1.82.3-0af1.sql.tmp"), "tab").unwrap();
        fs::create_dir_all(made.join("litellm-1.81.0-py311-9c/bin")).unwrap();
        fs::write(made.join("litellm-1.81.0-py311-9c/bin/litellm"), "#!").unwrap();
        let listed = cache.list().unwrap();
        let seen: Vec<_> = listed.iter().map(|entry| (entry.kind, entry.gateway(), entry.bytes)).collect();
        let template = (EntryKind::Template, Some(("litellm", "1.82.3")), 6);
        let environment = (EntryKind::Environment, Some(("litellm", "1.81.0")), 2);
        assert_eq!(seen, [template, environment, (EntryKind::Remainder, None, 3)]);
        assert_eq!(cache.clear().unwrap(), listed);
        assert_eq!(cache.list().unwrap(), []);
        assert!(cache.make().is_ok(), "it can be filled again");
    }

    #[test]
    fn a_folder_of_somebody_else_is_neither_filled_nor_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        fs::create_dir(cache.folder()).unwrap();
        fs::write(cache.folder().join("letter.txt"), "dear").unwrap();
        assert!(matches!(cache.make(), Err(CacheError::Foreign(_))));
        assert!(matches!(cache.clear(), Err(CacheError::Foreign(_))));
        assert!(cache.folder().join("letter.txt").exists());
    }
}
