//! `gatecrash reproduce`.

use std::path::PathBuf;

use clap::Args;
use clap::parser::ValueSource;

use crate::host::console::Overwrite;
use crate::host::failure::{Exit, Failure};
use crate::reproduce::order::ReproduceOrder;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatecrash reproduce issue.md --config config.yaml > bug.yaml
  curl -s \"$PROXY/key/info?key=$KEY\" -H \"Authorization: Bearer $ADMIN\" | gatecrash reproduce - -o bug.yaml")]
pub(super) struct Reproduce {
    /// The answer to `GET /key/info`, or a whole issue that contains it; `-` for standard input.
    #[arg(value_name = "FILE")]
    report: PathBuf,
    /// The answer to `GET /user/info` for the key's user, if FILE does not contain it.
    #[arg(long, value_name = "FILE")]
    user_info: Option<PathBuf>,
    /// The gateway's own configuration, which says how its models are priced.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write the scenario to a file.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite the file if it exists.
    #[arg(long, requires = "output")]
    force: bool,
}

impl Reproduce {
    /// `config_from` says who named the configuration: one named by the environment holds settings of gatecrash.
    pub(super) fn execute(self, config_from: Option<ValueSource>) -> Result<Exit, Failure> {
        let Reproduce { report, user_info, config, output, force } = self;
        let config = config.filter(|_| config_from == Some(ValueSource::CommandLine));
        ReproduceOrder { report, user_info, config, output, overwrite: Overwrite::forced(force) }.carry_out()
    }
}
