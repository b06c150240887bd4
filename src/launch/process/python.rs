//! A gateway's package at an exact version, with everything it needs as it was at the time of its release: a virtual
//! environment in the cache. Not: running it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::super::LaunchError;
use super::super::template::digest;
use super::base::Base;
use super::system;
use crate::gateway::recipe;
use crate::launch::cache::Cache;
use crate::secret::redact;
use crate::target::Package;

/// To be changed with how an environment is made.
const FORMAT: &str = "gatecrash environment 1";
/// A file in every whole environment: it lists the packages in it.
const STAMP: &str = "gatecrash.packages";
/// How long one step of an installation may take.
const STEP: Duration = Duration::from_secs(600);
const LOG_LINES: usize = 15;
pub(super) const WORD_OF_CACHE: &str = "the cache cannot be used";

impl Package {
    /// As installers expect it.
    pub(super) fn requirement(&self) -> String {
        format!("{}=={}", self.of().with_extras, self.version)
    }

    pub(super) fn of(&self) -> &'static recipe::Package {
        &self.gateway.adapter().about().package
    }
}

/// A gateway's virtual environment.
#[derive(Debug, Clone)]
pub(super) struct Venv {
    folder: PathBuf,
}

impl Venv {
    /// Where its programs are.
    pub(super) fn bin(&self) -> PathBuf {
        self.folder.join("bin")
    }

    /// The home folder it was made with: it has Prisma's engines, if Prisma brought them.
    pub(super) fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// The packages in it, once it is whole.
    pub(super) fn packages(&self) -> Option<String> {
        fs::read_to_string(self.folder.join(STAMP)).ok()
    }

    fn python(&self) -> PathBuf {
        self.bin().join("python")
    }

    /// The one in the cache, made if it is not there.
    pub(super) async fn of(base: &Base, cache: &Cache, package: &Package) -> Result<Venv, LaunchError> {
        let name = package.name();
        let environment = Venv { folder: cache.folder().join(&name) };
        // Whoever comes second waits until it is made.
        let _held = base.hold(cache, &name).await?;
        if environment.is_whole(package).await {
            return Ok(environment);
        }
        let uv = Uv::find(base, cache).await?;
        let _ = fs::remove_dir_all(&environment.folder);
        environment.make(base, &uv, package).await?;
        Ok(environment)
    }

    /// Whether it was made to its end, and its Python is still there.
    async fn is_whole(&self, package: &Package) -> bool {
        let (name, version) = (package.of().name, &package.version);
        let ask = format!("import importlib.metadata as m; assert m.version('{name}') == '{version}'");
        let mut python = Command::new(self.python());
        python.args(["-I", "-c", &ask]);
        self.folder.join(STAMP).is_file() && output(python).await.is_ok()
    }

    async fn make(&self, base: &Base, uv: &Uv, package: &Package) -> Result<(), LaunchError> {
        let Package { gateway, version, release } = package;
        let recipe::Package { name, beside, prisma, .. } = package.of();
        let mut venv = uv.command(base, &["venv", "--quiet"]);
        venv.arg(&self.folder);
        base.run_install(venv, "making a virtual environment").await?;

        let newest = match &release.exclude_newer {
            Some(date) => date.clone(),
            None => self.day_after_release(base, uv, package).await?,
        };
        let overrides = self.folder.join("overrides.txt");
        base.write(&overrides, &release.overrides.join("\n"))?;
        let install = |requirements: &[&str]| {
            let mut install = uv.command(base, &["pip", "install", "--quiet", "--exclude-newer", &newest]);
            install.arg("--python").arg(self.python()).arg("--override").arg(&overrides).args(requirements);
            install
        };
        let help = format!(
            "what a release asks for can be replaced in harness.toml: [gateway.{}.release.\"{version}\"] \
             overrides = [\"PACKAGE>=VERSION\"]",
            gateway.name()
        );
        let own = package.requirement();
        let all: Vec<&str> = std::iter::once(own.as_str()).chain(beside.iter().copied()).collect();
        let installed = base.run_install(install(&all), &format!("installing {own}, as of {newest},")).await;
        installed.map_err(|error| error.help(&help))?;
        if let Some(prisma) = prisma {
            self.make_prisma(base, name, prisma, install).await.map_err(|error| match error.help {
                Some(_) => error,
                None => error.help(&help),
            })?;
        }

        let mut freeze = uv.command(base, &["pip", "freeze"]);
        freeze.arg("--python").arg(self.python());
        let packages = output(freeze).await.map_err(|log| base.failed("its packages cannot be listed").log(log))?;
        base.write(&self.folder.join(STAMP), &packages)
    }

