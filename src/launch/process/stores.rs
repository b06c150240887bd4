//! What the gateways of a target share: PostgreSQL, and Redis. Not: where PostgreSQL's programs are (`postgres`).

use std::path::PathBuf;
use std::time::Duration;

use super::super::cache::Cache;
use super::super::server::{self, Server};
use super::super::sweep::Uses;
use super::super::{LaunchError, random_hex};
use super::postgres::Programs;
use super::site::{About, Children, Process, Site, free_port};
use super::system::{self, Signal};
use crate::secret::Secret;

/// The database of a target.
pub(super) enum Database {
    Launched(Postgres),
    /// In a server that runs already.
    InServer(server::Own),
}

impl Database {
    /// A PostgreSQL of its own, with the programs of this machine or of a package; else a database of its own in the
    /// server that the environment names.
    pub(super) async fn launch(site: &Site, cache: &Cache, limit: Duration) -> Result<Database, LaunchError> {
        let error = match Programs::find(site, cache).await {
            Ok(programs) => return Postgres::launch(site, programs, limit).await.map(Database::Launched),
            Err(error) => error,
        };
        let Some(server) = Server::named() else {
            return Err(LaunchError { what: format!("{}, and {} is not set", error.what, server::VARIABLE), ..error });
        };
        site.will_use(Uses { server: true, ..Uses::default() }).await?;
        let created = async { server?.create(site.run_id()).await }.await;
        created.map(Database::InServer).map_err(|why| LaunchError {
            what: format!("{}; and no database could be made in the server of {}: {why}", error.what, server::VARIABLE),
            ..error
        })
    }

    /// For gateways.
    pub(super) fn url(&self) -> &str {
        match self {
            Database::Launched(postgres) => &postgres.url,
            Database::InServer(own) => own.url.reveal(),
        }
    }

    pub(super) async fn version(&self) -> Option<String> {
        match self {
            Database::Launched(postgres) => postgres.version.clone(),
            Database::InServer(own) => own.version().await,
        }
    }

    /// The one that was launched for it, which can be stopped.
    pub(super) fn launched(&self) -> Option<&Postgres> {
        match self {
            Database::Launched(postgres) => Some(postgres),
            Database::InServer(_) => None,
        }
    }

    /// Ends it without asking for more than that.
    pub(super) async fn abandon(&self) {
        match self {
            Database::Launched(postgres) => postgres.process.abandon().await,
            // One that cannot be dropped now is found again by the sweep, which says so.
            Database::InServer(own) => drop(own.drop().await),
        }
    }
}

/// A PostgreSQL of its own, on loopback.
pub(super) struct Postgres {
    pub process: Process,
    pub programs: Programs,
    /// As its program says: `postgres (PostgreSQL) 16.4`
    pub version: Option<String>,
    pub port: u16,
    pub password: Secret,
    pub url: String,
    data: PathBuf,
}

impl Postgres {
    pub(super) const USER: &str = "gatecrash";
    /// The one that is always there.
    pub(super) const NAME: &str = "postgres";

    pub(super) async fn launch(site: &Site, programs: Programs, limit: Duration) -> Result<Postgres, LaunchError> {
        // It begins as other secrets do, so that it is redacted as they are.
        let password = format!("sk-database-{}{}", random_hex(), random_hex());
        let password = Secret::named(password, "database password");
        let port = free_port().map_err(|error| site.failed(format!("its database has no port: {error}")))?;
        let home = site.make_folder(&format!("database-{port}"))?;
        let (data, file) = (home.join("data"), home.join("password"));
        site.write(&file, password.reveal())?;
        // It refuses to be root.
        let user = system::instead_of_root();
        if let Some(user) = user {
            let given = system::give(&home, user).and_then(|()| system::give(&file, user));
            given.map_err(|error| site.failed(format!("{} cannot be given away: {error}", home.display())))?;
        }

        let mut init = site.command(&programs.initdb(), &home, None);
        init.arg("--pgdata").arg(&data).arg("--pwfile").arg(&file);
        init.args(["--username", Postgres::USER, "--auth", "scram-sha-256"]);
        init.args(["--encoding", "UTF8", "--no-locale", "--no-sync"]);
        let about = About {
            name: "initdb",
            stop: Signal::Terminate,
            abandon: Signal::Kill,
            // They are servers without connections.
            children: Children::LeftToEnd,
            user,
        };
        site.run(about, init, limit).await?;
        let _ = std::fs::remove_file(&file);

        let mut server = site.command(&programs.postgres(), &home, None);
        server.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            // It is thrown away.
            "fsync=off",
            // In its folder, not in the system's: it goes with that, however the server ends.
            "dynamic_shared_memory_type=mmap",
        ] {
            server.args(["-c", setting]);
        }
        let about = About {
            name: "its database",
            stop: Signal::Interrupt,
            abandon: Signal::Quit,
            children: Children::Killed,
            user,
        };
        let process = site.start(about, server)?;
        let (user, name) = (Postgres::USER, Postgres::NAME);
        let url = format!("postgresql://{user}:{}@127.0.0.1:{port}/{name}", password.reveal());
        let version = programs.version().await;
        let postgres = Postgres { process, programs, version, port, password, url, data };
        postgres.until_ready(site, limit).await?;
        Ok(postgres)
    }

    pub(super) async fn start_again(&self, site: &Site, limit: Duration) -> Result<(), LaunchError> {
        site.start_again(&self.process)?;
        self.until_ready(site, limit).await
    }

    /// Waits until it says so where its own `pg_ctl` looks: in the eighth line of its lock file.
    async fn until_ready(&self, site: &Site, limit: Duration) -> Result<(), LaunchError> {
        let lock = self.data.join("postmaster.pid");
        let ask = async || {
            let text = std::fs::read_to_string(&lock).unwrap_or_default();
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            let is_own = lines.first().is_some_and(|line| *line == self.process.id().to_string());
            match lines.get(7) {
                Some(&"ready") if is_own => Ok(()),
                _ => Err("it is starting"),
            }
        };
        site.until(&self.process, limit, ask).await
    }
}

