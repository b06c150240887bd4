//! What the gateways of a target share: PostgreSQL, and Redis. Not: where PostgreSQL's programs are (`postgres`).

use std::path::PathBuf;
use std::time::Duration;

use super::super::{LaunchError, random_hex};
use super::postgres::Programs;
use super::site::{About, Children, Process, Site, free_port};
use super::system::{self, Signal};
use crate::gateway::Secret;

/// A PostgreSQL of its own, on loopback.
pub(super) struct Database {
    pub process: Process,
    /// For gateways.
    pub url: String,
    pub port: u16,
    pub password: Secret,
    data: PathBuf,
}

impl Database {
    pub(super) const USER: &str = "gatecrash";
    /// The one that is always there.
    pub(super) const NAME: &str = "postgres";

    pub(super) async fn launch(site: &Site, programs: &Programs, limit: Duration) -> Result<Database, LaunchError> {
        // It begins as other secrets do, so that it is redacted as they are.
        let password = format!("sk-database-{}{}", random_hex(), random_hex());
        let port = free_port().map_err(|error| site.failed(format!("its database has no port: {error}")))?;
        let home = site.make_folder(&format!("database-{port}"))?;
        let (data, file) = (home.join("data"), home.join("password"));
        site.write(&file, &password)?;
        // It refuses to be root.
        let user = system::instead_of_root();
        if let Some(user) = user {
            let given = system::give(&home, user).and_then(|()| system::give(&file, user));
            given.map_err(|error| site.failed(format!("{} cannot be given away: {error}", home.display())))?;
        }

        let mut init = site.command(&programs.initdb(), &home, None);
        init.arg("--pgdata").arg(&data).arg("--pwfile").arg(&file);
        init.args(["--username", Database::USER, "--auth", "scram-sha-256"]);
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
        let url = format!("postgresql://{}:{password}@127.0.0.1:{port}/{}", Database::USER, Database::NAME);
        let database = Database { process, url, port, password: Secret::new(password), data };
        database.until_ready(site, limit).await?;
        Ok(database)
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
