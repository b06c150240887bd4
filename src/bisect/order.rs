//! From what a user names to a search, and to its answer.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::ser::PrettyFormatter;

use super::run::{SearchEvent, SearchPlan, bisect};
use super::tell::Bisected;
use crate::config::Config;
use crate::host::console::{Overwrite, can_write_new, print, print_json, save_json, say};
use crate::host::failure::{Exit, Failure};
use crate::launch::{on_stage, settled};
use crate::run::published::published;
use crate::run::select::{Selected, models_of, select};
use crate::scenario::plan::{Filter, of_models};
use crate::target::{Compromised, Target, parts};
use crate::versions::{Eligible, LeftOut, NoRange, Versions, between, said_of};

/// What to search for, as the user says it.
#[derive(Debug, Clone)]
pub struct BisectOrder {
    /// One file.
    pub scenario: PathBuf,
    /// A target that does not have the bug; the first of `versions` if none is named.
    pub good: Option<String>,
    /// A target that has it; the last of `versions` if none is named.
    pub bad: Option<String>,
    /// Whether the bad one comes first, and the search is for a good one after it.
    pub fixed: bool,
    /// These, in their order, instead of all that were published.
    pub versions: Vec<String>,
    /// Whether pre-releases, post-releases and development releases are tried, too.
    pub pre: bool,
    /// What each version is upgraded from, in scenarios with an upgrade.
    pub from: Option<String>,
    /// Parts of the names of trials; all trials if there are none.
    pub filter: Vec<Filter>,
    /// Whether the answer is printed as JSON.
    pub prints_json: bool,
    /// Where else to write it as JSON.
    pub json: Option<PathBuf>,
    /// Whether to launch releases that are known to be compromised, too.
    pub compromised: Compromised,
}

/// What to search: targets in their order, and which versions between them are left out.
#[derive(Default)]
struct Searched {
    targets: Vec<Target>,
    left_out: Vec<LeftOut>,
}

impl BisectOrder {
    /// Searches, and prints the answer.
    ///
    /// # Errors
    /// When something that was named is not there, or nothing can be run on this machine.
    pub fn carry_out(&self, config: &Config) -> Result<Exit, Failure> {
        if self.scenario.is_dir() {
            let folder = self.scenario.display();
            return Err(Failure::wrong(format!("{folder} is a folder")).help("name one scenario"));
        }
        if let Some(file) = &self.json {
            can_write_new(file, Overwrite::Allow)?;
        }
        let Selected { trials, .. } = select(config, &[], std::slice::from_ref(&self.scenario), &self.filter, &[])?;
        if trials.is_empty() {
            return Err(Failure::wrong(format!("no trial of {} is selected", self.scenario.display())));
        }
        let Searched { targets, left_out } = match self.versions.as_slice() {
            [] => self.published(config)?,
            versions => Searched { targets: self.named(config, versions)?, left_out: Vec::new() },
        };
        let targets: Vec<Target> = targets.iter().map(settled).collect();
        let trials = of_models(trials, &models_of(&targets));
        let from = self.from.as_ref().map(|name| self.parse(name, config)).transpose()?;
        let plan = SearchPlan {
            targets,
            trials,
            fixed: self.fixed,
            limits: config.limits,
            known: config.known_deviations.clone(),
            from,
        };
        let names: Vec<String> = plan.targets.iter().map(|target| target.name.clone()).collect();
        say(&format!("{} versions, from {} to {}", names.len(), names[0], names[names.len() - 1]));
        said_of(&left_out).iter().for_each(|line| say(line));
        let bisected = Arc::new(Mutex::new(Bisected::new(&plan, left_out)));
        let told = Arc::clone(&bisected);
        let mut ended = on_stage(say, |run, gate| async move {
            let tell = |event: SearchEvent| {
                let line = told.lock().unwrap_or_else(PoisonError::into_inner).add(event);
                line.iter().for_each(|line| say(line));
            };
            bisect(&plan, &run, &gate, &tell).await;
        })?;
        let mut bisected = bisected.lock().unwrap_or_else(PoisonError::into_inner);
        bisected.left_behind(ended.left_behind.take());
        let saved =
            self.json.as_ref().map_or(Exit::Fine, |file| save_json(file, &bisected.document(), PrettyFormatter::new()));
        let printed = match self.prints_json {
            false => print(&bisected.render()),
            true => print_json(&bisected.document(), PrettyFormatter::new()),
        };
        ended.resume();
        Ok(Exit::worst_of([bisected.exit(), saved, printed]))
    }

    fn parse(&self, name: &str, config: &Config) -> Result<Target, Failure> {
        Target::parse(name, config, self.compromised).map_err(Failure::wrong)
    }

    /// First and last.
    fn ends(&self) -> [Option<&str>; 2] {
        let (good, bad) = (self.good.as_deref(), self.bad.as_deref());
        if self.fixed { [bad, good] } else { [good, bad] }
    }

    /// Those that the user names, with the ends added where they are missing.
    fn named(&self, config: &Config, versions: &[String]) -> Result<Vec<Target>, Failure> {
        let [first, last] = self.ends();
        let gateway = first.or(last).map(parts).and_then(|(gateway, version)| version.map(|_| gateway));
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
            let what = "a search needs two versions at least, the first of which is on the other side of the change than \
                        the last";
            return Err(Failure::wrong(what).help("--versions A,B,C"));
        }
        names.iter().map(|name| self.parse(name, config)).collect()
    }

    /// All that were published between the ends.
    fn published(&self, config: &Config) -> Result<Searched, Failure> {
        let [Some(first), Some(last)] = self.ends() else { return Ok(Searched::default()) };
        let ends = [self.parse(first, config)?, self.parse(last, config)?];
        let [(Some(from), first), (Some(to), last)] = ends.each_ref().map(|end| (end.version.as_deref(), end)) else {
            let what = "what is between targets without a version cannot be known";
            return Err(Failure::wrong(what).help("name all of them, in their order: --versions A,B,C"));
        };
        if first.gateway != last.gateway {
            return Err(Failure::wrong(format!("{} and {} are versions of two gateways", first.name, last.name)));
        }
        let all = published(first)?;
        let wanted = if self.pre { Eligible::All } else { Eligible::Releases };
        let Versions { versions, left_out } = between(first.gateway.adapter().about(), &all, from, to, wanted)
            .map_err(|why| match (&why, self.fixed) {
                (NoRange::Reversed { .. }, false) => {
                    Failure::wrong(why).help("to search for the version that mended it, add --fixed")
                }
                (NoRange::Reversed { .. }, true) => {
                    Failure::wrong(why).help("to search for the version that broke it, leave out --fixed")
                }
                (NoRange::NotThere { .. }, _) => Failure::wrong(why),
            })?;
        if versions.len() < 2 {
            return Err(Failure::wrong(format!("{} is the only version", first.name)));
        }
        let gateway = first.gateway.name();
        let targets = versions.iter().map(|version| self.parse(&format!("{gateway}@{version}"), config));
        Ok(Searched { targets: targets.collect::<Result<_, _>>()?, left_out })
    }
}
