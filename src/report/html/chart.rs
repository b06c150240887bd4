//! Spend against a budget, request by request, and where it should have stopped: one chart for each target, all to the same
//! scale. Its caption says what it shows.

use maud::{Markup, html};
use rust_decimal::Decimal;

use crate::outcome::{Answer, Exchange, Finding, MovedAt, Standing, TrialResult};
use crate::report::TrialReport;
use crate::scenario::Usd;

/// The drawing, in its own units, and the room around it for what is written there.
const WIDTH: usize = 400;
const HEIGHT: usize = 190;
const LEFT: usize = 48;
const RIGHT: usize = 12;
const TOP: usize = 22;
const BOTTOM: usize = 34;

/// The requests that a budget holds for.
struct Curve<'a> {
    result: &'a TrialResult,
    points: Vec<Point<'a>>,
}

#[derive(Clone, Copy)]
struct Point<'a> {
    exchange: &'a Exchange,
    before: &'a Standing,
}

impl Point<'_> {
    fn is_accepted(&self) -> bool {
        matches!(self.exchange.answer, Answer::Accepted { .. })
    }
}

/// What all charts of a trial have in common.
struct Scale {
    most: Decimal,
    requests: usize,
}

pub(super) fn charts(trial: &TrialReport) -> Markup {
    let Some(whose) = shown(trial) else { return Markup::default() };
    let curves: Vec<_> = trial.results.iter().map(|result| curve(result, whose)).collect();
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let most = points().flat_map(|point| [point.before.spent, point.before.max_budget]).max().unwrap_or_default();
    // Where nothing is spent there is nothing to see.
    if points().all(|point| point.before.spent <= Usd::ZERO) {
        return Markup::default();
    }
    let scale = Scale {
        most: most.0 * Decimal::new(11, 1),
        requests: points().map(|point| point.exchange.request).max().unwrap_or(1),
    };
    html! {
        h5 { "Spend against the budget of " (whose) ", in USD" }
        div class="charts" {
            @for curve in curves.iter().filter(|curve| !curve.points.is_empty()) { (figure(curve, &scale)) }
        }
        p class="note legend" {
            (sign("accepted", html! { circle class="accepted" cx="7" cy="7" r="3.5" {} }))
            (sign("refused", html! { path class="refused" d="M3.5 3.5h7v7h-7z" {} }))
            (sign("not as it had to be", html! { path class="wrong" d="M3 3l8 8m0-8l-8 8" {} }))
        }
    }
}

fn sign(meaning: &str, drawn: Markup) -> Markup {
    html! { span { svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" { (drawn) } " " (meaning) } " " }
}

/// Whose budget is shown: the one that was spent when something was found, else the first to be spent, else the first.
fn shown(trial: &TrialReport) -> Option<&str> {
    let exchanges = || trial.results.iter().flat_map(|result| &result.exchanges);
    let found = trial.results.iter().flat_map(|result| {
        let at = |finding: &Finding| result.exchanges.iter().find(|own| Some(own.request) == finding.request);
        result.new_findings().filter_map(at)
    });
    let spent = |exchange: &'_ Exchange| exchange.before.iter().position(Standing::is_spent);
    let of_found = found.clone().find_map(|exchange| exchange.before.get(spent(exchange)?));
    let first_spent = || {
        let own = exchanges().filter(|exchange| spent(exchange).is_some()).min_by_key(|exchange| exchange.request);
        own.and_then(|exchange| exchange.before.get(spent(exchange)?))
    };
    let first = || exchanges().find_map(|exchange| exchange.before.first());
    of_found.or_else(first_spent).or_else(first).map(|standing| standing.whose.as_str())
}

fn curve<'a>(result: &'a TrialResult, whose: &str) -> Curve<'a> {
    let point = |exchange: &'a Exchange| {
        let before = exchange.before.iter().find(|standing| standing.whose == whose)?;
        Some(Point { exchange, before })
    };
    let mut points: Vec<_> = result.exchanges.iter().filter_map(point).collect();
    points.sort_by_key(|point| point.exchange.request);
    Curve { result, points }
}

impl Scale {
    /// The left edge of a request's place; its middle is half a place further.
    fn edge(&self, request: f64) -> f64 {
        let room = (WIDTH - LEFT - RIGHT) as f64;
        LEFT as f64 + room * (request - 1.0) / self.requests as f64
    }

    fn y(&self, amount: Usd) -> Decimal {
        let room = Decimal::from(HEIGHT - TOP - BOTTOM);
        let share = amount.0.max(Decimal::ZERO) * room / self.most;
        (Decimal::from(HEIGHT - BOTTOM) - share).round_dp(1)
    }

