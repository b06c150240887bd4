//! How many requests and tokens a minute, and how many requests at the same time. Each fault of these limits is a switch
//! in here.

use axum::http::{HeaderMap, StatusCode};
use tokio::sync::futures::OwnedNotified;

use super::World;
use super::account::{AccountKind, Id, Terms};
use super::faults::Fault;
use super::refusal::{Refusal, refuse};
use super::told::scope;

/// Limits that hold for an account: its own, else those of its budget object.
struct RateLimits {
    rpm: Option<u64>,
    tpm: Option<u64>,
    parallel: Option<u64>,
}

impl World {
    pub(super) fn check_rates(&mut self, instance: usize, charged: &[Id]) -> Result<Option<OwnedNotified>, Refusal> {
        let mut wait = None;
        for id in charged {
            let Some(RateLimits { rpm, tpm, parallel }) = self.limits_of(id) else { continue };
            if rpm.is_none() && tpm.is_none() && parallel.is_none() {
                continue;
            }
            let is_key = id.kind == AccountKind::Key;
            let rpm = rpm.filter(|_| !self.has(Fault::RpmIgnored) && (is_key || !self.has(Fault::RpmOfOthersIgnored)));
            let tpm = tpm.filter(|_| !self.has(Fault::TpmIgnored));
            let parallel = parallel.filter(|_| !self.has(Fault::ParallelIgnored));
            let (early, forever) = (self.has(Fault::TpmRefusedEarly), self.has(Fault::MinuteNeverEnds));
            let per_instance = self.has(Fault::RatesPerInstance);
            let Some(account) = self.store.accounts.get_mut(id) else { continue };
            let last_tokens = account.last_tokens;
            let rate = match per_instance {
                true => self.memories[instance].rates.entry(id.clone()).or_default(),
                false => &mut account.rate,
            };
            if !forever || rate.requests == 0 {
                rate.roll();
            }
            let left = rate.left();
            let tokens = if early { rate.tokens * 2 } else { rate.tokens };
            let reached = |limit: Option<u64>, used: u64| limit.filter(|limit| used >= *limit);
            let limited = if let Some(limit) = reached(parallel, rate.running) {
                rate.requests += u64::from(self.fault == Some(Fault::ParallelRefusalUsesRpm));
                Some(format!("max_parallel_requests. Current limit: {limit}"))
            } else if let Some(limit) = reached(rpm, rate.requests) {
                Some(format!("requests. Current limit: {limit}"))
            } else {
                reached(tpm, tokens).map(|limit| format!("tokens. Current limit: {limit}"))
            };
            if let Some(what) = limited {
                let message = format!("Rate limit exceeded for {}. Limit type: {what}", scope(id.kind));
                let refusal = refuse(StatusCode::TOO_MANY_REQUESTS, "None", message);
                let retry_after = Some(left).filter(|_| !self.has(Fault::RateRefusalWithoutRetryAfter));
                return Err(Refusal { retry_after, ..refusal });
            }
            if let Some(limit) = tpm.filter(|_| rate.running > 0) {
                let expected = last_tokens.unwrap_or(limit).saturating_mul(rate.running);
                if tokens + expected >= limit {
                    wait = wait.or_else(|| Some(account.ended.clone().notified_owned()));
                }
            }
        }
        Ok(wait)
    }

    fn limits_of(&self, id: &Id) -> Option<RateLimits> {
        let account = self.store.accounts.get(id)?;
        let object = self.object_of(id).map(|object| &object.terms);
        let (own, object) = (&account.terms, |limit: fn(&Terms) -> Option<u64>| limit(object?));
        Some(RateLimits {
            rpm: own.rpm.or_else(|| object(|terms| terms.rpm)),
            tpm: own.tpm.or_else(|| object(|terms| terms.tpm)),
            parallel: own.parallel.or_else(|| object(|terms| terms.parallel)),
        })
    }

    /// What the answer to a request that was let in says is left of limits.
    pub(super) fn left(&self, instance: usize, charged: &[Id]) -> HeaderMap {
        let per_instance = self.has(Fault::RatesPerInstance);
        let of = |id: &Id| {
            let limit = self.limits_of(id)?.rpm?;
            let rate = match per_instance {
                true => self.memories[instance].rates.get(id)?,
                false => &self.store.accounts.get(id)?.rate,
            };
            self.tells_left(id.kind, limit, rate.requests)
        };
        charged.iter().filter_map(of).collect()
    }

    /// A request has come in.
    pub(super) fn count_request(&mut self, instance: usize, id: &Id) {
        let per_instance = self.has(Fault::RatesPerInstance);
        let Some(account) = self.store.accounts.get_mut(id) else { return };
        let rate = match per_instance {
            true => self.memories[instance].rates.entry(id.clone()).or_default(),
            false => &mut account.rate,
        };
        rate.requests += 1;
        rate.running += 1;
    }
}
