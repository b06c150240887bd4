//! What is told of rollouts: which moves were made, how long the gateway was away, what changed in its database; in the
//! words of every format. Not: what their trials found, which is told of them as of all others.

use maud::{Markup, html};

use super::markdown::plain;
use super::{Report, TargetReport, TrialReport};
use crate::outcome::{Finding, Moved, RolledOut, SchemaChange, TrialResult};
use crate::scenario::{Instance, Move, Rollout};

/// All rollouts, each with its target.
fn all(report: &Report) -> impl Iterator<Item = (&TargetReport, &RolledOut)> {
    report.targets.iter().flat_map(|target| target.rollouts.iter().map(move |rolled_out| (target, rolled_out)))
}

/// What comes before what was found in the trials of a rollout.
pub(super) fn doing(rollout: Rollout) -> &'static str {
    match rollout {
        Rollout::InPlace => "upgrading in place",
        Rollout::Rolling => "upgrading instance by instance",
    }
}

/// `litellm@1.82.3 was upgraded in place from litellm@1.81.0`
fn what(target: &TargetReport, rolled_out: &RolledOut) -> String {
    let how = match rolled_out.rollout {
        Rollout::InPlace => "in place",
        Rollout::Rolling => "instance by instance",
    };
    let done = if rolled_out.error.is_some() { "was to be upgraded" } else { "was upgraded" };
    format!("{} {done} {how} from {}", target.name, rolled_out.from)
}

/// `upgrade: away for 20.9 s; 12 migrations; 3 tables added`
fn moved(rollout: Rollout, moved: &Moved) -> String {
    let seconds = |ms: u64| format!("{:.1} s", ms as f64 / 1000.0);
    let time = match (moved.to, rollout) {
        (Move::Roll, _) => format!("the new version was there after {}", seconds(moved.took_ms)),
        (Move::Upgrade, Rollout::Rolling) => "the old version was stopped".to_owned(),
        (Move::Upgrade | Move::Downgrade, _) => format!("away for {}", seconds(moved.away_ms)),
    };
    let database = moved.database.as_ref().map(|change| format!("; {}", change.in_short())).unwrap_or_default();
    format!("{}: {time}{database}", moved.to.word())
}

/// Who did what was found: before an upgrade, the version that it began with.
pub(crate) fn who<'a>(report: &'a Report, trial: &TrialReport, result: &'a TrialResult, finding: &Finding) -> &'a str {
    let target = result.target.as_str();
    let mut rollouts = report.targets.iter().filter(|own| own.name == target).flat_map(|own| &own.rollouts);
    let Some(rolled_out) = rollouts.find(|own| Some(own.rollout) == trial.rollout) else { return target };
    let on = result.exchanges.iter().find(|own| Some(own.request) == finding.request).map(|own| own.on);
    let last = result.moves.iter().rfind(|moved| moved.line <= finding.place.line);
    match (last.map(|moved| moved.to), on) {
        (None | Some(Move::Downgrade), _) | (Some(Move::Roll), None | Some(Instance::First)) => &rolled_out.from,
        (Some(Move::Roll), Some(Instance::Second)) | (Some(Move::Upgrade), _) => target,
    }
}

/// A line for each rollout, for a terminal.
pub(super) fn lines(report: &Report) -> Vec<String> {
    let line = |(target, rolled_out): (&TargetReport, &RolledOut)| {
        let moves = rolled_out.moves.iter().map(|one| moved(rolled_out.rollout, one));
        let parts: Vec<String> = moves.chain(rolled_out.error.clone()).collect();
        format!("{} ({})", what(target, rolled_out), parts.join("; "))
    };
    all(report).map(line).collect()
}

/// The names of what changed, under what they have in common.
fn details(change: &SchemaChange) -> Vec<(&'static str, &[String])> {
    let SchemaChange { migrations, tables_added, tables_dropped, columns_added, columns_dropped, columns_changed } =
        change;
    let named: [(&str, &[String]); 6] = [
        ("Tables dropped", tables_dropped),
        ("Columns dropped", columns_dropped),
        ("Columns of another type", columns_changed),
        ("Tables added", tables_added),
        ("Columns added", columns_added),
        ("Migrations", migrations),
    ];
    named.into_iter().filter(|(_, names)| !names.is_empty()).collect()
}

/// For a job's summary: a line for each, and what changed, folded.
pub(super) fn markdown(report: &Report) -> String {
    let mut text = String::new();
    for (target, rolled_out) in all(report) {
        text.push_str(&format!("\n**{}**\n\n", plain(&what(target, rolled_out))));
        for one in &rolled_out.moves {
            text.push_str(&format!("- {}\n", plain(&moved(rolled_out.rollout, one))));
            for (title, names) in one.database.as_ref().map(details).unwrap_or_default() {
                let names: Vec<String> = names.iter().map(|name| format!("`{}`", name.replace('`', "'"))).collect();
                text.push_str(&format!(
                    "  <details><summary>{title}</summary>\n\n  {}\n\n  </details>\n",
                    names.join(", ")
                ));
            }
        }
        if let Some(error) = &rolled_out.error {
            text.push_str(&format!("- {}\n", plain(error)));
        }
    }
    text
}

/// For the page.
pub(super) fn section(report: &Report) -> Markup {
    html! {
        @if all(report).next().is_some() {
            section id="rollouts" {
                h2 { "What the upgrade did" }
                @for (target, rolled_out) in all(report) {
                    h3 { (what(target, rolled_out)) }
                    ul {
                        @for one in &rolled_out.moves {
                            li {
                                (moved(rolled_out.rollout, one)) ". "
                                @match one.trials {
                                    1 => "1 trial waited for it.",
                                    trials => { (trials) " trials waited for it." },
                                }
                                @for (title, names) in one.database.as_ref().map(details).unwrap_or_default() {
                                    details {
                                        summary { (title) ": " (names.len()) }
                                        ul { @for name in names { li { code { (name) } } } }
                                    }
                                }
                            }
                        }
                        @if let Some(error) = &rolled_out.error { li { b { (error) } } }
                    }
                    @if !rolled_out.log.is_empty() { pre tabindex="0" { (rolled_out.log.join("\n")) } }
                }
            }
        }
    }
}
