//! The PostgreSQL server that `DATABASE_URL` names and that runs already: a run's databases in it, made and dropped.
//! Not: its other databases, nor when one is wanted ([`super::process`]).

use std::time::Duration;

use reqwest::Url;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::{RunId, random_hex};
use crate::secret::{Secret, know_setting};

/// The environment variable that names it.
pub(super) const VARIABLE: &str = "DATABASE_URL";
/// The parameters of a URL that are for connecting; the rest is for others, such as Prisma.
const FOR_CONNECTING: [&str; 4] = ["host", "hostaddr", "port", "sslmode"];
const LIMIT: Duration = Duration::from_secs(10);

/// How to reach it.
#[derive(Clone)]
pub(super) struct Server {
    url: Url,
    config: Config,
}

/// A database of a run, and how a gateway reaches it.
pub(super) struct Own {
    pub url: Secret,
    server: Server,
    name: String,
}

impl Server {
    /// The one that the environment names, if it names one.
    ///
    /// # Errors
    /// When what it names is not such a server.
    pub(super) fn named() -> Option<Result<Server, String>> {
        let text = std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty())?;
        know_setting(VARIABLE, &text);
        Some(Server::of(&text).map_err(|why| format!("{VARIABLE} does not name a PostgreSQL server: {why}")))
    }

    pub(super) fn of(text: &str) -> Result<Server, String> {
        let url = Url::parse(text.trim()).map_err(|error| error.to_string())?;
        if !["postgres", "postgresql"].contains(&url.scheme()) {
            return Err(format!("it starts with {}:, not with postgresql:", url.scheme()));
        }
        let mut to_connect = url.clone();
        let kept: Vec<_> = url.query_pairs().filter(|(name, _)| FOR_CONNECTING.contains(&name.as_ref())).collect();
        match kept.is_empty() {
            true => to_connect.set_query(None),
            false => drop(to_connect.query_pairs_mut().clear().extend_pairs(kept)),
        }
        let mut config: Config = to_connect.as_str().parse().map_err(|error: tokio_postgres::Error| said(&error))?;
        config.application_name("gatecrash").connect_timeout(LIMIT);
        Ok(Server { url, config })
    }

    /// Makes an empty database that only this run knows.
    pub(super) async fn create(&self, run: &RunId) -> Result<Own, String> {
        let name = format!("{}{}", beginning(run), random_hex());
        let client = self.connect().await?;
        let create = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        client.batch_execute(&create).await.map_err(|error| said(&error))?;
        let mut url = self.url.clone();
        url.set_path(&name);
        Ok(Own { url: Secret::new(url), server: self.clone(), name })
    }

    /// Drops all databases of a run, and says how many there were.
    pub(super) async fn drop_all(&self, run: &RunId) -> Result<usize, String> {
        let client = self.connect().await?;
        let list = format!("SELECT datname FROM pg_database WHERE starts_with(datname, '{}')", beginning(run));
        let rows = client.simple_query(&list).await.map_err(|error| said(&error))?;
        let names = rows.iter().filter_map(|row| match row {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        let mut count = 0;
        for name in names {
            drop_one(&client, name).await?;
            count += 1;
        }
        Ok(count)
    }

    async fn connect(&self) -> Result<Client, String> {
        let (client, connection) = self.config.connect(NoTls).await.map_err(|error| said(&error))?;
        // The connection ends with its client.
        tokio::spawn(connection);
        Ok(client)
    }
}

impl Own {
    /// `PostgreSQL 16.4, a server that runs already`
    pub(super) async fn version(&self) -> Option<String> {
        let client = self.server.connect().await.ok()?;
        let rows = client.simple_query("SHOW server_version").await.ok()?;
        let version = rows.iter().find_map(|row| match row {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        Some(format!("PostgreSQL {}, a server that was already running", version?))
    }

    /// Whether it can still be reached; else why not.
    pub(super) async fn answers(&self) -> Result<(), String> {
        self.server.connect().await.map(|_| ())
    }

    /// Drops it, whoever is connected to it.
    pub(super) async fn drop(&self) -> Result<(), String> {
        drop_one(&self.server.connect().await?, &self.name).await
    }
}

/// What the names of a run's databases begin with.
pub(super) fn beginning(run: &RunId) -> String {
    format!("gatecrash_{}_", run.as_str())
}

async fn drop_one(client: &Client, name: &str) -> Result<(), String> {
    let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    client.batch_execute(&drop).await.map_err(|error| said(&error))
}

/// What a server says about an error: the error itself keeps it in its source.
fn said(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(server), _) => server.message().to_owned(),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::Server;

    #[test]
    fn what_is_no_server_of_postgresql_says_why() {
        let why = |text: &str| Server::of(text).err().unwrap();
        let said = ["mysql://root@localhost/x", "localhost:5432", "", "postgresql://me@host:port/x"].map(why);
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn what_is_meant_for_prisma_is_passed_on_and_not_read() {
        let server = Server::of("postgresql://me:secret@127.0.0.1:5433/mine?schema=a&sslmode=disable&pool_timeout=3");
        let server = server.ok().unwrap();
        assert_eq!(server.config.get_ports(), [5433]);
        assert_eq!(server.config.get_ssl_mode(), tokio_postgres::config::SslMode::Disable);
        assert_eq!(server.url.query(), Some("schema=a&sslmode=disable&pool_timeout=3"));
    }
}
