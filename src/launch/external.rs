//! The `external` launcher: a gateway that runs already. It is only asked: what was not launched here is neither
//! multiplied nor stopped.

use std::net::SocketAddr;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{ADMIN_KEY, Held, LaunchError, Live, http, upstream};
use crate::config::{Front, Limits};
use crate::gateway::Gateway;
use crate::secret::{Secret, know};
use crate::target::Target;

pub(super) async fn attach(
    target: &Target,
    url: &str,
    admin_key_env: &str,
    address: SocketAddr,
    front: Option<&Front>,
    limits: Limits,
) -> Result<Live, LaunchError> {
    let admin_key = std::env::var(admin_key_env).map_err(|_| {
        let is_name = admin_key_env.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        // Somebody may have put the key itself here: do not print it.
        let name = if is_name { admin_key_env } else { "that `admin_key_env` in harness.toml names" };
        LaunchError::new(target, format!("the environment variable {name} is not set"))
            .help("it must contain the gateway's admin key")
    })?;
    know(&admin_key);
    let upstream = upstream(target, address).await?;
    let admin_key = Secret::named(admin_key, ADMIN_KEY);
    let upstream_url = format!("http://{address}");
    let gateway = Gateway::new(target.gateway.adapter(), http(target)?, url, upstream_url, admin_key, limits.request);
    let gateway = match front {
        Some(front) => gateway.behind(front.url.trim_end_matches('/').to_owned(), headers(target, front)?),
        None => gateway,
    };
    let version = gateway.ready().await.map_err(|error| {
        LaunchError::new(target, format!("it is not ready: {error}")).help(format!(
            "does it run at {url}, with the configuration of `gatecrash config {}`?",
            target.gateway.name()
        ))
    })?;
    let mut live = Live::new(target, upstream, Held::External(Box::new(gateway)));
    live.target.version = live.target.version.or(version);
    Ok(live)
}

/// The shortest header that may be a credential.
const CREDENTIAL: usize = 8;

/// What requests to a service in front carry, with what the environment holds.
fn headers(target: &Target, front: &Front) -> Result<HeaderMap, LaunchError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &front.headers {
        let value = match value.strip_prefix("env:") {
            None => value.clone(),
            Some(variable) => {
                let found = std::env::var(variable);
                let unset = |_| LaunchError::new(target, format!("the environment variable {variable} is not set"));
                found.map_err(unset)?
            }
        };
        // It may be a credential, whatever it is called; a short one is not.
        if value.len() >= CREDENTIAL {
            know(&value);
        }
        let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(&value).ok());
        let Some((name, value)) = header else {
            return Err(LaunchError::new(target, format!("`{name}` of its `ask_headers` cannot be sent as a header")));
        };
        headers.insert(name, value);
    }
    Ok(headers)
}
