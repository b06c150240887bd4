//! What a target is: a gateway at a version, and how to launch it, as its name and the settings say. Pure. Not: launching
//! it, nor finding out what this machine can launch.

use std::net::SocketAddr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::builtin::{FAULTS, Fault};
use crate::config::{Config, Front, GatewaySettings, Launched, LauncherName, NamedTarget, Release};
use crate::gateway::own::OwnConfig;
use crate::gateway::{ADAPTERS, Adapter, OF_BUILTIN, adapter};
use crate::scenario::diagnostic::nearest;
use crate::scenario::read::shown;

/// A gateway at a version, and how to launch it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// As it is written: `litellm@1.82.3`, `builtin`, or a name of `harness.toml`.
    pub name: String,
    /// The gateway.
    pub gateway: GatewayName,
    /// Its version, where its name says one.
    pub version: Option<String>,
    /// How it is brought to life.
    pub launcher: Launcher,
    /// Why it is that one, if nobody named it.
    pub chosen: Option<String>,
    /// The operator's own configuration, if it is launched with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Box<OwnConfig>>,
}

/// A gateway there is an adapter for, or the built-in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayName(&'static str);

impl GatewayName {
    /// The built-in gateway.
    pub const BUILTIN: GatewayName = GatewayName("builtin");

    /// An adapter's gateway.
    pub fn of(adapter: &dyn Adapter) -> GatewayName {
        GatewayName(adapter.about().name)
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        self.0
    }

    /// What speaks to it.
    pub fn adapter(self) -> &'static dyn Adapter {
        adapter(self.0).unwrap_or(OF_BUILTIN)
    }
}

impl Serialize for GatewayName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

impl JsonSchema for GatewayName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GatewayName".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

impl<'de> Deserialize<'de> for GatewayName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<GatewayName, D::Error> {
        let name = String::deserialize(deserializer)?;
        let builtin = (name == GatewayName::BUILTIN.0).then_some(GatewayName::BUILTIN);
        let known = adapter(&name).map(GatewayName::of).or(builtin);
        known.ok_or_else(|| serde::de::Error::custom(format!("there is no gateway `{name}`")))
    }
}

/// How a target is brought to life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Launcher {
    /// Whichever this machine has: that is found out when it is launched.
    Either { docker: Box<Launcher>, process: Box<Launcher> },
    /// In Docker, with a database of its own, and a Redis for scenarios that want one.
    Docker {
        image: String,
        database_image: String,
        redis_image: String,
        /// Whether it can reach the internet.
        egress: bool,
        env: Vec<(String, String)>,
    },
    /// Its package and a database of its own, as processes of this machine.
    Process { package: Package, env: Vec<(String, String)> },
    /// It runs already; its admin key is in an environment variable.
    External { url: String, admin_key_env: String, upstream: SocketAddr, front: Option<Front> },
    /// In this process.
    Builtin { fault: Option<Fault> },
}

/// Which package is to be installed, and with what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Package {
    /// The gateway.
    pub gateway: GatewayName,
    /// Its version, as the index has it.
    pub version: String,
    /// What this release needs to be installed.
    pub release: Release,
}

/// Why a text names no target.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{spec}` is not a target: {why}{}", .help.as_deref().map(|help| format!("\n  help: {help}")).unwrap_or_default())]
pub struct TargetError {
    spec: String,
    why: String,
    help: Option<String>,
}

/// Whether a compromised release may be launched anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compromised {
    /// It is a mistake.
    Refuse,
    /// It is launched.
    Allow,
}

/// The gateway that a target's name begins with, and what is said after its `@`: nobody else takes a name apart.
pub fn parts(name: &str) -> (&str, Option<&str>) {
    name.split_once('@').map_or((name, None), |(gateway, version)| (gateway, Some(version)))
}

impl Target {
    /// Whether a text is meant as a target, right or wrong: it has an `@`, or names a gateway or a target.
    pub fn is_meant(spec: &str, config: &Config) -> bool {
        let names_file = spec.ends_with(".yaml") || spec.ends_with(".yml") || spec.contains('/');
        config.targets.contains_key(spec)
            || spec == "builtin"
            || adapter(spec).is_some()
            || (spec.contains('@') && !names_file)
    }

