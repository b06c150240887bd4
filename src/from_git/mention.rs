//! Where a file says which release of the gateway is deployed: by an image, a package, a chart, a variable. Not: which
//! of these changed.

use std::collections::{BTreeMap, HashMap};

use super::entries::{ConfigEntry, Sign, entries, lines};
use crate::gateway::litellm::release::{Releases, is_chart, is_package, is_setting, version_of, version_of_chart};

/// A place that names the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    /// The line of the version, counted from 1.
    pub line: usize,
    /// Nothing if what it says is not a version: `main-latest`, a range.
    pub version: Option<String>,
    /// As it is written.
    pub written: String,
}

/// Written for people: what it says need not be true, and includes old versions.
const PROSE: [&str; 5] = [".md", ".mdx", ".markdown", ".rst", ".adoc"];

/// Keys beside the name of an image or a package that say which one.
const VERSION_KEYS: [&str; 5] = ["tag", "newtag", "imagetag", "version", "specifier"];
const CHART_VERSION_KEYS: [&str; 2] = ["version", "targetrevision"];

/// Where a file names the gateway, from top to bottom.
pub(super) fn mentions(path: &str, text: &str, releases: &Releases<'_>) -> Vec<Mention> {
    if PROSE.iter().any(|ending| path.to_ascii_lowercase().ends_with(ending)) {
        return Vec::new();
    }
    let entries = entries(text);
    let mut file = File { entries: &entries, variables: HashMap::new(), releases, found: BTreeMap::new() };
    for entry in entries.iter().filter(|entry| !entry.value.is_empty()) {
        file.variables.entry(entry.key).or_insert((entry.value, entry.line));
    }
    for (number, line) in lines(text) {
        file.images(number, line);
        file.requirements(number, line);
        if path.rsplit('/').next() == Some(".tool-versions") {
            file.tool(number, line);
        }
    }
    entries.iter().for_each(|entry| file.entry(entry));
    file.annotated(text);
    let all = file.found.into_values().flatten();
    all.collect()
}

/// A file that is being read.
struct File<'a> {
    entries: &'a [ConfigEntry<'a>],
    /// What a variable is first set to, and in which line.
    variables: HashMap<&'a str, (&'a str, usize)>,
    releases: &'a Releases<'a>,
    found: BTreeMap<usize, Vec<Mention>>,
}

impl<'a> File<'a> {
    /// A line may say the same thing in two ways, such as a variable that holds an image: the first one counts.
    fn add(&mut self, line: usize, version: Option<String>, written: impl Into<String>) {
        let of_line = self.found.entry(line).or_default();
        let is_known = |own: &Mention| version.is_none() || own.version == version;
        if !of_line.iter().any(is_known) {
            of_line.retain(|own| own.version.is_some());
            of_line.push(Mention { line, version, written: written.into() });
        }
    }

    /// `ghcr.io/berriai/litellm:v1.82.3@sha256:...` and `github.com/BerriAI/litellm@v1.82.3`, wherever they are in a line.
    fn images(&mut self, number: usize, line: &str) {
        for (repository, tag) in references(line).filter(|(repository, _)| self.releases.is_image(repository)) {
            let (resolved, at) = self.resolve(tag, number);
            let version = self.releases.version_of(repository, &resolved);
            self.add(at, version, shortened(&format!("{repository}:{resolved}")));
        }
    }

