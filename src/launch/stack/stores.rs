//! What the gateways of a target share: PostgreSQL, and Redis.

use std::time::Duration;

use super::super::server::Own;
use super::super::template::{COUNT, DUMP_MIGRATIONS, DUMP_TABLES, Tables};
use super::super::{LaunchError, random_hex};
use super::{Launched, Site, Spot, until};
use crate::scenario::Part;
use crate::secret::Secret;

/// The user that owns the database.
pub(in super::super) const USER: &str = "gatecrash";

/// The database of a target.
pub(in super::super) enum Database<S: Site> {
    Launched(Postgres<S>),
    /// In a server that runs already.
    InServer(Box<Own>),
}

impl<S: Site> Database<S> {
    /// The URL for gateways.
    pub(super) fn url(&self) -> &str {
        match self {
            Database::Launched(postgres) => &postgres.url,
            Database::InServer(own) => own.url.reveal(),
        }
    }

    /// The PostgreSQL that was launched for it, which can be stopped.
    pub(super) fn launched(&self) -> Option<&Launched<S>> {
        match self {
            Database::Launched(postgres) => Some(&postgres.launched),
            Database::InServer(_) => None,
        }
    }

    /// What it is, for people.
    pub(super) async fn about(&self, site: &S) -> String {
        match self {
            Database::Launched(postgres) => site.database(postgres).await,
            Database::InServer(own) => own.version().await.unwrap_or_else(|| "PostgreSQL".to_owned()),
        }
    }
}

/// A PostgreSQL of its own.
pub(in super::super) struct Postgres<S: Site> {
    pub launched: Launched<S>,
    pub password: Secret,
    /// The URL for gateways.
    pub url: String,
}

/// A PostgreSQL that is not launched yet, but has an address.
pub(in super::super) struct PostgresToBe {
    spot: Spot,
    password: Secret,
    /// The URL for gateways.
    pub url: String,
}

impl PostgresToBe {
    /// Launches it, empty or with these tables, and waits until it is ready.
    pub(in super::super) async fn launch<S: Site>(
        self,
        site: &S,
        tables: Option<&Tables>,
        limit: Duration,
    ) -> Result<Postgres<S>, LaunchError> {
        let PostgresToBe { spot, password, url } = self;
        let guard = site.start_database(&spot, &password, tables, limit).await?;
        let postgres = Postgres { launched: Launched { part: Part::Database, spot, guard }, password, url };
        until_ready(site, &postgres.launched, limit).await?;
        if let Some(tables) = tables {
            postgres.begins_with(site, tables).await?;
        }
        Ok(postgres)
    }
}

impl<S: Site> Postgres<S> {
    pub(in super::super) fn to_be(site: &S) -> Result<PostgresToBe, LaunchError> {
        let spot = site.spot(Part::Database)?;
        // It begins as other secrets do, so that it is redacted like them.
        let password = format!("sk-database-{}{}", random_hex(), random_hex());
        let password = Secret::named(password, "database password");
        let url = format!("postgresql://{USER}:{}@{}:{}/{}", password.reveal(), spot.host, spot.port, S::DATABASE);
        Ok(PostgresToBe { spot, password, url })
    }

    /// Fills it, unless it is filled already, and checks that it holds what it should.
    pub(super) async fn begins_with(&self, site: &S, tables: &Tables) -> Result<(), LaunchError> {
        site.fill(self, tables).await?;
        let holds = self.holds(site).await?.unwrap_or_else(|| "other migrations".to_owned());
        match holds == tables.holds {
            true => Ok(()),
            false => Err(site.failed(format!("{} holds {holds}, not {}", self.launched.name(), tables.holds))),
        }
    }

    /// Everything in it except the rows; nothing if a template may not hold that.
    pub(super) async fn tables(&self, site: &S) -> Result<Option<Tables>, LaunchError> {
        let Some(holds) = self.holds(site).await? else { return Ok(None) };
        let tables = self.ask(site, "pg_dump", &DUMP_TABLES).await?;
        let migrations = self.ask(site, "pg_dump", &DUMP_MIGRATIONS).await?;
        Ok(Some(Tables { sql: tables + &migrations, holds }))
    }

    async fn holds(&self, site: &S) -> Result<Option<String>, LaunchError> {
        Ok(Some(self.query(site, COUNT).await?).filter(|holds| !holds.is_empty()))
    }

    /// The one value that a query answers.
    pub(in super::super) async fn query(&self, site: &S, sql: &str) -> Result<String, LaunchError> {
        let answer = self.ask(site, "psql", &["--tuples-only", "--no-align", "--command", sql]).await?;
        Ok(answer.trim().to_owned())
    }

    /// What one of PostgreSQL's clients answers.
    pub(in super::super) async fn ask(
        &self,
        site: &S,
        client: &str,
        arguments: &[&str],
    ) -> Result<String, LaunchError> {
        let own_settings = (client == "psql").then_some("--no-psqlrc");
        let first = ["--username", USER, "--dbname", S::DATABASE].into_iter().chain(own_settings);
        let arguments: Vec<&str> = first.chain(arguments.iter().copied()).collect();
        let answer = site.run(self, client, &arguments).await;
        answer.map_err(|error| site.failed(format!("{} does not answer {client}: {error}", self.launched.name())))
    }
}

/// Launches a Redis, and waits until it is ready.
pub(super) async fn launch_redis<S: Site>(site: &S, limit: Duration) -> Result<Launched<S>, LaunchError> {
    let spot = site.spot(Part::Redis)?;
    let guard = site.start_redis(&spot).await?;
    let redis = Launched { part: Part::Redis, spot, guard };
    until_ready(site, &redis, limit).await?;
    Ok(redis)
}

pub(super) async fn flush<S: Site>(site: &S, redis: &Launched<S>) -> Result<(), LaunchError> {
    let flushed = ask_redis(site, redis, "FLUSHALL", "OK").await;
    flushed.map_err(|error| site.failed(format!("{} could not be flushed: {error}", redis.name())))
}

/// Starts a PostgreSQL or a Redis that was stopped, and waits until it is ready.
pub(super) async fn start_again<S: Site>(site: &S, store: &Launched<S>, limit: Duration) -> Result<(), LaunchError> {
    site.start_again(store).await?;
    until_ready(site, store, limit).await
}

async fn until_ready<S: Site>(site: &S, store: &Launched<S>, limit: Duration) -> Result<(), LaunchError> {
    let ask = || async {
        match store.part {
            Part::Redis => ask_redis(site, store, "PING", "PONG").await,
            Part::Database | Part::Gateway => site.is_ready(store).await,
        }
    };
    until(site, store, limit, ask).await
}

async fn ask_redis<S: Site>(site: &S, redis: &Launched<S>, word: &str, expected: &str) -> Result<(), String> {
    let answer = site.ask_redis(redis, word).await?;
    if answer == expected { Ok(()) } else { Err(answer) }
}
