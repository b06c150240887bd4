//! The parts of a target as processes: how each is started, asked and stopped. Each keeps its port for good.

use std::fs;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join;
use tokio::sync::OnceCell;

use super::super::cache::Cache;
use super::super::server::{self, Server};
use super::super::stack::{Database, Edition, Launched, Postgres, Site, Spot, name};
use super::super::sweep::Uses;
use super::super::template::Tables;
use super::super::{LaunchError, RunId, Undisturbed, random_hex};
use super::base::{About, Base, GRACE, Process, free_port};
use super::postgres::Programs;
use super::python::{Venv, output};
use super::{database, system};
use crate::gateway::recipe::{How, Recipe, Schema};
use crate::scenario::Part;
use crate::secret::Secret;
use crate::target::{Launcher, Package, Target};

/// The processes of one target, and the programs they run.
pub(in super::super) struct Processes {
    base: Base,
    cache: Cache,
    programs: OnceCell<Programs>,
    version: OnceCell<Option<String>>,
}

/// A package, installed when it is first needed.
pub(in super::super) struct Installed {
    package: Package,
    environment: OnceCell<Venv>,
}

impl Processes {
    pub(super) const REDIS: &str = "redis-server";

    pub(super) async fn new(target: &Target, run: &RunId) -> Result<Processes, LaunchError> {
        let base = Base::new(target, run).await?;
        let cache = Cache::find().map_err(|error| base.failed(error.to_string()))?;
        Ok(Processes { base, cache, programs: OnceCell::new(), version: OnceCell::new() })
    }

