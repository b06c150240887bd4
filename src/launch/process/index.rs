//! What can be had before anything runs: which versions of a package were published, and a version's environment made in
//! advance. Not: which of them are wanted ([`crate::versions`]).

use serde::Deserialize;

use super::base::Base;
use super::python::{Uv, Venv, output};
use crate::launch::cache::Cache;
use crate::launch::{LaunchError, RunId};
use crate::target::{Package, Target};

const HELP: &str = "name the versions to try, in order: --versions A,B,C";

/// Every version in the package index, in no particular order. pip does not list those that were taken back (yanked).
pub(in crate::launch) async fn published(target: &Target, run: &RunId) -> Result<Vec<String>, LaunchError> {
    #[derive(Deserialize)]
    struct Index {
        versions: Vec<String>,
    }
    let name = target.gateway.adapter().about().package.name;
    let base = Base::new(target, run).await?;
    let cache = Cache::find().map_err(|error| base.failed(error.to_string()))?;
    let uv = Uv::find(&base, &cache).await?;
    // uv has no such command of its own. Versions that the Python running pip cannot install are listed, too.
    let ask = ["tool", "run", "--quiet", "pip", "index", "versions", name];
    let mut list = uv.command(&base, &ask);
    list.args(["--pre", "--ignore-requires-python", "--json"]);
    let said = output(list).await;
    let said = said.map_err(|log| base.failed("its versions cannot be listed").log(log).help(HELP))?;
    let index: Index = serde_json::from_str(&said)
        .map_err(|error| base.failed(format!("cannot read pip's list of versions: {error}")).help(HELP))?;
    base.remove();
    Ok(index.versions)
}

/// Makes an environment that is not there yet.
pub(in crate::launch) async fn prepare(target: &Target, package: &Package, run: &RunId) -> Result<(), LaunchError> {
    let base = Base::new(target, run).await?;
    let cache = Cache::find().map_err(|error| base.failed(error.to_string()))?;
    Venv::of(&base, &cache, package).await?;
    base.remove();
    Ok(())
}
