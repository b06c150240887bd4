//! `gatecrash doctor`.

use clap::Args;

use super::{BROKE, print};
use crate::launch::doctor::Machine;
use crate::report::doctor::render;

#[derive(Debug, Args)]
#[command(
    after_help = "Example: gatecrash doctor\n\nExit codes: 0 real gateways can be launched, 3 only the built-in one."
)]
pub struct Doctor {}

impl Doctor {
    pub fn execute(&self) -> u8 {
        let machine = Machine::look();
        match print(&render(&machine)) {
            0 if machine.launches_real_gateways() => 0,
            0 => BROKE,
            code => code,
        }
    }
}
