//! `harness.toml`: which targets, how they start, limits, known deviations. Not: what a target is
//! ([`crate::target`]), nor what a deviation does ([`crate::verdict::deviation`]).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use clap::ValueEnum;
use pep440_rs::VersionSpecifiers;
use serde::{Deserialize, Deserializer, Serialize};

use crate::gateway::{ADAPTERS, Adapter};
use crate::outcome::FindingKind;
use crate::scenario::diagnostic::nearest;
use crate::scenario::{Period, corpus};
use crate::secret::know_setting;

/// The file that ships with gatecrash: the defaults, and what applies where there is no file.
const SHIPPED: &str = include_str!("../harness.toml");

/// `harness.toml`, read and with defaults for what it leaves out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder of the corpus, absolute or from the working directory; or the one inside this program, where there is no
    /// `scenarios` folder and no other is named.
    #[serde(default)]
    pub scenarios: PathBuf,
    #[serde(default)]
    pub compare: Compare,
    #[serde(default)]
    pub run: Run,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default, rename = "gateway")]
    pub gateways: Gateways,
    #[serde(default, rename = "target")]
    pub targets: BTreeMap<String, NamedTarget>,
    /// The configuration that every gateway is launched with, whatever the settings say.
    #[serde(skip)]
    pub gateway_config: Option<PathBuf>,
    #[serde(default, rename = "known_deviation")]
    pub known_deviations: Vec<KnownDeviation>,
    /// Whether it is what shipped with gatecrash.
    #[serde(skip)]
    pub is_shipped: bool,
}

/// The two targets of `gatecrash compare`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compare {
    pub baseline: String,
    pub candidate: String,
}

impl Default for Compare {
    fn default() -> Compare {
        Compare { baseline: "builtin".into(), candidate: "builtin@fault:unpriced-model-skips-budgets".into() }
    }
}

/// What `gatecrash run` and `cargo test` run on, and leave out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    pub targets: Vec<String>,
    pub leave_out: Vec<String>,
}

impl Default for Run {
    fn default() -> Run {
        Run { targets: vec!["builtin".into()], leave_out: vec!["slow".into(), "cached".into(), "disturbing".into()] }
    }
}

/// Limits of time, and how many trials run at the same time.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    #[serde(deserialize_with = "period")]
    pub launch: Duration,
    #[serde(deserialize_with = "period")]
    pub request: Duration,
    #[serde(deserialize_with = "period")]
    pub settle: Duration,
    #[serde(deserialize_with = "period")]
    pub trial: Duration,
    /// On all targets together. Without it: as many as the gateways' answers stay quick for.
    pub jobs: Option<usize>,
}

impl Default for Limits {
    fn default() -> Limits {
        let seconds = Duration::from_secs;
        Limits { launch: seconds(300), request: seconds(30), settle: seconds(120), trial: seconds(600), jobs: None }
    }
}

/// How gateways are launched, by name: one that is left out has its adapter's values.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Gateways(BTreeMap<String, GatewaySettings>);

impl Gateways {
    /// How a gateway is launched.
    pub fn of(&self, adapter: &dyn Adapter) -> &GatewaySettings {
        static NOT_NAMED: LazyLock<GatewaySettings> = LazyLock::new(GatewaySettings::default);
        self.0.get(adapter.about().name).unwrap_or(&NOT_NAMED)
    }

    /// Gives each gateway what its adapter says.
    fn complete(&mut self) -> Result<(), String> {
        let is_known = |name: &&String| crate::gateway::adapter(name).is_some();
        if let Some(other) = self.0.keys().find(|name| !is_known(name)) {
            return Err(format!("[gateway.{other}]: there is no gateway `{other}`"));
        }
        for about in ADAPTERS.iter().map(|adapter| adapter.about()) {
            let settings = self.0.entry(about.name.to_owned()).or_default();
            settings.image = settings.image.take().or(about.image.as_ref().map(|image| image.name.to_owned()));
        }
        Ok(())
    }
}

/// How a gateway is launched: its own image, its database's and that of Redis; its releases as packages; its environment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GatewaySettings {
    /// Without it: Docker where an engine answers, else as a process.
    pub launcher: Option<LauncherName>,
    /// `{version}` stands for the version. None: nobody publishes one.
    pub image: Option<String>,
    pub database_image: String,
    pub redis_image: String,
    /// Whether the gateway, its database and Redis can reach the internet.
    pub egress: bool,
    pub env: BTreeMap<String, String>,
    /// By version.
    pub release: BTreeMap<String, Release>,
    /// The operator's own configuration, to launch it with.
    pub config: Option<PathBuf>,
    /// Files of code that it imports, to be taken along.
    pub files: Vec<PathBuf>,
}

/// The environment variable that names a launcher, overriding `harness.toml`.
pub const LAUNCHER: &str = "GATECRASH_LAUNCHER";

/// The launchers of a real gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LauncherName {
    /// Its own image, in Docker.
    Docker,
    /// Its Python package, without Docker.
    Process,
}

