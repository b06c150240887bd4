//! What LiteLLM's answers tell beside a model's text.
//!
//! Measured on 1.81.0, 1.82.3, 1.108.7 and 1.110.2. `x-litellm-response-cost` is on each whole answer (on `/v1/messages` since
//! BerriAI/litellm PR 31675); of streams only those of `/v1/responses` had it, an estimate (1.82.3), and on 1.110.2 the usage
//! at the end of a stream has `cost`. Requests that are left are on whole answers. A refusal names its budget in its message;
//! that of a key up to 1.84 names nobody.

use crate::gateway::told::Tells;
use crate::scenario::{Api, Named};

pub(super) static TELLS: Tells = Tells {
    cost: Some("x-litellm-response-cost"),
    cost_in_streams: true,
    costs: |api, streamed| match api {
        Api::Chat | Api::Completions | Api::Messages | Api::Responses | Api::Embeddings | Api::Images => !streamed,
        Api::Passthrough => false,
    },
    remaining: Some(("x-ratelimit-", "-remaining-requests")),
    remains: |api, streamed| match api {
        Api::Chat | Api::Completions | Api::Responses | Api::Embeddings | Api::Images => !streamed,
        Api::Messages | Api::Passthrough => false,
    },
    retry_after: true,
    names: &[
        // Before `User=`: a member is named as `User=... in Team=...`, too.
        (" in Team=", Named::Member),
        ("TeamMember=", Named::Member),
        ("End User=", Named::EndUser),
        ("EndUser=", Named::EndUser),
        ("Organization=", Named::Organisation),
        ("Tag=", Named::Tag),
        ("Team=", Named::Team),
        ("User=", Named::User),
        ("Key=", Named::Key),
        ("Key over ", Named::Key),
        // Limits of a minute: "Rate limit exceeded for api_key: 7f91."
        ("exceeded for api_key", Named::Key),
        ("exceeded for user", Named::User),
        ("exceeded for team_member", Named::Member),
        ("exceeded for team", Named::Team),
        ("exceeded for end_user", Named::EndUser),
        ("exceeded for customer", Named::EndUser),
    ],
};
