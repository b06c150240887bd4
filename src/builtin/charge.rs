//! The end of a request: its tokens and its cost go to every account it is charged to, and a row to the spend log. Each
//! fault of the books is a switch in here.

use std::time::Duration;

use rust_decimal::Decimal;

use super::World;
use super::account::{Account, AccountKind, Id, SpendLogRow};
use super::admit::Admitted;
use super::asked::{Asked, Route};
use super::faults::Fault;
use super::usage::Tally;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestEnd {
    Answered,
    /// By the provider, for good.
    Failed,
    /// The client went away.
    Left,
    /// The provider broke its stream off.
    BrokenOff,
    /// Answered from the response cache.
    Cached,
}

/// What is charged for.
#[derive(Debug)]
pub(super) struct Bill<'a> {
    pub(super) asked: &'a Asked,
    pub(super) end: RequestEnd,
    /// The model that answered; not the one asked for, after a fallback.
    pub(super) model: &'a str,
    pub(super) usage: &'a Tally,
    /// How many calls of the provider it took.
    pub(super) attempts: u64,
    /// What was charged when its stream began.
    pub(super) advance: Decimal,
}

/// From this many simultaneous requests of a key on, a faulty gateway is too slow.
const MANY: u64 = 5;

/// How late a faulty gateway writes its charges: longer than a run waits at first, not longer than it looks again.
pub(super) const LATE: Duration = Duration::from_secs(8);

impl World {
    /// Charges for a stream that begins, and says how much.
    pub(super) fn charge_advance(
        &mut self,
        instance: usize,
        admitted: &Admitted,
        model: &str,
        usage: &Tally,
    ) -> Decimal {
        let advance = match self.has(Fault::DroppedStreamNotCharged) {
            true => Decimal::ZERO,
            false => self.price(model, usage),
        };
        admitted.charged.iter().for_each(|id| self.record(instance, id, advance));
        advance
    }

    /// Ends a request that was let in; gives what it cost.
    pub(super) fn charge(&mut self, instance: usize, admitted: &Admitted, bill: &Bill<'_>) -> Decimal {
        let cost = self.cost(instance, admitted, bill);
        for id in &admitted.charged {
            self.record(instance, id, cost - bill.advance);
            let keeps_slot = match bill.end {
                RequestEnd::Left => self.has(Fault::DroppedStreamKeepsSlot),
                RequestEnd::BrokenOff => self.has(Fault::BrokenStreamKeepsSlot),
                RequestEnd::Failed => self.has(Fault::FailedCallKeepsSlot),
                RequestEnd::Answered | RequestEnd::Cached => false,
            };
            let per_instance = self.has(Fault::RatesPerInstance);
            let escapes = self.has(Fault::CachedTokensEscapeTpm);
            let reserves = self.has(Fault::ReservationNeverReleased);
            let Some(account) = self.store.accounts.get_mut(id) else { continue };
            let rate = match per_instance {
                true => self.memories[instance].rates.entry(id.clone()).or_default(),
                false => &mut account.rate,
            };
            rate.tokens += match escapes {
                true => bill.usage.tokens() - bill.usage.cached,
                false => bill.usage.tokens(),
            };
            rate.running = rate.running.saturating_sub(u64::from(!keeps_slot));
            account.in_flight = account.in_flight.saturating_sub(u64::from(admitted.on_budget));
            if bill.end == RequestEnd::Answered {
                account.last_tokens = Some(bill.usage.tokens()).filter(|tokens| *tokens > 0).or(account.last_tokens);
                account.last_cost = Some(cost).filter(|cost| !cost.is_zero()).or(account.last_cost);
            }
            if reserves {
                account.skew += cost * Decimal::from(20);
            }
            if bill.end == RequestEnd::Answered {
                account.answers.insert(bill.usage.id.clone());
            }
            account.ended.notify_waiters();
        }
        self.log(&admitted.charged, bill, cost);
        cost
    }