/// What a release needs to be installed from its package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Release {
    /// No package newer than this. Default: than the day after the release.
    pub exclude_newer: Option<String>,
    /// Requirements that replace what the release asks for.
    pub overrides: Vec<String>,
}

impl Default for GatewaySettings {
    fn default() -> GatewaySettings {
        GatewaySettings {
            launcher: None,
            image: None,
            database_image: "postgres:15".into(),
            redis_image: "redis:7".into(),
            egress: false,
            env: BTreeMap::new(),
            release: BTreeMap::new(),
            config: None,
            files: Vec::new(),
        }
    }
}

/// A target with a name of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "TargetTable")]
pub enum NamedTarget {
    External(External),
    Launched(Box<Launched>),
}

/// A gateway already running.
#[derive(Debug, Clone)]
pub struct External {
    pub gateway: String,
    pub version: Option<String>,
    pub url: String,
    pub admin_key_env: String,
    pub upstream: SocketAddr,
    pub front: Option<Front>,
}

/// A service that people ask instead of the gateway itself, which it asks for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Front {
    /// Where requests of models go.
    pub url: String,
    /// What they carry beside the key. `env:NAME` stands for an environment variable.
    pub headers: BTreeMap<String, String>,
}

/// A gateway to launch in a way of its own: where it says nothing, `[gateway.NAME]` holds.
#[derive(Debug, Clone)]
pub struct Launched {
    pub gateway: String,
    pub version: Option<String>,
    pub image: Option<String>,
    pub launcher: Option<LauncherName>,
    pub env: BTreeMap<String, String>,
    pub config: Option<PathBuf>,
    pub files: Vec<PathBuf>,
    pub release: Option<Release>,
    /// What its configuration is called for people, if not by its file.
    pub config_named: Option<PathBuf>,
}

impl Launched {
    /// A gateway at a version, launched as `[gateway.NAME]` says.
    pub fn of(gateway: &str, version: String) -> Launched {
        Launched {
            gateway: gateway.to_owned(),
            version: Some(version),
            image: None,
            launcher: None,
            env: BTreeMap::new(),
            config: None,
            files: Vec::new(),
            release: None,
            config_named: None,
        }
    }
}

/// A `[target.NAME]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetTable {
    gateway: String,
    version: Option<String>,
    url: Option<String>,
    admin_key_env: Option<String>,
    upstream: Option<SocketAddr>,
    ask_url: Option<String>,
    #[serde(default)]
    ask_headers: BTreeMap<String, String>,
    image: Option<String>,
    launcher: Option<LauncherName>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    config: Option<PathBuf>,
    #[serde(default)]
    files: Vec<PathBuf>,
    release: Option<Release>,
}

impl TryFrom<TargetTable> for NamedTarget {
    type Error = String;

    fn try_from(table: TargetTable) -> Result<NamedTarget, String> {
        let TargetTable {
            gateway,
            version,
            url,
            admin_key_env,
            upstream,
            ask_url,
            ask_headers,
            image,
            launcher,
            env,
            config,
            files,
            release,
        } = table;
        let Some(url) = url else {
            if admin_key_env.is_some() || upstream.is_some() || ask_url.is_some() || !ask_headers.is_empty() {
                let what =
                    "`admin_key_env`, `upstream`, `ask_url` and `ask_headers` are for a gateway that runs already";
                return Err(format!("{what}: add its `url`"));
            }
            if version.is_none() && image.is_none() {
                return Err(
                    "what is to be launched? add a `version` or an `image`, or the `url` of one that runs".to_owned()
                );
            }
            return Ok(NamedTarget::Launched(Box::new(Launched {
                gateway,
                version,
                image,
                launcher,
                env,
                config,
                files,
                release,
                config_named: None,
            })));
        };
        let has_config = config.is_some() || !files.is_empty();
        if image.is_some() || launcher.is_some() || !env.is_empty() || has_config || release.is_some() {
            let what = "`image`, `launcher`, `env`, `config`, `files` and `release` are for a gateway that is launched";
            return Err(format!("{what}, and one at a `url` runs already"));
        }
        let missing = |field: &str| format!("`{field}` is missing: a gateway at a `url` is asked with it");
        let admin_key_env = admin_key_env.ok_or_else(|| missing("admin_key_env"))?;
        let upstream = upstream.ok_or_else(|| missing("upstream"))?;
        if ask_url.is_none() && !ask_headers.is_empty() {
            return Err("`ask_headers` are for a service in front: add its `ask_url`".to_owned());
        }
        let front = ask_url.map(|url| Front { url, headers: ask_headers });
        Ok(NamedTarget::External(External { gateway, version, url, admin_key_env, upstream, front }))
    }
}

/// What a version of a gateway does not do as scenarios ask, accepted for now: what that does to a run is in
/// [`crate::verdict::deviation`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownDeviation {
    pub gateway: String,
    /// A PEP 440 range.
    #[serde(deserialize_with = "from_text")]
    pub versions: VersionSpecifiers,
    /// A trial's name, with `*` for any part of it.
    pub scenario: String,
    pub finding: FindingKind,
    /// What is answered instead; without it, anything.
    pub got: Option<String>,
    pub reason: String,
    pub issue: String,
    /// The first day on which it is no longer accepted.
    #[serde(default, deserialize_with = "date")]
    pub until: Option<jiff::civil::Date>,
}