    /// Installs Prisma as the package asks for it, if it does, and generates its database client.
    async fn make_prisma(
        &self,
        base: &Base,
        name: &str,
        prisma: &recipe::Prisma,
        install: impl Fn(&[&str]) -> Command,
    ) -> Result<(), LaunchError> {
        let ask = format!(
            "import importlib.metadata as m, re, sysconfig\n\
             print(sysconfig.get_path('purelib'))\n\
             asks = [r.split(';')[0] for r in m.requires('{name}') if re.match(r'prisma\\b(?!-)', r)]\n\
             print(asks[0] if asks else 'prisma')"
        );
        let mut python = Command::new(self.python());
        python.args(["-I", "-c", &ask]);
        let said = output(python).await.map_err(|log| base.failed("its packages cannot be read").log(log))?;
        let mut said = said.lines();
        let (packages, client) = (said.next().unwrap_or_default(), said.next().unwrap_or("prisma"));
        base.run_install(install(&[client]), &format!("installing {client}")).await?;

        let home = self.home();
        let made = fs::create_dir_all(&home);
        made.map_err(|error| base.failed(format!("{WORD_OF_CACHE}: {}: {error}", home.display())))?;
        let mut generate = Command::new(self.bin().join("prisma"));
        generate.arg("generate").arg("--schema").arg(Path::new(packages).join(prisma.schema));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(self.bin()).chain(std::env::split_paths(&path));
        generate.env("PATH", std::env::join_paths(path).unwrap_or_default()).env("HOME", &home);
        generate.env_remove("PYTHONPATH").env_remove("PYTHONHOME").env("CHECKPOINT_DISABLE", "1");
        generate.current_dir(&self.folder).env(base.mark().0, base.mark().1);
        base.run_install(generate, "prisma generate").await.map_err(|error| {
            error.help(
                "Prisma downloads its engines here; where it cannot, PRISMA_QUERY_ENGINE_BINARY and \
                        PRISMA_SCHEMA_ENGINE_BINARY say where they are",
            )
        })
    }

    /// The end of the day after its release. Parts of a release, such as `litellm-proxy-extras`, come hours later.
    async fn day_after_release(&self, base: &Base, uv: &Uv, package: &Package) -> Result<String, LaunchError> {
        let (name, version, gateway) = (package.of().name, &package.version, package.gateway.name());
        let mut ask = uv.command(base, &["pip", "install", "--dry-run", "--no-deps", "--exclude-newer", "2000-01-01"]);
        ask.arg("--python").arg(self.python()).arg(format!("{name}=={version}"));
        // uv names the date when a version is left out for being too new.
        let Err(said) = output(ask).await else { return Err(base.failed("uv does not say when it was released")) };
        published(&said.join(" ")).map(|day| format!("{day}T23:59:59Z")).ok_or_else(|| {
            base.failed(format!("uv does not find {name} {version}, or when it was released"))
                .log(said)
                .help(format!(
                    "if there is such a version, name the day in harness.toml: [gateway.{gateway}.release.\"{version}\"] exclude_newer = \
                     \"YYYY-MM-DD\""
                ))
        })
    }
}

/// The day after the one that uv names.
fn published(said: &str) -> Option<Date> {
    let (_, after) = said.split_once("published at ")?;
    let date: Date = after.get(..10)?.parse().ok()?;
    date.checked_add(1.day()).ok()
}

impl Package {
    /// The name of its environment in the cache: it differs with whatever makes the environment differ.
    fn name(&self) -> String {
        let Package { gateway, version, release } = self;
        let newest = release.exclude_newer.as_deref().unwrap_or_default();
        let decisive = [FORMAT, std::env::consts::OS, std::env::consts::ARCH, newest];
        let overrides = release.overrides.iter().map(String::as_str);
        let key = digest(decisive.into_iter().chain(overrides).chain(self.of().beside.iter().copied()));
        format!("{}-{version}-{key:.16}", gateway.name())
    }
}

/// uv, which resolves packages as they were on a day: this machine's, else one of our own. pip cannot do that.
pub(super) struct Uv(PathBuf);

impl Uv {
    pub(super) const PROGRAM: &str = "uv";

