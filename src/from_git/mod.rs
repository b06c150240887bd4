//! An upgrade in version control: which version of the gateway a change replaces, and with which. Bots that keep
//! versions fresh propose these, and a gate compares them. Not: the comparison.
//!
//! git says which files and lines differ (`git`); `mention` reads what is deployed in them before and after; what
//! changed in that is one upgrade, or none.

mod before;
mod entries;
mod git;
mod mention;
mod wrong;

use std::fmt;
use std::path::Path;

use crate::gateway::Adapter;
use crate::gateway::litellm::LiteLlm;
use crate::gateway::litellm::release::{Releases, order};
pub use before::{Before, deployed};
use git::{ChangedFile, Hunk, Repository, Revision};
use mention::{Mention, mentions};
pub use wrong::NoUpgrade;

/// The gateway whose versions we look for.
pub static GATEWAY: &dyn Adapter = &LiteLlm;

/// One version of the gateway that takes the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    pub baseline: String,
    pub candidate: String,
    /// Where that is said; at least one place.
    pub places: Vec<Change>,
    /// The revision that was named, and the commit it resolves to.
    since: String,
}

/// What one place said and says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    old: Option<Claim>,
    new: Option<Claim>,
}

/// What a line says, right or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim {
    path: String,
    mention: Mention,
}

impl Upgrade {
    /// Finds it in what differs from a revision in the repository that `folder` is in: from the commit where it and
    /// HEAD parted, to the files as they are. `image` is the one in the settings.
    ///
    /// # Errors
    /// When git does not know, nothing changed, or more than one thing did.
    pub fn since(folder: &Path, revision: &str, image: &str) -> Result<Upgrade, NoUpgrade> {
        let releases = Releases::launched_as(image);
        let repository = Repository::open(folder, revision)?;
        let (mut files, mut changes) = (Vec::new(), Vec::new());
        for (name, file) in repository.changed()? {
            files.push(name);
            changes.extend(of_file(&repository, &file, &releases)?);
        }
        Upgrade::of(changes, format!("{revision} ({})", repository.base()), files)
    }

    /// The one upgrade that several changes make.
    fn of(changes: Vec<Change>, since: String, files: Vec<String>) -> Result<Upgrade, NoUpgrade> {
        let is_other = |change: &&Change| change.versions().is_some_and(|(old, new)| !is_same(old, new));
        let places: Vec<Change> = changes.iter().filter(is_other).cloned().collect();
        let Some((old, new)) = places.first().and_then(Change::versions) else {
            return Upgrade::moved(changes, since, files);
        };
        let is_this = |change: &Change| change.versions().is_some_and(|(o, n)| is_same(o, old) && is_same(n, new));
        if !places.iter().all(is_this) {
            return Err(NoUpgrade::Several { since, places });
        }
        let (baseline, candidate) = (old.to_owned(), new.to_owned());
        Ok(Upgrade { baseline, candidate, places, since })
    }

    /// A version said in one place before and in another now is an upgrade as well, if nothing else changed.
    fn moved(changes: Vec<Change>, since: String, files: Vec<String>) -> Result<Upgrade, NoUpgrade> {
        let alone = |(side, other): (Option<&Claim>, Option<&Claim>)| {
            side.filter(|said| other.is_none() && said.version().is_some()).cloned()
        };
        let sides = || changes.iter().map(|change| (change.old.as_ref(), change.new.as_ref()));
        let gone: Vec<Claim> = sides().filter_map(alone).collect();
        let come: Vec<Claim> = sides().map(|(old, new)| (new, old)).filter_map(alone).collect();
        match (one_version(&gone), one_version(&come)) {
            (Some(baseline), Some(candidate)) if !is_same(&baseline, &candidate) => {
                let places = changes.into_iter().filter(|change| change.version().is_some()).collect();
                Ok(Upgrade { baseline, candidate, places, since })
            }
            _ => Err(NoUpgrade::of(changes, since, files)),
        }
    }

    fn is_downgrade(&self) -> bool {
        matches!((order(&self.baseline), order(&self.candidate)), (Some(old), Some(new)) if new < old)
    }
}