/// A Redis of its own, on loopback.
pub(super) struct Redis {
    pub process: Process,
    pub port: u16,
}

impl Redis {
    pub(super) const PROGRAM: &str = "redis-server";

    pub(super) async fn launch(site: &Site, limit: Duration) -> Result<Redis, LaunchError> {
        let program = system::on_path(Redis::PROGRAM);
        let program = program.ok_or_else(|| site.failed(format!("there is no {} on the PATH", Redis::PROGRAM)))?;
        let home = site.make_folder("redis")?;
        let port = free_port().map_err(|error| site.failed(format!("its Redis has no port: {error}")))?;
        let mut command = site.command(&program, &home, None);
        // What it holds outlives a stop, whatever its own default: only a flush forgets.
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "3600 1", "--dir"]).arg(&home);
        let about = About {
            name: "its Redis",
            stop: Signal::Terminate,
            abandon: Signal::Kill,
            children: Children::Killed,
            user: None,
        };
        let redis = Redis { process: site.start(about, command)?, port };
        redis.until_ready(site, limit).await?;
        Ok(redis)
    }

    pub(super) async fn start_again(&self, site: &Site, limit: Duration) -> Result<(), LaunchError> {
        site.start_again(&self.process)?;
        self.until_ready(site, limit).await
    }

    async fn until_ready(&self, site: &Site, limit: Duration) -> Result<(), LaunchError> {
        site.until(&self.process, limit, || self.ask("PING", "+PONG")).await
    }

    pub(super) async fn flush(&self, site: &Site) -> Result<(), LaunchError> {
        let flushed = self.ask("FLUSHALL", "+OK").await;
        flushed.map_err(|error| site.failed(format!("its Redis could not be flushed: {error}")))
    }

    /// Asks it something of one word, by its inline protocol.
    async fn ask(&self, word: &str, expected: &str) -> std::io::Result<()> {
        use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
        let mut connection = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await?;
        connection.write_all(format!("{word}\r\n").as_bytes()).await?;
        let mut answer = String::new();
        BufReader::new(connection).read_line(&mut answer).await?;
        match answer.trim_end() {
            answer if answer == expected => Ok(()),
            other => Err(std::io::Error::other(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{GatewayName, Launcher, RunId, Target};
    use super::*;
    use crate::secret::redact;

    /// A server as `DATABASE_URL` may name it; none where this machine has no PostgreSQL, which is said.
    #[expect(clippy::disallowed_macros)]
    async fn server(run: &RunId) -> Option<(Site, Postgres)> {
        let Some(programs) = Programs::of_this_machine() else {
            println!("not tried: this machine has no PostgreSQL");
            return None;
        };
        let target = Target {
            name: "litellm@1.82.3".to_owned(),
            gateway: GatewayName::of(&crate::gateway::litellm::LiteLlm),
            version: None,
            launcher: Launcher::Builtin { fault: None },
            chosen: None,
        };
        let site = Site::new(&target, run).await.unwrap();
        let postgres = Postgres::launch(&site, programs, Duration::from_secs(60)).await.unwrap();
        Some((site, postgres))
    }

    #[tokio::test]
    async fn of_a_server_that_runs_already_each_run_has_databases_of_its_own() {
        let owner = RunId::new();
        let Some((site, postgres)) = server(&owner).await else { return };
        // As others write it, with something for Prisma in it.
        let named = Server::of(&format!("{}?schema=public&connection_limit=5", postgres.url)).unwrap();
        let (run, other) = (RunId::new(), RunId::new());
        let first = named.create(&run).await.unwrap();
        let second = named.create(&run).await.unwrap();
        let others = named.create(&other).await.unwrap();
        assert!(first.url.reveal().ends_with("?schema=public&connection_limit=5"));
        assert!(!redact(&format!("at {}", first.url.reveal())).contains(postgres.password.reveal()));

        // Somebody who is connected does not keep it.
        let connect = async |own: &server::Own| {
            let url = own.url.reveal().split('?').next().unwrap().to_owned();
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
            tokio::spawn(connection);
            Ok::<_, tokio_postgres::Error>(client)
        };
        let _connected = connect(&first).await.unwrap();
        second.drop().await.unwrap();
        assert!(connect(&second).await.is_err());
        assert_eq!(named.drop_all(&run).await, Ok(1));
        assert!(connect(&first).await.is_err());
        assert_eq!(named.drop_all(&run).await, Ok(0));
        assert!(connect(&others).await.is_ok(), "that of another run is not touched");
        assert_eq!(named.drop_all(&other).await, Ok(1));

        assert!(first.answers().await.is_ok(), "the server is there");
        postgres.process.abandon().await;
        let why = first.answers().await.unwrap_err();
        assert!(why.contains("connect"), "{why}");
        site.remove();
        owner.sweep().await.unwrap();
    }
}
