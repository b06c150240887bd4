//! What the containers of one target share: an engine, a network, the run's label. Starting one, waiting for it,
//! and what became of it. Not: which there are.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{StreamExt as _, TryStreamExt as _};
use testcontainers::bollard::Docker;
use testcontainers::bollard::container::LogOutput;
use testcontainers::bollard::exec::StartExecResults;
use testcontainers::bollard::models::{ExecConfig, HostConfig, IpamConfig, NetworkCreateRequest};
use testcontainers::bollard::query_parameters::{
    CreateImageOptionsBuilder, InspectContainerOptions, InspectNetworkOptions, ListContainersOptionsBuilder,
    ListNetworksOptionsBuilder, ListVolumesOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveVolumeOptions,
};
use testcontainers::core::Host;
use testcontainers::core::client::docker_client_instance;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt, TestcontainersError};
use tokio::time::sleep;

use super::super::sweep::Uses;
use crate::launch::{LaunchError, RunId, end_of_log, random_hex};
use crate::target::Target;

/// The label that everything of a run carries.
const LABEL: &str = "dev.gatecrash.run";
/// So many lines are looked at for the end of a log.
const LOOKED_AT: usize = 500;
/// How long a container has to end by itself, in seconds.
const GRACE: i32 = 30;

pub(super) type Container = ContainerAsync<GenericImage>;

pub(super) struct Site {
    target: Target,
    run: RunId,
    docker: Docker,
    network: String,
    pub(super) door: Door,
}

/// How its containers and this machine reach one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Nothing is routed out of the network: containers reach this machine at its address on the network, and this
    /// machine reaches them at theirs.
    Closed(Ipv4Addr),
    /// As Docker does it by itself: a port is published, on loopback; all that is outside can be reached from inside.
    Open,
}

impl Site {
    /// A network of its own, from which there is a way out only if there is to be.
    pub(super) async fn new(target: &Target, run: &RunId, egress: bool) -> Result<Site, LaunchError> {
        let docker = engine(target).await?;
        run.will_use(target, Uses { docker: true, ..Uses::default() }).await?;
        let network = format!("gatecrash-{}-{}", run.as_str(), random_hex());
        let request = NetworkCreateRequest {
            name: network.clone(),
            labels: Some(HashMap::from([(LABEL.to_owned(), run.as_str().to_owned())])),
            internal: Some(!egress),
            ..Default::default()
        };
        let mut site = Site { target: target.clone(), run: run.clone(), docker, network, door: Door::Open };
        if let Err(error) = site.docker.create_network(request).await {
            return Err(site.failed(format!("its network could not be made: {error}")));
        }
        if !egress {
            let here = site.bridge(&site.network).await;
            let unreachable = || {
                site.failed("its closed network is not one of this machine: Docker runs on another one").help(format!(
                    "add `egress = true` to [gateway.{}] in harness.toml: the gateway is then reached by a port on \
                         loopback, and is free to reach the internet",
                    target.gateway.name()
                ))
            };
            site.door = Door::Closed(here.ok_or_else(unreachable)?);
        }
        Ok(site)
    }

    pub(super) fn failed(&self, what: impl Into<String>) -> LaunchError {
        LaunchError::new(&self.target, what)
    }

    /// The address at which containers reach this machine, and nobody else does: its own on the closed network, else the
    /// one of Docker's bridge, which is what `host-gateway` stands for. Where Docker runs in a virtual machine, that is
    /// not an address of this machine, and containers are forwarded to loopback.
    pub(super) async fn here(&self) -> IpAddr {
        match self.door {
            Door::Closed(here) => here.into(),
            Door::Open => self.bridge("bridge").await.unwrap_or(Ipv4Addr::LOCALHOST).into(),
        }
    }

    /// What stands for this machine, for containers.
    pub(super) fn host(&self) -> Host {
        match self.door {
            Door::Closed(here) => Host::Addr(here.into()),
            Door::Open => Host::HostGateway,
        }
    }

