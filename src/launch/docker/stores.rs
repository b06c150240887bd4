//! What the gateways of a target share: PostgreSQL, and Redis.

use std::time::Duration;

use testcontainers::{ContainerRequest, GenericImage, ImageExt};

use super::super::template::{COUNT, DUMP_MIGRATIONS, DUMP_TABLES, Tables};
use super::super::{LaunchError, random_hex};
use super::site::{Container, Site, unpublished};
use crate::secret::Secret;

pub(super) struct Database {
    pub container: Container,
    /// For gateways on its network.
    pub url: String,
}

/// A database that is not launched yet, but has an address.
pub(super) struct DatabaseToBe {
    image: String,
    request: ContainerRequest<GenericImage>,
    /// For gateways on its network.
    pub url: String,
}

const USER: &str = "gatecrash";
const DATABASE: &str = "gateway";

impl Database {
    pub(super) const NAME: &str = "its database";

    pub(super) fn to_be(site: &Site, image: &str) -> Result<DatabaseToBe, LaunchError> {
        // It begins as other secrets do, so that it is redacted as they are.
        let password = Secret::named(format!("sk-database-{}", random_hex()), "database password");
        let password = password.reveal();
        let (request, host) = site.container(image, "postgres")?;
        let request = request
            .with_env_var("POSTGRES_USER", USER)
            .with_env_var("POSTGRES_PASSWORD", password)
            .with_env_var("POSTGRES_DB", DATABASE)
            // It outlives being killed, and need not outlive a crash of this machine.
            .with_env_var("POSTGRES_INITDB_ARGS", "--no-sync")
            .with_cmd(["postgres", "-c", "fsync=off"])
            .with_host_config_modifier(unpublished(site.door));
        let url = format!("postgresql://{USER}:{password}@{host}:5432/{DATABASE}");
        Ok(DatabaseToBe { image: image.to_owned(), request, url })
    }

    /// What is in it but for rows; nothing if that is not what a template may hold.
    pub(super) async fn tables(&self, site: &Site) -> Result<Option<Tables>, LaunchError> {
        let Some(holds) = self.holds(site).await? else { return Ok(None) };
        let tables = self.ask(site, "pg_dump", DUMP_TABLES).await?;
        let migrations = self.ask(site, "pg_dump", DUMP_MIGRATIONS).await?;
        Ok(Some(Tables { sql: tables + &migrations, holds }))
    }

    async fn holds(&self, site: &Site) -> Result<Option<String>, LaunchError> {
        let holds = self.ask(site, "psql", ["--no-psqlrc", "--tuples-only", "--no-align", "--command", COUNT]).await?;
        Ok(Some(holds.trim().to_owned()).filter(|holds| !holds.is_empty()))
    }

    /// `PostgreSQL 15.14`
    pub(super) async fn version(&self, site: &Site) -> Option<String> {
        let show = ["--no-psqlrc", "--tuples-only", "--no-align", "--command", "SHOW server_version"];
        let version = self.ask(site, "psql", show).await.ok()?;
        Some(format!("PostgreSQL {}", version.split_whitespace().next()?))
    }

    async fn ask<const N: usize>(
        &self,
        site: &Site,
        program: &str,
        arguments: [&str; N],
    ) -> Result<String, LaunchError> {
        let command = [program, "--username", USER, "--dbname", DATABASE].into_iter().chain(arguments);
        let answer = site.exec(&self.container, command).await;
        answer.map_err(|error| site.failed(format!("{} does not answer {program}: {error}", Database::NAME)))
    }

    pub(super) async fn start_again(&self, site: &Site, limit: Duration) -> Result<(), LaunchError> {
        site.start_again(&self.container, Database::NAME).await?;
        self.until_ready(site, limit).await
    }

    /// Waits until it listens for good: during its set-up it does not on TCP.
    async fn until_ready(&self, site: &Site, limit: Duration) -> Result<(), LaunchError> {
        let ask = || site.exec(&self.container, ["pg_isready", "--host=127.0.0.1", "--username", USER]);
        site.until(&self.container, Database::NAME, limit, ask).await.map(|_| ())
    }
}

impl DatabaseToBe {
    /// Launches it, empty or with these tables, until it is ready.
    pub(super) async fn launch(
        self,
        site: &Site,
        tables: Option<&Tables>,
        limit: Duration,
    ) -> Result<Database, LaunchError> {
        let mut request = self.request;
        if let Some(tables) = tables {
            // What the image runs before it listens.
            request = request.with_copy_to("/docker-entrypoint-initdb.d/tables.sql", tables.sql.clone().into_bytes());
        }
        let database = Database { container: site.start(&self.image, request).await?, url: self.url };
        database.until_ready(site, limit).await?;
        if let Some(tables) = tables {
            let holds = database.holds(site).await?.unwrap_or_else(|| "other migrations".to_owned());
            if holds != tables.holds {
                return Err(site.failed(format!("{} holds {holds}, not {}", Database::NAME, tables.holds)));
            }
        }
        Ok(database)
    }
}

pub(super) struct Redis {
    pub container: Container,
    /// Its name on its network.
    pub host: String,
}

impl Redis {
    pub(super) const NAME: &str = "its Redis";

    pub(super) async fn launch(site: &Site, image: &str, limit: Duration) -> Result<Redis, LaunchError> {
        let (request, host) = site.container(image, "redis")?;
        // What it holds outlives a stop, whatever the image's own default: only a flush forgets.
        let request = request
            .with_cmd(["redis-server", "--save", "3600 1", "--protected-mode", "no"])
            .with_host_config_modifier(unpublished(site.door));
        let redis = Redis { container: site.start(image, request).await?, host };
        redis.until_ready(site, limit).await?;
        Ok(redis)
    }

    pub(super) async fn start_again(&self, site: &Site, limit: Duration) -> Result<(), LaunchError> {
        site.start_again(&self.container, Redis::NAME).await?;
        self.until_ready(site, limit).await
    }

    async fn until_ready(&self, site: &Site, limit: Duration) -> Result<(), LaunchError> {
        let ask = || site.exec(&self.container, ["redis-cli", "ping"]);
        site.until(&self.container, Redis::NAME, limit, ask).await.map(|_| ())
    }

    pub(super) async fn flush(&self, site: &Site) -> Result<(), LaunchError> {
        let flushed = site.exec(&self.container, ["redis-cli", "flushall"]).await;
        flushed.map(|_| ()).map_err(|error| site.failed(format!("its Redis could not be flushed: {error}")))
    }
}
