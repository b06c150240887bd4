//! An operator's configuration as it was before a change, with the files that it includes or imports: in a folder of its own,
//! so that a gateway can be launched with it. Not: which version that gateway has.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::git::Repository;
use super::mention::mentions;
use super::{Claim, NoUpgrade, Releases, one_version};
use crate::gateway::own::{load, place_beside};
use crate::gateway::yaml::{Node, parse};

/// A configuration before a change.
#[derive(Debug)]
pub struct Before {
    /// It is gone when this is.
    folder: TempDir,
    /// The file, as it was.
    pub file: PathBuf,
    /// Files that it imports, as they were.
    pub files: Vec<PathBuf>,
    /// What it is called for people: `config.yaml of main (0123456789)`
    pub name: String,
}

impl Before {
    /// A configuration as it was at the commit where a revision and HEAD parted, if anything of it is another now. One that
    /// is new has nothing before it.
    ///
    /// # Errors
    /// When git does not know, or it cannot be written.
    pub fn of(folder: &Path, revision: &str, file: &Path, files: &[PathBuf]) -> Result<Option<Before>, NoUpgrade> {
        let repository = Repository::open(folder, revision)?;
        let Some(text) = repository.before(&folder.join(file)) else { return Ok(None) };
        let beside = file.parent().unwrap_or(Path::new(""));
        let included = included(file, &text).into_iter().map(|name| beside.join(name));
        let others: Vec<PathBuf> = included.chain(files.iter().cloned()).collect();
        // What is not read now is no change: it is said when it is launched.
        let is_other = |path: &Path, before: Option<&str>| load(&folder.join(path)).ok().as_deref() != before;
        let before: Vec<Option<String>> = others.iter().map(|path| repository.before(&folder.join(path))).collect();
        let changed = is_other(file, Some(&text))
            || others.iter().zip(&before).any(|(path, before)| is_other(path, before.as_deref()));
        if !changed {
            return Ok(None);
        }
        let broken = |error: std::io::Error| NoUpgrade::Git(format!("a file of it cannot be written: {error}"));
        let kept = tempfile::Builder::new().prefix("gatecrash-before-").tempdir().map_err(broken)?;
        let put = |path: &Path, text: &str| -> std::io::Result<PathBuf> {
            // The places of its files to one another are kept, whatever is above them.
            let to = kept.path().join(place_beside(beside, path));
            std::fs::create_dir_all(to.parent().unwrap_or(kept.path()))?;
            std::fs::write(&to, text)?;
            Ok(to)
        };
        let was = put(file, &text).map_err(broken)?;
        let mut imported = Vec::new();
        for (path, before) in others.iter().zip(&before) {
            let Some(before) = before else { continue };
            let to = put(path, before).map_err(broken)?;
            if files.contains(path) {
                imported.push(to);
            }
        }
        let name = format!("{} of {revision} ({})", file.display(), repository.base());
        Ok(Some(Before { folder: kept, file: was, files: imported, name }))
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The files that a configuration includes.
fn included(file: &Path, text: &str) -> Vec<String> {
    let tree = parse(file, text).ok();
    let names = tree.as_ref().and_then(|tree| tree.get("include")).map(Node::items).unwrap_or_default().iter();
    names.filter_map(|name| name.text().map(str::to_owned)).collect()
}

/// The one version of the gateway that the files of a repository name now.
///
/// # Errors
/// When git does not know, or they name none or several.
pub fn deployed(folder: &Path, revision: &str, image: &str) -> Result<String, NoUpgrade> {
    let releases = Releases::launched_as(image);
    let repository = Repository::open(folder, revision)?;
    let mut said: Vec<Claim> = Vec::new();
    for (path, text) in repository.mentioning("litellm")? {
        let of_file = mentions(&path, &text, &releases).into_iter();
        said.extend(of_file.filter(|own| own.version.is_some()).map(|mention| Claim { path: path.clone(), mention }));
    }
    let line = |said: &Claim| format!("{}:{}  {}", said.path, said.mention.line, said.mention.written);
    one_version(&said).ok_or_else(|| NoUpgrade::NoOneVersion { places: said.iter().map(line).collect() })
}
