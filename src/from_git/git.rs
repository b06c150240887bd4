//! What git knows of a change: the files that differ from a revision, and where. git is run as a program, so that it
//! has the settings and habits of the machine it is on.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::NoUpgrade;

/// A file larger than this does not describe a deployment.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

/// A working tree, and the commit that it is compared with.
#[derive(Debug)]
pub(super) struct Repository {
    root: PathBuf,
    base: String,
}

/// A file before and after, as text: bytes that are not UTF-8 are replaced. A file that is new or gone has only one side.
#[derive(Debug)]
pub(super) struct ChangedFile {
    pub old: Option<Revision>,
    pub new: Option<Revision>,
}

#[derive(Debug)]
pub(super) struct Revision {
    /// From the root of the repository.
    pub path: String,
    pub text: String,
}

/// Lines that changed, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hunk {
    pub old: Range<usize>,
    pub new: Range<usize>,
}

/// A line of `git diff --raw`.
struct Raw {
    old: Option<(String, String)>,
    new: Option<String>,
}

impl Repository {
    /// The repository that a folder is in, and the commit where HEAD and a revision parted.
    pub(super) fn open(folder: &Path, revision: &str) -> Result<Repository, NoUpgrade> {
        let name = revision.to_owned();
        // What begins with a dash is not a name in git, but may be an option.
        if revision.is_empty() || revision.starts_with('-') {
            return Err(NoUpgrade::UnknownRevision { name, shallow: false });
        }
        let root = run(folder, &["rev-parse", "--show-toplevel"]).map_err(NoUpgrade::Git)?;
        let root = PathBuf::from(String::from_utf8_lossy(&root).trim_end_matches('\n'));
        let shallow =
            || run(&root, &["rev-parse", "--is-shallow-repository"]).is_ok_and(|said| said.starts_with(b"true"));
        let commit = format!("{revision}^{{commit}}");
        let found = run(&root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]);
        let Ok(commit) = found else { return Err(NoUpgrade::UnknownRevision { name, shallow: shallow() }) };
        let commit = String::from_utf8_lossy(&commit).trim().to_owned();
        let base = run(&root, &["merge-base", &commit, "HEAD"]);
        let Ok(base) = base else { return Err(NoUpgrade::NothingInCommon { name, shallow: shallow() }) };
        Ok(Repository { root, base: String::from_utf8_lossy(&base).trim().to_owned() })
    }

    /// The commit that the files are compared with, shortened.
    pub(super) fn base(&self) -> &str {
        self.base.get(..10).unwrap_or(&self.base)
    }

    /// The changed files, each with its name; read only when their turn comes.
    pub(super) fn changed(&self) -> Result<impl Iterator<Item = (String, ChangedFile)>, NoUpgrade> {
        let raw = ["diff", "--raw", "-z", "--no-abbrev", "--no-relative", "--find-renames", "--no-ext-diff"];
        let raw = run(&self.root, &[&raw[..], &[self.base.as_str(), "--"]].concat()).map_err(NoUpgrade::Git)?;
        Ok(parse_raw(&raw).into_iter().map(|Raw { old, new }| {
            let name = new.as_ref().or(old.as_ref().map(|(path, _)| path)).cloned().unwrap_or_default();
            let old = old.and_then(|(path, blob)| {
                let bytes = run(&self.root, &["cat-file", "blob", &blob]).ok()?;
                Some(Revision { path, text: String::from_utf8_lossy(&bytes).into_owned() })
            });
            let new = new.and_then(|path| Some(Revision { text: read(&self.root.join(&path))?, path }));
            (name, ChangedFile { old, new })
        }))
    }

    /// The text of a file at the base, if it was there.
    pub(super) fn before(&self, file: &Path) -> Option<String> {
        let file = std::path::absolute(file).ok()?;
        let folder = file.parent()?.canonicalize().ok()?;
        let path = folder.join(file.file_name()?);
        let path = path.strip_prefix(self.root.canonicalize().ok()?).ok()?.display().to_string();
        let bytes = run(&self.root, &["cat-file", "blob", &format!("{}:{path}", self.base)]).ok()?;
        String::from_utf8(bytes).ok()
    }

    /// The files that git tracks and that have a word in them, each with its text as it is now.
    pub(super) fn mentioning(&self, word: &str) -> Result<Vec<(String, String)>, NoUpgrade> {
        let found = run(&self.root, &["grep", "-l", "-z", "-I", "-i", "--fixed-strings", "-e", word]);
        // It fails if it finds nothing, and then says nothing.
        let names = match found {
            Ok(names) => names,
            Err(said) if said.is_empty() => Vec::new(),
            Err(said) => return Err(NoUpgrade::Git(said)),
        };
        let names = String::from_utf8_lossy(&names).into_owned();
        let names = names.split('\0').filter(|name| !name.is_empty());
        Ok(names.filter_map(|name| Some((name.to_owned(), read(&self.root.join(name))?))).collect())
    }

    /// Where a file differs. As text, whatever the repository's attributes say: they often mark lock files as not to be
    /// shown.
    pub(super) fn hunks(&self, old: &str, new: &str) -> Result<Vec<Hunk>, NoUpgrade> {
        let options = ["diff", "--unified=0", "--inter-hunk-context=0", "--text", "--no-textconv", "--no-ext-diff"];
        let more = ["--no-color", "--no-relative", "--find-renames", self.base.as_str(), "--", old, new];
        let diff = run(&self.root, &[&options[..], &more[..]].concat()).map_err(NoUpgrade::Git)?;
        Ok(String::from_utf8_lossy(&diff).lines().filter_map(parse_hunk).collect())
    }
}

