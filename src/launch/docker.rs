//! The `docker` launcher: a gateway's own image and PostgreSQL, on a network of their own, through
//! testcontainers.
//!
//! Everything it makes carries the run's label, so that [`sweep`] finds it also when a guard never came to be:
//! testcontainers 0.28 has no reaper, and loses a container whose start was interrupted.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use testcontainers::bollard::Docker;
use testcontainers::bollard::models::{HostConfig, NetworkCreateRequest, PortBinding};
use testcontainers::bollard::query_parameters::{
    InspectContainerOptions, InspectNetworkOptions, ListContainersOptionsBuilder, ListNetworksOptionsBuilder,
    LogsOptionsBuilder, RemoveContainerOptionsBuilder,
};
use testcontainers::core::client::docker_client_instance;
use testcontainers::core::{CmdWaitFor, ContainerPort, ExecCommand, Host};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt, TestcontainersError};

use super::{Kept, LaunchError, Launcher, Live, RunId, Target, http, random_hex};
use crate::config::Limits;
use crate::gateway::litellm::deployments::config_yaml;
use crate::gateway::litellm::{LiteLlm, Pace};
use crate::gateway::{Secret, redact};
use crate::upstream::Upstream;

/// The label that everything of a run carries.
const LABEL: &str = "dev.gatecrash.run";
const GATEWAY_PORT: ContainerPort = ContainerPort::Tcp(4000);
const DATABASE: &str = "litellm";
const LOG_LINES: usize = 15;

/// What belongs to one launched target.
pub(super) struct Containers {
    docker: Docker,
    gateway: ContainerAsync<GenericImage>,
    database: ContainerAsync<GenericImage>,
    network: String,
}

