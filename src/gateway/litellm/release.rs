//! What LiteLLM's releases are called where people deploy them: its images and their tags, its package, its chart. Not:
//! where they are written, or which of them changed ([`crate::from_git`]).

use std::str::FromStr as _;

use pep440_rs::Version;

/// Who publishes its images, on whichever registry: ghcr.io/berriai, docker.litellm.ai/berriai, docker.io/litellm.
const OWNERS: [&str; 2] = ["berriai", "litellm"];
/// The same release in several packagings.
const IMAGES: [&str; 4] = ["litellm", "litellm-database", "litellm-non_root", "litellm-non-root"];
const CHART: &str = "litellm-helm";
const PACKAGE: &str = "litellm";

/// Published on PyPI with stolen credentials; they carried malware.
const COMPROMISED: [[u64; 3]; 2] = [[1, 82, 7], [1, 82, 8]];

/// The names of its releases, here and in an image named in the settings.
#[derive(Debug, Clone)]
pub struct Releases<'a> {
    /// The repository of `[gateway.litellm] image`, and what its tags have around the version.
    repository: &'a str,
    before: &'a str,
    after: &'a str,
}

impl<'a> Releases<'a> {
    /// Those launched as `image`, in which `{version}` stands for the version.
    pub fn launched_as(image: &'a str) -> Releases<'a> {
        let name = image.rfind('/').map_or(0, |slash| slash + 1);
        let (repository, tag) = match image[name..].find(':') {
            Some(colon) => (&image[..name + colon], &image[name + colon + 1..]),
            None => (image, ""),
        };
        let (before, after) = tag.split_once("{version}").unwrap_or(("", ""));
        Releases { repository, before, after }
    }

    /// Whether a repository holds its images, even as a mirror: its name still has the publisher in it, or the settings
    /// name the mirror.
    pub fn is_image(&self, repository: &str) -> bool {
        let mut names = repository.rsplit('/');
        let (image, owner) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
        let is_in = |names: &[&str], name: &str| names.iter().any(|own| own.eq_ignore_ascii_case(name));
        let is_own = is_in(&IMAGES, image) && is_in(&OWNERS, owner);
        is_own || (!self.repository.is_empty() && repository.trim_start_matches('/') == self.repository)
    }

    /// The version that a tag of a repository means.
    pub fn version_of(&self, repository: &str, tag: &str) -> Option<String> {
        if repository == self.repository {
            let inner = tag.strip_prefix(self.before).and_then(|rest| rest.strip_suffix(self.after));
            if let Some(version) = inner.and_then(version_of) {
                return Some(version);
            }
        }
        version_of(tag)
    }
}

/// The version that a tag means. Its parts as of 1.108: `v1.82.3`, `1.99.1`, `main-v1.82.3-stable`, which is 1.82.3
/// after its time on trial, `v1.82.3.rc.1`, `v1.83.10-nightly`, and `v1.80.11-stable.1` or `v1.82.3-stable.patch.2`,
/// which differ from 1.82.3, and keep their names. `main-latest` and the like name no version.
pub fn version_of(tag: &str) -> Option<String> {
    let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    // The branch that it was built from.
    let tag = tag.match_indices("-v").find(|(at, _)| is_number(&tag[at + 2..])).map_or(tag, |(at, _)| &tag[at + 1..]);
    let version = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
    let version = version.strip_suffix("-stable").unwrap_or(version);
    let numbers = version.split('.').take_while(|part| is_number(part)).count();
    let is_plain = version.chars().all(|c| c.is_ascii_alphanumeric() || "._-+".contains(c));
    (numbers >= 3 && is_plain).then(|| version.to_owned())
}

/// The order of versions, for those that have one.
pub fn order(version: &str) -> Option<Version> {
    let as_pep440 =
        version.replace("-stable.patch.", ".post").replace("-stable.", ".post").replace("-nightly", ".dev0");
    Version::from_str(&as_pep440).ok()
}

/// Whether an attacker published this version, under whichever of its names.
pub fn is_compromised(version: &str) -> bool {
    order(version).is_some_and(|version| COMPROMISED.iter().any(|compromised| version.release() == compromised))
}

/// Where its repository shows what changed from one release to another. How releases are tagged there is known only
/// from 1.84.0 on: as `v1.84.0`; before, it was `-stable` for some, `-nightly` or `.rc.1` for others
/// (docs.litellm.ai/blog/cleaner-release-versions).
pub fn changes(from: &str, to: &str) -> Option<String> {
    let is_tagged = |version: &str| {
        order(version).is_some_and(|order| {
            !order.any_prerelease() && !order.is_post() && order.release() >= [1, 84, 0].as_slice()
        })
    };
    let link = || format!("https://github.com/BerriAI/litellm/compare/v{from}...v{to}");
    (is_tagged(from) && is_tagged(to)).then(link)
}

/// Whether a package on PyPI is the gateway; its names differ in case and dashes.
pub fn is_package(name: &str) -> bool {
    name.strip_prefix("pipx:").unwrap_or(name).eq_ignore_ascii_case(PACKAGE)
}

/// Whether a chart, or the place it comes from, is the gateway's own.
pub fn is_chart(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case(CHART))
}

