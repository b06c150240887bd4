//! How gateways say no, in tables of their adapters: from status and body to the reason, in words the same for all.

use serde_json::Value;

use super::AdminError;
use crate::outcome::Answer;
use crate::scenario::ErrorKind;
use crate::secret::redact;
use crate::upstream::told_to_fail;

/// A refusal that a gateway is known to give: an empty field may be anything.
#[derive(Debug, Clone, Copy)]
pub struct KnownRefusal {
    pub statuses: &'static [u16],
    /// The gateway's own word for it.
    pub error_type: &'static str,
    /// What its message contains.
    pub says: &'static str,
    pub means: ErrorKind,
}

/// All that a gateway gives; the first that fits tells the reason.
#[derive(Debug)]
pub struct Refusals {
    pub rows: &'static [KnownRefusal],
    /// Where its own word is in Anthropic's envelope, whose `type` is one of Anthropic's few and follows the status.
    pub own_type: Option<&'static str>,
    /// Whether a refusal of the admin API says that this gateway cannot do it, by status and message.
    pub lacks: fn(u16, &str) -> bool,
    /// What its message contains when its database, or what else it stands on, is gone.
    pub gone: &'static [&'static str],
}

/// What error bodies say: in OpenAI's shape, in Anthropic's, and in FastAPI's `detail`.
struct ErrorBody {
    /// The gateway's own word; none if there is only Anthropic's.
    own_type: Option<String>,
    error_type: Option<String>,
    message: String,
}

fn said(body: &str, own_type: Option<&str>) -> ErrorBody {
    let json: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    let error = if json["error"].is_null() { &json["detail"] } else { &json["error"] };
    let is_anthropics = json["type"] == "error";
    let text = |value: &Value| value.as_str().map(str::to_owned).filter(|text| text != "None");
    let message = text(&error["message"])
        .or_else(|| text(&error["error"]))
        .or_else(|| text(error))
        .unwrap_or_else(|| body.to_owned());
    let error_type = text(&error["type"]).map(|text| redact(&text));
    let own_type = match is_anthropics {
        true => own_type.and_then(|field| text(&error[field])).map(|text| redact(&text)),
        false => error_type.clone(),
    };
    ErrorBody { error_type: own_type.clone().or(error_type), own_type, message: redact(&message) }
}

impl Refusals {
    /// Whether a message says that what the gateway stands on is gone.
    pub fn says_what_is_gone(&self, message: &str) -> bool {
        self.gone.iter().any(|gone| message.contains(gone))
    }

    /// A refusal of a model request.
    pub fn read(&self, status: u16, body: &str) -> Answer {
        let ErrorBody { own_type, error_type, message } = said(body, self.own_type);
        let kind = self.kind(status, own_type.as_deref().unwrap_or_default(), &message);
        Answer::Refused { status, kind, error_type, message }
    }

    fn kind(&self, status: u16, error_type: &str, message: &str) -> Option<ErrorKind> {
        if told_to_fail(message) {
            return Some(ErrorKind::UpstreamFailed);
        }
        let fits = |row: &&KnownRefusal| {
            (row.statuses.is_empty() || row.statuses.contains(&status))
                && (row.error_type.is_empty() || row.error_type == error_type)
                && message.contains(row.says)
        };
        self.rows.iter().find(fits).map(|row| row.means)
    }

    /// A refusal of the admin API.
    pub fn of_admin(&self, endpoint: String, status: u16, body: &str) -> AdminError {
        let ErrorBody { message, .. } = said(body, self.own_type);
        match (self.lacks)(status, &message) {
            true => AdminError::Lacks { endpoint, message },
            false => AdminError::Status { endpoint, status, message },
        }
    }
}
