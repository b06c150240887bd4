use std::process::ExitCode;

fn main() -> ExitCode {
    gatecrash::commands::main()
}
