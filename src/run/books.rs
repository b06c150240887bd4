//! The gateway's books against the ledger: waiting for recorded spend after each request, and the `check` step.

use std::time::Instant;

use super::settle::{First, Load, Settled, Until, moves, settle, stays};
use super::steps::{Steps, undisturbed};
use super::{InDoubt, Stop};
use crate::gateway::{AdminError, Differing, Entity, Gateway, LogRow};
use crate::outcome::{Finding, FindingKind};
use crate::scenario::{At, CheckFields, Count, Instance, Name, Place, Spend, Usd};

impl<'a> Steps<'a> {
    /// Waits for everyone that was charged, with one limit for all of them.
    pub(super) async fn settle(&mut self, charged: &[Name], place: Place) -> Result<(), Stop> {
        let since = Instant::now();
        let mut first = First::WhenWritten;
        for name in charged {
            self.settle_one(name, place, first, since).await?;
            // The books of all are written together, or nearly so.
            first = First::AtOnce;
        }
        Ok(())
    }

    async fn settle_one(&mut self, name: &Name, place: Place, first: First, since: Instant) -> Result<(), Stop> {
        if self.uncertain.contains(name) {
            return Ok(());
        }
        let Some(entity) = self.world.recorded(name).cloned() else { return Ok(()) };
        let gateway = self.node(Instance::First).await?;
        let expected = self.ledger.spent(name);
        let began = Instant::now();
        let settled = match self.miscounted.get(name) {
            // It was wrong before, so it will not be equal; waiting for that would only take time.
            Some(recorded) => moves(&gateway, &entity, *recorded, since).await,
            None => {
                let until = Until::Overdue(since + self.limits.settle, self.load());
                settle(&gateway, &entity, Spend::exactly(expected), first, since, until).await
            }
        };
        self.time.settle += began.elapsed();
        let settled = settled.map_err(|error| reading(name, error, place))?;
        if let Settled::As(_, took) = settled {
            self.late = self.late.max(took.saturating_sub(gateway.pace.behind));
        }
        self.note(name, place, Spend::exactly(expected), settled, since)
    }

    /// Checks what the gateway says of an entity.
    pub(super) async fn check(&mut self, name: &'a At<Name>, fields: &CheckFields) -> Result<(), Stop> {
        match &fields.spend {
            Some(spend) => self.state(name, spend.value, fields).await?,
            None => self.equals(name).await?,
        }
        if let Some(calls) = &fields.calls {
            let requests = self.requests_of.get(&name.value).cloned().unwrap_or_default();
            let seen = self.live.calls(self.name, &requests).await.map_err(undisturbed)?;
            self.counted(["call of the provider", "calls of the provider"], calls.value, seen, name);
        }
        if let Some(log) = &fields.log {
            self.log(name, log.value, fields).await?;
        }
        if fields.values.is_some() {
            self.values(name).await?;
        }
        Ok(())
    }

    /// Recorded spend must equal the ledger, and a refused request must cost nothing later either.
    async fn equals(&mut self, name: &'a At<Name>) -> Result<(), Stop> {
        self.settle_one(&name.value, name.place, First::AtOnce, Instant::now()).await?;
        let Some(entity) = self.world.recorded(name).cloned() else { return Ok(()) };
        let gateway = self.node(Instance::First).await?;
        let refused = self.refused.get(&name.value).filter(|_| !gateway.pace.behind.is_zero()).copied();
        if let Some(refused) = refused
            && !self.miscounted.contains_key(&name.value)
            && !self.uncertain.contains(&name.value)
        {
            let began = Instant::now();
            let expected = Spend::exactly(self.ledger.spent(name));
            let stayed = stays(&gateway, &entity, expected, refused + gateway.pace.behind).await;
            self.time.settle += began.elapsed();
            let stayed = stayed.map_err(|error| reading(name, error, name.place))?;
            self.note(name, name.place, expected, stayed, began)?;
        }
        Ok(())
    }

    /// Recorded spend must come to what the scenario states; from then on, that is what was spent.
    async fn state(&mut self, name: &'a At<Name>, stated: Spend, fields: &CheckFields) -> Result<(), Stop> {
        let Some(entity) = self.world.recorded(name).cloned() else { return Ok(()) };
        let gateway = self.node(Instance::First).await?;
        let began = Instant::now();
        // An answer that was broken off may be charged late, or not at all: looking at once shows neither.
        if self.uncertain.remove(&name.value) && !gateway.pace.behind.is_zero() {
            let spent = Spend::exactly(self.ledger.spent(name));
            let arrives = match self.load() {
                Load::Crowd => gateway.pace.behind.max(gateway.books.slowest()) * 2,
                Load::Quiet => gateway.pace.behind + gateway.books.slowest().max(gateway.pace.behind),
            };
            stays(&gateway, &entity, spent, began + arrives).await.map_err(|error| reading(name, error, name.place))?;
        }
        let settled = settle(&gateway, &entity, stated, First::AtOnce, began, self.patience(fields)).await;
        self.time.settle += began.elapsed();
        let settled = settled.map_err(|error| reading(name, error, name.place))?;
        self.miscounted.remove(&name.value);
        let noted = self.note(name, name.place, stated, settled, began);
        if let Some(short) = self.short.last_mut() {
            short.is_stated |= matches!(settled, Settled::Differs(_)) && short.is_of(name);
        }
        noted?;
        self.miscounted.remove(&name.value);
        match settled {
            Settled::As(recorded, _) | Settled::Differs(recorded) => self.ledger.state(name, recorded),
            Settled::Unsaid => self.ledger.state(name, stated.least),
        }
        Ok(())
    }