    pub(super) async fn find(base: &Base, cache: &Cache) -> Result<Uv, LaunchError> {
        if let Some(uv) = system::on_path(Uv::PROGRAM) {
            return Ok(Uv(uv));
        }
        let folder = cache.folder().join("uv");
        let uv = folder.join("bin").join("uv");
        let _held = base.hold(cache, "uv").await?;
        let mut version = Command::new(&uv);
        version.arg("--version");
        if output(version).await.is_ok() {
            return Ok(Uv(uv));
        }
        let python = system::on_path("python3").ok_or_else(|| {
            base.failed("neither uv nor python3 is on the PATH").help(
                "install uv or Python (`gatecrash doctor` says how); or start Docker (--launcher docker); or use the \
                 built-in gateway, `builtin`",
            )
        })?;
        let _ = fs::remove_dir_all(&folder);
        let mut venv = Command::new(python);
        venv.args(["-m", "venv"]).arg(&folder).env(base.mark().0, base.mark().1);
        let made = base.run_install(venv, "python3 -m venv").await;
        made.map_err(|error| error.help("on Debian and Ubuntu: apt install python3-venv"))?;
        let mut pip = Command::new(folder.join("bin").join("python"));
        pip.args(["-m", "pip", "install", "--quiet", "uv>=0.9"]).env(base.mark().0, base.mark().1);
        base.run_install(pip, "installing uv").await?;
        Ok(Uv(uv))
    }

    /// It gets this machine's environment, which names proxies, indexes and certificates.
    pub(super) fn command(&self, base: &Base, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.0);
        command.args(arguments).env(base.mark().0, base.mark().1).env_remove("VIRTUAL_ENV").env("NO_COLOR", "1");
        command
    }
}

impl Base {
    /// Runs a step of an installation to its end, which has to be a good one.
    pub(super) async fn run_install(&self, command: Command, what: &str) -> Result<(), LaunchError> {
        let failed = |log| self.failed(format!("{what} failed")).log(log);
        output(command).await.map(drop).map_err(failed)
    }

    /// Waits until nobody else makes this in the cache; others wait while the file is held.
    pub(super) async fn hold(&self, cache: &Cache, name: &str) -> Result<File, LaunchError> {
        let folder = cache.make().map_err(|error| self.failed(error.to_string()))?;
        let file = folder.join(format!(".{name}.lock"));
        let broken = |error: io::Error| self.failed(format!("{WORD_OF_CACHE}: {}: {error}", file.display()));
        let lock = File::options().create(true).append(true).open(&file).map_err(broken)?;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(TryLockError::Error(error)) => return Err(broken(error)),
            }
        }
    }
}

/// What a command prints, if it ends well; else the end of what it said.
pub(super) async fn output(mut command: Command) -> Result<String, Vec<String>> {
    system::in_a_group_of_its_own(&mut command);
    command.stdin(Stdio::null());
    let program = command.get_program().to_string_lossy().into_owned();
    let mut command = tokio::process::Command::from(command);
    let output = tokio::time::timeout(STEP, command.kill_on_drop(true).output()).await;
    match output {
        Ok(Ok(output)) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(Ok(output)) => {
            let text = [output.stdout, output.stderr].concat();
            let text = redact(&String::from_utf8_lossy(&text));
            let lines: Vec<_> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
            Err(lines[lines.len().saturating_sub(LOG_LINES)..].iter().map(|line| (*line).to_owned()).collect())
        }
        Ok(Err(error)) => Err(vec![format!("{program}: {error}")]),
        Err(_) => Err(vec![format!("{program}: not done after {} s", STEP.as_secs())]),
    }
}

#[cfg(test)]
mod tests {
    use super::{Package, published};
    use crate::config::Release;
    use crate::target::GatewayName;

    fn name(version: &str, overrides: &[&str]) -> String {
        let overrides = overrides.iter().map(|text| (*text).to_owned()).collect();
        let release = Release { exclude_newer: None, overrides };
        let gateway = GatewayName::of(&crate::gateway::litellm::LiteLlm);
        Package { gateway, version: version.to_owned(), release }.name()
    }

    #[test]
    fn an_environment_is_found_by_all_that_makes_it_another() {
        assert_eq!(name("1.81.0", &["a>=1"]), name("1.81.0", &["a>=1"]));
        assert_ne!(name("1.81.0", &["a>=1"]), name("1.81.0", &[]));
        assert_ne!(name("1.81.0", &["a", "b"]), name("1.81.0", &["ab"]));
        assert!(name("1.81.0", &[]).starts_with("litellm-1.81.0-"));
    }

    #[test]
    fn the_day_after_a_release_is_told_from_what_uv_says() {
        let said = "hint: `litellm` was filtered by `exclude-newer` to only include packages uploaded before \
                    2000-01-02T00:00:00Z. The requested version, v1.82.3, was published at 2026-03-31T21:51:26.747Z.";
        assert_eq!(published(said).unwrap().to_string(), "2026-04-01");
        assert_eq!(published("there is no version of litellm==1.82.3"), None);
    }
}
