//! The parts of a target as containers: how each is started from its image, asked and stopped.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::bollard::query_parameters::{InspectContainerOptions, LogsOptionsBuilder};
use testcontainers::core::ContainerPort;
use testcontainers::{CopyTargetOptions, ImageExt};

use super::super::stack::{Edition, Launched, Postgres, Site, Spot, USER};
use super::super::template::Tables;
use super::super::{LaunchError, end_of_log};
use super::network::{Container, Door, Network};
use crate::gateway::recipe::{How, Recipe, Schema};
use crate::scenario::Part;
use crate::secret::Secret;
use crate::target::{Launcher, Target};

const PORT: ContainerPort = ContainerPort::Tcp(Containers::TOLD.2);

/// Where a gateway finds stand-ins for programs it would call in vain.
const IN_VAIN: &str = "/gatecrash/bin";
/// How many lines to look at for the end of a log.
const LOOKED_AT: usize = 500;
/// How long a container has to end by itself, in seconds.
const GRACE: i32 = 30;

/// The containers of one target, on a network of their own.
pub(in super::super) struct Containers {
    pub(super) network: Network,
    pub(super) database_image: String,
    pub(super) redis_image: String,
}

#[async_trait]
impl Site for Containers {
    type Guard = Container;
    /// Its image.
    type Build = String;

    const HOW: How = How::Docker;
    const TOLD: (How, &str, u16) = (How::Docker, "/app/", 4000);
    const DATABASE: &str = "gateway";
    const LOOK: Duration = Duration::from_millis(200);

    fn target(&self) -> &Target {
        &self.network.target
    }

    fn build(&self, target: &Target) -> Result<String, LaunchError> {
        match &target.launcher {
            Launcher::Docker { image, .. } => Ok(image.clone()),
            _ => Err(LaunchError::new(target, "it is not launched in Docker")),
        }
    }

    fn gateway(&self, image: &String) -> String {
        format!("image {image}")
    }

    /// `PostgreSQL 15.14, image postgres:15`
    async fn database(&self, postgres: &Postgres<Containers>) -> String {
        let version = postgres.query(self, "SHOW server_version").await.unwrap_or_default();
        let version = version.split_whitespace().next().map(|version| format!(" {version}")).unwrap_or_default();
        format!("PostgreSQL{version}, image {}", self.database_image)
    }

    async fn decisive(&self, image: &String) -> Result<Vec<String>, String> {
        let images = [self.network.image_id(image).await, self.network.image_id(&self.database_image).await];
        let images: Option<Vec<String>> = images.into_iter().collect();
        images.ok_or_else(|| "its images have no identity".to_owned())
    }

    fn is_another(&self, edition: &Edition<Containers>, said: &str, wanted: &str) -> LaunchError {
        let Edition { target, build, .. } = edition;
        LaunchError::new(target, format!("the image {build} holds version {said}, not {wanted}"))
            .help(format!("name the right image in harness.toml, under [gateway.{}]", target.gateway.name()))
    }

    fn spot(&self, part: Part) -> Result<Spot, LaunchError> {
        let (role, port, home) = match part {
            Part::Gateway => ("gateway", PORT.as_u16(), "/app"),
            // The image runs what is in there before it listens.
            Part::Database => ("postgres", 5432, "/docker-entrypoint-initdb.d"),
            Part::Redis => ("redis", 6379, "/data"),
        };
        Ok(Spot { host: self.network.new_name(role), port, home: home.into() })
    }

    async fn start_gateway(
        &self,
        edition: &Edition<Containers>,
        spot: &Spot,
        recipe: Recipe,
        schema: Schema,
    ) -> Result<Container, LaunchError> {
        let (network, built) = (&self.network, &edition.build);
        let image = edition.target.gateway.adapter().about().image.as_ref();
        let request = network.container(built, &spot.host)?;
        let mut request = request.with_host("host.docker.internal", network.host()).with_cmd(recipe.arguments);
        for name in image.iter().flat_map(|image| image.upstream_is_also) {
            request = request.with_host(*name, network.host());
        }
        let files = recipe.files.into_iter().map(|(name, text)| (name.to_owned(), text));
        for (name, text) in files.chain(recipe.beside) {
            request = request.with_copy_to(format!("{}/{name}", spot.home.display()), text.into_bytes());
        }
        if network.door == Door::Open {
            request = request.with_mapped_port(0, PORT).with_host_config_modifier(only_loopback);
        }
        for (name, value) in recipe.environment {
            request = request.with_env_var(name, value);
        }
        if schema == Schema::Leave
            && let Some(program) = image.and_then(|image| image.in_vain)
            && let Some(path) = network.image_env(built, "PATH").await
        {
            let in_vain = CopyTargetOptions::new(format!("{IN_VAIN}/{program}")).with_mode(0o755);
            request = request
                .with_copy_to(in_vain, b"#!/bin/sh\n".to_vec())
                .with_env_var("PATH", format!("{IN_VAIN}:{path}"));
        }
        for (name, value) in &edition.env {
            request = request.with_env_var(name, value);
        }
        network.start(built, request).await
    }

