//! `gatecrash bisect`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::{Args, ValueEnum};

use super::guarded::{Ended, guarded};
use super::published::published;
use super::select::{Selected, select};
use super::{Launching, WrongInput, print, say};
use crate::config::Config;
use crate::launch::{RunId, Target};
use crate::report::bisect::Bisected;
use crate::report::console::{Overwrite, can_write_new, print_json, save_json};
use crate::run::bisect::{Event, Plan, bisect};
use crate::run::gate::Gate;
use crate::versions::{LeftOut, NoRange, Versions, Wanted, between, said_of};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  gatecrash bisect bug.yaml --good litellm@1.81.0 --bad litellm@1.82.3
  gatecrash bisect bug.yaml --fixed --bad litellm@1.82.3 --good litellm@1.108.7   # which release mended it")]
pub struct Bisect {
    /// One file. Of several trials, the one is followed that fails worst on the bad version and not on the good one.
    #[arg(value_name = "SCENARIO")]
    scenario: PathBuf,
    /// A version that does not have the bug; the first of --versions if it is not named.
    #[arg(long, value_name = "TARGET", required_unless_present = "versions")]
    good: Option<String>,
    /// A version that has the bug; the last of --versions if it is not named.
    #[arg(long, value_name = "TARGET", required_unless_present = "versions")]
    bad: Option<String>,
    /// The bad version comes first, and the first good one after it is searched for.
    #[arg(long)]
    fixed: bool,
    /// Search among these versions, in this order, instead of all that were published between the good and the bad one:
    /// versions of their gateway, or targets.
    #[arg(long, value_name = "VERSION,...", value_delimiter = ',')]
    versions: Vec<String>,
    /// Try pre-releases, post-releases and development releases, too.
    #[arg(long, conflicts_with = "versions")]
    pre: bool,
    /// Only trials with this in their name; several add up.
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    format: Format,
    /// Write the answer as JSON, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    launching: Launching,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Terminal,
    Json,
}

/// What is searched: targets in their order, and which versions between them are left out.
#[derive(Default)]
struct Searched {
    targets: Vec<Target>,
    left_out: Vec<LeftOut>,
}

impl Bisect {
    pub fn execute(&self, config: &Config) -> Result<u8, WrongInput> {
        if self.scenario.is_dir() {
            return Err(WrongInput(format!(
                "error: {} is a folder\n  help: name one scenario",
                self.scenario.display()
            )));
        }
        if let Some(file) = &self.json {
            can_write_new(file, Overwrite::Allow).map_err(WrongInput)?;
        }
        let config = &self.launching.over(config);
        let Selected { trials, .. } = select(config, std::slice::from_ref(&self.scenario), &self.filter, &[])?;
        if trials.is_empty() {
            return Err(WrongInput(format!("error: no trial of {} is selected", self.scenario.display())));
        }
        let runtime = tokio::runtime::Runtime::new()?;
        let Searched { targets, left_out } = match self.versions.as_slice() {
            [] => match self.published(config, &runtime)? {
                Ok(found) => found,
                Err(code) => return Ok(code),
            },
            versions => Searched { targets: self.named(config, versions)?, left_out: Vec::new() },
        };
        let plan =
            Plan { targets, trials, fixed: self.fixed, limits: config.limits, known: config.known_deviations.clone() };
        let names: Vec<String> = plan.targets.iter().map(|target| target.name.clone()).collect();
        say(&format!("{} versions, from {} to {}", names.len(), names[0], names[names.len() - 1]));
        said_of(&left_out).iter().for_each(|line| say(line));
        let bisected = Arc::new(Mutex::new(Bisected::new(&plan, left_out)));
        let Ended { interrupted: _, left_behind, panic } = runtime.block_on(ended(plan, Arc::clone(&bisected)))?;
        runtime.shutdown_background();
        let mut bisected = bisected.lock().unwrap_or_else(PoisonError::into_inner);
        bisected.left_behind(left_behind);
        let saved = self.json.as_ref().map_or(0, |file| save_json(file, |out| bisected.write_json(out)));
        let printed = match self.format {
            Format::Terminal => print(&bisected.render()),
            Format::Json => print_json(|out| bisected.write_json(out)),
        };
        match (panic, bisected.exit_code()) {
            (Some(panic), _) => std::panic::resume_unwind(panic),
            (None, 0) => Ok(saved.max(printed)),
            (None, code) => Ok(code),
        }
    }