    /// Books an amount.
    fn record(&mut self, instance: usize, id: &Id, amount: Decimal) {
        let is_unwritten = self.store.is_down || self.has(Fault::SpendWrittenLate);
        let is_recorded = match id.kind {
            AccountKind::Team => !self.has(Fault::TeamSpendNotRecorded),
            AccountKind::Member => !self.has(Fault::MemberSpendNotRecorded),
            AccountKind::EndUser => !self.has(Fault::EndUserSpendNotRecorded),
            AccountKind::Tag => !self.has(Fault::TagSpendNotRecorded),
            AccountKind::Organisation => !self.has(Fault::OrganisationSpendNotRecorded),
            AccountKind::Key | AccountKind::User | AccountKind::Budget => true,
        };
        let is_recorded = is_recorded && self.is_written(instance, id);
        match self.store.accounts.get_mut(id).filter(|_| is_recorded) {
            Some(account) if is_unwritten => account.unwritten += amount,
            Some(account) => account.spend += amount,
            None => {}
        }
        if self.has(Fault::SpendPerInstance) {
            *self.memories[instance].spent.entry(id.clone()).or_default() += amount;
        }
    }

    /// What an answer costs.
    pub(super) fn price(&self, model: &str, usage: &Tally) -> Decimal {
        self.models.cost(model, usage, self.fault)
    }

    /// What a request costs.
    fn cost(&self, instance: usize, admitted: &Admitted, bill: &Bill<'_>) -> Decimal {
        let Bill { asked, end, model, usage, attempts, .. } = bill;
        let priced_as = if self.has(Fault::FallbackChargedAsFirst) { asked.model.as_str() } else { model };
        let cost = match end {
            RequestEnd::Left if self.has(Fault::DroppedStreamNotCharged) => Decimal::ZERO,
            RequestEnd::Answered | RequestEnd::Left | RequestEnd::BrokenOff => self.price(priced_as, usage),
            RequestEnd::Cached if self.has(Fault::CacheHitCharged) => self.price(priced_as, usage),
            RequestEnd::Failed if self.has(Fault::FailedCallCharged) => Decimal::new(2, 2),
            RequestEnd::Cached | RequestEnd::Failed => Decimal::ZERO,
        };
        let by_admin = || {
            let model = self.models.get(&asked.model);
            model.is_some_and(|model| model.origin != super::price::SetBy::Config)
        };
        let nothing = Decimal::ZERO;
        match self.fault {
            Some(Fault::SpendDoubled) => cost + cost,
            Some(Fault::SpendLost) if self.has_charged_before(asked) => nothing,
            Some(Fault::OneChargeInTwentyLost) if self.is_one_of_many(admitted) => nothing,
            Some(Fault::OtherApiForgetsPrice)
                if self.memories[instance].asked_on.get(&asked.model) != Some(&asked.route) =>
            {
                nothing
            }
            Some(Fault::SpendRoundedToCents) => cost.trunc_with_scale(2),
            Some(Fault::SpendIsOnePerRequest) if !cost.is_zero() => Decimal::ONE,
            Some(Fault::StreamNotCharged) if asked.stream => nothing,
            Some(Fault::StreamChargedTwice) if asked.stream => cost + cost,
            Some(Fault::StreamWithoutUsageNotCharged) if asked.hides_usage => nothing,
            Some(Fault::StreamWithoutUsageEstimated) if asked.hides_usage => cost * Decimal::new(14, 1),
            Some(Fault::MessagesStreamInputNotCharged) if asked.stream && asked.route == Route::Messages => {
                self.price(priced_as, &Tally { input: 0, ..Tally::clone(usage) })
            }
            Some(Fault::CachedAtFullRateInStreams) if asked.stream => self.price(priced_as, &without_cache(usage)),
            Some(Fault::CachedAtFullRateOnMessages) if asked.route == Route::Messages => {
                self.price(priced_as, &without_cache(usage))
            }
            Some(Fault::CachedAtFullRateOnResponses) if asked.route == Route::Responses => {
                self.price(priced_as, &without_cache(usage))
            }
            Some(Fault::TierAskedTakenForServed) => {
                self.price(priced_as, &Tally { tier: asked.tier.clone(), ..Tally::clone(usage) })
            }
            Some(Fault::AnswersOfOneIdTakenForOne) if !self.is_first_of_its_id(admitted, usage) => nothing,
            Some(Fault::ResponsesChargedTwice) if asked.route == Route::Responses => cost + cost,
            Some(Fault::ImagesNotCharged) if asked.route == Route::Images => nothing,
            Some(Fault::PassthroughNotCharged) if asked.route == Route::Passthrough => nothing,
            Some(Fault::EmbeddingsNotCharged) if asked.route == Route::Embeddings => nothing,
            Some(Fault::ModelInfoPriceNotCharged) if self.is_priced_in_info(model) => nothing,
            Some(Fault::AdminModelNotCharged) if by_admin() => nothing,
            Some(Fault::RetriesCharged) => cost * Decimal::from((*attempts).max(1)),
            Some(Fault::FallbackNotCharged) if *model != asked.model => nothing,
            Some(_) | None => cost,
        }
    }

