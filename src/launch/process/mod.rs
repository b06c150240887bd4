//! The `process` launcher: a gateway's own Python package, a PostgreSQL and, if a scenario wants one, a Redis, as
//! processes of this machine on loopback.
//!
//! All files are in the run's folder; every process has its home there and carries the run's mark, so that the sweep
//! finds it. What is made only once (packages) is in the cache.

mod base;
mod database;
mod index;
mod postgres;
mod python;
mod site;
mod system;

use std::net::{Ipv4Addr, SocketAddr};

use super::doctor::Machine;
use super::server::Server;
use super::stack::{self, Common};
use super::{Held, LaunchError, Live, RunId, upstream};
use crate::config::Limits;
use crate::target::Target;
use base::is_prismas;
pub(super) use index::{prepare, published};
use postgres::Programs;
use python::Uv;
pub(super) use site::Processes;

/// What this machine has of what is needed here; this says nothing of Docker.
pub(super) fn machine() -> Machine {
    Machine {
        docker: Err(String::new()),
        uv: system::on_path(Uv::PROGRAM),
        python: system::on_path("python3"),
        postgres: Programs::of_this_machine().map(Programs::into_folder),
        server: Server::named().is_some_and(|server| server.is_ok()),
        redis: system::on_path(Processes::REDIS),
        prisma_is_told: std::env::vars_os().any(|(name, _)| name.to_str().is_some_and(is_prismas)),
    }
}

pub(super) async fn launch(
    target: &Target,
    to: Option<&Target>,
    limits: Limits,
    run: &RunId,
) -> Result<Live, LaunchError> {
    let site = Processes::new(target, run).await?;
    let upstream = upstream(target, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let (url, port) = (format!("http://{}", upstream.address()), upstream.address().port());
    let common = Common::new(target, url, port, limits)?;
    stack::launch(target, to, site, upstream, common, Held::Process).await
}
