//! The gateways of a target: what each is started with. Each has a port of its own for good.

use std::fs;
use std::path::Path;

use super::super::gateways::Common;
use super::super::{LaunchError, random_hex};
use super::python::Environment;
use super::site::{About, Children, Process, Site, free_port};
use super::system::{self, Signal};
use crate::gateway::Gateway;
use crate::gateway::recipe::{How, Schema};

/// The port that others are told who launch the same.
pub(super) const TOLD_PORT: u16 = 4000;

/// How the gateways of a target are launched.
pub(super) struct Recipe {
    pub environment: Environment,
    pub common: Common,
}

/// A gateway, and how it is reached.
pub(super) struct Node {
    pub process: Process,
    client: Gateway,
}

impl Node {
    pub(super) fn client(&self) -> Gateway {
        self.client.clone()
    }
}

impl Recipe {
    /// Launches a gateway, until it is ready; also gives its version, as it says itself.
    pub(super) async fn launch(
        &self,
        site: &Site,
        database_url: &str,
        redis: Option<u16>,
        schema: Schema,
    ) -> Result<(Node, Option<String>), LaunchError> {
        let common = &self.common;
        let home = site.make_folder(&format!("gateway-{}", random_hex()))?;
        let package = &common.adapter.about().package;
        if package.prisma.is_some() {
            self.lend_engines(&home).map_err(|error| site.failed(format!("its folder cannot be made: {error}")))?;
        }
        let port = free_port().map_err(|error| site.failed(format!("the gateway has no port: {error}")))?;
        let place = format!("{}/", home.display());
        let redis = redis.map(|port| ("127.0.0.1", port));
        let recipe = common.recipe((How::Process, &place, port), database_url, redis, schema);
        for (name, text) in &recipe.files {
            site.write(&home.join(name), text)?;
        }

        let bin = self.environment.bin();
        // It may call others of its programs by name.
        let mut command = site.command(&bin.join(package.program), &home, Some(&bin));
        command.args(&recipe.arguments).envs(recipe.environment);
        command.envs(common.env.iter().map(|(name, value)| (name, value)));

        let about = About {
            name: "the gateway",
            stop: Signal::Terminate,
            abandon: Signal::Kill,
            children: Children::Killed,
            user: None,
        };
        let process = site.start(about, command)?;
        let node = Node { process, client: common.client(format!("http://127.0.0.1:{port}")) };
        let said = self.until_ready(site, &node).await?;
        Ok((node, said))
    }

    /// Starts a gateway that was stopped, until it is ready.
    pub(super) async fn start_again(&self, site: &Site, node: &Node) -> Result<(), LaunchError> {
        site.start_again(&node.process)?;
        self.until_ready(site, node).await.map(|_| ())
    }

    pub(super) async fn until_ready(&self, site: &Site, node: &Node) -> Result<Option<String>, LaunchError> {
        site.until(&node.process, self.common.limits.launch, || node.client.ready()).await
    }

    /// Its home is new, but what Prisma put into the home of the environment is found in it.
    fn lend_engines(&self, home: &Path) -> std::io::Result<()> {
        let kept = self.environment.home().join(".cache");
        let cache = home.join(".cache");
        fs::create_dir_all(&cache)?;
        for name in ["prisma", "prisma-python"] {
            if kept.join(name).is_dir() {
                system::link(&kept.join(name), &cache.join(name))?;
            }
        }
        Ok(())
    }
}