    /// A second look is taken when little else is going on.
    fn load(&self) -> Load {
        match self.in_doubt {
            InDoubt::End => Load::Crowd,
            InDoubt::GoOn => Load::Quiet,
        }
    }

    /// How long a check waits.
    fn patience(&self, fields: &CheckFields) -> Until {
        match &fields.within {
            Some(within) => Until::Stated(Instant::now() + self.on_clock(within)),
            None => Until::Overdue(Instant::now() + self.limits.settle, self.load()),
        }
    }

    /// The spend log must have this many rows with a price, and they must be what the ledger says.
    async fn log(&mut self, name: &'a At<Name>, wanted: Count, fields: &CheckFields) -> Result<(), Stop> {
        let Some(entity) = self.world.recorded(name).cloned() else { return Ok(()) };
        if !matches!(entity, Entity::Key { .. }) {
            return Ok(());
        }
        let gateway = self.node(Instance::First).await?;
        let until = self.patience(fields);
        let expected = self.ledger.spent(name);
        let waiting = gateway.books.waiting(&entity, Instant::now());
        let rows = loop {
            let rows = priced(&gateway, &entity).await.map_err(|error| reading(name, error, name.place))?;
            let is_right = (wanted.least..=wanted.most).contains(&rows.len()) && sum(&rows).agrees_with(expected);
            if is_right || until.is_over(gateway.pace, &waiting) {
                break rows;
            }
            waiting.look_again(gateway.pace.poll, until.left()).await;
        };
        self.time.settle += waiting.began().elapsed();
        self.counted(
            ["row with a price in the spend log", "rows with a price in the spend log"],
            wanted,
            rows.len(),
            name,
        );
        if (wanted.least..=wanted.most).contains(&rows.len()) && !sum(&rows).agrees_with(expected) {
            let kind = FindingKind::Miscount;
            let (expected, got) = (format!("{expected} in the spend log"), sum(&rows).to_string());
            self.findings.push(Finding { kind, place: name.place, request: None, expected, got, known: None });
        }
        Ok(())
    }

    /// What is read back must be what was set.
    async fn values(&mut self, name: &'a At<Name>) -> Result<(), Stop> {
        let gateway = self.node(Instance::First).await?;
        let Some(entity) = self.world.entity(name) else { return Ok(()) };
        let Some(given) = crate::scenario::charge::find(&self.world.given, name) else { return Ok(()) };
        let differing = gateway.differing(entity, &given.fields).await;
        for Differing { field, sent, got } in differing.map_err(|error| reading(name, error, name.place))? {
            self.findings.push(Finding {
                kind: FindingKind::Fault,
                place: name.place,
                request: None,
                expected: format!("`{field}: {sent}` read back as it was sent"),
                got: got.to_string(),
                known: None,
            });
        }
        Ok(())
    }

    fn counted(&mut self, [one, many]: [&str; 2], wanted: Count, counted: usize, name: &At<Name>) {
        if !(wanted.least..=wanted.most).contains(&counted) {
            self.findings.push(Finding {
                kind: FindingKind::Miscount,
                place: name.place,
                request: None,
                expected: format!("{wanted} {}", if wanted.most == 1 { one } else { many }),
                got: counted.to_string(),
                known: None,
            });
        }
    }

    /// A recorded spend that differs is a finding once for each entity.
    fn note(
        &mut self,
        name: &Name,
        place: Place,
        expected: Spend,
        settled: Settled,
        since: Instant,
    ) -> Result<(), Stop> {
        if let Settled::Differs(recorded) = settled
            && self.miscounted.insert(name.clone(), recorded).is_none()
        {
            let is_short = !expected.is_exceeded_by(recorded);
            match is_short {
                true => self.is_short(name, since),
                false => self.exceeded += 1,
            }
            self.findings.push(Finding {
                kind: FindingKind::Miscount,
                place,
                request: Some(self.requests).filter(|request| *request > 0),
                expected: format!("{expected} recorded for {name}"),
                got: format!("{recorded}"),
                known: None,
            });
            if is_short && self.in_doubt == InDoubt::End {
                return Err(Stop::InDoubt);
            }
        }
        Ok(())
    }
}

async fn priced(gateway: &Gateway, key: &Entity) -> Result<Vec<LogRow>, AdminError> {
    Ok(gateway.log(key).await?.into_iter().filter(|row| row.spend > Usd::ZERO).collect())
}

fn sum(rows: &[LogRow]) -> Usd {
    rows.iter().fold(Usd::ZERO, |sum, row| sum + row.spend)
}

fn reading(name: &Name, error: AdminError, place: Place) -> Stop {
    Stop::admin(&format!("reading the recorded spend of `{name}`"), error, place)
}
