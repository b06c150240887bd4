//! Sessions of LiteLLM's dashboard, in which users make keys for themselves.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::gateway::AdminError;
use crate::gateway::connection::Connection;
use crate::secret::{Secret, redact};

/// Opens a dashboard session for a user: gives it a password, logs in, and takes the session's own key out
/// of the token that the dashboard gets. (On 1.108.7 a password set this way no longer logs in: then this is lacking.)
pub(super) async fn session_of(to: &Connection, user: &str) -> Result<Secret, AdminError> {
    let email = format!("{user}@gatecrash.invalid");
    // What 1.108.7 accepts as a password.
    let password = format!("sk-Session-{user}!");
    let update = json!({ "user_id": user, "user_email": email, "password": password, "user_role": "internal_user" });
    to.admin("/user/update", &update).await?;

    const LOGIN: &str = "POST /v2/login";
    let broken = |error| AdminError::Broken { endpoint: LOGIN.into(), how: to.broken(&error) };
    let request = to.http.post(format!("{}/v2/login", to.base_url)).timeout(to.limit);
    let request = request.json(&json!({ "username": email, "password": password })).build().map_err(broken)?;
    to.note(&request);
    let response = to.http.execute(request).await.map_err(broken)?;
    let status = response.status().as_u16();
    let cookies = response.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
    let token = cookies
        .filter_map(|cookie| cookie.strip_prefix("token="))
        .find_map(|token| session_key(token.trim_matches('"')))
        .map(|key| Secret::named(key, &format!("session key of {user}")));
    match token {
        Some(key) => Ok(key),
        None => {
            let message = redact(&to.body(response, |_| false).await.unwrap_or_default());
            let endpoint = LOGIN.to_owned();
            match status {
                400..=499 => Err(AdminError::Lacks { endpoint, message }),
                _ => Err(AdminError::Status { endpoint, status, message }),
            }
        }
    }
}

/// The key inside the token of a dashboard session: a JWT whose second part is JSON. Its signature is the gateway's own
/// business.
fn session_key(cookie: &str) -> Option<String> {
    let token = cookie.split(';').next()?.trim_matches('"');
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let payload: Value = serde_json::from_slice(&payload).ok()?;
    payload["key"].as_str().map(str::to_owned)
}
