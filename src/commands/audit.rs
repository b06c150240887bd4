//! `gatecrash audit`.

use std::path::PathBuf;

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
    /// Also write it as one self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
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
        let Audit { target, format, html, launching: _ } = self;
        AuditOrder { target, html, json: format == AuditFormat::Json, compromised }.carry_out(&config)
    }
}