    /// Reads `litellm@1.82.3`, `builtin`, `builtin@fault:NAME`, or the name of a `[target.NAME]`.
    ///
    /// # Errors
    /// When there is no such gateway, version, fault or name, with the nearest right one; and for releases known
    /// to be compromised: before anything else is looked at, here or elsewhere.
    pub fn parse(spec: &str, config: &Config, compromised: Compromised) -> Result<Target, TargetError> {
        let wrong = |why: String, help: Option<String>| TargetError { spec: spec.to_owned(), why, help };
        let not_launched = |what: &str| {
            let why = format!("{what}, so it cannot have a configuration of yours");
            let why = config.gateway_config.as_ref().map(|_| wrong(why, Some("leave out --gateway-config".to_owned())));
            why.map_or(Ok(()), Err)
        };
        let named = match config.targets.get(spec) {
            Some(NamedTarget::Launched(named)) => return Target::named(spec, named, config, compromised),
            Some(NamedTarget::External(external)) => Some(external),
            None => None,
        };
        if let Some(external) = named {
            let adapter = known(&external.gateway).map_err(|(why, help)| wrong(why, help))?;
            not_launched("it runs already")?;
            return Ok(Target {
                name: spec.to_owned(),
                gateway: GatewayName::of(adapter),
                version: external.version.clone(),
                launcher: Launcher::External {
                    url: external.url.trim_end_matches('/').to_owned(),
                    admin_key_env: external.admin_key_env.clone(),
                    upstream: external.upstream,
                    front: external.front.clone(),
                },
                chosen: None,
                own: None,
            });
        }
        let (gateway, version) = parts(spec);
        match (gateway, version.unwrap_or_default()) {
            ("builtin", "") => {
                not_launched("the built-in gateway has no configuration").map(|()| Target::builtin(None))
            }
            ("builtin", fault) => {
                not_launched("the built-in gateway has no configuration")?;
                let name = fault.strip_prefix("fault:").unwrap_or(fault);
                let near = || nearest(name, FAULTS.iter().map(|about| about.name));
                let help = || match near() {
                    Some(near) => format!("did you mean `builtin@fault:{near}`?"),
                    None => "`gatecrash list --faults` names them".to_owned(),
                };
                let fault = Fault::named(name).filter(|_| fault.starts_with("fault:"));
                let fault = fault.ok_or_else(|| wrong(format!("there is no fault `{name}`"), Some(help())))?;
                Ok(Target::builtin(Some(fault)))
            }
            (gateway, version) if adapter(gateway).is_some() => {
                Target::real(spec, gateway, version, config, compromised)
            }
            (gateway, _) => {
                let known = ADAPTERS
                    .iter()
                    .map(|adapter| adapter.about().name)
                    .chain(["builtin"])
                    .chain(config.targets.keys().map(String::as_str));
                let help = match nearest(gateway, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!(
                        "targets are {}, builtin, builtin@fault:NAME and the [target.NAME] of harness.toml",
                        versions()
                    ),
                };
                Err(wrong(format!("there is no gateway or target `{gateway}`"), Some(help)))
            }
        }
    }