/// As people read it, before the comparison: from what to what, and what says so.
impl fmt::Display for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Upgrade { baseline, candidate, places, since } = self;
        let down = if self.is_downgrade() { ", a downgrade" } else { "" };
        write!(f, "litellm {baseline} -> {candidate}{down}, by what changed since {since}:")?;
        places.iter().try_for_each(|place| write!(f, "\n  {place}"))
    }
}

/// `compose.yaml:4  ghcr.io/berriai/litellm:v1.81.0 -> v1.82.3`
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |said: &Claim| format!("{}:{}", said.path, said.mention.line);
        match (&self.old, &self.new) {
            (Some(old), Some(new)) if old.path == new.path && old.mention.written == new.mention.written => {
                write!(f, "{}  {}, as before", at(new), new.mention.written)
            }
            (Some(old), Some(new)) if old.path == new.path => {
                write!(f, "{}  {} -> {}", at(new), old.mention.written, new.mention.written)
            }
            (Some(old), Some(new)) => {
                write!(f, "{} -> {}  {} -> {}", at(old), at(new), old.mention.written, new.mention.written)
            }
            (Some(old), None) => write!(f, "{}  {}, no longer", at(old), old.mention.written),
            (None, Some(new)) => write!(f, "{}  {}, new", at(new), new.mention.written),
            (None, None) => Ok(()),
        }
    }
}

impl Claim {
    fn version(&self) -> Option<&str> {
        self.mention.version.as_deref()
    }
}

impl Change {
    /// The versions of both sides, if both name one.
    fn versions(&self) -> Option<(&str, &str)> {
        Some((self.old.as_ref()?.version()?, self.new.as_ref()?.version()?))
    }

    /// Either side's version.
    fn version(&self) -> Option<&str> {
        self.old.iter().chain(&self.new).find_map(Claim::version)
    }
}

/// What changed in a file.
fn of_file(repository: &Repository, file: &ChangedFile, releases: &Releases<'_>) -> Result<Vec<Change>, NoUpgrade> {
    let said = |side: &Option<Revision>| {
        let of_side = |side: &Revision| {
            let say = |mention| Claim { path: side.path.clone(), mention };
            mentions(&side.path, &side.text, releases).into_iter().map(say).collect::<Vec<_>>()
        };
        side.as_ref().map(of_side).unwrap_or_default()
    };
    let (old, new) = (said(&file.old), said(&file.new));
    let of_hunk = |hunk: &Hunk| {
        let within = |side: &[Claim], lines: &std::ops::Range<usize>| {
            side.iter().filter(|said| lines.contains(&said.mention.line)).cloned().collect::<Vec<_>>()
        };
        paired(&within(&old, &hunk.old), &within(&new, &hunk.new))
    };
    match (&file.old, &file.new) {
        // Most files do not mention it, so we need not know where they differ.
        _ if old.is_empty() && new.is_empty() => Ok(Vec::new()),
        (Some(before), Some(after)) => {
            Ok(repository.hunks(&before.path, &after.path)?.iter().flat_map(of_hunk).collect())
        }
        _ => Ok(paired(&old, &new)),
    }
}

/// Which neighbour replaces which: in order if both sides have as many, all of them if each side has only one version.
fn paired(old: &[Claim], new: &[Claim]) -> Vec<Change> {
    let change = |old: Option<&Claim>, new: Option<&Claim>| Change { old: old.cloned(), new: new.cloned() };
    if old.len() == new.len() {
        return old.iter().zip(new).map(|(old, new)| change(Some(old), Some(new))).collect();
    }
    match (one_version(old), one_version(new)) {
        (Some(_), Some(_)) => new.iter().map(|new| change(old.first(), Some(new))).collect(),
        _ => {
            let gone = old.iter().map(|old| change(Some(old), None));
            gone.chain(new.iter().map(|new| change(None, Some(new)))).collect()
        }
    }
}

/// The version that all of them name.
fn one_version(all: &[Claim]) -> Option<String> {
    let mut versions = all.iter().map(Claim::version);
    let first = versions.next()??;
    versions.all(|version| version.is_some_and(|version| is_same(version, first))).then(|| first.to_owned())
}

/// An image's `1.82.3.rc.1` is a package's `1.82.3rc1`.
fn is_same(one: &str, other: &str) -> bool {
    one == other || order(one).is_some_and(|order_of_one| Some(order_of_one) == order(other))
}
