//! `gatecrash doctor`.

use clap::Args;

use crate::doctor::tell;
use crate::host::failure::Exit;

#[derive(Debug, Args)]
#[command(
    after_help = "Example: gatecrash doctor\n\nExit codes: 0 real gateways can be launched, 3 only the built-in one."
)]
pub(super) struct Doctor {}

impl Doctor {
    pub(super) fn execute(&self) -> Exit {
        tell()
    }
}
