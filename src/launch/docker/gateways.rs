//! The gateways of a target: how each is launched, and where it answers now.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::core::ContainerPort;
use testcontainers::{CopyTargetOptions, ImageExt};

use super::super::LaunchError;
use super::super::gateways::Common;
use super::site::{Container, Door, Site, unpublished};
use crate::gateway::Gateway;
use crate::gateway::recipe::{How, Schema};

const PORT: ContainerPort = ContainerPort::Tcp(PLACE.2);

/// Where a gateway finds what it would call in vain.
const IN_VAIN: &str = "/gatecrash/bin";

/// Where its files are, and it listens.
pub(super) const PLACE: (How, &str, u16) = (How::Docker, "/app/", 4000);

/// How the gateways of a target are launched.
pub(super) struct Recipe {
    pub image: String,
    pub common: Common,
}

/// A gateway in its container.
pub(super) struct Node {
    pub container: Container,
    /// Its port or address may be another one after each start.
    client: RwLock<Gateway>,
}

impl Recipe {
    /// Launches a gateway, until it is ready; also gives its version, as it says itself.
    pub(super) async fn launch(
        &self,
        site: &Site,
        database_url: &str,
        redis: Option<&str>,
        schema: Schema,
    ) -> Result<(Node, Option<String>), LaunchError> {
        let common = &self.common;
        let image = common.adapter.about().image.as_ref();
        let recipe = common.recipe(PLACE, database_url, redis.map(|host| (host, 6379)), schema);
        let (request, _) = site.container(&self.image, "gateway")?;
        let mut request = request.with_host("host.docker.internal", site.host()).with_cmd(recipe.arguments);
        for name in image.iter().flat_map(|image| image.upstream_is_also) {
            request = request.with_host(*name, site.host());
        }
        for (name, text) in recipe.files {
            request = request.with_copy_to(format!("{}{name}", PLACE.1), text.into_bytes());
        }
        request = match site.door {
            Door::Open => request.with_mapped_port(0, PORT).with_host_config_modifier(only_loopback),
            Door::Closed(_) => request.with_host_config_modifier(unpublished(site.door)),
        };
        for (name, value) in recipe.environment {
            request = request.with_env_var(name, value);
        }
        if schema == Schema::Leave
            && let Some(program) = image.and_then(|image| image.in_vain)
            && let Some(path) = site.image_env(&self.image, "PATH").await
        {
            let in_vain = CopyTargetOptions::new(format!("{IN_VAIN}/{program}")).with_mode(0o755);
            request = request
                .with_copy_to(in_vain, b"#!/bin/sh\n".to_vec())
                .with_env_var("PATH", format!("{IN_VAIN}:{path}"));
        }
        for (name, value) in &common.env {
            request = request.with_env_var(name, value);
        }
        let container = site.start(&self.image, request).await?;
        let client = RwLock::new(self.client(site, &container).await?);
        let node = Node { container, client };
        let said = self.until_ready(site, &node).await?;
        Ok((node, said))
    }

    /// Starts a gateway that was stopped, until it is ready.
    pub(super) async fn start_again(&self, site: &Site, node: &Node) -> Result<(), LaunchError> {
        site.start_again(&node.container, Node::NAME).await?;
        let client = self.client(site, &node.container).await?;
        *node.client.write().unwrap_or_else(PoisonError::into_inner) = client;
        self.until_ready(site, node).await.map(|_| ())
    }

    pub(super) async fn until_ready(&self, site: &Site, node: &Node) -> Result<Option<String>, LaunchError> {
        let client = node.client();
        site.until(&node.container, Node::NAME, self.common.limits.launch, || client.ready()).await
    }

    async fn client(&self, site: &Site, container: &Container) -> Result<Gateway, LaunchError> {
        let url = match site.door {
            Door::Open => {
                let port = container.get_host_port_ipv4(PORT).await;
                let port = port.map_err(|error| site.failed(format!("its port is not known: {error}")))?;
                format!("http://127.0.0.1:{port}")
            }
            Door::Closed(_) => match site.address(container).await {
                Some(address) => format!("http://{address}:{}", PORT.as_u16()),
                None => {
                    let how = site.stopped(container).await.unwrap_or_else(|| "has no address".to_owned());
                    return Err(site.failed(format!("{} {how}", Node::NAME)).log(site.log_tail(container).await));
                }
            },
        };
        Ok(self.common.client(url))
    }
}

impl Node {
    pub(super) const NAME: &str = "the gateway";

    pub(super) fn client(&self) -> Gateway {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Ports are published on loopback only; testcontainers would publish them everywhere.
fn only_loopback(config: &mut HostConfig) {
    let binding = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(String::new()) };
    config.port_bindings = Some(HashMap::from([(PORT.to_string(), Some(vec![binding]))]));
}