pub(super) async fn launch(target: &Target, limits: Limits, run: &RunId) -> Result<Live, LaunchError> {
    let Launcher::Docker { image, database_image, env } = &target.launcher else {
        return Err(LaunchError::new(target, "it is not launched in Docker"));
    };
    let docker = engine(target).await?;
    let upstream = Upstream::start(SocketAddr::from((bridge(&docker).await, 0))).await.map_err(|error| {
        LaunchError::new(target, format!("the upstream cannot listen where containers reach it: {error}"))
    })?;

    let name = format!("gatecrash-{}-{}", run.as_str(), random_hex());
    let labels = HashMap::from([(LABEL.to_owned(), run.as_str().to_owned())]);
    let network = NetworkCreateRequest { name: name.clone(), labels: Some(labels), ..Default::default() };
    let failed = |what: &str, error: &dyn std::fmt::Display| LaunchError::new(target, format!("{what}: {error}"));
    docker.create_network(network).await.map_err(|error| failed("its network could not be made", &error))?;

    // It begins as other secrets do, so that it is redacted as they are.
    let password = format!("sk-database-{}", random_hex());
    let database_name = format!("{name}-postgres");
    let request = container(target, database_image, run, &name, &database_name)?
        .with_env_var("POSTGRES_USER", "gatecrash")
        .with_env_var("POSTGRES_PASSWORD", password.as_str())
        .with_env_var("POSTGRES_DB", DATABASE)
        .with_host_config_modifier(|config: &mut HostConfig| config.publish_all_ports = Some(false));
    let database = start(target, database_image, request).await?;
    accepts_connections(target, &docker, &database, limits.launch).await?;

    let admin_key = Secret::new(format!("sk-gatecrash-{}{}", random_hex(), random_hex()));
    let url = format!("http://host.docker.internal:{}", upstream.address().port());
    let mut request = container(target, image, run, &name, &format!("{name}-gateway"))?
        .with_mapped_port(0, GATEWAY_PORT)
        .with_host("host.docker.internal", Host::HostGateway)
        .with_copy_to("/app/config.yaml", config_yaml(&url, None).into_bytes())
        .with_cmd(["--config", "/app/config.yaml", "--port", "4000"])
        .with_env_var("DATABASE_URL", format!("postgresql://gatecrash:{password}@{database_name}:5432/{DATABASE}"))
        .with_env_var("LITELLM_MASTER_KEY", admin_key.reveal())
        .with_env_var("LITELLM_SALT_KEY", admin_key.reveal())
        // Its cost map is the one of its release, not the one of the day; there may be no network to ask.
        .with_env_var("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .with_host_config_modifier(only_loopback);
    for (name, value) in env {
        request = request.with_env_var(name, value);
    }
    let gateway = start(target, image, request).await?;
    let port = gateway.get_host_port_ipv4(GATEWAY_PORT).await;
    let port = port.map_err(|error| failed("its port is not known", &error))?;
    let containers = Containers { docker, gateway, database, network: name };
    let client = format!("http://127.0.0.1:{port}");
    let client = LiteLlm::new(http(target)?, client, url, admin_key, limits.request, Pace::WRITE_BEHIND);
    let said = containers.until_ready(target, &client, limits.launch).await?;
    let live = Live::new(target, client, upstream, Kept::Docker(Box::new(containers)));
    match (said, &target.version) {
        (Some(said), Some(wanted)) if said != *wanted => {
            let what = format!("the image {image} holds version {said}, not {wanted}");
            live.stop().await;
            Err(LaunchError::new(target, what).help("name the right image in harness.toml, under [gateway.litellm]"))
        }
        _ => Ok(live),
    }
}

async fn engine(target: &Target) -> Result<Docker, LaunchError> {
    let no_engine = |error: &dyn std::fmt::Display| {
        LaunchError::new(target, format!("no Docker engine answers: {error}"))
            .help("start Docker, or use a gateway that runs already ([target.NAME] in harness.toml), or `builtin`")
    };
    let docker = docker_client_instance().await.map_err(|error| no_engine(&error))?;
    docker.ping().await.map_err(|error| no_engine(&error))?;
    Ok(docker)
}

/// The address at which containers reach this machine, and nobody else does: the gateway of Docker's bridge, which
/// is what `host-gateway` stands for. Where Docker runs in a virtual machine, that is not an address of this machine,
/// and containers are forwarded to loopback.
async fn bridge(docker: &Docker) -> IpAddr {
    let network = docker.inspect_network("bridge", None::<InspectNetworkOptions>).await.ok();
    let configs = network.and_then(|network| network.ipam?.config).unwrap_or_default();
    let gateway = configs.into_iter().filter_map(|config| config.gateway?.parse::<IpAddr>().ok()).find(IpAddr::is_ipv4);
    let is_ours = |address: &IpAddr| std::net::TcpListener::bind((*address, 0)).is_ok();
    gateway.filter(is_ours).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// Ports are published on loopback only; testcontainers would publish them everywhere.
fn only_loopback(config: &mut HostConfig) {
    let binding = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(String::new()) };
    config.port_bindings = Some(HashMap::from([(GATEWAY_PORT.to_string(), Some(vec![binding]))]));
}

fn container(
    target: &Target,
    image: &str,
    run: &RunId,
    network: &str,
    name: &str,
) -> Result<ContainerRequest<GenericImage>, LaunchError> {
    let (repository, tag) = image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).ok_or_else(|| {
        LaunchError::new(target, format!("`{image}` is not an image with a tag"))
            .help("see [gateway.litellm] in harness.toml")
    })?;
    Ok(GenericImage::new(repository, tag)
        .with_network(network)
        .with_container_name(name)
        .with_label(LABEL, run.as_str())
        .with_startup_timeout(Duration::from_secs(600)))
}

/// Starts a container; its image is pulled if it is not here.
async fn start(
    target: &Target,
    image: &str,
    request: ContainerRequest<GenericImage>,
) -> Result<ContainerAsync<GenericImage>, LaunchError> {
    use testcontainers::core::client::ClientError;
    request.start().await.map_err(|error| match &error {
        TestcontainersError::Client(ClientError::PullImage { err, .. }) => {
            LaunchError::new(target, format!("the image {image} is not here and cannot be pulled: {err}"))
                .help(format!("does this version exist? try `docker pull {image}`"))
        }
        _ => LaunchError::new(target, format!("the container of {image} could not be started: {error}")),
    })
}

