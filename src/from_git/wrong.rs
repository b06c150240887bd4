//! Why a change is not an upgrade to compare: what was looked at, and what to do instead.

use std::fmt;

use super::{Change, is_same};

/// Why there is nothing to compare.
#[derive(Debug)]
pub enum NoUpgrade {
    /// git fails; this is what it says.
    Git(String),
    UnknownRevision {
        name: String,
        shallow: bool,
    },
    /// The revision and HEAD have no commit in common.
    NothingInCommon {
        name: String,
        shallow: bool,
    },
    /// No changed line names a version.
    Nothing {
        since: String,
        files: Vec<String>,
        /// Places that name the gateway, but no version.
        places: Vec<Change>,
    },
    /// Lines that name a version changed, but the version did not.
    SameVersion {
        since: String,
        version: String,
        places: Vec<Change>,
    },
    /// It was not there before.
    OnlyNew {
        since: String,
        places: Vec<Change>,
    },
    /// It is no longer there.
    OnlyGone {
        since: String,
        places: Vec<Change>,
    },
    /// The configuration changed, and no one version that is launched with it is named anywhere.
    NoOneVersion {
        places: Vec<String>,
    },
    /// More than one version was replaced, or by more than one.
    Several {
        since: String,
        places: Vec<Change>,
    },
}

/// How many changed files to name.
const FILES_SHOWN: usize = 8;

const NAME_THEM: &str = "name the two targets: gatecrash compare litellm@OLD litellm@NEW";

impl NoUpgrade {
    /// For changes of which none is from one version to another.
    pub(super) fn of(changes: Vec<Change>, since: String, files: Vec<String>) -> NoUpgrade {
        let (places, silent): (Vec<_>, Vec<_>) = changes.into_iter().partition(|change| change.version().is_some());
        let has = |side: fn(&Change) -> bool| places.iter().any(side);
        let Some(version) = places.first().and_then(Change::version).map(str::to_owned) else {
            return NoUpgrade::Nothing { since, files, places: silent };
        };
        match (has(|change| change.old.is_some()), has(|change| change.new.is_some())) {
            (false, _) => NoUpgrade::OnlyNew { since, places },
            (_, false) => NoUpgrade::OnlyGone { since, places },
            (true, true) => {
                let said = places.iter().flat_map(|change| change.old.iter().chain(&change.new));
                let is_one = said.into_iter().all(|said| said.version().is_some_and(|own| is_same(own, &version)));
                match is_one {
                    true => NoUpgrade::SameVersion { since, version, places },
                    false => NoUpgrade::Several { since, places },
                }
            }
        }
    }
}

impl std::error::Error for NoUpgrade {}

/// What is wrong, the places it is about, and what to do.
impl fmt::Display for NoUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wrong, places, help): (String, &[Change], String) = match self {
            NoUpgrade::Git(said) => (
                format!("git cannot tell what changed: {said}"),
                &[],
                format!("--from-git needs git, and to be run in a repository; or {NAME_THEM}"),
            ),
            NoUpgrade::UnknownRevision { name, shallow } => {
                let wrong = match name.as_str() {
                    "" => "no revision is named".to_owned(),
                    name => format!("`{name}` is not a revision of this repository"),
                };
                let (wrong, help) =
                    missing(wrong, *shallow, "git fetch origin; then for example --from-git origin/main");
                (wrong, &[], help)
            }
            NoUpgrade::NothingInCommon { name, shallow } => {
                let (wrong, help) = missing(format!("`{name}` and HEAD have no commit in common"), *shallow, NAME_THEM);
                (wrong, &[], help)
            }
            NoUpgrade::Nothing { since, files, places } => (
                format!("no version of litellm changed since {since}\n  looked at {}", named(files)),
                places,
                format!(
                    "images, packages, charts and variables are found in files that git tracks; if the version is \
                     elsewhere, {NAME_THEM}"
                ),
            ),
            NoUpgrade::NoOneVersion { places } if places.is_empty() => (
                "the configuration changed, but no file that git tracks names a version of litellm".to_owned(),
                &[],
                "name it with a target of harness.toml: `version` and `config` under [target.NAME]".to_owned(),
            ),
            NoUpgrade::NoOneVersion { places } => {
                let all = places.join("\n  ");
                let help = "name it with a target of harness.toml: `version` and `config` under [target.NAME]";
                (
                    format!("the configuration changed, but which version has it? Several are named:\n  {all}"),
                    &[],
                    help.to_owned(),
                )
            }
            NoUpgrade::SameVersion { since, version, places } => (
                format!("litellm is still {version}; the changes since {since} do not affect its version:"),
                places,
                format!("versions are compared, not builds of one; to compare others, {NAME_THEM}"),
            ),
            NoUpgrade::OnlyNew { since, places } => (
                format!("litellm was added since {since}, so there is no version to compare it with:"),
                places,
                format!("gatecrash run --target litellm@VERSION runs one version; or {NAME_THEM}"),
            ),
            NoUpgrade::OnlyGone { since, places } => (
                format!("litellm was removed since {since}, so there is no version to compare with:"),
                places,
                format!("if it is elsewhere now, {NAME_THEM}"),
            ),
            NoUpgrade::Several { since, places } => (
                format!("more than one version of litellm changed since {since}:"),
                places,
                format!("a comparison takes two versions; for each, {NAME_THEM}"),
            ),
        };
        f.write_str(&wrong)?;
        places.iter().try_for_each(|place| write!(f, "\n  {place}"))?;
        write!(f, "\n  help: {help}")
    }
}

/// What is wrong if a commit is missing, and what to do.
fn missing(wrong: String, shallow: bool, otherwise: &str) -> (String, String) {
    match shallow {
        true => (
            format!("{wrong}; this clone is a shallow one"),
            "fetch the history that is missing: git fetch --unshallow; in GitHub Actions, `fetch-depth: 0` for \
             actions/checkout"
                .to_owned(),
        ),
        false => (wrong, otherwise.to_owned()),
    }
}

/// `3 changed files: a, b, c`
fn named(files: &[String]) -> String {
    let shown = files.iter().take(FILES_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match (files.len(), files.len().saturating_sub(FILES_SHOWN)) {
        (0, _) => "no file, because none has changed".to_owned(),
        (1, _) => format!("1 changed file: {shown}"),
        (count, 0) => format!("{count} changed files: {shown}"),
        (count, more) => format!("{count} changed files: {shown} and {more} more"),
    }
}
