//! Settle: wait, by polling and never by a fixed sleep, until the gateway's recorded spend equals the ledger,
//! or the limit passes.

use std::time::{Duration, Instant};

use crate::gateway::books::Waiting;
use crate::gateway::{AdminError, Entity, Gateway, Pace};
use crate::scenario::{Spend, Usd};

/// Where few wait, so many times the time that a charge takes is enough to know that it does not come.
const FEW_WAIT: u32 = 3;

/// Where a charge is in the books when the answer ends, this is enough to know that there was none.
const AT_ONCE: Duration = Duration::from_secs(5);

/// How recorded spend came to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// As was waited for.
    As(Usd),
    /// The limit passed, and this was recorded.
    Differs(Usd),
    /// The gateway keeps no figure for it.
    Unsaid,
}

/// When to look at the books first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    AtOnce,
    /// When they can have been written: what was just spent is not in them yet, where they are behind.
    WhenWritten,
}

/// How long to wait for what does not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Until this, however much else is in the books by then: a scenario says so.
    Stated(Instant),
    /// Until it is overdue, and no longer than this.
    Overdue(Instant),
}

impl Until {
    pub(super) fn left(self) -> Duration {
        let (Until::Stated(limit) | Until::Overdue(limit)) = self;
        limit.saturating_duration_since(Instant::now())
    }

    /// Whether to wait no longer.
    pub(super) fn is_over(self, pace: Pace, waiting: &Waiting) -> bool {
        self.left().is_zero() || (matches!(self, Until::Overdue(_)) && is_overdue(pace, waiting))
    }
}

/// Whether it has had all the time that a charge takes, and later ones are in the books; or several times as long, where
/// so few wait that there may be none.
fn is_overdue(pace: Pace, waiting: &Waiting) -> bool {
    let waited = waiting.began().elapsed();
    if pace.behind.is_zero() {
        return waited > AT_ONCE;
    }
    waited > pace.behind && (waiting.is_overdue() || (waiting.few_wait() && waited > pace.behind * FEW_WAIT))
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
    let settled = poll(gateway, entity, &waiting, until, |recorded| expected.holds(recorded)).await?;
    if first == First::WhenWritten && matches!(settled, Settled::As(_)) {
        waiting.is_seen();
    }
    Ok(settled)
}

/// Waits until the recorded spend is another than it was: all that can be waited for once it went wrong.
pub(super) async fn moves(
    gateway: &Gateway,
    entity: &Entity,
    from: Usd,
    since: Instant,
) -> Result<Settled, AdminError> {
    let until = Until::Overdue(since + gateway.pace.behind);
    poll(gateway, entity, &gateway.books.waiting(entity, since), until, |recorded| !recorded.agrees_with(from)).await
}

/// Looks until a charge that was on its way `since` then would have arrived, and stops early if the spend is not what it
/// was.
pub(super) async fn stays(
    gateway: &Gateway,
    entity: &Entity,
    expected: Spend,
    since: Instant,
) -> Result<Settled, AdminError> {
    let until = Until::Stated(since + gateway.pace.behind);
    let waiting = gateway.books.waiting(entity, since);
    Ok(match poll(gateway, entity, &waiting, until, |recorded| !expected.holds(recorded)).await? {
        Settled::As(recorded) | Settled::Differs(recorded) if expected.holds(recorded) => Settled::As(recorded),
        Settled::As(recorded) | Settled::Differs(recorded) => Settled::Differs(recorded),
        Settled::Unsaid => Settled::Unsaid,
    })
}

async fn poll(
    gateway: &Gateway,
    entity: &Entity,
    waiting: &Waiting,
    until: Until,
    done: impl Fn(Usd) -> bool,
) -> Result<Settled, AdminError> {
    loop {
        // Where the gateway keeps no figure, none can be wrong.
        let Some(recorded) = gateway.spend(entity).await? else { return Ok(Settled::Unsaid) };
        if done(recorded) {
            waiting.are_written();
            return Ok(Settled::As(recorded));
        }
        if until.is_over(gateway.pace, waiting) {
            return Ok(Settled::Differs(recorded));
        }
        waiting.look_again(gateway.pace.poll, until.left()).await;
    }
}
