//! What the gateways of a target share: PostgreSQL, and Redis.

use std::time::Duration;

use testcontainers::ImageExt;

use super::super::{LaunchError, random_hex};
use super::site::{Container, Site, exec};
use super::unpublished;

pub(super) struct Database {
    pub container: Container,
    /// For gateways on its network.
    pub url: String,
}

impl Database {
    pub(super) const NAME: &str = "its database";

    pub(super) async fn launch(site: &Site, image: &str, limit: Duration) -> Result<Database, LaunchError> {
        // It begins as other secrets do, so that it is redacted as they are.
        let password = format!("sk-database-{}", random_hex());
        let (request, host) = site.container(image, "postgres")?;
        let request = request
            .with_env_var("POSTGRES_USER", "gatecrash")
            .with_env_var("POSTGRES_PASSWORD", password.as_str())
            .with_env_var("POSTGRES_DB", "litellm")
            .with_host_config_modifier(unpublished);
        let container = site.start(image, request).await?;
        let database = Database { container, url: format!("postgresql://gatecrash:{password}@{host}:5432/litellm") };
        database.until_ready(site, limit).await?;
        Ok(database)
    }

    pub(super) async fn start_again(&self, site: &Site, limit: Duration) -> Result<(), LaunchError> {
        site.start_again(&self.container, Database::NAME).await?;
        self.until_ready(site, limit).await
    }

    /// Waits until it listens for good: during its set-up it does not on TCP.
    async fn until_ready(&self, site: &Site, limit: Duration) -> Result<(), LaunchError> {
        let ask = || exec(&self.container, ["pg_isready", "--host=127.0.0.1", "--username=gatecrash"]);
        site.until(&self.container, Database::NAME, limit, ask).await
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
            .with_host_config_modifier(unpublished);
        let redis = Redis { container: site.start(image, request).await?, host };
        redis.until_ready(site, limit).await?;
        Ok(redis)
    }

    pub(super) async fn start_again(&self, site: &Site, limit: Duration) -> Result<(), LaunchError> {
        site.start_again(&self.container, Redis::NAME).await?;
        self.until_ready(site, limit).await
    }

    async fn until_ready(&self, site: &Site, limit: Duration) -> Result<(), LaunchError> {
        site.until(&self.container, Redis::NAME, limit, || exec(&self.container, ["redis-cli", "ping"])).await
    }

    pub(super) async fn flush(&self, site: &Site) -> Result<(), LaunchError> {
        let flushed = exec(&self.container, ["redis-cli", "flushall"]).await;
        flushed.map_err(|error| site.failed(format!("its Redis could not be flushed: {error}")))
    }
}
