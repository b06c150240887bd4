//! What this machine can launch: what each launcher needs, and whether it is here. Not: how that is told
//! ([`crate::doctor`]).

use std::path::PathBuf;

use super::{choice, process};

/// What a machine has of what launchers need.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Whether a Docker engine answers; else why not.
    pub docker: Result<(), String>,
    pub uv: Option<PathBuf>,
    pub python: Option<PathBuf>,
    /// The folder of PostgreSQL's programs.
    pub postgres: Option<PathBuf>,
    /// Whether the environment names a PostgreSQL server that runs already.
    pub server: bool,
    pub redis: Option<PathBuf>,
    /// Whether the environment tells Prisma where its engines are, so that it need not download them.
    pub prisma_is_told: bool,
}

impl Machine {
    /// This machine.
    pub fn look() -> Machine {
        Machine { docker: choice::engine().clone(), ..process::machine() }
    }

    /// Whether gateways' packages can be installed.
    pub fn has_python(&self) -> bool {
        self.uv.is_some() || self.python.is_some()
    }

    /// Whether any real gateway can be launched.
    pub fn launches_real_gateways(&self) -> bool {
        self.docker.is_ok() || self.has_python()
    }
}