/// Runs git, and gives what it prints; else why it does not.
fn run(folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let mut git = Command::new("git");
    git.args(arguments).current_dir(folder).stdin(Stdio::null());
    // It speaks English, takes paths literally, and asks nobody for a password.
    git.env("LC_ALL", "C")
        .env("GIT_LITERAL_PATHSPECS", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0");
    let output = git.output().map_err(|error| format!("git cannot be run: {error}"))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// A file of the working tree, if it is one.
fn read(path: &Path) -> Option<String> {
    let is_one = path.symlink_metadata().is_ok_and(|about| about.is_file() && about.len() <= LARGEST_FILE);
    let bytes = std::fs::read(path).ok().filter(|_| is_one)?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Records of `git diff --raw -z`: `:100644 100644 OLD NEW M`, and a path, or two for a file that was renamed.
fn parse_raw(raw: &[u8]) -> Vec<Raw> {
    let text = String::from_utf8_lossy(raw);
    let mut fields = text.split('\0');
    let mut records = Vec::new();
    while let Some(about) = fields.next().filter(|about| about.starts_with(':')) {
        let mut about = about.split(' ');
        let is_file = |mode: Option<&str>| mode.is_some_and(|mode| mode.trim_start_matches(':').starts_with("100"));
        let (was_file, is_file) = (is_file(about.next()), is_file(about.next()));
        let blob = about.next().unwrap_or_default().to_owned();
        let is_renamed = about.nth(1).is_some_and(|status| status.starts_with(['R', 'C']));
        let old = fields.next().unwrap_or_default().to_owned();
        let new = if is_renamed { fields.next().unwrap_or_default().to_owned() } else { old.clone() };
        records.push(Raw { old: was_file.then_some((old, blob)), new: is_file.then_some(new) });
    }
    records
}

/// `@@ -12,3 +12 @@`, at the beginning of a line.
fn parse_hunk(line: &str) -> Option<Hunk> {
    let mut ranges = line.strip_prefix("@@ -")?.split(' ');
    let range = |text: &str| {
        let (start, count) = text.split_once(',').unwrap_or((text, "1"));
        let (start, count): (usize, usize) = (start.parse().ok()?, count.parse().ok()?);
        Some(start..start + count)
    };
    Some(Hunk { old: range(ranges.next()?)?, new: range(ranges.next()?.strip_prefix('+')?)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hunk_is_two_ranges_of_lines() {
        assert_eq!(parse_hunk("@@ -12,3 +12 @@ services:"), Some(Hunk { old: 12..15, new: 12..13 }));
        assert_eq!(parse_hunk("@@ -0,0 +1,2 @@"), Some(Hunk { old: 0..0, new: 1..3 }));
        for other in ["", "@@", "@@ -1", "@@ -x +1 @@", "+@@ -1 +1 @@", "@@ -1 1 @@"] {
            assert_eq!(parse_hunk(other), None, "{other}");
        }
    }
}
