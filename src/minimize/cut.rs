//! What can be taken out of a scenario: its fields, items and entities, and part of its counts. The check refuses what may
//! not be.

use std::collections::{BTreeMap, BTreeSet};

use crate::scenario::outline::{Entry, EntryId, Located, Outline, Value};

/// Something that can go: entries, or part of a count.
#[derive(Debug, Clone, Default)]
pub(super) struct Cut {
    pub(super) without: BTreeSet<EntryId>,
    pub(super) with: BTreeMap<EntryId, String>,
}

impl Cut {
    fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Cut {
        Cut { without: entries.into_iter().map(|entry| entry.id).collect(), with: BTreeMap::new() }
    }

    /// Several in one. If two change the same count, the first wins.
    pub(super) fn join(cuts: &[Cut]) -> Cut {
        let mut all = Cut::default();
        for cut in cuts {
            all.without.extend(&cut.without);
            for (id, other) in &cut.with {
                all.with.entry(*id).or_insert_with(|| other.clone());
            }
        }
        all
    }
}

/// Fields that only say how much there is of something.
const COUNTS: [&str; 4] = ["times", "at_once", "tools", "system_prompt"];

/// All that can go by itself, what takes most with it first.
pub(super) fn cuts(outline: &Outline) -> Vec<Cut> {
    let mut found = Vec::new();
    fields(outline.root.entries(), &mut found);
    for entity in outline.items("given") {
        found.push(without_entity(outline, entity));
        fields(entity.node.rest(), &mut found);
    }
    let steps = outline.items("steps");
    for step in steps {
        fields(step.node.rest(), &mut found);
    }
    // Several in a row, for those that only make sense together.
    let sizes = std::iter::successors(Some(steps.len() / 2), |size| Some(size / 2)).take_while(|size| *size > 0);
    found.extend(sizes.flat_map(|size| steps.chunks(size).map(Cut::of)));
    let mut sizes = BTreeMap::new();
    for entry in outline.root.all() {
        sizes.insert(entry.id, 1 + entry.node.all().count());
    }
    let size = |cut: &Cut| cut.without.iter().filter_map(|id| sizes.get(id)).sum::<usize>();
    found.sort_by_key(|cut| std::cmp::Reverse(size(cut)));
    found
}

/// Each of some fields, what is in it, and less of what it counts.
fn fields(fields: &[Entry], found: &mut Vec<Cut>) {
    for field in fields {
        found.push(Cut::of([field]));
        if matches!(field.key.as_deref(), Some("given" | "steps")) {
            continue;
        }
        inside(&field.node, found);
        let count = field.node.scalar().and_then(|text| text.parse::<u32>().ok());
        if let Some(count) = count.filter(|_| field.key.as_deref().is_some_and(|key| COUNTS.contains(&key))) {
            for less in fewer(count) {
                found.push(Cut { without: BTreeSet::new(), with: BTreeMap::from([(field.id, less.to_string())]) });
            }
        }
    }
}

/// Each entry of a list or mapping that has several.
fn inside(node: &Located, found: &mut Vec<Cut>) {
    if let Value::Block(entries) | Value::Flow(entries) = &node.value
        && entries.len() > 1
    {
        fields(entries, found);
    }
}

/// Half of a count, three quarters of it, and so on to one less.
fn fewer(count: u32) -> impl Iterator<Item = u32> {
    let steps = std::iter::successors(Some(count / 2), |step| Some(step / 2)).take_while(|step| *step > 0);
    steps.map(move |step| count - step)
}

/// An entity with everything that names it: the steps that are about it, and the fields that refer to it.
fn without_entity(outline: &Outline, entity: &Entry) -> Cut {
    let name = entity.node.entries().first().and_then(|first| first.node.scalar());
    let names = |entry: &Entry| entry.node.scalar().is_some_and(|text| Some(text) == name);
    let others = outline.items("given").iter().chain(outline.items("steps"));
    let mentions = others.flat_map(|item| match item.node.entries().first() {
        Some(first) if names(first) => vec![item],
        _ => item
            .node
            .rest()
            .iter()
            .flat_map(|field| std::iter::once(field).chain(field.node.all()))
            .filter(|field| names(field))
            .collect(),
    });
    Cut::of(std::iter::once(entity).chain(mentions))
}
