//! LiteLLM's refusals.
//!
//! Measured bodies: `{"error": {"message", "type", "param", "code"}}`, `code` a string. Statuses change from
//! version to version (a spent budget: 400 on 1.81.0 and 1.82.3, 422 on 1.108.7), so none decides the reason but
//! 429, which also stands for a rate limit whose type is `None`.

use crate::gateway::refusal::{Refusals, Row};
use crate::scenario::ErrorKind;

const fn of_type(error_type: &'static str, means: ErrorKind) -> Row {
    Row { statuses: &[], error_type, says: "", means }
}

const fn saying(statuses: &'static [u16], says: &'static str, means: ErrorKind) -> Row {
    Row { statuses, error_type: "", says, means }
}

pub(super) static REFUSALS: Refusals = Refusals {
    rows: &[
        of_type("budget_exceeded", ErrorKind::BudgetExceeded),
        of_type("token_not_found_in_db", ErrorKind::KeyUnknown),
        of_type("expired_key", ErrorKind::KeyExpired),
        of_type("key_model_access_denied", ErrorKind::ModelDenied),
        of_type("team_model_access_denied", ErrorKind::ModelDenied),
        of_type("user_model_access_denied", ErrorKind::ModelDenied),
        // "Key is blocked.", "Team=... is blocked.", "User blocked from making LLM API Calls"
        saying(&[400, 401, 403], "is blocked", ErrorKind::Blocked),
        saying(&[400, 401, 403], "blocked from making", ErrorKind::Blocked),
        // hooks/max_budget_limiter.py
        saying(&[429], "Max budget limit reached", ErrorKind::BudgetExceeded),
        saying(&[429], "", ErrorKind::RateLimited),
    ],
    lacks,
    // Prisma's own words for a PostgreSQL that does not answer, is shutting down, or went while it was asked; and for its
    // engine, of which LiteLLM passes the HTTP client's on.
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
    // A route that is not there is answered with FastAPI's own words; 1.81.0 and 1.82.3 refuse a feature with 500, too.
    message.to_lowercase().contains("enterprise") || (status == 404 && message == "Not Found")
}

#[cfg(test)]
mod tests {
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
            (400, r#"{"error":{"message":"no healthy deployments","type":null,"param":null,"code":"400"}}"#, None),
            (502, "<html>bad gateway</html>", None),
        ];
        for (status, body, expected) in cases {
            let Answer::Refused { kind, .. } = REFUSALS.read(status, body) else { panic!("{body} is a refusal") };
            assert_eq!(kind, expected, "{body}");
        }
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
