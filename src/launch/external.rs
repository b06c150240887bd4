//! The `external` launcher: a gateway that runs already. It is only asked: what was not launched here is neither
//! multiplied nor stopped.

use std::net::SocketAddr;

use super::{Kept, LaunchError, Live, Target, http, upstream};
use crate::config::Limits;
use crate::gateway::Secret;
use crate::gateway::litellm::{LiteLlm, Pace};

pub(super) async fn attach(
    target: &Target,
    url: &str,
    admin_key_env: &str,
    address: SocketAddr,
    limits: Limits,
) -> Result<Live, LaunchError> {
    let admin_key = std::env::var(admin_key_env).map_err(|_| {
        LaunchError::new(target, format!("the environment variable {admin_key_env} is not set"))
            .help("it has to hold the admin key of the gateway")
    })?;
    let upstream = upstream(target, address).await?;
    let gateway = LiteLlm::new(
        http(target)?,
        url,
        format!("http://{address}"),
        Secret::new(admin_key),
        limits.request,
        Pace::WRITE_BEHIND,
    );
    let version = gateway.ready().await.map_err(|error| {
        LaunchError::new(target, format!("it is not ready: {error}"))
            .help(format!("does it run at {url}, with the configuration of `gatecrash config litellm`?"))
    })?;
    let mut live = Live::new(target, upstream, Kept::External(gateway));
    live.target.version = live.target.version.or(version);
    Ok(live)
}
