//! The `docker` launcher: a gateway's own image and PostgreSQL, on a network of their own, through
//! testcontainers.
//!
//! Everything it makes carries the run's label, so that the sweep finds it even if its guard was never made:
//! testcontainers 0.28 has no reaper, and loses a container whose start was interrupted.

mod engine;
mod network;
mod site;

use std::net::SocketAddr;

use super::stack::{self, Common, Site as _};
use super::{Held, LaunchError, Live, RunId};
use crate::config::Limits;
use crate::target::{Launcher, Target};
use crate::upstream::Upstream;
pub(super) use engine::{answers, image_id, prepare, remove, remove_by_hand};
use network::Network;
pub(super) use site::Containers;

pub(super) async fn launch(
    target: &Target,
    to: Option<&Target>,
    limits: Limits,
    run: &RunId,
) -> Result<Live, LaunchError> {
    let Launcher::Docker { database_image, redis_image, egress, .. } = &target.launcher else {
        return Err(LaunchError::new(target, "it is not launched in Docker"));
    };
    let network = Network::new(target, run, *egress).await?;
    let here = SocketAddr::from((network.here().await, 0));
    let site = Containers { network, database_image: database_image.clone(), redis_image: redis_image.clone() };
    let upstream = Upstream::start(here)
        .await
        .map_err(|error| site.failed(format!("the upstream cannot listen where containers reach it: {error}")))?;
    let port = upstream.address().port();
    let common = Common::new(target, format!("http://host.docker.internal:{port}"), port, limits)?;
    stack::launch(target, to, site, upstream, common, Held::Docker).await
}