    /// A tag with its variables replaced, as far as this file sets them, and the line that decides.
    fn resolve(&self, tag: &str, line: usize) -> (String, usize) {
        let (mut resolved, mut at, mut rest) = (String::new(), line, tag);
        while let Some((before, variable)) = rest.split_once('$') {
            resolved.push_str(before);
            let (name, default, after) = match variable.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                Some((inner, after)) => {
                    let (name, default) = inner.split_once([':', '-']).unwrap_or((inner, ""));
                    (name, default.trim_start_matches(['-', ':']), after)
                }
                None => {
                    let end =
                        variable.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(variable.len());
                    (&variable[..end], "", &variable[end..])
                }
            };
            match self.variables.get(name) {
                Some((value, set)) if !value.contains('$') => {
                    resolved.push_str(value);
                    at = *set;
                }
                _ => resolved.push_str(default),
            }
            rest = after;
        }
        resolved.push_str(rest);
        (resolved, at)
    }

    /// `litellm[proxy]==1.82.3`, wherever it is in a line.
    fn requirements(&mut self, number: usize, line: &str) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        for (start, name) in words(line, is_name).filter(|(_, name)| is_package(name)) {
            let rest = line[start + name.len()..].trim_start();
            let rest = match rest.strip_prefix('[') {
                Some(extras) => extras.split_once(']').map_or("", |(_, rest)| rest).trim_start(),
                None => rest,
            };
            let behind = rest.trim_start_matches(['=', '<', '>', '~', '!']);
            let (sign, behind) = (&rest[..rest.len() - behind.len()], behind.trim_start());
            let end =
                behind.find(|c: char| !(c.is_ascii_alphanumeric() || "._-+*".contains(c))).unwrap_or(behind.len());
            if !sign.is_empty() && behind.starts_with(|c: char| c.is_ascii_digit()) {
                let range = format!("{sign}{}", &behind[..end]);
                self.add(number, exact(&range), format!("{name}{range}"));
            }
        }
    }

    /// `litellm 1.82.3`
    fn tool(&mut self, number: usize, line: &str) {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next().filter(|name| is_package(name)), words.next()) {
            self.add(number, version_of(version), format!("{name} {version}"));
        }
    }

    fn entry(&mut self, entry: &ConfigEntry<'a>) {
        let ConfigEntry { line, block, within, key, sign, value } = *entry;
        let lower = key.to_ascii_lowercase();
        let beside = |keys: &[&str]| {
            let of_block = self.entries.iter().filter(|other| other.block == block && !other.value.is_empty());
            let wanted = |other: &ConfigEntry<'a>| {
                keys.contains(&other.key.replace(['_', '-'], "").to_ascii_lowercase().as_str())
            };
            of_block.copied().find(wanted)
        };
        if self.releases.is_image(value) {
            if let Some(tag) = beside(&VERSION_KEYS) {
                let (resolved, at) = self.resolve(tag.value, tag.line);
                let version = self.releases.version_of(value, without_digest(&resolved));
                self.add(at, version, shortened(&format!("{value}:{resolved}")));
            }
        } else if sign == Sign::Colon && lower == "name" && (is_package(value) || is_chart(value)) {
            // One's own chart has its own version; its appVersion is what it deploys.
            let app = beside(&["appversion"]);
            let own = beside(&CHART_VERSION_KEYS).filter(|_| is_chart(value));
            match (app, own) {
                (Some(app), _) => self.add(app.line, version_of(app.value), format!("{value} {}", app.value)),
                (None, Some(own)) => self.add(own.line, version_of_chart(own.value), format!("{value} {}", own.value)),
                (None, None) => {}
            }
        } else if is_chart(value) {
            if let Some(own) = beside(&CHART_VERSION_KEYS) {
                self.add(own.line, version_of_chart(own.value), format!("{value} {}", own.value));
            }
        } else if sign == Sign::Equals && lower == "name" && is_package(value) {
            if let Some(own) = beside(&VERSION_KEYS) {
                self.add(own.line, exact(own.value), format!("{value} {}", own.value));
            }
        } else if is_package(within) && lower == "version" {
            self.add(line, exact(value), format!("{within} {value}"));
        } else if is_package(key) && value.starts_with(|c: char| "^~=<>!*v".contains(c) || c.is_ascii_digit()) {
            self.add(line, exact(value), format!("{key} {value}"));
        } else if is_setting(key)
            && let Some(version) = version_of_chart(without_digest(value))
        {
            self.add(line, Some(version), format!("{key}={value}"));
        }
    }

    /// A version below a comment that tells Renovate its source: `# renovate: datasource=docker depName=litellm/litellm`.
    fn annotated(&mut self, text: &str) {
        let named = |word: &str| {
            let name = word.strip_prefix("depName=").or_else(|| word.strip_prefix("packageName="))?;
            (self.releases.is_image(name) || is_package(name)).then(|| name.to_owned())
        };
        let comments = text.lines().enumerate().filter(|(_, line)| line.contains("renovate:"));
        let named: Vec<_> =
            comments.filter_map(|(index, line)| Some((index + 2, line.split_whitespace().find_map(named)?))).collect();
        for (below, name) in named {
            let line = text.lines().nth(below - 1).unwrap_or_default();
            let version =
                words(line, |c| c.is_ascii_alphanumeric() || "._-+".contains(c)).find_map(|(_, word)| version_of(word));
            if let Some(version) = version {
                let written = format!("{name} {version}");
                self.add(below, Some(version), written);
            }
        }
    }
}

