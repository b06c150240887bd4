//! Settle: wait, by polling and never by a fixed sleep, until the gateway's recorded spend equals the ledger,
//! or the limit passes.

use std::time::{Duration, Instant};

use crate::gateway::books::Waiting;
use crate::gateway::{AdminError, Entity, Gateway, Pace};
use crate::scenario::{Spend, Usd};

/// After this many times the longest that a charge takes, it is taken for lost, until it is quiet.
const LONG_ENOUGH: u32 = 3;

/// Where a charge is in the books when the answer ends, this is enough to know that there was none.
const AT_ONCE: Duration = Duration::from_secs(5);

/// What became of recorded spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// As expected, after this long.
    As(Usd, Duration),
    /// This was recorded: the limit passed, or waiting does not mend it.
    Differs(Usd),
    /// The gateway keeps no figure for it.
    Unsaid,
}

/// When to look at the books first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    AtOnce,
    /// When they can have been written: where they are behind, what was just spent is not in them yet.
    WhenWritten,
}

/// How much else is going on: a charge may take that much longer than those that were seen to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// Many other trials run.
    Crowd,
    /// Few do: the slowest charges that were seen came from the crowd before.
    Quiet,
}

impl Load {
    /// How long a charge may take before it counts as lost.
    pub(super) fn patience(self, pace: Pace, slowest: Duration) -> Duration {
        let least = if pace.behind.is_zero() { AT_ONCE } else { pace.behind * LONG_ENOUGH };
        least.max(match self {
            Load::Crowd => slowest * LONG_ENOUGH,
            Load::Quiet => slowest + pace.behind,
        })
    }
}

/// How long to wait for what does not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Until this, however much else is in the books by then: a scenario says so.
    Stated(Instant),
    /// Until it is overdue, and no longer than this.
    Overdue(Instant, Load),
}

impl Until {
    pub(super) fn left(self) -> Duration {
        let (Until::Stated(limit) | Until::Overdue(limit, _)) = self;
        limit.saturating_duration_since(Instant::now())
    }

    /// Whether to wait no longer.
    pub(super) fn is_over(self, pace: Pace, waiting: &Waiting) -> bool {
        let is_overdue = |load: Load| waiting.began().elapsed() > load.patience(pace, waiting.slowest());
        self.left().is_zero() || matches!(self, Until::Overdue(_, load) if is_overdue(load))
    }
}

/// Waits until the entity's recorded spend is as expected, after what was charged `since` then at the latest.
pub(super) async fn settle(
    gateway: &Gateway,
    entity: &Entity,
    expected: Spend,
    first: First,
    since: Instant,
    until: Until,
) -> Result<Settled, AdminError> {
    let waiting = gateway.books.waiting(entity, since);
    if first == First::WhenWritten && !gateway.pace.behind.is_zero() {
        waiting.look_again(gateway.pace.poll, until.left()).await;
    }
    // Waiting does not make it less, except where a scenario waits for a reset.
    let is_beyond = |recorded| matches!(until, Until::Overdue(..)) && expected.is_exceeded_by(recorded);
    let settled = poll(gateway, entity, &waiting, until, |recorded| expected.holds(recorded), is_beyond).await?;
    if matches!((settled, until), (Settled::As(..), Until::Overdue(..))) {
        waiting.has_come();
    }
    Ok(settled)
}

/// Waits until the recorded spend changes: all that can be waited for once it went wrong.
pub(super) async fn moves(
    gateway: &Gateway,
    entity: &Entity,
    from: Usd,
    since: Instant,
) -> Result<Settled, AdminError> {
    let until = Until::Stated(since + gateway.pace.behind);
    let waiting = gateway.books.waiting(entity, since);
    poll(gateway, entity, &waiting, until, |recorded| !recorded.agrees_with(from), |_| false).await
}

/// Looks until a charge that may be on its way would have arrived, and stops early if the spend is not what it was.
pub(super) async fn stays(
    gateway: &Gateway,
    entity: &Entity,
    expected: Spend,
    arrived: Instant,
) -> Result<Settled, AdminError> {
    let until = Until::Stated(arrived);
    let waiting = gateway.books.waiting(entity, Instant::now());
    Ok(match poll(gateway, entity, &waiting, until, |recorded| !expected.holds(recorded), |_| false).await? {
        Settled::As(recorded, took) if expected.holds(recorded) => Settled::As(recorded, took),
        Settled::Differs(recorded) if expected.holds(recorded) => Settled::As(recorded, Duration::ZERO),
        Settled::As(recorded, _) | Settled::Differs(recorded) => Settled::Differs(recorded),
        Settled::Unsaid => Settled::Unsaid,
    })
}

async fn poll(
    gateway: &Gateway,
    entity: &Entity,
    waiting: &Waiting,
    until: Until,
    done: impl Fn(Usd) -> bool,
    is_hopeless: impl Fn(Usd) -> bool,
) -> Result<Settled, AdminError> {
    let mut was_hopeless = false;
    loop {
        // Where the gateway keeps no figure, none can be wrong.
        let Some(recorded) = gateway.spend(entity).await? else { return Ok(Settled::Unsaid) };
        if done(recorded) {
            waiting.are_written();
            return Ok(Settled::As(recorded, waiting.began().elapsed()));
        }
        // Twice, because a gateway may read from two places that are not written at once.
        let is_hopeless = is_hopeless(recorded);
        if until.is_over(gateway.pace, waiting) || (is_hopeless && was_hopeless) {
            return Ok(Settled::Differs(recorded));
        }
        was_hopeless = is_hopeless;
        waiting.look_again(gateway.pace.poll, until.left()).await;
    }
}