    /// The address of this machine on a network, if it is on it.
    async fn bridge(&self, network: &str) -> Option<Ipv4Addr> {
        let network = self.docker.inspect_network(network, None::<InspectNetworkOptions>).await.ok();
        let configs = network.and_then(|network| network.ipam?.config).unwrap_or_default();
        let named = |config: &IpamConfig| config.gateway.as_ref()?.parse().ok();
        let is_ours = |address: &Ipv4Addr| std::net::TcpListener::bind((*address, 0)).is_ok();
        let bridge = configs.iter().find_map(|config| named(config).or_else(|| first(config)));
        bridge.filter(is_ours)
    }

    /// The address of a container on the network; another one after each start.
    pub(super) async fn address(&self, container: &Container) -> Option<String> {
        let about = self.docker.inspect_container(container.id(), None::<InspectContainerOptions>).await.ok()?;
        let address = about.network_settings?.networks?.get(&self.network)?.ip_address.clone()?;
        Some(address).filter(|address| !address.is_empty())
    }

    /// What identifies the content of an image; nothing while it is not here.
    pub(super) async fn image_id(&self, image: &str) -> Option<String> {
        self.docker.inspect_image(image).await.ok()?.id
    }

    /// A container to be. Its name, by which others on the network reach it, is new each time: one whose start was
    /// interrupted may still hold its own.
    pub(super) fn container(
        &self,
        image: &str,
        role: &str,
    ) -> Result<(ContainerRequest<GenericImage>, String), LaunchError> {
        let (repository, tag) = image
            .rsplit_once(':')
            .filter(|(_, tag)| !tag.contains('/'))
            .ok_or_else(|| self.failed(format!("`{image}` is not an image with a tag")))
            .map_err(|error| error.help(format!("see [gateway.{}] in harness.toml", self.target.gateway.name())))?;
        let name = format!("{}-{role}-{}", self.network, random_hex());
        let request = GenericImage::new(repository, tag)
            .with_network(&self.network)
            .with_container_name(&name)
            .with_label(LABEL, self.run.as_str())
            .with_startup_timeout(Duration::from_secs(600));
        Ok((request, name))
    }

    /// Starts a container; its image is pulled if it is not here.
    pub(super) async fn start(
        &self,
        image: &str,
        request: ContainerRequest<GenericImage>,
    ) -> Result<Container, LaunchError> {
        use testcontainers::core::client::ClientError;
        request.start().await.map_err(|error| match &error {
            TestcontainersError::Client(ClientError::PullImage { err, .. }) => self
                .failed(format!("the image {image} is not here and cannot be pulled: {err}"))
                .help(format!("does this version exist? try `docker pull {image}`")),
            _ => self.failed(format!("the container of {image} could not be started: {error}")),
        })
    }