    /// Whether this is the second request of its key, the fourth, and so on.
    fn has_charged_before(&self, asked: &Asked) -> bool {
        self.store.key(&asked.key).is_some_and(|key| !key.log.len().is_multiple_of(2))
    }

    /// Whether this is the twentieth request of its key, the fortieth, and so on, and others are on their way.
    fn is_one_of_many(&self, admitted: &Admitted) -> bool {
        let key = admitted.charged.first().and_then(|id| self.store.accounts.get(id));
        key.is_some_and(|key| key.rate.running >= MANY && key.log.len() % 20 == 19)
    }

    /// Whether its key has no row yet with the id of this answer.
    fn is_first_of_its_id(&self, admitted: &Admitted, usage: &Tally) -> bool {
        let key = admitted.charged.first().and_then(|id| self.store.accounts.get(id));
        key.is_none_or(|key| !key.answers.contains(&usage.id))
    }

    fn is_priced_in_info(&self, model: &str) -> bool {
        let source = self.models.get(model).and_then(|model| model.before.as_ref()).map(|(_, source)| *source);
        source == Some(super::price::Source::ModelInfo)
    }

    fn log(&mut self, charged: &[Id], bill: &Bill<'_>, cost: Decimal) {
        let rows = match self.fault {
            Some(Fault::LogRowMissing) => 0,
            Some(Fault::LogRowDoubled) => 2,
            Some(Fault::RetriesLogged) => bill.attempts.max(1),
            Some(_) | None => 1,
        };
        let Some(key) = charged.first() else { return };
        for _ in 0..rows {
            let id = self.store.next();
            let Some(account) = self.store.accounts.get_mut(key) else { return };
            let status = if bill.end == RequestEnd::Failed { "failure" } else { "success" };
            account.log.push(row(id, bill.asked, cost, status));
        }
    }

    /// What a faulty gateway writes about a request that it refused.
    pub(super) fn log_refused(&mut self, asked: &Asked) {
        let id = self.store.next();
        let Some(account) = self.store.accounts.get_mut(&Id::new(AccountKind::Key, &asked.key)) else { return };
        let cost = account.last_cost.unwrap_or_default();
        account.log.push(row(id, asked, cost, "failure"));
    }

    /// Writes what a faulty gateway has held back.
    pub(super) fn write_late(&mut self) {
        self.store.accounts.values_mut().for_each(Account::write);
    }
}

/// The same, if nothing had been read from a cache or written to it.
fn without_cache(usage: &Tally) -> Tally {
    Tally { cached: 0, written: 0, written_1h: 0, ..usage.clone() }
}

impl Account {
    fn write(&mut self) {
        self.spend += std::mem::take(&mut self.unwritten);
    }
}

fn row(id: usize, asked: &Asked, spend: Decimal, status: &'static str) -> SpendLogRow {
    SpendLogRow { id, model: asked.model.clone(), spend, status, call_type: asked.route.call_type() }
}
