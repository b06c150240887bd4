//! How the built-in gateway says no, in LiteLLM's shape. Not: when.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

/// A refusal.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) error_type: &'static str,
    pub(super) message: String,
    pub(super) form: Form,
    /// In seconds.
    pub(super) retry_after: Option<u64>,
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    /// As a proxy in front of a broken gateway writes it.
    Html,
}

pub(super) fn refuse(status: StatusCode, error_type: &'static str, message: impl Into<String>) -> Refusal {
    Refusal { status, error_type, message: message.into(), form: Form::Json, retry_after: None }
}

pub(super) fn bad(message: impl Into<String>) -> Refusal {
    refuse(StatusCode::BAD_REQUEST, "bad_request", message)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal { status, error_type, message, form, retry_after } = self;
        let mut response = match form {
            Form::Html => (status, Html(format!("<html><body><h1>{status}</h1></body></html>"))).into_response(),
            Form::Json => {
                let code = status.as_u16().to_string();
                let error = json!({ "message": message, "type": error_type, "param": null, "code": code });
                (status, Json(json!({ "error": error }))).into_response()
            }
        };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