/// What could be images with a tag, or sources at one: a name, and what follows it.
fn references(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_port = |at: usize| {
        let digits = line[at + 1..].trim_start_matches(|c: char| c.is_ascii_digit());
        digits.starts_with('/') && digits.len() < line.len() - at - 1
    };
    let names =
        words_at(line, move |at, c| c.is_ascii_alphanumeric() || "._-/".contains(c) || (c == ':' && is_port(at)));
    names.filter_map(move |(start, name)| {
        let rest = &line[start + name.len()..];
        let behind = rest.strip_prefix([':', '@'])?;
        let mut depth = 0;
        let is_tag = |c: char| {
            depth = if c == '{' { depth + 1 } else { depth };
            let is_in = depth > 0 || c.is_ascii_alphanumeric() || "._-$".contains(c);
            depth = if c == '}' && depth > 0 { depth - 1 } else { depth };
            !is_in
        };
        let end = behind.find(is_tag).unwrap_or(behind.len());
        Some((name.trim_start_matches('-'), &behind[..end]))
    })
}

/// The longest runs of such characters in a line, and where they begin.
fn words(line: &str, is_of: impl Fn(char) -> bool) -> impl Iterator<Item = (usize, &str)> {
    words_at(line, move |_, c| is_of(c))
}

fn words_at(line: &str, is_of: impl Fn(usize, char) -> bool) -> impl Iterator<Item = (usize, &str)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = line[from..].char_indices().map(|(at, c)| (from + at, c)).find(|(at, c)| is_of(*at, *c))?.0;
        let end = line[start..].char_indices().map(|(at, c)| (start + at, c)).find(|(at, c)| !is_of(*at, *c));
        let end = end.map_or(line.len(), |(at, _)| at);
        from = end;
        Some((start, &line[start..end]))
    })
}

/// The one version that a requirement admits.
fn exact(range: &str) -> Option<String> {
    version_of(range.trim_start_matches('=').trim())
}

fn without_digest(tag: &str) -> &str {
    tag.split_once('@').map_or(tag, |(tag, _)| tag)
}