    /// A line of steps up to a request: each is one request's amount.
    fn steps(&self, points: &[Point<'_>], end: usize, amount: fn(&Standing) -> Usd) -> String {
        let each = points.iter().enumerate().map(|(index, point)| {
            let begin = if index == 0 { "M" } else { "L" };
            let (request, y) = (point.exchange.request, self.y(amount(point.before)));
            let until = points.get(index + 1).map_or(end, |next| next.exchange.request);
            format!("{begin}{:.1} {y}H{:.1}", self.edge(request as f64), self.edge(until as f64))
        });
        each.collect()
    }
}

fn figure(curve: &Curve<'_>, scale: &Scale) -> Markup {
    let caption = caption(curve);
    let Curve { result, points } = curve;
    let target = &result.target;
    let end = points.last().map_or(1, |last| last.exchange.request.saturating_add(1));
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    html! {
        figure {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label={ (target) ": " (caption) } {
                @if let Some(stop) = stop(points) {
                    @let x = format!("{:.1}", scale.edge(stop.exchange.request as f64));
                    path class="beyond" d={ "M" (x) " " (TOP) "H" (right) "V" (bottom) "H" (x) "Z" } {}
                }
                path class="axis" d={ "M" (LEFT) " " (TOP) "V" (bottom) "H" (right) } {}
                (amounts(points, scale))
                (requests(scale))
                path class="budget" d=(scale.steps(points, scale.requests.saturating_add(1), |standing| standing.max_budget)) {}
                path class="spend" d=(scale.steps(points, end, |standing| standing.spent)) {}
                @for moved in &result.moves { (move_line(moved, scale)) }
                @for point in points { (mark(result, *point, scale)) }
                @if let Some(stop) = stop(points) { (stops(stop.exchange.request, scale)) }
            }
            figcaption { b { (target) } ": " (caption) }
        }
    }
}

/// The first request that has to be refused.
fn stop<'a>(points: &[Point<'a>]) -> Option<Point<'a>> {
    points.iter().find(|point| point.before.is_spent()).copied()
}

fn caption(curve: &Curve<'_>) -> String {
    let points = &curve.points;
    let Some(last) = points.last() else { return String::new() };
    let Some(stop) = stop(points) else {
        let accepted = points.iter().filter(|point| point.is_accepted()).count();
        return format!(
            "{accepted} of {} requests accepted; before the last, {} of {} was spent.",
            points.len(),
            last.before.spent,
            last.before.max_budget
        );
    };
    let (request, budget) = (stop.exchange.request, stop.before.max_budget);
    let after = points.iter().filter(|point| point.exchange.request >= request && point.is_accepted()).count();
    match after {
        0 => format!("the budget of {budget} was spent before request {request}; nothing was accepted from there on."),
        after => format!(
            "the budget of {budget} was spent before request {request}; {after} more accepted, up to {} before the last.",
            last.before.spent
        ),
    }
}

/// The amounts that matter, at the left: nothing, the budget, the most that was spent.
fn amounts(points: &[Point<'_>], scale: &Scale) -> Markup {
    let most = points.iter().map(|point| point.before.spent).max().unwrap_or_default();
    let budget = points.last().map(|point| point.before.max_budget).unwrap_or_default();
    let mut shown: Vec<(Usd, Decimal)> = Vec::new();
    for amount in [budget, Usd::ZERO, most] {
        let y = scale.y(amount);
        if shown.iter().all(|(_, other)| (*other - y).abs() >= Decimal::from(12)) {
            shown.push((amount, y));
        }
    }
    html! {
        @for (amount, y) in &shown { text class="amount" x=(LEFT - 6) y=(y + Decimal::from(4)) { (amount) } }
        text class="of-budget" x=(WIDTH - RIGHT) y=(scale.y(budget) - Decimal::from(5)) { "budget" }
    }
}

/// Their numbers, or every second one, every third one.
fn requests(scale: &Scale) -> Markup {
    let every = scale.requests.div_ceil(12).max(1);
    html! {
        @for request in (1..=scale.requests).step_by(every) {
            text class="request" x=(format!("{:.1}", scale.edge(request as f64 + 0.5))) y=(HEIGHT - BOTTOM + 14) { (request) }
        }
        text class="request" x=((WIDTH + LEFT - RIGHT) / 2) y=(HEIGHT - 5) { "request" }
    }
}

/// A request: accepted is a dot, refused a hollow square, and a wrong answer a cross.
fn mark(result: &TrialResult, point: Point<'_>, scale: &Scale) -> Markup {
    let Point { exchange, before } = point;
    let went_on = point.is_accepted() && exchange.before.iter().any(Standing::is_spent);
    let (x, y) = (scale.edge(exchange.request as f64 + 0.5), scale.y(before.spent));
    let x = format!("{x:.1}");
    html! {
        @if went_on || result.found_at(exchange).is_some() {
            path class="wrong" d={ "M" (x) " " (y) "m-4-4l8 8m0-8l-8 8" } {}
        } @else if point.is_accepted() {
            circle class="accepted" cx=(x) cy=(y) r="3.5" {}
        } @else {
            path class="refused" d={ "M" (x) " " (y) "m-3.5-3.5h7v7h-7z" } {}
        }
    }
}

/// Where the gateway came to another version.
fn move_line(moved: &MovedAt, scale: &Scale) -> Markup {
    let x = format!("{:.1}", scale.edge(moved.after as f64 + 1.0));
    html! {
        path class="moved" d={ "M" (x) " " (TOP) "V" (HEIGHT - BOTTOM) } {}
        text class="of-move" x=(x) y=(HEIGHT - BOTTOM - 5) { (moved.to.word()) }
    }
}

/// Where it should have stopped.
fn stops(request: usize, scale: &Scale) -> Markup {
    let x = scale.edge(request as f64);
    let (side, beside) = if x > (WIDTH / 2) as f64 { ("left", x - 5.0) } else { ("right", x + 5.0) };
    html! {
        path class="stop" d={ "M" (format!("{x:.1}")) " " (TOP - 12) "V" (HEIGHT - BOTTOM) } {}
        text class={ "of-stop " (side) } x=(format!("{beside:.1}")) y=(TOP - 4) { "has to stop here" }
    }
}