/// Waits until PostgreSQL listens for good: during its set-up it does not on TCP.
async fn accepts_connections(
    target: &Target,
    docker: &Docker,
    database: &ContainerAsync<GenericImage>,
    limit: Duration,
) -> Result<(), LaunchError> {
    let began = Instant::now();
    loop {
        let asks = ExecCommand::new(["pg_isready", "--host=127.0.0.1", "--username=gatecrash"]);
        let asked = database.exec(asks.with_cmd_ready_condition(CmdWaitFor::exit_code(0))).await;
        if asked.is_ok() {
            return Ok(());
        }
        if let Some(how) = stopped(docker, database.id()).await {
            return Err(
                LaunchError::new(target, format!("its database {how}")).log(log_tail(docker, database.id()).await)
            );
        }
        if began.elapsed() > limit {
            let what = format!("its database was not ready within {} s", limit.as_secs());
            return Err(LaunchError::new(target, what).log(log_tail(docker, database.id()).await));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

impl Containers {
    async fn until_ready(
        &self,
        target: &Target,
        gateway: &LiteLlm,
        limit: Duration,
    ) -> Result<Option<String>, LaunchError> {
        let began = Instant::now();
        loop {
            let last = match gateway.ready().await {
                Ok(version) => return Ok(version),
                Err(error) => error,
            };
            if let Some(how) = stopped(&self.docker, self.gateway.id()).await {
                return Err(LaunchError::new(target, format!("the gateway {how}")).log(self.log_tail().await));
            }
            if began.elapsed() > limit {
                let what = format!("the gateway was not ready within {} s: {last}", limit.as_secs());
                return Err(LaunchError::new(target, what).log(self.log_tail().await));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// How one of the two died, if one did.
    pub(super) async fn dead(&self) -> Option<String> {
        let gateway = stopped(&self.docker, self.gateway.id()).await.map(|how| format!("the gateway {how}"));
        match gateway {
            Some(how) => Some(how),
            None => stopped(&self.docker, self.database.id()).await.map(|how| format!("its database {how}")),
        }
    }

    pub(super) async fn log_tail(&self) -> Vec<String> {
        log_tail(&self.docker, self.gateway.id()).await
    }

    pub(super) async fn remove(self) {
        // Whatever cannot be removed now is found again by the sweep.
        let _ = tokio::join!(self.gateway.rm(), self.database.rm());
        let _ = self.docker.remove_network(&self.network).await;
    }
}

/// How a container stopped; none while it runs.
async fn stopped(docker: &Docker, id: &str) -> Option<String> {
    match docker.inspect_container(id, None::<InspectContainerOptions>).await {
        Ok(container) => {
            let state = container.state.unwrap_or_default();
            let code = state.exit_code.unwrap_or_default();
            (state.running == Some(false)).then(|| format!("has stopped, exit code {code}"))
        }
        Err(error) => Some(format!("is gone: {error}")),
    }
}

async fn log_tail(docker: &Docker, id: &str) -> Vec<String> {
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(&LOG_LINES.to_string()).build();
    let mut stream = std::pin::pin!(docker.logs(id, Some(options)));
    let mut text = String::new();
    while let Some(Ok(chunk)) = futures_util::StreamExt::next(&mut stream).await {
        text.push_str(&chunk.to_string());
    }
    let lines: Vec<String> = text.lines().map(|line| redact(line.trim_end())).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].to_vec()
}

/// Removes everything of a run, until nothing is found twice in a row: what was being made when the run was
/// interrupted may appear a moment later.
pub async fn sweep(run: &RunId) {
    let Ok(docker) = docker_client_instance().await else { return };
    let filters = HashMap::from([("label".to_owned(), vec![format!("{LABEL}={}", run.as_str())])]);
    let mut clean = 0;
    while clean < 2 {
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let containers = docker.list_containers(Some(options)).await.unwrap_or_default();
        let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
        let networks = docker.list_networks(Some(options)).await.unwrap_or_default();
        clean = if containers.is_empty() && networks.is_empty() { clean + 1 } else { 0 };
        for id in containers.into_iter().filter_map(|container| container.id) {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            let _ = docker.remove_container(&id, Some(options)).await;
        }
        for id in networks.into_iter().filter_map(|network| network.id) {
            let _ = docker.remove_network(&id).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