    /// Asks until there is an answer, the container has stopped, or the limit has passed.
    pub(super) async fn until<T, E: Display, F: Future<Output = Result<T, E>>>(
        &self,
        container: &Container,
        name: &str,
        limit: Duration,
        ask: impl Fn() -> F,
    ) -> Result<T, LaunchError> {
        let began = Instant::now();
        loop {
            let last = match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if let Some(how) = self.stopped(container).await {
                return Err(self.failed(format!("{name} {how}")).log(self.log_tail(container).await));
            }
            if began.elapsed() > limit {
                let what = format!("{name} was not ready within {} s: {last}", limit.as_secs());
                return Err(self.failed(what).log(self.log_tail(container).await));
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Stops a container as an operator does: it is told, and has some time to end.
    pub(super) async fn stop(&self, container: &Container, name: &str) -> Result<(), LaunchError> {
        // Who is asked twice is told that nothing was changed, which bollard takes for an error.
        if self.stopped(container).await.is_some() {
            return Ok(());
        }
        let stopped = container.stop_with_timeout(Some(GRACE)).await;
        stopped.map_err(|error| self.failed(format!("{name} could not be stopped: {error}")))
    }

    /// Starts a container that was stopped.
    pub(super) async fn start_again(&self, container: &Container, name: &str) -> Result<(), LaunchError> {
        if self.stopped(container).await.is_none() {
            return Ok(());
        }
        container.start().await.map_err(|error| self.failed(format!("{name} could not be started again: {error}")))
    }

    /// How a container stopped; none while it runs.
    pub(super) async fn stopped(&self, container: &Container) -> Option<String> {
        match self.docker.inspect_container(container.id(), None::<InspectContainerOptions>).await {
            Ok(container) => {
                let state = container.state.unwrap_or_default();
                let code = state.exit_code.unwrap_or_default();
                (state.running == Some(false)).then(|| format!("has stopped, exit code {code}"))
            }
            Err(error) => Some(format!("is gone: {error}")),
        }
    }

    pub(super) async fn log_tail(&self, container: &Container) -> Vec<String> {
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(&LOOKED_AT.to_string()).build();
        let mut stream = std::pin::pin!(self.docker.logs(container.id(), Some(options)));
        let mut text = String::new();
        while let Some(Ok(chunk)) = stream.next().await {
            text.push_str(&chunk.to_string());
        }
        end_of_log(&text)
    }

    /// Runs a command in a container, to its end, which has to be a good one; gives what it printed.
    pub(super) async fn exec<'a>(
        &self,
        container: &Container,
        command: impl IntoIterator<Item = &'a str>,
    ) -> Result<String, Box<dyn Error + Send + Sync>> {
        let config = ExecConfig {
            cmd: Some(command.into_iter().map(str::to_owned).collect()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..Default::default()
        };
        let id = self.docker.create_exec(container.id(), config).await?.id;
        let (mut printed, mut complained) = (Vec::new(), Vec::new());
        if let StartExecResults::Attached { mut output, .. } = self.docker.start_exec(&id, None).await? {
            while let Some(part) = output.next().await {
                match part? {
                    LogOutput::StdErr { message } => complained.extend_from_slice(&message),
                    other => printed.extend_from_slice(&other.into_bytes()),
                }
            }
        }
        // It is known a moment after the end of what it prints.
        let code = loop {
            match self.docker.inspect_exec(&id).await?.exit_code {
                Some(code) => break code,
                None => sleep(Duration::from_millis(20)).await,
            }
        };
        match code {
            0 => Ok(String::from_utf8(printed)?),
            code => Err(format!("exit code {code}: {}", String::from_utf8_lossy(&complained).trim()).into()),
        }
    }

    /// An environment variable that an image sets.
    pub(super) async fn image_env(&self, image: &str, name: &str) -> Option<String> {
        let env = self.docker.inspect_image(image).await.ok()?.config?.env?;
        env.iter().find_map(|variable| Some(variable.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
    }

    /// Removes the network, once nothing is on it.
    pub(super) async fn remove(self) {
        // Whatever cannot be removed now is found again by the sweep.
        let _ = self.docker.remove_network(&self.network).await;
    }
}

/// No port of it is published: only those on its network reach it. And on a closed one, the engine asks no name server
/// outside on its behalf.
pub(super) fn unpublished(door: Door) -> impl Fn(&mut HostConfig) + Send + Sync + 'static {
    move |config| {
        config.publish_all_ports = Some(false);
        if let Door::Closed(_) = door {
            config.dns = Some(vec![Ipv4Addr::LOCALHOST.to_string()]);
        }
    }
}

/// The first address of a network, which is the bridge's own: an engine that has just made its bridge does not name
/// that until it is started again (measured: 20.10).
fn first(config: &IpamConfig) -> Option<Ipv4Addr> {
    let (network, _) = config.subnet.as_ref()?.split_once('/')?;
    let network: Ipv4Addr = network.parse().ok()?;
    network.to_bits().checked_add(1).map(Ipv4Addr::from_bits)
}

/// Whether an engine answers.
///
/// # Errors
/// Why none does.
pub(in super::super) async fn answers() -> Result<(), String> {
    let docker = docker_client_instance().await.map_err(|error| error.to_string())?;
    docker.ping().await.map(drop).map_err(|error| error.to_string())
}

async fn engine(target: &Target) -> Result<Docker, LaunchError> {
    let no_engine = |error: &dyn Display| {
        LaunchError::new(target, format!("no Docker engine answers: {error}")).help(
            "start Docker; or launch it without (--launcher process, `gatecrash doctor` says whether that can be); or \
                   use a gateway that runs already ([target.NAME] in harness.toml), or `builtin`",
        )
    };
    let docker = docker_client_instance().await.map_err(|error| no_engine(&error))?;
    docker.ping().await.map_err(|error| no_engine(&error))?;
    Ok(docker)
}

/// Pulls an image that is not here yet.
pub(in super::super) async fn prepare(target: &Target, image: &str) -> Result<(), LaunchError> {
    let docker = engine(target).await?;
    if docker.inspect_image(image).await.is_ok() {
        return Ok(());
    }
    let wanted = CreateImageOptionsBuilder::new().from_image(image).build();
    let pulled = docker.create_image(Some(wanted), None, None).map_ok(drop).try_collect::<()>().await;
    pulled.map_err(|error| LaunchError::new(target, format!("the image {image} cannot be pulled: {error}")))
}

/// Removes what carries a run's label, as far as it is there now, and says how much that was.
///
/// # Errors
/// When the engine does not say what there is.
pub(in super::super) async fn remove(run: &RunId) -> Result<usize, String> {
    let no_engine = |error: &dyn Display| format!("the Docker engine does not answer: {error}");
    let docker = docker_client_instance().await.map_err(|error| no_engine(&error))?;
    let label = HashMap::from([("label".to_owned(), vec![format!("{LABEL}={}", run.as_str())])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&label).build();
    let containers = docker.list_containers(Some(options)).await.map_err(|error| no_engine(&error))?;
    let containers: Vec<String> = containers.into_iter().filter_map(|container| container.id).collect();
    let options = ListNetworksOptionsBuilder::new().filters(&label).build();
    let networks = docker.list_networks(Some(options)).await.map_err(|error| no_engine(&error))?;
    let networks: Vec<String> = networks.into_iter().filter_map(|network| network.id).collect();
    let options = ListVolumesOptionsBuilder::new().filters(&label).build();
    let volumes = docker.list_volumes(Some(options)).await.map_err(|error| no_engine(&error))?;
    let volumes: Vec<String> = volumes.volumes.into_iter().flatten().map(|volume| volume.name).collect();
    // What cannot be removed is found again.
    join_all(containers.iter().map(|id| {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        docker.remove_container(id, Some(options))
    }))
    .await;
    join_all(networks.iter().map(|id| docker.remove_network(id))).await;
    join_all(volumes.iter().map(|name| docker.remove_volume(name, None::<RemoveVolumeOptions>))).await;
    Ok(containers.len() + networks.len() + volumes.len())
}

/// How a person does the same.
pub(in super::super) fn remove_by_hand(run: &RunId) -> String {
    let label = format!("--filter label={LABEL}={}", run.as_str());
    format!("docker rm --force --volumes $(docker ps --all --quiet {label}); docker network prune --force {label}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_without_a_name_is_the_first_address_of_its_network() {
        let network = |subnet: &str| IpamConfig { subnet: Some(subnet.to_owned()), ..Default::default() };
        assert_eq!(first(&network("172.17.0.0/16")), Some(Ipv4Addr::new(172, 17, 0, 1)));
        assert_eq!(first(&network("fd00::/64")), None);
        assert_eq!(first(&IpamConfig::default()), None);
    }
}
