//! The `external` launcher: a gateway that runs already. It is only asked: what was not launched here is neither
//! multiplied nor stopped.

use std::net::SocketAddr;

use super::{ADMIN_KEY, Kept, LaunchError, Live, Target, http, upstream};
use crate::config::Limits;
use crate::gateway::Secret;
use crate::gateway::litellm::{LiteLlm, Pace};
use crate::gateway::secret::know;

pub(super) async fn attach(
    target: &Target,
    url: &str,
    admin_key_env: &str,
    address: SocketAddr,
    limits: Limits,
) -> Result<Live, LaunchError> {
    let admin_key = std::env::var(admin_key_env).map_err(|_| {
        let is_name = admin_key_env.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        // Who took it for the key itself must not read it here.
        let name = if is_name { admin_key_env } else { "that `admin_key_env` in harness.toml names" };
        LaunchError::new(target, format!("the environment variable {name} is not set"))
            .help("it has to hold the admin key of the gateway")
    })?;
    know(&admin_key);
    let upstream = upstream(target, address).await?;
    let gateway = LiteLlm::new(
        http(target)?,
        url,
        format!("http://{address}"),
        Secret::named(admin_key, ADMIN_KEY),
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