    fn parse(&self, name: &str, config: &Config) -> Result<Target, WrongInput> {
        Ok(Target::parse(name, config, self.launching.compromised())?)
    }

    /// First and last.
    fn ends(&self) -> [Option<&str>; 2] {
        let (good, bad) = (self.good.as_deref(), self.bad.as_deref());
        if self.fixed { [bad, good] } else { [good, bad] }
    }

    /// Those that the user names, with the ends where they are not among them.
    fn named(&self, config: &Config, versions: &[String]) -> Result<Vec<Target>, WrongInput> {
        let [first, last] = self.ends();
        let gateway = first.or(last).and_then(|end| end.split_once('@')).map(|(gateway, _)| gateway);
        let name = |version: &String| match gateway {
            Some(gateway) if !Target::is_meant(version, config) => format!("{gateway}@{version}"),
            _ => version.clone(),
        };
        let mut names: Vec<String> = versions.iter().map(name).collect();
        match (first, names.iter().position(|name| Some(name.as_str()) == first)) {
            (Some(first), None) => names.insert(0, first.to_owned()),
            (_, place) => drop(names.drain(..place.unwrap_or(0))),
        }
        match (last, names.iter().position(|name| Some(name.as_str()) == last)) {
            (Some(last), None) => names.push(last.to_owned()),
            (_, place) => names.truncate(place.map_or(names.len(), |place| place + 1)),
        }
        if names.len() < 2 {
            return Err(WrongInput(
                "error: a search needs two versions at least, the first of which is on the other side of the change than the \
                 last\n  help: --versions A,B,C"
                    .to_owned(),
            ));
        }
        names.iter().map(|name| self.parse(name, config)).collect()
    }

    /// All that were published between the ends.
    fn published(
        &self,
        config: &Config,
        runtime: &tokio::runtime::Runtime,
    ) -> Result<Result<Searched, u8>, WrongInput> {
        let [Some(first), Some(last)] = self.ends() else { return Ok(Ok(Searched::default())) };
        let ends = [self.parse(first, config)?, self.parse(last, config)?];
        let [(Some(from), first), (Some(to), last)] = ends.each_ref().map(|end| (end.version.as_deref(), end)) else {
            return Err(WrongInput(
                "error: what is between targets without a version cannot be known\n  help: name all of them, in their order: \
                 --versions A,B,C"
                    .to_owned(),
            ));
        };
        if first.gateway != last.gateway {
            return Err(WrongInput(format!("error: {} and {} are versions of two gateways", first.name, last.name)));
        }
        let all = match published(runtime, first)? {
            Ok(all) => all,
            Err(code) => return Ok(Err(code)),
        };
        let wanted = if self.pre { Wanted::All } else { Wanted::Releases };
        let Versions { versions, left_out } = between(first.gateway.adapter().about(), &all, from, to, wanted)
            .map_err(|why| {
                let help = match (&why, self.fixed) {
                    (NoRange::Reversed { .. }, false) => {
                        "\n  help: to search for the version that mended it, add --fixed"
                    }
                    (NoRange::Reversed { .. }, true) => {
                        "\n  help: to search for the version that broke it, leave out --fixed"
                    }
                    (NoRange::NotThere { .. }, _) => "",
                };
                WrongInput(format!("error: {why}{help}"))
            })?;
        if versions.len() < 2 {
            return Err(WrongInput(format!("error: {} is the only version", first.name)));
        }
        let gateway = first.gateway.name();
        let targets = versions.iter().map(|version| self.parse(&format!("{gateway}@{version}"), config));
        Ok(Ok(Searched { targets: targets.collect::<Result<_, _>>()?, left_out }))
    }
}

async fn ended(plan: Plan, bisected: Arc<Mutex<Bisected>>) -> std::io::Result<Ended> {
    let (run, gate) = (RunId::new(), Gate::default());
    let work = {
        let (run, gate) = (run.clone(), gate.clone());
        async move {
            let tell = |event: Event| {
                let line = bisected.lock().unwrap_or_else(PoisonError::into_inner).add(event);
                line.iter().for_each(|line| say(line));
            };
            bisect(&plan, &run, &gate, &tell).await;
        }
    };
    guarded(work, &run, &gate, say).await
}
