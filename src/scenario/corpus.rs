//! The corpus inside this program, which runs where there is no folder of scenarios. Its files are called
//! `corpus:budget/key.yaml`: nobody takes that for a path, and it can be named wherever a path can. Not: what is in them.

use std::path::{Path, PathBuf};

use super::Diagnostic;
use super::diagnostic::nearest;
use super::promises;

/// What the name of an embedded file begins with; by itself, the whole corpus.
pub const CORPUS: &str = "corpus:";

/// Names below `scenarios/` and texts, sorted.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/corpus.rs"));

/// The name of an embedded file or folder; none for a path.
pub fn name(path: &Path) -> Option<&str> {
    path.to_str()?.strip_prefix(CORPUS).map(|name| name.trim_matches('/'))
}

/// The path of the embedded file with this name.
pub fn path(name: &str) -> PathBuf {
    format!("{CORPUS}{name}").into()
}

/// The scenarios of the corpus: names and texts. The promises are not among them.
pub fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().copied()
}

/// How many there are, and whose they are: `136 scenarios of gatecrash 0.2.0`.
pub fn described() -> String {
    format!("{} scenarios of gatecrash {}", FILES.len(), env!("CARGO_PKG_VERSION"))
}

/// The paths of the files below a folder. Anything else is a file, whether it exists or not.
pub fn find(name: &str) -> Vec<PathBuf> {
    let is_below = |file: &str| name.is_empty() || file.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
    let own = files().map(|(file, _)| file.to_owned());
    let promises = promises::files().map(|(file, _)| file).filter(|_| !name.is_empty());
    let found: Vec<PathBuf> = own.chain(promises).filter(|file| is_below(file)).map(|file| path(&file)).collect();
    if found.is_empty() { vec![path(name)] } else { found }
}

/// The text of a file.
///
/// # Errors
/// When there is none with this name.
pub fn text(name: &str) -> Result<&'static str, Box<Diagnostic>> {
    let all = || files().map(|(file, text)| (file.to_owned(), text)).chain(promises::files());
    all().find(|(file, _)| file == name).map(|(_, text)| text).ok_or_else(|| {
        let names: Vec<String> = all().map(|(file, _)| file).collect();
        let wrong = Diagnostic::new(&path(name), format!("the corpus has no `{name}`"));
        Box::new(match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => wrong.help(format!("did you mean `{CORPUS}{near}`?")),
            None => {
                wrong.help(format!("`gatecrash check {CORPUS}` reads all; `gatecrash new --corpus FOLDER` writes them"))
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_files_folders_or_nothing() {
        assert_eq!(name(Path::new("scenarios/budget/key.yaml")), None);
        assert_eq!(name(Path::new("./corpus:budget")), None);
        assert_eq!(find("").len(), FILES.len());
        assert!(find("budget").len() > 10 && find("budget").len() < FILES.len());
        assert_eq!(find("budget/key.yaml"), [path("budget/key.yaml")]);
        assert!(find("promises").len() > 10);
        assert!(text("budget/key.yaml").is_ok_and(|text| text.contains("name:")));
        assert!(format!("{:?}", text("budget/kee.yaml").unwrap_err()).contains("corpus:budget/key.yaml"));
    }
}
