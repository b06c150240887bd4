//! LiteLLM's refusals.
//!
//! Measured bodies: `{"error": {"message", "type", "param", "code"}}`, `code` a string; on `/v1/messages` of 1.110.2
//! Anthropic's `{"type": "error", "error": {"type", "message", "litellm_error_type"}}`, whose `type` follows the status
//! and whose `litellm_error_type` is what is `type` elsewhere (left out if it is the usual one of the status). Statuses
//! change from version to version (a spent budget: 400 on 1.81.0 and 1.82.3, 422 on 1.108.7), so none decides the
//! reason but 429, which also stands for a rate limit whose type is `None`.

use crate::gateway::refusal::{KnownRefusal, Refusals};
use crate::scenario::ErrorKind;

const fn of_type(error_type: &'static str, means: ErrorKind) -> KnownRefusal {
    KnownRefusal { statuses: &[], error_type, says: "", means }
}

const fn saying(statuses: &'static [u16], says: &'static str, means: ErrorKind) -> KnownRefusal {
    KnownRefusal { statuses, error_type: "", says, means }
}

pub(super) static REFUSALS: Refusals = Refusals {
    rows: &[
        of_type("budget_exceeded", ErrorKind::BudgetExceeded),
        of_type("token_not_found_in_db", ErrorKind::KeyUnknown),
        of_type("expired_key", ErrorKind::KeyExpired),
        of_type("key_model_access_denied", ErrorKind::ModelDenied),
        of_type("team_model_access_denied", ErrorKind::ModelDenied),
        of_type("user_model_access_denied", ErrorKind::ModelDenied),
        of_type("throttling_error", ErrorKind::RateLimited),
        of_type("rate_limit_error", ErrorKind::RateLimited),
        // "Key is blocked.", "Team=... is blocked.", "User blocked from making LLM API Calls"
        saying(&[400, 401, 403], "is blocked", ErrorKind::Blocked),
        saying(&[400, 401, 403], "blocked from making", ErrorKind::Blocked),
        // hooks/max_budget_limiter.py
        saying(&[429], "Max budget limit reached", ErrorKind::BudgetExceeded),
        // In Anthropic's envelope the gateway's own type may be missing; the message is the same.
        saying(&[], "Budget has been exceeded", ErrorKind::BudgetExceeded),
        saying(&[], "ExceededBudget", ErrorKind::BudgetExceeded),
        saying(&[401], "Invalid API key provided", ErrorKind::KeyUnknown),
        saying(&[400, 401], "Expired Key", ErrorKind::KeyExpired),
        saying(&[401, 403], "is not available for this API key", ErrorKind::ModelDenied),
        saying(&[401, 403], "not allowed to access model", ErrorKind::ModelDenied),
        saying(&[429], "", ErrorKind::RateLimited),
    ],
    own_type: Some("litellm_error_type"),
    lacks,
    // Prisma's own words for a PostgreSQL that does not answer, is shutting down, or went while it was asked; and for
    // its engine, about which LiteLLM passes on the words of its HTTP client.
    gone: &[
        "Can't reach database server",
        "Server has closed the connection",
        "terminating connection due to administrator command",
        "Not connected to the query engine",
        "Error connecting to redis",
    ],
};

