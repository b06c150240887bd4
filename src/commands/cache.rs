//! `gatecrash cache`.

use clap::{Args, Subcommand};
use indicatif::HumanBytes;

use crate::host::console::print;
use crate::host::failure::{Exit, Failure};
use crate::launch::cache::{Cache, CacheEntry};

#[derive(Debug, Args)]
#[command(after_help = "Example: gatecrash cache clear")]
pub(super) struct CacheCommand {
    #[command(subcommand)]
    act: Option<CacheAct>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum CacheAct {
    /// Remove everything in it; gatecrash makes it again when needed.
    Clear,
}

impl CacheCommand {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        let cache = Cache::find().map_err(Failure::broke)?;
        let (entries, did) = match self.act {
            None => (cache.list().map_err(Failure::broke)?, "in"),
            Some(CacheAct::Clear) => (cache.clear().map_err(Failure::broke)?, "removed from"),
        };
        let lines: String = entries.iter().map(line).collect();
        let bytes = entries.iter().map(|entry| entry.bytes).sum();
        Ok(print(&format!("{lines}{} {did} {}\n", HumanBytes(bytes), cache.folder().display())))
    }
}

fn line(entry: &CacheEntry) -> String {
    let (gateway, version) = entry.gateway().unwrap_or_default();
    let made = jiff::ZonedDateTime::try_from(entry.made).unwrap_or_default().strftime("%F %R");
    let size = HumanBytes(entry.bytes).to_string();
    format!("{:11}  {gateway:8} {version:12} {size:>11}  {made}  {}\n", entry.kind.word(), entry.name)
}
