//! How the model that a key asks is priced, as far as the configuration says.

use crate::gateway::litellm::configured::Models;
use crate::gateway::shown::{Configured, Shown};
use crate::scenario::value::shortened;
use crate::scenario::{Api, Kind, PricedBy};

/// On which pricing paths a scenario asks, and why.
#[derive(Debug)]
pub(super) struct Pricing {
    /// Empty if all that the key may ask is free.
    pub paths: Vec<PricedBy>,
    pub api: Api,
    /// What stands beside the paths, a line for each.
    pub why: Vec<String>,
    pub unknown: Vec<String>,
}

impl Pricing {
    /// On all paths that cost anything, because nothing says which.
    fn anyhow(unknown: Vec<String>) -> Pricing {
        let paths = PricedBy::ALL.into_iter().filter(|path| path.costs()).collect();
        Pricing { paths, api: Api::Chat, why: Vec::new(), unknown }
    }
}

pub(super) fn pricing(shown: &Shown, config: Option<(&str, &Models)>) -> Pricing {
    let Some((file, models)) = config else {
        return Pricing::anyhow(vec!["how its model is priced: there is no configuration (--config)".to_owned()]);
    };
    let mut unknown = models.remarks.clone();
    let limited = [Kind::Key, Kind::Team, Kind::User].into_iter().filter_map(|kind| shown.of(kind));
    let allowed = limited.map(|seen| &seen.models).find(|models| !models.is_empty());
    let mut asked: Vec<&Configured> = Vec::new();
    for name in allowed.into_iter().flatten() {
        let named = models.named(name);
        if named.is_empty() {
            let name = shortened(name);
            unknown.push(format!(
                "how `{name}` is priced: {file} does not name it; is it an access group, or a model of the database?"
            ));
        }
        asked.extend(named);
    }
    if asked.is_empty() {
        asked = models.all().iter().collect();
    }
    if asked.is_empty() {
        unknown.push(format!("how its model is priced: there is none in {file}"));
        return Pricing::anyhow(unknown);
    }
    if asked.iter().any(|model| model.api == Api::Images) {
        unknown.push("what images cost it: requests are of chat here".to_owned());
    }
    let api = match asked.iter().all(|model| model.api == Api::Embeddings) {
        true => Api::Embeddings,
        false => Api::Chat,
    };
    let costs = |model: &&Configured| model.priced_by.iter().any(|path| path.costs());
    let costing: Vec<&Configured> = asked.iter().copied().filter(costs).collect();
    let paths: Vec<PricedBy> =
        PricedBy::ALL.into_iter().filter(|path| costing.iter().any(|model| model.priced_by.contains(path))).collect();
    let names: std::collections::BTreeSet<&str> = costing.iter().map(|model| model.name.as_str()).collect();
    if names.len() > 1 {
        let count = names.len();
        unknown.push(format!("which of {count} models in {file} it asked"));
    }
    let shown = if costing.is_empty() { asked } else { costing };
    Pricing { paths, api, why: reasons(&shown), unknown }
}

/// For each way in which models are priced, why the first of them is.
fn reasons(models: &[&Configured]) -> Vec<String> {
    let mut reasons = Vec::new();
    for (index, model) in models.iter().enumerate() {
        let is_alike = |other: &&&Configured| other.priced_by == model.priced_by;
        if models[..index].iter().any(|other| is_alike(&other)) {
            continue;
        }
        let more = match models[index..].iter().filter(is_alike).count() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more alike)"),
        };
        reasons.push(format!("`{}` {}{more}", shortened(&model.name), model.why));
    }
    reasons
}