    async fn environment<'a>(&self, of: &'a Installed) -> Result<&'a Venv, LaunchError> {
        of.environment.get_or_try_init(|| Venv::of(&self.base, &self.cache, &of.package)).await
    }

    /// PostgreSQL's programs.
    async fn programs(&self) -> Result<&Programs, LaunchError> {
        self.programs.get_or_try_init(|| Programs::find(&self.base, &self.cache)).await
    }

    /// As the program itself says: `postgres (PostgreSQL) 16.4`
    async fn version(&self) -> Option<&str> {
        let programs = self.programs().await.ok()?;
        self.version.get_or_init(|| programs.version()).await.as_deref()
    }

    /// A PostgreSQL of its own, with the programs of this machine or of a package; else a database of its own in the
    /// server that the environment names.
    async fn launch_database(&self, limit: Duration) -> Result<Database<Processes>, LaunchError> {
        let Err(error) = self.programs().await else {
            return Postgres::to_be(self)?.launch(self, None, limit).await.map(Database::Launched);
        };
        let Some(server) = Server::named() else {
            return Err(LaunchError { what: format!("{}, and {} is not set", error.what, server::VARIABLE), ..error });
        };
        let Base { target, run, .. } = &self.base;
        run.will_use(target, Uses { server: true, ..Uses::default() }).await?;
        let created = async { server?.create(run).await }.await;
        created.map(|own| Database::InServer(Box::new(own))).map_err(|why| LaunchError {
            what: format!("{}; and no database could be made in the server of {}: {why}", error.what, server::VARIABLE),
            ..error
        })
    }

    /// Its home is new, but it finds there what Prisma put into the home of the environment.
    fn lend_engines(environment: &Venv, home: &Path) -> std::io::Result<()> {
        let kept = environment.home().join(".cache");
        let cache = home.join(".cache");
        fs::create_dir_all(&cache)?;
        for name in ["prisma", "prisma-python"] {
            if kept.join(name).is_dir() {
                system::link(&kept.join(name), &cache.join(name))?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Site for Processes {
    type Guard = Process;
    type Build = Installed;

    const HOW: How = How::Process;
    const TOLD: (How, &str, u16) = (How::Told, "", 4000);
    /// The database that is always there.
    const DATABASE: &str = "postgres";
    const LOOK: Duration = Duration::from_millis(100);

    fn target(&self) -> &Target {
        &self.base.target
    }

    fn build(&self, target: &Target) -> Result<Installed, LaunchError> {
        match &target.launcher {
            Launcher::Process { package, .. } => {
                Ok(Installed { package: package.clone(), environment: OnceCell::new() })
            }
            _ => Err(LaunchError::new(target, "it is not launched as a process")),
        }
    }

    fn gateway(&self, build: &Installed) -> String {
        format!("package {} of PyPI, and no package of after its release", build.package.requirement())
    }

    async fn database(&self, _: &Postgres<Processes>) -> String {
        self.version().await.unwrap_or("PostgreSQL").to_owned()
    }

    async fn decisive(&self, build: &Installed) -> Result<Vec<String>, String> {
        let environment = self.environment(build).await.map_err(|error| error.what)?;
        let packages = environment.packages().ok_or("its packages are not known")?;
        let version = self.version().await.ok_or("the version of its database is not known")?;
        Ok(vec!["process".to_owned(), packages, version.to_owned()])
    }

    fn is_another(&self, edition: &Edition<Processes>, said: &str, wanted: &str) -> LaunchError {
        LaunchError::new(&edition.target, format!("the package says that it is version {said}, not {wanted}"))
            .help("`gatecrash cache clear`, and try again")
    }

    fn has_redis(&self) -> Result<(), Undisturbed> {
        match system::on_path(Processes::REDIS) {
            Some(_) => Ok(()),
            None => Err(Undisturbed::Lacks(format!("this machine has no {} on its PATH", Processes::REDIS))),
        }
    }

    async fn empty_database(
        &self,
        build: &Installed,
        limit: Duration,
    ) -> Result<Option<Database<Processes>>, LaunchError> {
        let (_, database) = try_join(self.environment(build), self.launch_database(limit)).await?;
        Ok(Some(database))
    }

    fn spot(&self, part: Part) -> Result<Spot, LaunchError> {
        let home = self.base.make_folder(&format!("{}-{}", part.word(), random_hex()))?;
        let port = free_port().map_err(|error| self.failed(format!("{} has no port: {error}", name(part))))?;
        Ok(Spot { host: "127.0.0.1".to_owned(), port, home })
    }

    async fn start_gateway(
        &self,
        edition: &Edition<Processes>,
        spot: &Spot,
        recipe: Recipe,
        _: Schema,
    ) -> Result<Process, LaunchError> {
        let (package, environment) = (edition.build.package.of(), self.environment(&edition.build).await?);
        if package.prisma.is_some() {
            let lent = Processes::lend_engines(environment, &spot.home);
            lent.map_err(|error| self.failed(format!("its folder cannot be created: {error}")))?;
        }
        for (name, text) in &recipe.files {
            self.base.write(&spot.home.join(name), text)?;
        }
        for (name, text) in &recipe.beside {
            let file = spot.home.join(name);
            let made = std::fs::create_dir_all(file.parent().unwrap_or(&spot.home));
            made.map_err(|error| self.failed(format!("its folder cannot be created: {error}")))?;
            self.base.write(&file, text)?;
        }
        let bin = environment.bin();
        // It may call its other programs by name.
        let mut command = self.base.command(&bin.join(package.program), &spot.home, Some(&bin));
        command.args(&recipe.arguments).envs(recipe.environment);
        command.envs(edition.env.iter().map(|(name, value)| (name, value)));
        self.base.start(About::of(name(Part::Gateway)), command)
    }

    async fn start_database(
        &self,
        spot: &Spot,
        password: &Secret,
        _: Option<&Tables>,
        limit: Duration,
    ) -> Result<Process, LaunchError> {
        database::start(&self.base, self.programs().await?, spot, password, limit).await
    }

    async fn fill(&self, postgres: &Postgres<Processes>, tables: &Tables) -> Result<(), LaunchError> {
        let file = postgres.launched.spot.home.join("tables.sql");
        self.base.write(&file, &tables.sql)?;
        let file = file.display().to_string();
        let fill = ["--quiet", "--set", "ON_ERROR_STOP=1", "--file", &file];
        postgres.ask(self, "psql", &fill).await.map(drop)
    }

    async fn start_redis(&self, spot: &Spot) -> Result<Process, LaunchError> {
        let program = system::on_path(Processes::REDIS);
        let program = program.ok_or_else(|| self.failed(format!("there is no {} on the PATH", Processes::REDIS)))?;
        let mut command = self.base.command(&program, &spot.home, None);
        // What it holds outlives a stop, whatever its own default: only a flush forgets.
        command.args(["--bind", &spot.host, "--port", &spot.port.to_string(), "--save", "3600 1", "--dir"]);
        command.arg(&spot.home);
        self.base.start(About::of(name(Part::Redis)), command)
    }

    async fn start_again(&self, launched: &Launched<Processes>) -> Result<(), LaunchError> {
        let started = launched.guard.start_again();
        started.map_err(|error| self.failed(format!("{} could not be started again: {error}", launched.name())))
    }

    async fn stop(&self, launched: &Launched<Processes>) -> Result<(), LaunchError> {
        match launched.guard.stop().await {
            true => Ok(()),
            false => Err(self.failed(format!("{} did not stop within {} s", launched.name(), GRACE.as_secs()))),
        }
    }

    async fn end(&self, launched: &Launched<Processes>) -> Result<(), LaunchError> {
        launched.guard.abandon().await;
        Ok(())
    }

    async fn discard(&self, launched: Launched<Processes>) {
        launched.guard.abandon().await;
    }

    async fn remove(self) {
        self.base.remove();
    }

    async fn stopped(&self, launched: &Launched<Processes>) -> Option<String> {
        launched.guard.stopped()
    }

    async fn log_tail(&self, launched: &Launched<Processes>) -> Vec<String> {
        launched.guard.log_tail()
    }

    async fn url(&self, gateway: &Launched<Processes>) -> Result<String, LaunchError> {
        Ok(format!("http://{}:{}", gateway.spot.host, gateway.spot.port))
    }

    async fn is_ready(&self, database: &Launched<Processes>) -> Result<(), String> {
        database::is_ready(&database.guard, &database.spot.home)
    }

    async fn run(&self, postgres: &Postgres<Processes>, client: &str, arguments: &[&str]) -> Result<String, String> {
        let programs = self.programs().await.map_err(|error| error.what)?;
        let home = self.base.make_folder("clients").map_err(|error| error.what)?;
        let Spot { host, port, .. } = &postgres.launched.spot;
        let mut command = self.base.command(&programs.client(client), &home, None);
        // Not on the command line, which everybody can read.
        command.env("PGPASSWORD", postgres.password.reveal());
        command.args(["--host", host, "--port", &port.to_string()]).args(arguments);
        output(command).await.map_err(|log| log.last().cloned().unwrap_or_default())
    }

    /// By Redis's inline protocol, which needs no client here.
    async fn ask_redis(&self, redis: &Launched<Processes>, word: &str) -> Result<String, String> {
        use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
        let Spot { host, port, .. } = &redis.spot;
        let asked = async {
            let mut connection = tokio::net::TcpStream::connect((host.as_str(), *port)).await?;
            connection.write_all(format!("{word}\r\n").as_bytes()).await?;
            let mut answer = String::new();
            BufReader::new(connection).read_line(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        let answer = asked.await.map_err(|error| error.to_string())?;
        let answer = answer.trim_end();
        Ok(answer.strip_prefix('+').unwrap_or(answer).to_owned())
    }
}