fn lacks(status: u16, message: &str) -> bool {
    // "You must have an enterprise license ..." (1.82.3, for model_max_budget and others).
    // A missing route is answered with FastAPI's own words; 1.81.0 and 1.82.3 refuse a feature with 500, too.
    message.to_lowercase().contains("enterprise") || (status == 404 && message == "Not Found")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gateway::AdminError;
    use crate::outcome::Answer;

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
            (
                422,
                r#"{"error":{"message":"ExceededBudget: User=alice over budget. Spend=0.028, Budget=1e-06","type":"budget_exceeded","param":null,"code":"422"}}"#,
                Some(ErrorKind::BudgetExceeded),
            ),
            (
                429,
                r#"{"error":{"message":"Rate limit exceeded for api_key: 1. Limit type: tokens.","type":"throttling_error","param":null,"code":"429"}}"#,
                Some(ErrorKind::RateLimited),
            ),
            (400, r#"{"error":{"message":"no healthy deployments","type":null,"param":null,"code":"400"}}"#, None),
            (502, "<html>bad gateway</html>", None),
        ];
        for (status, body, expected) in cases {
            let Answer::Refused { kind, .. } = REFUSALS.read(status, body) else { panic!("{body} is a refusal") };
            assert_eq!(kind, expected, "{body}");
        }
    }

    /// Bodies of `/v1/messages` as 1.110.2 sent them: for each kind of spent budget, unknown, expired and blocked keys,
    /// models that are not allowed, rate limits.
    #[test]
    fn measured_bodies_in_anthropics_envelope_have_their_reason() {
        const DENIED: &str = "The requested model 'm' is not available for this API key, or the model name is invalid. \
                              Check the models available to you and try again.";
        const BUDGET: (u16, &str, ErrorKind) = (422, "invalid_request_error", ErrorKind::BudgetExceeded);
        const MODEL: (u16, &str, ErrorKind) = (403, "permission_error", ErrorKind::ModelDenied);
        const BLOCKED: (u16, &str, ErrorKind) = (401, "authentication_error", ErrorKind::Blocked);
        const RATE: (u16, &str, ErrorKind) = (429, "rate_limit_error", ErrorKind::RateLimited);
        const UNKNOWN: (u16, &str, ErrorKind) = (401, "authentication_error", ErrorKind::KeyUnknown);
        const EXPIRED: (u16, &str, ErrorKind) = (401, "authentication_error", ErrorKind::KeyExpired);
        let cases = [
            (
                BUDGET,
                "budget_exceeded",
                "Budget has been exceeded! Key=laptop (sk-...kxeg) Current cost: 0.028, Max budget: 1e-06",
            ),
            (BUDGET, "budget_exceeded", "ExceededBudget: User=alice over budget. Spend=0.028, Budget=1e-06"),
            (
                BUDGET,
                "budget_exceeded",
                "Budget has been exceeded! Team=research Current cost: 0.028, Max budget: 1e-06",
            ),
            (
                BUDGET,
                "budget_exceeded",
                "Budget has been exceeded! TeamMember=alice:research Current cost: 0.028, Max budget: 1e-06",
            ),
            (BUDGET, "budget_exceeded", "Budget has been exceeded! Tag=batch Current cost: 0.028, Max budget: 1e-06"),
            (UNKNOWN, "token_not_found_in_db", "Authentication Error, Invalid API key provided."),
            (
                EXPIRED,
                "expired_key",
                "Authentication Error - Expired Key. Key Expiry time 2026-11-30 03:02:40+00:00 and current time 2026-11-30 03:02:51+00:00",
            ),
            (
                BLOCKED,
                "auth_error",
                "Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin.",
            ),
            (
                BLOCKED,
                "auth_error",
                "Authentication Error, Team=research is blocked. Update via `/team/unblock` if you're an admin.",
            ),
            (MODEL, "key_model_access_denied", DENIED),
            (MODEL, "team_model_access_denied", DENIED),
            (MODEL, "user_model_access_denied", DENIED),
            (
                RATE,
                "throttling_error",
                "Rate limit exceeded for api_key: 7f91. Limit type: requests. Current limit: 1, Remaining: 0.",
            ),
            (RATE, "", "Rate limit exceeded for api_key: 030e. Limit type: tokens. Current limit: 1, Remaining: 1."),
            (
                RATE,
                "",
                "Rate limit exceeded for api_key: 7da9. Limit type: max_parallel_requests. Current limit: 1, Remaining: 0.",
            ),
        ];
        let read = |status: u16, body: &str| match REFUSALS.read(status, body) {
            Answer::Refused { kind, error_type, .. } => (kind, error_type),
            Answer::Accepted { .. } | Answer::Broken { .. } => panic!("{body} is a refusal"),
        };
        for ((status, error_type, means), own, message) in cases {
            let bare = json!({ "type": "error", "error": { "type": error_type, "message": message } });
            let mut body = bare.clone();
            if !own.is_empty() {
                body["error"]["litellm_error_type"] = own.into();
            }
            let told = if own.is_empty() { error_type } else { own };
            assert_eq!(read(status, &body.to_string()), (Some(means), Some(told.to_owned())), "{body}");
            // The message decides even where the gateway's own type is missing.
            assert_eq!(read(status, &bare.to_string()), (Some(means), Some(error_type.to_owned())), "{bare}");
        }
        let other = r#"{"type":"error","error":{"type":"invalid_request_error","message":"anthropic_messages: Invalid model name passed in model=nothing."}}"#;
        assert_eq!(read(400, other), (None, Some("invalid_request_error".to_owned())));
    }

    #[test]
    fn a_budget_that_is_called_a_rate_limit_is_read_as_one() {
        let body = r#"{"error":{"message":"Budget has been exceeded!","type":"rate_limit_error","code":"429"}}"#;
        let Answer::Refused { kind, .. } = REFUSALS.read(429, body) else { panic!("{body} is a refusal") };
        assert_eq!(kind, Some(ErrorKind::RateLimited));
    }

    #[test]
    fn an_enterprise_feature_is_lacking_and_not_an_error() {
        let error = REFUSALS.of_admin(
            "POST /key/generate".into(),
            400,
            r#"{"detail":{"error":"You must have an enterprise license"}}"#,
        );
        assert!(matches!(error, AdminError::Lacks { .. }), "{error}");
    }
}
