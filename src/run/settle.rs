//! Settle: wait, by polling and never by a fixed sleep, until the gateway's recorded spend equals the ledger,
//! or the limit passes.

use std::time::Instant;

use crate::gateway::litellm::LiteLlm;
use crate::gateway::{AdminError, Entity};
use crate::scenario::{Spend, Usd};

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

/// Waits until the entity's recorded spend is as expected.
pub(super) async fn settle(
    gateway: &LiteLlm,
    entity: &Entity,
    expected: Spend,
    first: First,
    limit: Instant,
) -> Result<Settled, AdminError> {
    if first == First::WhenWritten && !gateway.pace.behind.is_zero() {
        let left = limit.saturating_duration_since(Instant::now());
        gateway.books.waiting().look_again(gateway.pace.poll, left).await;
    }
    poll(gateway, entity, limit, |recorded| expected.holds(recorded)).await
}

/// Waits until the recorded spend is another than it was: all that can be waited for once it went wrong.
pub(super) async fn moves(
    gateway: &LiteLlm,
    entity: &Entity,
    from: Usd,
    limit: Instant,
) -> Result<Settled, AdminError> {
    poll(gateway, entity, limit, |recorded| !recorded.agrees_with(from)).await
}

/// Looks until a charge that was on its way `since` then would have arrived, and stops early if the spend is not what it
/// was.
pub(super) async fn stays(
    gateway: &LiteLlm,
    entity: &Entity,
    expected: Spend,
    since: Instant,
) -> Result<Settled, AdminError> {
    let limit = since + gateway.pace.behind;
    Ok(match poll(gateway, entity, limit, |recorded| !expected.holds(recorded)).await? {
        Settled::As(recorded) | Settled::Differs(recorded) if expected.holds(recorded) => Settled::As(recorded),
        Settled::As(recorded) | Settled::Differs(recorded) => Settled::Differs(recorded),
        Settled::Unsaid => Settled::Unsaid,
    })
}

async fn poll(
    gateway: &LiteLlm,
    entity: &Entity,
    limit: Instant,
    done: impl Fn(Usd) -> bool,
) -> Result<Settled, AdminError> {
    let waiting = gateway.books.waiting();
    let began = Instant::now();
    loop {
        // Where the gateway keeps no figure, none can be wrong.
        let Some(recorded) = gateway.spend(entity).await? else { return Ok(Settled::Unsaid) };
        if done(recorded) {
            waiting.are_written();
            return Ok(Settled::As(recorded));
        }
        let left = limit.saturating_duration_since(Instant::now());
        // Later charges are in the books, and this one has had all the time that one takes.
        let is_overdue = began.elapsed() > gateway.pace.behind * 2 && waiting.is_overdue();
        if left.is_zero() || (is_overdue && !gateway.pace.behind.is_zero()) {
            return Ok(Settled::Differs(recorded));
        }
        waiting.look_again(gateway.pace.poll, left).await;
    }
}
