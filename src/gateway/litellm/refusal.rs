//! LiteLLM's refusals: status and body to the reason, in words that are the same for all gateways.
//!
//! Measured bodies: `{"error": {"message", "type", "param", "code"}}`, `code` a string. Statuses change from
//! version to version (a spent budget: 400 on 1.81.0 and 1.82.3, 422 on 1.108.7), so none decides the reason but
//! 429, which also stands for a rate limit whose type is `None`.

use serde_json::Value;

use crate::gateway::{AdminError, Answer, redact};
use crate::scenario::ErrorKind;
use crate::upstream::told_to_fail;

/// What the two shapes of an error body say: LiteLLM's own, and FastAPI's `detail`.
struct Said {
    error_type: Option<String>,
    message: String,
}

fn said(body: &str) -> Said {
    let json: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    let error = if json["error"].is_null() { &json["detail"] } else { &json["error"] };
    let text = |value: &Value| value.as_str().map(str::to_owned).filter(|text| text != "None");
    let message = text(&error["message"])
        .or_else(|| text(&error["error"]))
        .or_else(|| text(error))
        .unwrap_or_else(|| body.to_owned());
    Said { error_type: text(&error["type"]).map(|text| redact(&text)), message: redact(&message) }
}

pub(super) fn read(status: u16, body: &str) -> Answer {
    let Said { error_type, message } = said(body);
    Answer::Refused {
        status,
        kind: kind(status, error_type.as_deref().unwrap_or_default(), &message),
        error_type,
        message,
    }
}

fn kind(status: u16, error_type: &str, message: &str) -> Option<ErrorKind> {
    if told_to_fail(message) {
        return Some(ErrorKind::UpstreamFailed);
    }
    match error_type {
        "budget_exceeded" => return Some(ErrorKind::BudgetExceeded),
        "token_not_found_in_db" => return Some(ErrorKind::KeyUnknown),
        "expired_key" => return Some(ErrorKind::KeyExpired),
        "key_model_access_denied" | "team_model_access_denied" | "user_model_access_denied" => {
            return Some(ErrorKind::ModelDenied);
        }
        _ => {}
    }
    match status {
        // "Key is blocked.", "Team=... is blocked.", "User blocked from making LLM API Calls"
        400 | 401 | 403 if message.contains("is blocked") || message.contains("blocked from making") => {
            Some(ErrorKind::Blocked)
        }
        // hooks/max_budget_limiter.py
        429 if message.contains("Max budget limit reached") => Some(ErrorKind::BudgetExceeded),
        429 => Some(ErrorKind::RateLimited),
        _ => None,
    }
}

pub(super) fn of_admin(endpoint: String, status: u16, body: &str) -> AdminError {
    let Said { message, .. } = said(body);
    // "You must have an enterprise license ..." (1.82.3, for model_max_budget and others).
    // A route that is not there is answered with FastAPI's own words; 1.81.0 and 1.82.3 refuse a feature with 500, too.
    let lacks = message.to_lowercase().contains("enterprise") || (status == 404 && message == "Not Found");
    match lacks {
        true => AdminError::Lacks { endpoint, message },
        false => AdminError::Status { endpoint, status, message },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bodies as real versions sent them.
    #[test]
    fn measured_bodies_have_their_reason() {
        let cases = [
            (
                400,
                r#"{"error":{"message":"Budget has been exceeded! Current cost: 0.06, Max budget: 0.05","type":"budget_exceeded","param":null,"code":"400"}}"#,
                Some(ErrorKind::BudgetExceeded),
            ),
            (
                429,
                r#"{"error":{"message":"Rate limit exceeded for api_key: 1. Limit type: requests.","type":"None","param":"None","code":"429"}}"#,
                Some(ErrorKind::RateLimited),
            ),
            (
                401,
                r#"{"error":{"message":"Authentication Error, Key is blocked. Update via `/key/unblock` if you're admin.","type":"auth_error","param":"None","code":"401"}}"#,
                Some(ErrorKind::Blocked),
            ),
            (
                403,
                r#"{"error":{"message":"The requested model 'fixed-cost' is not available for this API key","type":"key_model_access_denied","param":"model","code":"403"}}"#,
                Some(ErrorKind::ModelDenied),
            ),
            (
                401,
                r#"{"error":{"message":"Authentication Error, Invalid API key provided.","type":"token_not_found_in_db","param":"key","code":"401"}}"#,
                Some(ErrorKind::KeyUnknown),
            ),
            (400, r#"{"error":{"message":"no healthy deployments","type":null,"param":null,"code":"400"}}"#, None),
            (502, "<html>bad gateway</html>", None),
        ];
        for (status, body, expected) in cases {
            let Answer::Refused { kind, .. } = read(status, body) else { panic!("{body} is a refusal") };
            assert_eq!(kind, expected, "{body}");
        }
    }

    #[test]
    fn an_enterprise_feature_is_lacking_and_not_an_error() {
        let error =
            of_admin("POST /key/generate".into(), 400, r#"{"detail":{"error":"You must have an enterprise license"}}"#);
        assert!(matches!(error, AdminError::Lacks { .. }), "{error}");
    }
}
