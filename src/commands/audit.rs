//! `gatecrash audit`.

use clap::{Args, ValueEnum};

use super::shared::Launching;
use crate::audit::order::AuditOrder;
use crate::config::Config;
use crate::host::failure::{Exit, Failure};

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash audit GATEWAY@VERSION --gateway-config config.yaml")]
pub(super) struct Audit {
    /// GATEWAY@VERSION with --gateway-config, or a [target.NAME] of harness.toml with `config`.
    #[arg(value_name = "TARGET")]
    target: String,
    #[arg(long, value_enum, default_value_t = AuditFormat::Table)]
    format: AuditFormat,
    #[command(flatten)]
    launching: Launching,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AuditFormat {
    Table,
    Json,
}

impl Audit {
    pub(super) fn execute(self, config: &Config) -> Result<Exit, Failure> {
        let (config, compromised) = (self.launching.over(config), self.launching.compromised());
        let Audit { target, format, launching: _ } = self;
        AuditOrder { target, json: format == AuditFormat::Json, compromised }.carry_out(&config)
    }
}
