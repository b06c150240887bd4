//! What a target was launched with, for those who want to launch the same without gatecrash.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::secret::redact;

/// What a target was launched with, redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// What the gateway was made of: `image ghcr.io/berriai/litellm:v1.82.3`
    pub gateway: String,
    /// `PostgreSQL 15.14, image postgres:15`
    pub database: String,
    /// Where it reached the provider.
    pub upstream: String,
    /// Its command line.
    pub command: Vec<String>,
    /// Its environment, but for what all programs have.
    pub environment: Vec<(String, String)>,
    /// Its configuration file.
    pub config: String,
}

impl Setup {
    pub(super) fn redacted(self) -> Setup {
        let Setup { gateway, database, upstream, command, environment, config } = self;
        Setup {
            gateway: redact(&gateway),
            database: redact(&database),
            upstream: redact(&upstream),
            command: command.iter().map(|word| redact(word)).collect(),
            environment: environment.into_iter().map(|(name, value)| (name, redact(&value))).collect(),
            config: redact(&config),
        }
    }
}
