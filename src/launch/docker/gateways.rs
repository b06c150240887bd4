//! The gateways of a target: how each is launched, and where it answers now.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::core::ContainerPort;
use testcontainers::{CopyTargetOptions, ImageExt};

use super::super::LaunchError;
use super::super::gateways::{Common, Schema};
use super::site::{Container, Door, Site, unpublished};
use crate::gateway::litellm::LiteLlm;
use crate::gateway::litellm::deployments::{PASSED_THROUGH_HOST, config_yaml};

const PORT: ContainerPort = ContainerPort::Tcp(4000);

/// Where a gateway that has nothing to migrate finds a command `prisma` that does nothing. All that LiteLLM does with it
/// is done before it serves: it asks whether it runs, and, with its schema updates disabled, for a comparison of tables
/// that it only prints. Each time that starts Node, and takes as long as a good part of all its imports. Its queries go
/// through Prisma's engine, which is another program.
const NO_PRISMA: &str = "/gatecrash/bin";

/// What the image's own program is told.
pub(super) const COMMAND: [&str; 4] = ["--config", "/app/config.yaml", "--port", "4000"];

/// How the gateways of a target are launched.
pub(super) struct Recipe {
    pub image: String,
    pub common: Common,
}

/// A gateway in its container.
pub(super) struct Node {
    pub container: Container,
    /// Its port or address may be another one after each start.
    client: RwLock<LiteLlm>,
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
        let (request, _) = site.container(&self.image, "gateway")?;
        let mut request = request
            .with_host("host.docker.internal", site.host())
            .with_host(PASSED_THROUGH_HOST, site.host())
            .with_copy_to(
                "/app/config.yaml",
                config_yaml(&common.upstream, redis.map(|host| (host, 6379))).into_bytes(),
            )
            .with_cmd(COMMAND);
        request = match site.door {
            Door::Open => request.with_mapped_port(0, PORT).with_host_config_modifier(only_loopback),
            Door::Closed(_) => request.with_host_config_modifier(unpublished(site.door)),
        };
        for (name, value) in common.environment(database_url, schema) {
            request = request.with_env_var(name, value);
        }
        if schema == Schema::Leave
            && let Some(path) = site.image_env(&self.image, "PATH").await
        {
            let no_prisma = CopyTargetOptions::new(format!("{NO_PRISMA}/prisma")).with_mode(0o755);
            request = request
                .with_copy_to(no_prisma, b"#!/bin/sh\n".to_vec())
                .with_env_var("PATH", format!("{NO_PRISMA}:{path}"));
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

    async fn client(&self, site: &Site, container: &Container) -> Result<LiteLlm, LaunchError> {
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

    pub(super) fn client(&self) -> LiteLlm {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Ports are published on loopback only; testcontainers would publish them everywhere.
fn only_loopback(config: &mut HostConfig) {
    let binding = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(String::new()) };
    config.port_bindings = Some(HashMap::from([(PORT.to_string(), Some(vec![binding]))]));
}
