//! An operator's `config.yaml`, made ready to be launched here. Pure but for the files, which are read through a function:
//! a text becomes a tree ([`crate::gateway::yaml`]), `check` finds what LiteLLM could not do anything with, and then only
//! that is changed which has to be. Each change is noted.

mod check;
mod credential;
mod models;
mod ours;
pub(super) mod prices;
mod provider;
mod settings;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::gateway::own::{Change, OwnConfig, OwnFile, place_beside};
use crate::gateway::yaml::{Node, Value, parse};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::read::Mistakes;
pub(super) use ours::launched;

/// What stands where a credential stood.
const DUMMY: &str = "not-a-real-one";

/// The variables that `os.environ/NAME` may name.
#[derive(Debug, Clone, Copy)]
struct Environment<'a>(&'a BTreeMap<String, String>);

impl Environment<'_> {
    /// Those that a run sets itself.
    const OF_THE_RUN: [&'static str; 5] =
        ["DATABASE_URL", "DIRECT_URL", "LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "DATABASE_URL_READ_REPLICA"];

    fn is_of_the_run(name: &str) -> bool {
        Environment::OF_THE_RUN.contains(&name) || name.starts_with("REDIS_")
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// All changes, in order.
#[derive(Debug, Default)]
struct Changes {
    all: Vec<Change>,
    /// The numbers in the file of the models that were kept.
    kept: Vec<usize>,
}

impl Changes {
    fn set(&mut self, key: &str, what: &str) {
        self.all.push(Change { model: None, key: key.to_owned(), what: what.to_owned() });
    }

    /// A change of a model, by its number in the file.
    fn note(&mut self, model: usize, key: &str, what: &str) {
        self.all.push(Change { model: Some(model), key: key.to_owned(), what: what.to_owned() });
    }

    /// The same, by its number among those kept.
    fn note_kept(&mut self, model: usize, key: &str, what: &str) {
        self.note(self.kept.get(model).copied().unwrap_or(model), key, what);
    }
}

/// Reads a configuration, with the files that it includes, through `load`.
///
/// # Errors
/// All mistakes in it, by file.
pub(super) fn read(
    file: &Path,
    env: &BTreeMap<String, String>,
    imported: &[PathBuf],
    load: &dyn Fn(&Path) -> io::Result<String>,
) -> Result<OwnConfig, Vec<Mistakes>> {
    let mut changes = Changes::default();
    let files = imported.iter().map(|path| code(file, path, load)).collect::<Result<Vec<_>, _>>();
    let files = files.map_err(|mistakes| vec![mistakes])?;
    let (of_the_run, env): (BTreeMap<_, _>, BTreeMap<_, _>) =
        env.clone().into_iter().partition(|(name, _)| Environment::is_of_the_run(name));
    for name in of_the_run.keys() {
        changes.set(name, "left out of its environment: the run has its own");
    }
    let mut tree = whole(file, load, &mut changes)?;
    let custom = check::custom_providers(&tree);
    let models = models::lead_here(&mut tree, Environment(&env), &custom, &mut changes);
    for file in &files {
        changes.set("files", &format!("`{}` is taken along", file.name));
    }
    settings::leave_out(&mut tree, &files, &mut changes);
    settings::environment(&mut tree, &mut changes);
    let redis = settings::redis(&mut tree, &mut changes);
    let mut with_ours = tree.clone();
    for key in ["master_key", "database_url"] {
        // What they name is the run's, and need not be resolved.
        tree.edit("general_settings", |settings| drop(settings.remove(key)));
    }
    settings::resolve(&mut tree, Environment(&env), &mut changes);
    ours::add(&mut with_ours, None, &mut changes);
    Ok(OwnConfig { file: file.to_owned(), tree, changes: changes.all, models, redis, files, env })
}

/// The file and those that it includes, as LiteLLM joins them: lists are appended, all else is replaced.
fn whole(
    file: &Path,
    load: &dyn Fn(&Path) -> io::Result<String>,
    changes: &mut Changes,
) -> Result<Node, Vec<Mistakes>> {
    let (text, mut tree) = one(file, load).map_err(|mistakes| vec![*mistakes])?;
    let mut mistakes = check::file(file, &tree);
    let mut others = Vec::new();
    let folder = file.parent().unwrap_or(Path::new(""));
    for include in tree.remove("include").as_ref().map(Node::items).unwrap_or_default() {
        let Some(name) = include.text() else { continue };
        let path = folder.join(name);
        match one(&path, load) {
            Ok((text, included)) => {
                let diagnostics = check::file(&path, &included);
                if !diagnostics.is_empty() {
                    others.push(Mistakes { text, diagnostics });
                }
                for field in included.fields() {
                    match &field.node.value {
                        Value::List(items) if tree.get(&field.key).is_some() => {
                            tree.edit(&field.key, |list| list.extend(items.iter().cloned()));
                        }
                        _ => tree.set(&field.key, field.node.clone()),
                    }
                }
                changes.set("include", &format!("`{name}` is read, and a part of this file"));
            }
            Err(wrong) if wrong.text.is_empty() => {
                let why = wrong.diagnostics.first().map(|wrong| wrong.title.clone()).unwrap_or_default();
                let wrong = Diagnostic::new(file, format!("`{name}`: {why}")).at(include.place);
                mistakes.push(wrong.label("included here").help("its name is relative to this file's folder"));
            }
            Err(wrong) => others.push(*wrong),
        }
    }
    if mistakes.is_empty() && others.is_empty() {
        mistakes.extend(check::whole(file, &tree));
    }
    if !mistakes.is_empty() {
        others.insert(0, Mistakes { text, diagnostics: mistakes });
    }
    if others.is_empty() { Ok(tree) } else { Err(others) }
}

/// A file of code that is named beside the configuration; one that is not below it is put beside it.
fn code(config: &Path, path: &Path, load: &dyn Fn(&Path) -> io::Result<String>) -> Result<OwnFile, Mistakes> {
    let folder = config.parent().unwrap_or(Path::new(""));
    let name = place_beside(folder, path);
    let text = load(path).map_err(|error| {
        let wrong = Diagnostic::new(path, format!("the file cannot be read: {error}"));
        let wrong = wrong.help("`files` names it in harness.toml: what the configuration imports");
        Mistakes { text: String::new(), diagnostics: vec![wrong] }
    })?;
    credential::know_code(&text);
    Ok(OwnFile { name: name.display().to_string(), text })
}

/// One file: its text, and its tree.
fn one(file: &Path, load: &dyn Fn(&Path) -> io::Result<String>) -> Result<(String, Node), Box<Mistakes>> {
    let text = load(file).map_err(|error| {
        let diagnostics = vec![Diagnostic::new(file, format!("the file cannot be read: {error}"))];
        Mistakes { text: String::new(), diagnostics }
    })?;
    // Even if it is no YAML: its lines are shown.
    credential::know_lines(&text);
    match parse(file, &text) {
        Ok(mut tree) => {
            credential::know_tree(&mut tree);
            Ok((text, tree))
        }
        Err(wrong) => Err(Mistakes { text, diagnostics: vec![*wrong] }.into()),
    }
}