    async fn start_database(
        &self,
        spot: &Spot,
        password: &Secret,
        tables: Option<&Tables>,
        _: Duration,
    ) -> Result<Container, LaunchError> {
        let image = &self.database_image;
        let mut request = self
            .network
            .container(image, &spot.host)?
            .with_env_var("POSTGRES_USER", USER)
            .with_env_var("POSTGRES_PASSWORD", password.reveal())
            .with_env_var("POSTGRES_DB", Containers::DATABASE)
            // Its data outlives a kill, and need not outlive a crash of this machine.
            .with_env_var("POSTGRES_INITDB_ARGS", "--no-sync")
            .with_cmd(["postgres", "-c", "fsync=off"]);
        if let Some(tables) = tables {
            let file = format!("{}/tables.sql", spot.home.display());
            request = request.with_copy_to(file, tables.sql.clone().into_bytes());
        }
        self.network.start(image, request).await
    }

    async fn start_redis(&self, spot: &Spot) -> Result<Container, LaunchError> {
        // What it holds outlives a stop, whatever the image's own default: only a flush forgets.
        let command = ["redis-server", "--save", "3600 1", "--protected-mode", "no"];
        let request = self.network.container(&self.redis_image, &spot.host)?.with_cmd(command);
        self.network.start(&self.redis_image, request).await
    }

    async fn start_again(&self, launched: &Launched<Containers>) -> Result<(), LaunchError> {
        if self.stopped(launched).await.is_none() {
            return Ok(());
        }
        let started = launched.guard.start().await;
        started.map_err(|error| self.failed(format!("{} could not be started again: {error}", launched.name())))
    }

    /// The engine kills a container that does not end.
    async fn stop(&self, launched: &Launched<Containers>) -> Result<(), LaunchError> {
        // A second request to stop is told that nothing was changed, which bollard takes for an error.
        if self.stopped(launched).await.is_some() {
            return Ok(());
        }
        let stopped = launched.guard.stop_with_timeout(Some(GRACE)).await;
        stopped.map_err(|error| self.failed(format!("{} could not be stopped: {error}", launched.name())))
    }

    async fn discard(&self, launched: Launched<Containers>) {
        let _ = launched.guard.rm().await;
    }

    async fn remove(self) {
        self.network.remove().await;
    }

    async fn stopped(&self, launched: &Launched<Containers>) -> Option<String> {
        match self.network.docker.inspect_container(launched.guard.id(), None::<InspectContainerOptions>).await {
            Ok(container) => {
                let state = container.state.unwrap_or_default();
                let code = state.exit_code.unwrap_or_default();
                (state.running == Some(false)).then(|| format!("has stopped, exit code {code}"))
            }
            Err(error) => Some(format!("is gone: {error}")),
        }
    }

    async fn log_tail(&self, launched: &Launched<Containers>) -> Vec<String> {
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(&LOOKED_AT.to_string()).build();
        let mut stream = std::pin::pin!(self.network.docker.logs(launched.guard.id(), Some(options)));
        let mut text = String::new();
        while let Some(Ok(chunk)) = stream.next().await {
            text.push_str(&chunk.to_string());
        }
        end_of_log(&text)
    }

    async fn url(&self, gateway: &Launched<Containers>) -> Result<String, LaunchError> {
        match self.network.door {
            Door::Open => {
                let port = gateway.guard.get_host_port_ipv4(PORT).await;
                let port = port.map_err(|error| self.failed(format!("its port is not known: {error}")))?;
                Ok(format!("http://127.0.0.1:{port}"))
            }
            Door::Closed(_) => match self.network.address(&gateway.guard).await {
                Some(address) => Ok(format!("http://{address}:{}", PORT.as_u16())),
                None => {
                    let how = self.stopped(gateway).await.unwrap_or_else(|| "has no address".to_owned());
                    Err(self.failed(format!("{} {how}", gateway.name())).log(self.log_tail(gateway).await))
                }
            },
        }
    }

    /// During its set-up it does not listen on TCP.
    async fn is_ready(&self, database: &Launched<Containers>) -> Result<(), String> {
        let ask = ["pg_isready", "--host=127.0.0.1", "--username", USER];
        self.network.exec(&database.guard, &ask).await.map(drop)
    }

    async fn run(&self, postgres: &Postgres<Containers>, client: &str, arguments: &[&str]) -> Result<String, String> {
        self.network.exec(&postgres.launched.guard, &[&[client], arguments].concat()).await
    }

    async fn ask_redis(&self, redis: &Launched<Containers>, word: &str) -> Result<String, String> {
        let answer = self.network.exec(&redis.guard, &["redis-cli", word]).await?;
        Ok(answer.trim().to_owned())
    }
}

/// Ports are published on loopback only; testcontainers would publish them everywhere.
fn only_loopback(config: &mut HostConfig) {
    let binding = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(String::new()) };
    config.port_bindings = Some(HashMap::from([(PORT.to_string(), Some(vec![binding]))]));
}