/// Without its digest, which nobody reads.
fn shortened(image: &str) -> String {
    image.split_once("@sha256:").map_or(image, |(image, _)| image).trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn found(path: &str, text: &str, expected: &[(usize, Option<&str>)]) {
        let releases = Releases::launched_as("ghcr.io/berriai/litellm:v{version}");
        let found = mentions(path, text, &releases);
        let found: Vec<_> = found.iter().map(|own| (own.line, own.version.as_deref())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn images_are_found_in_any_line() {
        let version = Some("1.82.3");
        for line in [
            "image: ghcr.io/berriai/litellm:v1.82.3",
            "image: 'docker.io/litellm/litellm:main-v1.82.3-stable@sha256:0123'",
            "  \"image\": \"litellm/litellm-database:v1.82.3-stable\",",
            "FROM --platform=$BUILDPLATFORM ghcr.io/berriai/litellm-non_root:v1.82.3 AS base",
            "image: ${IMAGE:-ghcr.io/berriai/litellm:v1.82.3}",
            "image: ghcr.io/berriai/litellm:${TAG:-main-v1.82.3-stable}",
            "image: ghcr.io/berriai/litellm:v${TAG-1.82.3}",
            "docker run registry.example.com:5000/berriai/litellm:v1.82.3 --port 4000",
            "litellm = \"docker://ghcr.io/berriai/litellm:v1.82.3\"",
            "litellm @ git+https://github.com/BerriAI/litellm@v1.82.3",
            "image: { repository: ghcr.io/berriai/litellm, tag: v1.82.3 }",
        ] {
            found("a", line, &[(1, version)]);
        }
        for line in [
            "image: ghcr.io/berriai/litellm:main-latest",
            "image: ghcr.io/berriai/litellm@sha256:0123",
            "image: ghcr.io/berriai/litellm:${TAG}",
            "image: ghcr.io/berriai/litellm:{{ .Values.tag }}",
        ] {
            found("a", line, &[(1, None)]);
        }
        for line in [
            "image: ghcr.io/berriai/litellm",
            "# image: ghcr.io/berriai/litellm:v1.82.3",
            "image: postgres:16 # beside ghcr.io/berriai/litellm:v1.82.3",
            "image: ghcr.io/berriai/litellm-spend_logs:v1.82.3",
            "see https://github.com/BerriAI/litellm/releases/tag/v1.82.3",
        ] {
            found("a", line, &[]);
        }
    }

    #[test]
    fn a_name_and_its_version_can_be_lines_apart() {
        let helm = "image:\n  repository: ghcr.io/berriai/litellm-database\n  tag: main-v1.82.3-stable\nother:\n  tag: v1.0.0\n";
        found("values.yaml", helm, &[(3, Some("1.82.3"))]);
        let kustomize = "images:\n- name: postgres\n  newTag: 16.1.0\n- name: litellm\n  newName: ghcr.io/berriai/litellm\n  newTag: v1.82.3\n";
        found("kustomization.yaml", kustomize, &[(6, Some("1.82.3"))]);
        let chart = "name: litellm\nversion: 2.0.0\nappVersion: \"v1.82.3\"\ndependencies:\n  - name: litellm-helm\n    version: 1.82.4\n    repository: oci://ghcr.io/berriai\n  - name: redis\n    version: 20.0.0\n";
        found("Chart.yaml", chart, &[(3, Some("1.82.3")), (6, Some("1.82.4"))]);
        found("Chart.yaml", "dependencies:\n- name: litellm-helm\n  version: 0.1.694\n", &[(3, None)]);
        let lock = "[[package]]\nname = \"litellm\"\nversion = \"1.82.3\"\ndependencies = [\n    { name = \"openai\" },\n]\n\n[[package]]\nname = \"openai\"\nversion = \"2.0.0\"\n";
        found("uv.lock", lock, &[(3, Some("1.82.3"))]);
        let pipfile = "{\n    \"default\": {\n        \"litellm\": {\n            \"extras\": [\n                \"proxy\"\n            ],\n            \"version\": \"==1.82.3\"\n        }\n    }\n}\n";
        found("Pipfile.lock", pipfile, &[(7, Some("1.82.3"))]);
        let docker = "ARG VERSION=v1.82.3\nFROM ghcr.io/berriai/litellm:${VERSION}\nRUN true\n";
        found("Dockerfile", docker, &[(1, Some("1.82.3"))]);
        let annotated = "# renovate: datasource=docker depName=ghcr.io/berriai/litellm\ngateway: v1.82.3\n";
        found("versions.yaml", annotated, &[(2, Some("1.82.3"))]);
    }

    #[test]
    fn packages_and_variables_are_found() {
        let version = Some("1.82.3");
        for line in [
            "litellm[proxy]==1.82.3",
            "LiteLLM == 1.82.3 ; python_version >= \"3.10\"",
            "RUN pip install \"litellm[proxy,extra]==1.82.3\" uvicorn",
            "dependencies = [\"fastapi\", \"litellm[proxy]==1.82.3\"]",
            "RUN pip install litellm==1.82.3 uvicorn",
            "litellm = { version = \"1.82.3\", extras = [\"proxy\"] }",
            "litellm = \"==1.82.3\"",
            "\"pipx:litellm\" = \"1.82.3\"",
            "  - litellm=1.82.3",
            "LITELLM_VERSION=v1.82.3",
            "litellm_image_tag = \"main-v1.82.3-stable\"",
            "LITELLM_VERSION ?= 1.82.3",
        ] {
            found("a", line, &[(1, version)]);
        }
        found(".tool-versions", "python 3.12.1\nlitellm 1.82.3\n", &[(2, version)]);
        for line in ["litellm[proxy]>=1.82.3,<2", "litellm = \"^1.82.3\"", "litellm~=1.82.3", "litellm==1.82.*"] {
            found("a", line, &[(1, None)]);
        }
        for line in [
            "litellm-proxy-extras==0.4.5",
            "my-litellm==1.82.3",
            "litellm",
            "litellm: on",
            "litellm_proxy_extras_version = \"0.4.5\"",
            "from litellm import x",
        ] {
            found("a", line, &[]);
        }
        found("README.md", "litellm==1.82.3", &[]);
    }

    #[test]
    fn nothing_makes_it_stumble() {
        let odd = ["berriai/litellm:", "berriai/litellm:${", "berriai/litellm:$", "litellm[", "litellm=", "litellm>é"];
        for text in
            odd.into_iter().chain(["é:/litellm:é", "a:1", ":", "berriai/litellm:{{", "litellm==1é", "- renovate:"])
        {
            mentions("a", text, &Releases::launched_as(""));
        }
    }
}
