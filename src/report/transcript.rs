//! What each target did in a trial, request by request and side by side, in the words of every format that shows it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::outcome::{Exchange, Standing, TrialResult};
use crate::scenario::Move;

/// What the mark of [`budgets`] means, where there is one.
pub fn legend(results: &[TrialResult]) -> Option<&'static str> {
    let mut standings = results.iter().flat_map(|result| &result.exchanges).flat_map(|exchange| &exchange.before);
    standings.any(Standing::is_spent).then_some("! the budget is spent: the request has to be refused")
}

/// What an accepted request of each step costs, as a sum, where the scenario says what it consumes: by the line of the step.
pub fn sums(results: &[TrialResult]) -> BTreeMap<usize, &str> {
    let exchanges = results.iter().flat_map(|result| &result.exchanges);
    exchanges.filter_map(|exchange| Some((exchange.line, exchange.costs.as_deref()?))).collect()
}

/// The nth request of a step, beside the nth of the same step on the other targets.
#[derive(Debug, Clone)]
pub struct ExchangeRow<'a> {
    /// The line of the step.
    pub line: usize,
    pub key: String,
    /// A move of the targets to another version, instead of a request.
    pub moved: Option<Move>,
    /// In the order of the results; `None` where there were fewer.
    pub exchanges: Vec<Option<&'a Exchange>>,
}

pub fn rows(results: &[TrialResult]) -> Vec<ExchangeRow<'_>> {
    let mut rows: BTreeMap<(usize, usize), ExchangeRow<'_>> = BTreeMap::new();
    for (index, result) in results.iter().enumerate() {
        let mut of_line: BTreeMap<usize, usize> = BTreeMap::new();
        for exchange in &result.exchanges {
            let nth = of_line.entry(exchange.line).and_modify(|nth| *nth += 1).or_default();
            let (line, key, exchanges) = (exchange.line, exchange.whose(), vec![None; results.len()]);
            let empty = || ExchangeRow { line, key, moved: None, exchanges };
            rows.entry((exchange.line, *nth)).or_insert_with(empty).exchanges[index] = Some(exchange);
        }
    }
    for moved in results.iter().flat_map(|result| &result.moves) {
        let (line, key) = (moved.line, format!("{} gateway", moved.to.word()));
        rows.insert((line, 0), ExchangeRow { line, key, moved: Some(moved.to), exchanges: vec![None; results.len()] });
    }
    rows.into_values().collect()
}

/// Each budget that holds for a request, with what was spent of it before: `key 0.06 of 0.05!`.
pub fn budgets(exchange: &Exchange) -> impl Iterator<Item = (String, &Standing)> {
    exchange.before.iter().map(|standing| {
        let mark = if standing.is_spent() { "!" } else { "" };
        // The key is named in its own column; user and team are the key's own.
        let what = standing.whose.split(' ').next().unwrap_or_default();
        (format!("{what} {} of {}{mark}", standing.spent, standing.max_budget), standing)
    })
}

/// What is said where there is none.
pub const NO_BUDGET: &str = "no budget";

/// `key 0.06 of 0.05!, user 0.06 of 0.10`
pub(crate) fn spent_before(exchange: &Exchange) -> String {
    match exchange.before.is_empty() {
        true => NO_BUDGET.to_owned(),
        false => budgets(exchange).map(|(budget, _)| budget).collect::<Vec<_>>().join(", "),
    }
}

/// All of it, for a monospaced font.
pub fn as_text(results: &[TrialResult]) -> String {
    let mut lines = vec![vec![String::new(); 2], vec!["line".to_owned(), "key".to_owned()]];
    for result in results {
        lines[0].extend([String::new(), result.target.clone(), String::new()]);
        lines[1].extend(["request".to_owned(), "spent before".to_owned(), "answer".to_owned()]);
    }
    for row in rows(results) {
        let mut line = vec![row.line.to_string(), row.key];
        for exchange in row.exchanges {
            line.extend(match exchange {
                Some(exchange) => [exchange.request.to_string(), spent_before(exchange), exchange.answered()],
                None if row.moved.is_some() => ["--".to_owned(), String::new(), String::new()],
                None => ["-".to_owned(), String::new(), String::new()],
            });
        }
        lines.push(line);
    }
    let legend = legend(results).map(|legend| format!("  ({legend})\n")).unwrap_or_default();
    let sums = sums(results).into_iter().map(|(line, sum)| format!("  (line {line} costs {sum})\n"));
    aligned(&lines) + &sums.collect::<String>() + &legend
}

fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.len()).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let _ = writeln!(text, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}