    /// A gateway at a version.
    fn real(
        spec: &str,
        gateway: &str,
        version: &str,
        config: &Config,
        compromised: Compromised,
    ) -> Result<Target, TargetError> {
        let wrong = |why: String, help: Option<String>| TargetError { spec: spec.to_owned(), why, help };
        let Some(adapter) = adapter(gateway) else {
            return Err(wrong(format!("there is no gateway `{gateway}`"), None));
        };
        let example = || Some(format!("for example {}", adapter.about().example));
        if version.is_empty() {
            return Err(wrong("which version?".to_owned(), example()));
        }
        let version = version.strip_prefix('v').unwrap_or(version);
        refuse_compromised(adapter, version, compromised).map_err(|(why, help)| wrong(why, help))?;
        if version.is_empty() || version.chars().any(|c| !(c.is_ascii_alphanumeric() || "._-+".contains(c))) {
            return Err(wrong(format!("`{version}` is not a version"), example()));
        }
        let gateway = GatewayName::of(adapter);
        let mut settings = config.gateways.of(adapter).clone();
        let own = own(adapter, config, &mut settings).map_err(|why| wrong(why, None))?;
        let (launcher, chosen) = Launcher::of(gateway, &settings, version).map_err(|why| {
            let help =
                format!("name one in harness.toml, `image` of [gateway.{}]; or --launcher process", gateway.name());
            wrong(why, Some(help))
        })?;
        let (name, version) = (format!("{}@{version}", gateway.name()), Some(version.to_owned()));
        Ok(Target { name, gateway, launcher, chosen, version, own })
    }

    /// A gateway that `harness.toml` launches in a way of its own.
    fn named(spec: &str, named: &Launched, config: &Config, compromised: Compromised) -> Result<Target, TargetError> {
        let wrong = |why: String, help: Option<String>| TargetError { spec: spec.to_owned(), why, help };
        let adapter = known(&named.gateway).map_err(|(why, help)| wrong(why, help))?;
        let gateway = GatewayName::of(adapter);
        let version = named.version.as_deref().map(|version| version.strip_prefix('v').unwrap_or(version));
        let tag = named.image.as_deref().and_then(|image| image.rsplit_once(':')).map(|(_, tag)| tag);
        for version in version.into_iter().chain(tag.map(|tag| tag.strip_prefix('v').unwrap_or(tag))) {
            refuse_compromised(adapter, version, compromised).map_err(|(why, help)| wrong(why, help))?;
        }
        let mut settings = config.gateways.of(adapter).clone();
        settings.env.extend(named.env.clone());
        if named.config.is_some() {
            (settings.config, settings.files) = (named.config.clone(), Vec::new());
        }
        settings.files.extend(named.files.clone());
        settings.launcher = named.launcher.or(settings.launcher);
        if let Some(image) = &named.image {
            settings.image = Some(image.clone());
            // What is in there no package has.
            settings.launcher = settings.launcher.or(Some(LauncherName::Docker));
        }
        if let (Some(version), Some(release)) = (version, &named.release) {
            settings.release.insert(version.to_owned(), release.clone());
        }
        let is_process = settings.launcher == Some(LauncherName::Process);
        if version.is_none() && is_process {
            let why = "without Docker its package is installed, and nobody says of which version".to_owned();
            return Err(wrong(why, Some(format!("add `version` to [target.{spec}]"))));
        }
        let mut own = own(adapter, config, &mut settings).map_err(|why| wrong(why, None))?;
        if let (Some(own), Some(name)) = (&mut own, &named.config_named) {
            own.file.clone_from(name);
        }
        let (launcher, chosen) = Launcher::of(gateway, &settings, version.unwrap_or_default())
            .map_err(|why| wrong(why, Some(format!("add `image` to [target.{spec}], or `launcher = \"process\"`"))))?;
        // Which version an image of theirs holds, the gateway says.
        let version = version.filter(|_| is_process || named.image.is_none()).map(str::to_owned);
        Ok(Target { name: spec.to_owned(), gateway, launcher, chosen, version, own })
    }

    /// The built-in gateway, with a fault or healthy.
    pub fn builtin(fault: Option<Fault>) -> Target {
        let launcher = Launcher::Builtin { fault };
        let name = fault.map_or("builtin".to_owned(), |fault| format!("builtin@fault:{}", fault.about().name));
        Target { name, gateway: GatewayName::BUILTIN, version: None, launcher, chosen: None, own: None }
    }
}

