//! The first gateway of a target and its database, launched with a template or without.
//!
//! Without one, the gateway is launched when its database is ready, and migrates it. With one, nothing is left to
//! migrate and both are launched at once: a gateway is busy for long before it asks for its database. Should that not
//! go well, for whatever reason, they are launched again without it, so that a template never decides whether there is
//! a gateway.

use futures_util::future::try_join;

use super::super::cache::CacheError;
use super::super::template::{Begun, Tables, Template, USED, remark};
use super::gateways::{Node, Recipe};
use super::site::Site;
use super::stores::Database;
use crate::gateway::recipe::Schema;
use crate::launch::LaunchError;
use crate::target::Target;

/// Launches them, with the template if there is a good one; if not, there is one afterwards.
pub(super) async fn begin(
    target: &Target,
    site: &Site,
    recipe: &Recipe,
    database_image: &str,
) -> Result<Begun<Database, Node>, LaunchError> {
    let template = template(target, site, recipe, database_image).await.ok().flatten();
    let bad = match template.as_ref().map(Template::read) {
        Some(Ok(Some(tables))) => match launch(site, recipe, database_image, Some(&tables)).await {
            Ok(begun) => return Ok(Begun { remark: Some(USED.to_owned()), ..begun }),
            Err(error) => Some(error.what),
        },
        Some(Err(unusable)) => Some(unusable.to_string()),
        Some(Ok(None)) | None => None,
    };
    if let (Some(template), Some(_)) = (&template, &bad) {
        template.discard();
    }
    let begun = launch(site, recipe, database_image, None).await?;
    let template = match template {
        Some(template) => Ok(Some(template)),
        // The images may have come with this launch.
        None => self::template(target, site, recipe, database_image).await,
    };
    let kept = keep(site, template, &begun.database).await;
    Ok(Begun { remark: remark(bad, kept.err()), ..begun })
}

async fn launch(
    site: &Site,
    recipe: &Recipe,
    database_image: &str,
    tables: Option<&Tables>,
) -> Result<Begun<Database, Node>, LaunchError> {
    let database = Database::to_be(site, database_image)?;
    let (url, limit) = (database.url.clone(), recipe.common.limits.launch);
    let gateway = |schema| recipe.launch(site, &url, None, schema);
    let (database, (first, said)) = match tables {
        Some(_) => try_join(database.launch(site, tables, limit), gateway(Schema::Leave)).await?,
        None => (database.launch(site, None, limit).await?, gateway(Schema::Make).await?),
    };
    Ok(Begun { database, first, said, remark: None })
}

/// The template by all that decides which tables there are; none while the images are not here.
async fn template(
    target: &Target,
    site: &Site,
    recipe: &Recipe,
    database_image: &str,
) -> Result<Option<Template>, CacheError> {
    if recipe.common.adapter.about().package.prisma.is_none() {
        return Ok(None);
    }
    let (Some(gateway), Some(database)) = (site.image_id(&recipe.image).await, site.image_id(database_image).await)
    else {
        return Ok(None);
    };
    let images = [gateway.as_str(), database.as_str()];
    Template::of(target, images.into_iter().chain(recipe.common.decisive())).map(Some)
}

/// Keeps the tables that a gateway has just made.
async fn keep(site: &Site, template: Result<Option<Template>, CacheError>, database: &Database) -> Result<(), String> {
    let template = template.map_err(|error| error.to_string())?;
    let template = template.ok_or("its images have no identity")?;
    let tables = database.tables(site).await.map_err(|error| error.what)?;
    let tables = tables.ok_or("not every migration has ended well")?;
    template.keep(&tables).map_err(|error| error.to_string())
}
