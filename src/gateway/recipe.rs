//! How a gateway is launched, as its adapter states it: package, command line, environment, files. Not: launching,
//! which is the same for all ([`crate::launch`]).

use super::own::OwnConfig;
use crate::secret::Secret;

/// A gateway's package in PyPI.
#[derive(Debug)]
pub struct Package {
    pub name: &'static str,
    /// With the extras it needs to be a gateway: `litellm[proxy]`
    pub with_extras: &'static str,
    /// What to install beside it.
    pub beside: &'static [&'static str],
    /// The program to run.
    pub program: &'static str,
    /// The client of its database, if one has to be made for its schema.
    pub prisma: Option<Prisma>,
}

/// Prisma, as a client of a gateway's database: which schema to generate it for, and whom to ask for its version.
#[derive(Debug)]
pub struct Prisma {
    /// Its path in the folder of Python's packages.
    pub schema: &'static str,
}

/// A gateway's own image.
#[derive(Debug)]
pub struct Image {
    /// `{version}` in it stands for the version.
    pub name: &'static str,
    /// Names that have to lead to the upstream.
    pub upstream_is_also: &'static [&'static str],
    /// A program that an instance calls in vain if its tables are there: it gets one that does nothing instead.
    pub in_vain: Option<&'static str>,
}

/// Who makes the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    Make,
    /// They are there.
    Leave,
}

/// How an instance is launched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Docker,
    Process,
    /// It is not: somebody is told how to launch it.
    Told,
}

/// Where an instance is launched, and with what.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    pub how: How,
    /// The folder of its files, with a slash at its end; empty for the folder it is started in.
    pub home: &'a str,
    pub port: u16,
    pub database_url: &'a str,
    pub upstream: &'a str,
    pub upstream_port: u16,
    pub admin_key: &'a Secret,
    pub redis: Option<(&'a str, u16)>,
    pub schema: Schema,
    /// The operator's own configuration, to launch it with.
    pub own: Option<&'a OwnConfig>,
}

/// What an instance is started with.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// By their names in its home: the first is its configuration.
    pub files: Vec<(&'static str, String)>,
    /// Files of an operator's, by their names there: they are shown to nobody.
    pub beside: Vec<(String, String)>,
    pub arguments: Vec<String>,
    pub environment: Vec<(&'static str, String)>,
}

impl Recipe {
    /// Its files as one text, for people.
    pub fn config(&self) -> String {
        match self.files.as_slice() {
            [(_, text)] => text.clone(),
            files => files.iter().map(|(name, text)| format!("# {name}\n{}\n\n", text.trim_end())).collect(),
        }
    }
}