fn from_text<'de, D: Deserializer<'de>, T: FromStr<Err: std::fmt::Display>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<jiff::civil::Date>, D::Error> {
    from_text(deserializer).map(Some)
}

/// What runs where no folder is named: the `scenarios` beside a settings file, else the corpus in this program.
fn corpus_in(folder: &Path) -> PathBuf {
    let own = folder.join("scenarios");
    if own.is_dir() { own } else { corpus::path("") }
}

fn period<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Period::deserialize(deserializer).map(|period| period.duration)
}

/// What is wrong with `harness.toml`: where, and what was expected.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{file}: {message}")]
pub struct ConfigError {
    file: String,
    message: String,
}

impl Config {
    /// Reads a file, or what shipped with gatecrash if none is named and `harness.toml` is not there.
    ///
    /// # Errors
    /// When the file is missing or wrong; the message shows the line.
    pub fn read(file: Option<&Path>) -> Result<Config, ConfigError> {
        let default = Path::new("harness.toml");
        let file = file.or(default.exists().then_some(default));
        let Some(file) = file else {
            let shipped = Config::parse("harness.toml (as shipped)", SHIPPED)?;
            return Ok(Config { is_shipped: true, scenarios: corpus_in(Path::new("")), ..shipped });
        };
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError {
            file: name.clone(),
            message: format!("the file cannot be read: {error}"),
        })?;
        let mut config = Config::parse(&name, &text)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        config.name_files_from(folder);
        config.scenarios = match config.scenarios.as_os_str().is_empty() {
            true => corpus_in(folder),
            false if corpus::name(&config.scenarios).is_some() => config.scenarios,
            false => folder.join(&config.scenarios),
        };
        Ok(config)
    }

    /// Files that are named by the settings are relative to the settings file.
    fn name_files_from(&mut self, folder: &Path) {
        let of_targets = self.targets.values_mut().filter_map(|target| match target {
            NamedTarget::Launched(launched) => Some(launched.config.iter_mut().chain(&mut launched.files)),
            NamedTarget::External(_) => None,
        });
        let of_gateways =
            self.gateways.0.values_mut().map(|settings| settings.config.iter_mut().chain(&mut settings.files));
        for file in of_targets.chain(of_gateways).flatten() {
            *file = folder.join(&*file);
        }
    }

    /// Lets this launcher launch all gateways.
    pub fn launch_by(&mut self, launcher: LauncherName) {
        self.gateways.0.values_mut().for_each(|settings| settings.launcher = Some(launcher));
        for target in self.targets.values_mut() {
            if let NamedTarget::Launched(launched) = target {
                launched.launcher = Some(launcher);
            }
        }
    }

    fn parse(file: &str, text: &str) -> Result<Config, ConfigError> {
        let wrong = |message: String| ConfigError { file: file.to_owned(), message };
        // Even if the file cannot be read: its lines are shown.
        let settings = text.lines().flat_map(|line| std::iter::once(line).chain(line.split(['{', ','])));
        for (name, value) in settings.filter_map(|setting| setting.split_once('=')) {
            let value = value.split(" #").next().unwrap_or_default();
            know_setting(name.trim(), value.trim().trim_end_matches('}').trim().trim_matches(['"', '\'']));
        }
        let mut config: Config =
            toml::from_str(text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
        config.gateways.complete().map_err(wrong)?;
        let of_targets = config.targets.values().filter_map(|target| match target {
            NamedTarget::Launched(launched) => Some(&launched.env),
            NamedTarget::External(_) => None,
        });
        for (name, value) in config.gateways.0.values().map(|settings| &settings.env).chain(of_targets).flatten() {
            know_setting(name, value);
        }
        let gateways = || ADAPTERS.iter().map(|adapter| adapter.about().name).chain(["builtin"]);
        let of_nobody = |known: &&KnownDeviation| gateways().all(|gateway| gateway != known.gateway);
        if let Some(KnownDeviation { gateway, scenario, .. }) = config.known_deviations.iter().find(of_nobody) {
            let help = match nearest(gateway, gateways()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("gateways are {}", gateways().collect::<Vec<_>>().join(", ")),
            };
            let what = format!("known_deviation in `{scenario}`: there is no gateway `{gateway}`");
            return Err(wrong(format!("{what}\n  help: {help}")));
        }
        if config.limits.jobs == Some(0) {
            return Err(wrong("limits.jobs is 0, but at least one trial must run".to_owned()));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_is_the_defaults() {
        let shipped = Config::parse("harness.toml", SHIPPED).unwrap();
        let empty = Config::parse("empty", "").unwrap();
        let without_deviations = Config { known_deviations: Vec::new(), ..shipped };
        assert_eq!(format!("{without_deviations:?}"), format!("{empty:?}"));
    }

    #[test]
    fn a_mistake_is_shown_with_its_line() {
        let error = Config::parse("harness.toml", "[limits]\nsettel = \"30s\"\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("settel"), "{error}");
    }
}
