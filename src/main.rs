//! The command `gatecrash`.

use std::process::ExitCode;

fn main() -> ExitCode {
    gatecrash::commands::main()
}
