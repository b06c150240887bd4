//! Moving a target from one version to another on its database, as operators do: beside the old one, in its place, and back.

use std::time::{Duration, Instant};

use super::super::{LaunchError, Topology};
use super::gateways::{Edition, Generation, Node, Stage};
use super::schema::{COLUMNS, HAS_MIGRATIONS, MIGRATIONS, Schema};
use super::{Database, Site, Stack};
use crate::gateway::recipe;
use crate::outcome::Moved;
use crate::scenario::{Instance, Move};

impl<S: Site> Stack<S> {
    /// Which gateway answers as an instance now, and of which version it is.
    pub(super) fn edition(&self, instance: Instance) -> Result<(Generation, Instance, &Edition<S>), LaunchError> {
        Ok(match (self.gateways.stage(), instance) {
            (Stage::Old, _) | (Stage::Both, Instance::First) => (Generation::Before, instance, &self.old),
            // The one that was started beside the old one.
            (Stage::Both, Instance::Second) | (Stage::Rolled, _) => {
                (Generation::After, Instance::Second, self.other()?)
            }
            (Stage::New, _) => (Generation::After, instance, self.other()?),
            (Stage::OldAgain, _) => (Generation::Back, instance, &self.old),
        })
    }

    fn other(&self) -> Result<&Edition<S>, LaunchError> {
        self.new.as_ref().ok_or_else(|| self.site.failed("it was launched with one version only"))
    }

    /// Moves every gateway of the target, without Redis and with it.
    ///
    /// # Errors
    /// When the other version does not start, with the end of its log.
    pub(in super::super) async fn move_to(&self, to: Move) -> Result<Moved, LaunchError> {
        let before = self.schema().await;
        let began = Instant::now();
        let away = match (to, self.gateways.stage()) {
            (Move::Roll, Stage::Old) => {
                self.start(self.other()?, Generation::Before, Generation::After, Instance::Second).await?;
                self.gateways.is_now(Stage::Both);
                Duration::ZERO
            }
            (Move::Upgrade, Stage::Both) => {
                self.stop(Generation::Before).await?;
                self.gateways.is_now(Stage::Rolled);
                Duration::ZERO
            }
            (Move::Upgrade, Stage::Old) => {
                self.stop(Generation::Before).await?;
                self.gateways.is_now(Stage::New);
                self.start(self.other()?, Generation::Before, Generation::After, Instance::First).await?;
                began.elapsed()
            }
            (Move::Downgrade, Stage::New | Stage::Rolled) => {
                self.stop(Generation::After).await?;
                self.gateways.is_now(Stage::OldAgain);
                self.start(&self.old, Generation::Before, Generation::Back, Instance::First).await?;
                began.elapsed()
            }
            (Move::Roll | Move::Upgrade | Move::Downgrade, stage) => {
                return Err(self.site.failed(format!("it cannot {} now: it is at {stage:?}", to.word())));
            }
        };
        let took_ms = began.elapsed().as_millis() as u64;
        let database = before.zip(self.schema().await).map(|(before, now)| before.changed_to(&now));
        Ok(Moved { to, took_ms, away_ms: away.as_millis() as u64, trials: 0, database })
    }

    /// Stops all gateways of a generation as an operator does.
    async fn stop(&self, generation: Generation) -> Result<(), LaunchError> {
        let stops = self.gateways.started(generation).map(|node| self.site.stop(&node.launched));
        futures_util::future::try_join_all(stops).await.map(drop)
    }

    /// Starts a gateway of another version for each that there was. The first makes the tables; whoever shares a Redis comes
    /// after it.
    async fn start(
        &self,
        edition: &Edition<S>,
        was: Generation,
        now: Generation,
        instance: Instance,
    ) -> Result<(), LaunchError> {
        let mut schema = recipe::Schema::Make;
        for redis in [false, true] {
            let topology = Topology { redis, ..Topology::ONE };
            if self.gateways.of(was, topology, Instance::First).get().is_none() {
                continue;
            }
            let redis = self.redis_of(edition, redis).await?;
            let node = self.gateways.of(now, topology, instance).get_or_try_init(|| async {
                let (site, common, url) = (&self.site, &self.common, self.database.url());
                let (node, said) = Node::launch(site, common, edition, url, redis, schema).await?;
                match edition.contradicts(site, said.as_deref()) {
                    Some(wrong) => Err(wrong),
                    None => Ok(node),
                }
            });
            node.await.map_err(|error| LaunchError { target: edition.target.name.clone(), ..error })?;
            schema = recipe::Schema::Leave;
        }
        Ok(())
    }

    /// The schema of the database now, if it can be asked.
    async fn schema(&self) -> Option<Schema> {
        let Database::Launched(postgres) = &self.database else { return None };
        let columns = postgres.query(&self.site, COLUMNS).await.ok()?;
        let migrations = match postgres.query(&self.site, HAS_MIGRATIONS).await.ok()?.as_str() {
            "t" => postgres.query(&self.site, MIGRATIONS).await.ok()?,
            _ => String::new(),
        };
        Some(Schema::read(&columns, &migrations))
    }
}