/// The version of the gateway that a version of its chart brings: the same, since its charts are numbered that way.
/// Earlier ones were 0.1.
pub fn version_of_chart(version: &str) -> Option<String> {
    version_of(version).filter(|version| !version.starts_with("0."))
}

/// Whether a variable's name says that it holds its version: `LITELLM_VERSION`, `litellm_image_tag`, `litellmTag`.
pub fn is_setting(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("litellm") && (name.ends_with("version") || name.ends_with("tag"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_version_or_none() {
        for (tag, version) in [
            ("v1.82.3", Some("1.82.3")),
            ("1.99.1", Some("1.99.1")),
            ("main-v1.82.3", Some("1.82.3")),
            ("v1.82.3-stable", Some("1.82.3")),
            ("main-v1.82.3-stable", Some("1.82.3")),
            ("litellm_stable_release_branch-v1.67.0-stable", Some("1.67.0")),
            ("v1.82.3.rc.1", Some("1.82.3.rc.1")),
            ("v1.82.3-rc.1", Some("1.82.3-rc.1")),
            ("main-v1.82.3-stable.patch.2", Some("1.82.3-stable.patch.2")),
            ("v1.80.11-stable.1", Some("1.80.11-stable.1")),
            ("v1.83.10-nightly", Some("1.83.10-nightly")),
            ("main-latest", None),
            ("main-stable", None),
            ("latest", None),
            ("lts", None),
            ("", None),
            ("v1", None),
            ("v1.82", None),
            ("-v", None),
            ("v1.82.3/é", None),
        ] {
            assert_eq!(version_of(tag).as_deref(), version, "{tag}");
        }
    }

    #[test]
    fn releases_come_one_after_another() {
        let versions = [
            "1.82.3-nightly",
            "1.82.3.rc.1",
            "1.82.3.rc.2",
            "1.82.3",
            "1.82.3-stable.1",
            "1.82.3-stable.patch.2",
            "1.82.10",
        ];
        let ordered: Vec<_> = versions.iter().map(|version| order(version).unwrap()).collect();
        assert!(ordered.is_sorted(), "{ordered:?}");
        assert_eq!(order("1.82.3.rc.1"), order("1.82.3rc1"));
        assert_eq!(order("1.82.3-some-branch"), None);
    }

    #[test]
    fn changes_are_shown_where_it_is_known_how_releases_are_tagged() {
        let link = "https://github.com/BerriAI/litellm/compare/v1.84.10...v1.85.0";
        assert_eq!(changes("1.84.10", "1.85.0").as_deref(), Some(link));
        assert_eq!(changes("1.83.14", "1.84.0"), None);
        assert_eq!(changes("1.84.0", "1.84.1rc1"), None);
    }

    #[test]
    fn a_compromised_release_is_known_by_each_of_its_names() {
        for name in ["1.82.7", "1.82.8", "1.82.7-nightly", "1.82.8.post1", "1.82.7-stable.patch.1", "1.82.07"] {
            assert!(is_compromised(name), "{name}");
        }
        for name in ["1.82.6", "1.82.70", "1.82.9", "1.82", "latest"] {
            assert!(!is_compromised(name), "{name}");
        }
    }

    #[test]
    fn images_are_known_on_every_registry_and_by_the_settings() {
        let shipped = Releases::launched_as("ghcr.io/berriai/litellm:v{version}");
        for image in [
            "ghcr.io/berriai/litellm",
            "ghcr.io/BerriAI/litellm-database",
            "docker.io/litellm/litellm-non_root",
            "litellm/litellm",
            "docker.litellm.ai/berriai/litellm",
            "registry.example.com:5000/mirror/berriai/litellm",
        ] {
            assert!(shipped.is_image(image), "{image}");
        }
        for other in ["litellm", "ghcr.io/berriai/litellm-helm", "ghcr.io/berriai/litellm-spend_logs", "me/litellm", ""]
        {
            assert!(!shipped.is_image(other), "{other}");
        }
        let own = Releases::launched_as("registry.example.com:5000/llm/proxy:r{version}-hardened");
        assert!(own.is_image("registry.example.com:5000/llm/proxy") && own.is_image("berriai/litellm"));
        let version = |tag| own.version_of("registry.example.com:5000/llm/proxy", tag);
        assert_eq!(version("r1.82.3-hardened").as_deref(), Some("1.82.3"));
        assert_eq!(own.version_of("berriai/litellm", "r1.82.3-hardened"), None);
    }
}