/// The adapter of a gateway that harness.toml names; else what is wrong, and what helps.
fn known(gateway: &str) -> Result<&'static dyn Adapter, (String, Option<String>)> {
    let names = || ADAPTERS.iter().map(|adapter| adapter.about().name);
    adapter(gateway).ok_or_else(|| {
        let help = nearest(gateway, names()).map(|near| format!("did you mean `{near}`?"));
        let all = || format!("gateways that can be launched are {}", names().collect::<Vec<_>>().join(", "));
        (format!("there is no gateway `{gateway}`"), Some(help.unwrap_or_else(all)))
    })
}

/// What is wrong with a release that is known to be compromised, and what helps.
fn refuse_compromised(
    adapter: &dyn Adapter,
    version: &str,
    compromised: Compromised,
) -> Result<(), (String, Option<String>)> {
    match (adapter.about().compromised)(version).filter(|_| compromised == Compromised::Refuse) {
        None => Ok(()),
        Some(known) => {
            let why = format!("{} {version} {known}", adapter.about().name);
            Err((why, Some("if you know what you are doing, add --allow-compromised".to_owned())))
        }
    }
}

/// The operator's own configuration of a gateway, which then also decides about its environment.
fn own(
    adapter: &dyn Adapter,
    config: &Config,
    settings: &mut GatewaySettings,
) -> Result<Option<Box<OwnConfig>>, String> {
    let Some(file) = config.gateway_config.as_ref().or(settings.config.as_ref()) else { return Ok(None) };
    match adapter.own(file, &settings.env, &settings.files) {
        None => Err(format!("{} cannot be launched with a configuration of yours", adapter.about().title)),
        Some(Err(mistakes)) => Err(format!("its configuration is wrong\n\n{}", shown(&mistakes))),
        Some(Ok(own)) => {
            settings.env.clone_from(&own.env);
            Ok(Some(Box::new(own)))
        }
    }
}

impl Launcher {
    /// Its kind, without the details.
    pub fn kind(&self) -> LauncherKind {
        match self {
            Launcher::Either { .. } => LauncherKind::Either,
            Launcher::Docker { .. } => LauncherKind::Docker,
            Launcher::Process { .. } => LauncherKind::Process,
            Launcher::External { .. } => LauncherKind::External,
            Launcher::Builtin { .. } => LauncherKind::Builtin,
        }
    }

    /// How a real gateway is launched, and why so if nobody named it.
    fn of(
        gateway: GatewayName,
        settings: &GatewaySettings,
        version: &str,
    ) -> Result<(Launcher, Option<String>), String> {
        let env: Vec<_> = settings.env.clone().into_iter().collect();
        let docker = settings.image.as_ref().map(|image| Launcher::Docker {
            image: image.replace("{version}", version),
            database_image: settings.database_image.clone(),
            redis_image: settings.redis_image.clone(),
            egress: settings.egress,
            env: env.clone(),
        });
        let release = settings.release.get(version).cloned().unwrap_or_default();
        let process = Launcher::Process { package: Package { gateway, version: version.to_owned(), release }, env };
        Ok(match (settings.launcher, docker) {
            (Some(LauncherName::Process), _) => (process, None),
            (Some(LauncherName::Docker), docker) => (docker.ok_or("it has no image")?, None),
            (None, None) => (process, Some("it has no image".to_owned())),
            (None, Some(docker)) => (Launcher::Either { docker: docker.into(), process: process.into() }, None),
        })
    }
}

/// The kinds of launchers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LauncherKind {
    /// In Docker or as processes: not found out yet.
    Either,
    /// In Docker.
    Docker,
    /// As processes of this machine.
    Process,
    /// It runs already.
    External,
    /// In gatecrash's own process.
    Builtin,
}

impl LauncherKind {
    /// Its name, in reports.
    pub fn word(self) -> &'static str {
        match self {
            LauncherKind::Either => "either",
            LauncherKind::Docker => "docker",
            LauncherKind::Process => "process",
            LauncherKind::External => "external",
            LauncherKind::Builtin => "builtin",
        }
    }
}

/// `litellm@VERSION`, and so on, for people.
pub fn versions() -> String {
    let all: Vec<String> = ADAPTERS.iter().map(|adapter| format!("{}@VERSION", adapter.about().name)).collect();
    all.join(", ")
}
