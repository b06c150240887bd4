//! Settle: wait, by polling and never by a fixed sleep, until the gateway's recorded spend equals the ledger,
//! or the limit passes.

use std::time::Instant;

use crate::gateway::litellm::LiteLlm;
use crate::gateway::{AdminError, Entity};
use crate::scenario::Usd;

/// How recorded spend came to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    Equal,
    /// The limit passed, and this was recorded.
    Differs(Usd),
}

/// Waits until the entity's recorded spend equals `expected`.
pub(super) async fn settle(
    gateway: &LiteLlm,
    entity: &Entity,
    expected: Usd,
    limit: Instant,
) -> Result<Settled, AdminError> {
    poll(gateway, entity, limit, |recorded| recorded.agrees_with(expected)).await.map(Settled::from)
}

/// Waits until the recorded spend is another than it was: all that can be waited for once it went wrong.
pub(super) async fn moves(
    gateway: &LiteLlm,
    entity: &Entity,
    from: Usd,
    limit: Instant,
) -> Result<Settled, AdminError> {
    poll(gateway, entity, limit, |recorded| !recorded.agrees_with(from)).await.map(Settled::from)
}

/// Looks until a charge that was on its way would have arrived, and stops early if the spend is not what it was.
pub(super) async fn stays(gateway: &LiteLlm, entity: &Entity, expected: Usd) -> Result<Settled, AdminError> {
    let limit = Instant::now() + gateway.pace.behind;
    let recorded = poll(gateway, entity, limit, |recorded| !recorded.agrees_with(expected)).await?.recorded;
    Ok(if recorded.agrees_with(expected) { Settled::Equal } else { Settled::Differs(recorded) })
}

/// The last look: whether it was what was waited for, and what it saw.
struct Polled {
    done: bool,
    recorded: Usd,
}

impl From<Polled> for Settled {
    fn from(Polled { done, recorded }: Polled) -> Settled {
        if done { Settled::Equal } else { Settled::Differs(recorded) }
    }
}

async fn poll(
    gateway: &LiteLlm,
    entity: &Entity,
    limit: Instant,
    done: impl Fn(Usd) -> bool,
) -> Result<Polled, AdminError> {
    loop {
        let recorded = gateway.spend(entity).await?;
        let done = done(recorded);
        if done || Instant::now() >= limit {
            return Ok(Polled { done, recorded });
        }
        tokio::time::sleep(gateway.pace.poll).await;
    }
}
