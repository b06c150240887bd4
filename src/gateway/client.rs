//! An instance of a gateway, as a run asks it: the adapter, the connection, how far its books are behind. It does not
//! try what the adapter says that its gateway cannot do. Not: how anything is asked.

use std::time::Duration;

use reqwest::Client;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::adapter::{About, Adapter, Feature, Pace, lacks};
use super::books::Books;
use super::connection::{Connection, Notes};
use super::own::{OwnConfig, OwnPriced};
use super::tempo::Tempo;
use super::{AdminError, Ask, Definition, Differing, Entity, LogRow};
use crate::outcome::{AdminAnswer, Answer, Broken, Said, Sent};
use crate::scenario::{Fields, Usd};
use crate::secret::{Secret, redact_json};

/// A gateway that answers somewhere.
#[derive(Debug, Clone)]
pub struct Gateway {
    adapter: &'static dyn Adapter,
    connection: Connection,
    pub pace: Pace,
    pub books: Books,
}

impl Gateway {
    /// `base_url` without a slash at its end; `limit` for each answer.
    pub fn new(
        adapter: &'static dyn Adapter,
        http: Client,
        base_url: impl Into<String>,
        upstream: impl Into<String>,
        admin_key: Secret,
        limit: Duration,
    ) -> Gateway {
        let About { credential, refusals, stream_end, tells, pace, .. } = *adapter.about();
        let (base_url, upstream) = (base_url.into(), upstream.into());
        let (notes, tempo) = (None, Tempo::default());
        let connection = Connection {
            http,
            base_url,
            front: None,
            upstream,
            admin_key,
            limit,
            credential,
            refusals,
            stream_end,
            tells,
            notes,
            tempo,
        };
        Gateway { adapter, connection, pace, books: Books::default() }
    }

    /// The same, with requests of models going to a service in front of it, with these headers.
    pub fn behind(self, url: String, headers: HeaderMap) -> Gateway {
        let connection = Connection { front: Some((url, headers)), ..self.connection };
        Gateway { connection, ..self }
    }

    /// The same at a pace that is not its usual one.
    pub fn at(self, pace: Pace) -> Gateway {
        Gateway { pace, ..self }
    }

    /// Another instance of the same gateway, which answers there: the books of one say nothing of the other's.
    pub fn elsewhere(&self, base_url: String) -> Gateway {
        let connection = Connection { base_url, tempo: Tempo::default(), ..self.connection.clone() };
        Gateway { connection, books: Books::default(), ..self.clone() }
    }

    /// The same, but noting what it asks of the admin API.
    pub fn noting(&self) -> (Gateway, Notes) {
        let (connection, notes) = self.connection.noting();
        (Gateway { connection, ..self.clone() }, notes)
    }

