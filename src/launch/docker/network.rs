//! What the containers of one target share: an engine, a network, the run's label. Starting one, and running a command
//! in it. Not: which there are.

use std::collections::HashMap;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use futures_util::StreamExt as _;
use testcontainers::bollard::Docker;
use testcontainers::bollard::container::LogOutput;
use testcontainers::bollard::exec::StartExecResults;
use testcontainers::bollard::models::{ExecConfig, HostConfig, IpamConfig, NetworkCreateRequest};
use testcontainers::bollard::query_parameters::{InspectContainerOptions, InspectNetworkOptions};
use testcontainers::core::Host;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt, TestcontainersError};
use tokio::time::sleep;

use super::super::sweep::Uses;
use super::super::{LaunchError, RunId, Target, random_hex};
use super::engine::{LABEL, engine};

pub(super) type Container = ContainerAsync<GenericImage>;

pub(super) struct Network {
    pub(super) target: Target,
    run: RunId,
    pub(super) docker: Docker,
    name: String,
    pub(super) door: Door,
}

/// How its containers and this machine reach one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Nothing is routed out of the network: containers reach this machine at its address on the network, and this
    /// machine reaches them at theirs.
    Closed(Ipv4Addr),
    /// As Docker does by default: a port is published, on loopback; from inside, everything outside can be reached.
    Open,
}

impl Network {
    /// A network of its own, with a way out only if one is wanted.
    pub(super) async fn new(target: &Target, run: &RunId, egress: bool) -> Result<Network, LaunchError> {
        let docker = engine(target).await?;
        run.will_use(target, Uses { docker: true, ..Uses::default() }).await?;
        let name = format!("gatecrash-{}-{}", run.as_str(), random_hex());
        let request = NetworkCreateRequest {
            name: name.clone(),
            labels: Some(HashMap::from([(LABEL.to_owned(), run.as_str().to_owned())])),
            internal: Some(!egress),
            ..Default::default()
        };
        let mut network = Network { target: target.clone(), run: run.clone(), docker, name, door: Door::Open };
        if let Err(error) = network.docker.create_network(request).await {
            return Err(network.failed(format!("its network could not be created: {error}")));
        }
        if !egress {
            let here = network.bridge(&network.name).await;
            let unreachable = || {
                network.failed("its closed network is not on this machine: Docker runs on another one").help(format!(
                    "add `egress = true` to [gateway.{}] in harness.toml: the gateway is then reached by a port on \
                         loopback, and is free to reach the internet",
                    target.gateway.name()
                ))
            };
            network.door = Door::Closed(here.ok_or_else(unreachable)?);
        }
        Ok(network)
    }

    pub(super) fn failed(&self, what: impl Into<String>) -> LaunchError {
        LaunchError::new(&self.target, what)
    }

    /// The address at which containers reach this machine, and nobody else does: its own on the closed network, else
    /// that of Docker's bridge, which is what `host-gateway` stands for. Where Docker runs in a virtual machine, this
    /// machine does not have that address, and containers are forwarded to loopback.
    pub(super) async fn here(&self) -> IpAddr {
        match self.door {
            Door::Closed(here) => here.into(),
            Door::Open => self.bridge("bridge").await.unwrap_or(Ipv4Addr::LOCALHOST).into(),
        }
    }

    /// The name that stands for this machine in containers.
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

    /// The address of a container on the network; it changes with each start.
    pub(super) async fn address(&self, container: &Container) -> Option<String> {
        let about = self.docker.inspect_container(container.id(), None::<InspectContainerOptions>).await.ok()?;
        let address = about.network_settings?.networks?.get(&self.name)?.ip_address.clone()?;
        Some(address).filter(|address| !address.is_empty())
    }

    /// What identifies the content of an image; nothing while the image is not here.
    pub(super) async fn image_id(&self, image: &str) -> Option<String> {
        self.docker.inspect_image(image).await.ok()?.id
    }

    /// A name for a new container, by which others on the network reach it. It is new each time: a container whose
    /// start was interrupted may still hold the old one.
    pub(super) fn new_name(&self, role: &str) -> String {
        format!("{}-{role}-{}", self.name, random_hex())
    }

    /// A new container. None of its ports is published: only containers on its network reach it.
    pub(super) fn container(&self, image: &str, name: &str) -> Result<ContainerRequest<GenericImage>, LaunchError> {
        let (repository, tag) = image
            .rsplit_once(':')
            .filter(|(_, tag)| !tag.contains('/'))
            .ok_or_else(|| self.failed(format!("`{image}` is not an image with a tag")))
            .map_err(|error| error.help(format!("see [gateway.{}] in harness.toml", self.target.gateway.name())))?;
        Ok(GenericImage::new(repository, tag)
            .with_network(&self.name)
            .with_container_name(name)
            .with_label(LABEL, self.run.as_str())
            .with_startup_timeout(Duration::from_secs(600))
            .with_host_config_modifier(unpublished(self.door)))
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

    /// Runs a command in a container to its end, which has to be a good one; gives what it printed.
    pub(super) async fn exec(&self, container: &Container, command: &[&str]) -> Result<String, String> {
        self.try_exec(container, command).await.map_err(|error| error.to_string())
    }

    async fn try_exec(&self, container: &Container, command: &[&str]) -> Result<String, Box<dyn Error + Send + Sync>> {
        let config = ExecConfig {
            cmd: Some(command.iter().map(|&word| word.to_owned()).collect()),
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
        // The exit code is known a moment after the output ends.
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
        // The sweep finds again whatever cannot be removed now.
        let _ = self.docker.remove_network(&self.name).await;
    }
}

/// On a closed network, the engine does not ask a name server outside on a container's behalf, either.
fn unpublished(door: Door) -> impl Fn(&mut HostConfig) + Send + Sync + 'static {
    move |config| {
        config.publish_all_ports = Some(false);
        if let Door::Closed(_) = door {
            config.dns = Some(vec![Ipv4Addr::LOCALHOST.to_string()]);
        }
    }
}

/// The first address of a network, which is the bridge's own: an engine that has just made its bridge does not name it
/// until the engine is started again (measured: 20.10).
fn first(config: &IpamConfig) -> Option<Ipv4Addr> {
    let (network, _) = config.subnet.as_ref()?.split_once('/')?;
    let network: Ipv4Addr = network.parse().ok()?;
    network.to_bits().checked_add(1).map(Ipv4Addr::from_bits)
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
