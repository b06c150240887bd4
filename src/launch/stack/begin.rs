//! The first gateway of a target and its database, launched with a template or without.
//!
//! Without one, the gateway is launched when its database is ready, and migrates it. With one, nothing is left to
//! migrate, and both are launched at once if the database fills itself: a gateway is busy for long before it asks for
//! its database. If that fails for whatever reason, they are launched again without it, so that a template never
//! decides whether there is a gateway.

use futures_util::future::try_join;

use super::super::LaunchError;
use super::super::server::VARIABLE;
use super::super::template::{Tables, Template, USED, remark};
use super::gateways::{Common, Edition, Node};
use super::stores::{Database, Postgres};
use super::{Site, Spot};
use crate::gateway::recipe::Schema;

/// A database, and a gateway on it that is ready.
pub(super) struct Begun<S: Site> {
    pub database: Database<S>,
    pub first: Node<S>,
    /// The version it reports itself.
    pub said: Option<String>,
    /// What came of the template.
    pub remark: Option<String>,
}

/// Launches them, with the template if there is a good one; if not, there is one afterwards.
pub(super) async fn begin<S: Site>(
    edition: &Edition<S>,
    site: &S,
    common: &Common,
    redis: Option<&Spot>,
) -> Result<Begun<S>, LaunchError> {
    let empty = match site.empty_database(&edition.build, common.limits.launch).await? {
        None => None,
        Some(Database::Launched(postgres)) => Some(postgres),
        Some(database @ Database::InServer(_)) => {
            // This machine may have no clients that could fill it, or read it out.
            let (first, said) = Node::launch(site, common, edition, database.url(), redis, Schema::Make).await?;
            let remark =
                format!("this machine has no PostgreSQL: its database is one of its own in the server of {VARIABLE}");
            return Ok(Begun { database, first, said, remark: Some(remark) });
        }
    };
    // We do not know what else other gateways' tables hold; and those make them in no time.
    if common.adapter.about().package.prisma.is_none() {
        let (postgres, (first, said)) = launch(site, common, edition, redis, empty, None).await?;
        return Ok(Begun { database: Database::Launched(postgres), first, said, remark: None });
    }
    let template = template(edition, site).await.ok();
    let (empty, bad) = match template.as_ref().map(Template::read) {
        Some(Ok(Some(tables))) => match launch(site, common, edition, redis, empty, Some(&tables)).await {
            Ok((postgres, (first, said))) => {
                let remark = Some(USED.to_owned());
                return Ok(Begun { database: Database::Launched(postgres), first, said, remark });
            }
            // It may be half filled, so it is not used.
            Err(error) => (None, Some(error.what)),
        },
        Some(Err(unusable)) => (empty, Some(unusable.to_string())),
        Some(Ok(None)) | None => (empty, None),
    };
    if let (Some(template), Some(_)) = (&template, &bad) {
        template.discard();
    }
    let (postgres, (first, said)) = launch(site, common, edition, redis, empty, None).await?;
    let template = match template {
        Some(template) => Ok(template),
        // This launch may have brought what decides, such as an image.
        None => self::template(edition, site).await,
    };
    let kept = keep(site, template, &postgres).await;
    Ok(Begun { database: Database::Launched(postgres), first, said, remark: remark(bad, kept.err()) })
}

/// Launches a gateway on a database that is empty, or has these tables; on the given one, if it is there already.
async fn launch<S: Site>(
    site: &S,
    common: &Common,
    edition: &Edition<S>,
    redis: Option<&Spot>,
    empty: Option<Postgres<S>>,
    tables: Option<&Tables>,
) -> Result<(Postgres<S>, (Node<S>, Option<String>)), LaunchError> {
    let limit = common.limits.launch;
    let gateway = async |url: &str, schema| Node::launch(site, common, edition, url, redis, schema).await;
    let Some(tables) = tables else {
        let postgres = match empty {
            Some(postgres) => postgres,
            None => Postgres::to_be(site)?.launch(site, None, limit).await?,
        };
        let first = gateway(&postgres.url, Schema::Make).await?;
        return Ok((postgres, first));
    };
    let Some(postgres) = empty else {
        let postgres = Postgres::to_be(site)?;
        let url = postgres.url.clone();
        return try_join(postgres.launch(site, Some(tables), limit), gateway(&url, Schema::Leave)).await;
    };
    postgres.begins_with(site, tables).await?;
    let first = gateway(&postgres.url, Schema::Leave).await?;
    Ok((postgres, first))
}

/// The template, keyed by all that decides which tables there are.
async fn template<S: Site>(edition: &Edition<S>, site: &S) -> Result<Template, String> {
    let decisive = site.decisive(&edition.build).await?;
    let decisive = decisive.iter().map(String::as_str).chain(edition.decisive());
    Template::of(&edition.target, decisive).map_err(|error| error.to_string())
}

/// Keeps the tables that a gateway has just made.
async fn keep<S: Site>(site: &S, template: Result<Template, String>, postgres: &Postgres<S>) -> Result<(), String> {
    let template = template?;
    let tables = postgres.tables(site).await.map_err(|error| error.what)?;
    let tables = tables.ok_or("not every migration succeeded")?;
    template.keep(&tables).map_err(|error| error.to_string())
}
