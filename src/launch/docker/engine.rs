//! The engine itself: whether it answers, images that are fetched in advance, and what a run has left in it.

use std::collections::HashMap;
use std::fmt::Display;

use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::{
    CreateImageOptionsBuilder, ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptions,
};
use testcontainers::core::client::docker_client_instance;

use super::super::{LaunchError, RunId, Target};

/// The label on everything a run makes.
pub(super) const LABEL: &str = "dev.gatecrash.run";

/// Whether an engine answers.
///
/// # Errors
/// Why none does.
pub(in super::super) async fn answers() -> Result<(), String> {
    let docker = docker_client_instance().await.map_err(|error| error.to_string())?;
    docker.ping().await.map(drop).map_err(|error| error.to_string())
}

/// The engine, which has to answer.
pub(super) async fn engine(target: &Target) -> Result<Docker, LaunchError> {
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

/// What identifies the content of an image; nothing if no engine answers, or it does not have the image.
pub(in super::super) async fn image_id(image: &str) -> Option<String> {
    docker_client_instance().await.ok()?.inspect_image(image).await.ok()?.id
}

/// Removes what carries a run's label and is there now, and says how much that was.
///
/// # Errors
/// When the engine does not say what it has.
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

/// How to do the same by hand.
pub(in super::super) fn remove_by_hand(run: &RunId) -> String {
    let label = format!("--filter label={LABEL}={}", run.as_str());
    format!("docker rm --force --volumes $(docker ps --all --quiet {label}); docker network prune --force {label}")
}