    pub fn adapter(&self) -> &'static dyn Adapter {
        self.adapter
    }

    /// How quick its answers are.
    pub fn tempo(&self) -> &Tempo {
        &self.connection.tempo
    }

    /// Where it answers.
    pub fn base_url(&self) -> &str {
        &self.connection.base_url
    }

    /// Where it reaches the upstream.
    pub fn upstream(&self) -> &str {
        &self.connection.upstream
    }

    pub fn admin_key(&self) -> &Secret {
        &self.connection.admin_key
    }

    /// Whether it is up and has its database; gives the version it reports.
    ///
    /// # Errors
    /// What it answered instead, or how the exchange broke.
    pub async fn ready(&self) -> Result<Option<String>, AdminError> {
        self.adapter.ready(&self.connection).await
    }

    /// Makes what the configuration can only name, or cannot.
    ///
    /// # Errors
    /// When the admin API refuses it for any reason but that it is there already.
    pub async fn prepare(&self) -> Result<(), AdminError> {
        self.adapter.prepare(&self.connection).await
    }

    /// How each model of an operator's own configuration is priced.
    ///
    /// # Errors
    /// When it does not say.
    pub async fn price_own(&self, own: &OwnConfig) -> Result<Vec<OwnPriced>, AdminError> {
        self.adapter.price_own(&self.connection, own).await
    }

    /// Asks a model with a key; also gives what it sent, unless that could not be sent, and what its answer says.
    pub async fn ask(&self, key: &Secret, ask: &Ask) -> (Option<Sent>, Answer, Said) {
        let to = self.connection.of_models();
        let request = to.to_model(self.adapter.ask(&to, key, ask)).timeout(to.limit + ask.late);
        match request.build() {
            Ok(request) => {
                let sent = Some(Sent::of(&request));
                let (answer, said) = to.answer(request, ask).await;
                (sent, answer, said)
            }
            Err(error) => (None, Answer::Broken { how: Broken::Lost(error.to_string()) }, Said::default()),
        }
    }

    /// Asks for the list of models with a key, on behalf of an end user if one is named.
    pub async fn list_models(&self, key: &Secret, end_user: Option<&str>) -> (Option<Sent>, Answer) {
        let to = self.connection.of_models();
        to.listed(to.to_model(self.adapter.list(&to, key, end_user))).await
    }

    /// Opens a dashboard session for a user, and takes the session's own key.
    ///
    /// # Errors
    /// What the admin API answered instead, or how the exchange broke.
    pub async fn session_of(&self, user: &str) -> Result<Secret, AdminError> {
        self.adapter.session_of(&self.connection, user).await
    }

    /// Makes an entity; `as_whom` is the administrator's key, or that of a dashboard session.
    ///
    /// # Errors
    /// What the admin API answered instead, or how the exchange broke.
    pub async fn create(&self, definition: Definition<'_>, as_whom: &Secret) -> Result<Entity, AdminError> {
        self.knows(definition)?;
        self.adapter.create(&self.connection, definition, as_whom).await
    }

    /// Sets some fields of an entity.
    ///
    /// # Errors
    /// As [`Gateway::create`].
    pub async fn update(&self, entity: &Entity, to: Definition<'_>) -> Result<(), AdminError> {
        self.knows(to)?;
        self.adapter.update(&self.connection, entity, to).await
    }

    /// Whether it has such entities, with these fields.
    fn knows(&self, Definition { kind, fields, .. }: Definition<'_>) -> Result<(), AdminError> {
        let About { name, fields: of, .. } = self.adapter.about();
        let Some(known) = of(kind) else { return Err(lacks("make", &format!("{name} has no {kind}s"))) };
        match fields.present().iter().find(|(field, _)| *field != "state" && !known.contains(field)) {
            Some((field, _)) => Err(lacks("make", &format!("a {kind} of {name} has no `{field}`"))),
            None => Ok(()),
        }
    }

    /// Blocks an entity.
    ///
    /// # Errors
    /// As [`Gateway::create`]; [`AdminError::Lacks`] for those that it cannot block.
    pub async fn block(&self, entity: &Entity) -> Result<(), AdminError> {
        self.adapter.set_blocked(&self.connection, entity, true).await
    }

    /// Unblocks one.
    ///
    /// # Errors
    /// As [`Gateway::block`].
    pub async fn unblock(&self, entity: &Entity) -> Result<(), AdminError> {
        self.adapter.set_blocked(&self.connection, entity, false).await
    }

    /// Deletes an entity.
    ///
    /// # Errors
    /// As [`Gateway::create`].
    pub async fn delete(&self, entity: &Entity) -> Result<(), AdminError> {
        self.adapter.delete(&self.connection, entity).await
    }

    /// Gives a key a new secret, which shows under this name.
    ///
    /// # Errors
    /// As [`Gateway::create`]; [`AdminError::Lacks`] where it cannot, or not without a licence.
    pub async fn regenerate(&self, entity: &Entity, id: &str) -> Result<Secret, AdminError> {
        self.adapter.regenerate(&self.connection, entity, id).await
    }

    /// Sets the recorded spend of a key to zero.
    ///
    /// # Errors
    /// As [`Gateway::create`].
    pub async fn reset_spend(&self, entity: &Entity) -> Result<(), AdminError> {
        self.adapter.reset_spend(&self.connection, entity).await
    }

    /// What the gateway has recorded as spent; none if it keeps no figure for that.
    ///
    /// # Errors
    /// As [`Gateway::create`].
    pub async fn spend(&self, entity: &Entity) -> Result<Option<Usd>, AdminError> {
        self.adapter.spend(&self.connection, entity).await
    }

    /// What the admin API says of an entity, redacted.
    ///
    /// # Errors
    /// As [`Gateway::create`].
    pub async fn said(&self, entity: &Entity) -> Result<AdminAnswer, AdminError> {
        let (connection, notes) = self.connection.noting();
        let info: Value = self.adapter.info(&connection, entity).await?;
        let answer = serde_json::from_str(&redact_json(&info.to_string())).unwrap_or_default();
        let sent = notes.take().pop().map(|call| call.sent);
        sent.map(|sent| AdminAnswer { sent, answer }).ok_or_else(|| lacks("info", "nothing was asked"))
    }

    /// The fields that read back differently from what was sent: the name, what was sent, what is read.
    ///
    /// # Errors
    /// As [`Gateway::create`].
    pub async fn differing(&self, entity: &Entity, sent: &Fields) -> Result<Vec<Differing>, AdminError> {
        self.adapter.differing(&self.connection, entity, sent).await
    }

    /// The rows of the spend log for a key.
    ///
    /// # Errors
    /// As [`Gateway::create`].
    pub async fn log(&self, key: &Entity) -> Result<Vec<LogRow>, AdminError> {
        self.adapter.log(&self.connection, key).await
    }

    /// Why a request could not be asked, if its answer says that there is no such route, as older releases answer.
    pub fn lacks_route(&self, answer: &Answer, what: &str) -> Option<String> {
        let About { name, refusals, .. } = self.adapter.about();
        match answer {
            Answer::Refused { status: 404, message, .. } if (refusals.lacks)(404, message) => {
                Some(format!("this {name} has no route for {what}: it answers 404"))
            }
            _ => None,
        }
    }

    /// Why the gateway cannot be asked for that.
    pub fn lacks_feature(&self, feature: Feature) -> Option<String> {
        let About { name, features, .. } = self.adapter.about();
        (!features.contains(&feature)).then(|| format!("{name} has no `{}`", feature.word()))
    }
}
