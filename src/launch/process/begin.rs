//! The first gateway of a target and its database, launched with a template or without. Should it not go well with one,
//! for whatever reason, they are launched again without it, so that a template never decides whether there is a gateway.

use super::super::server::VARIABLE;
use super::super::template::{Begun, COUNT, DUMP_MIGRATIONS, DUMP_TABLES, Tables, Template, USED, remark};
use super::gateways::{Node, Recipe};
use super::python::output;
use super::site::Site;
use super::stores::{Database, Postgres};
use crate::gateway::recipe::Schema;
use crate::launch::LaunchError;
use crate::target::Target;

/// Launches the gateway on an empty database, with the template if there is a good one; if not, there is one afterwards.
pub(super) async fn begin(
    target: &Target,
    site: &Site,
    recipe: &Recipe,
    empty: Database,
) -> Result<Begun<Database, Node>, LaunchError> {
    let postgres = match empty {
        Database::Launched(postgres) => postgres,
        // There need be no clients here that could fill it, or read it out.
        Database::InServer(_) => {
            let (first, said) = recipe.launch(site, empty.url(), None, Schema::Make).await?;
            let remark =
                format!("this machine has no PostgreSQL: its database is one of its own in the server of {VARIABLE}");
            return Ok(Begun { database: empty, first, said, remark: Some(remark) });
        }
    };
    let template = template(target, recipe, &postgres);
    let bad = match template.as_ref().map(Template::read) {
        Some(Ok(Some(tables))) => match with(site, recipe, &postgres, &tables).await {
            Ok((first, said)) => {
                let database = Database::Launched(postgres);
                return Ok(Begun { database, first, said, remark: Some(USED.to_owned()) });
            }
            Err(error) => Some(error.what),
        },
        Some(Err(unusable)) => Some(unusable.to_string()),
        Some(Ok(None)) | None => None,
    };
    let postgres = match &bad {
        None => postgres,
        Some(_) => {
            template.iter().for_each(Template::discard);
            // What may be half filled is not used.
            postgres.process.abandon().await;
            Postgres::launch(site, postgres.programs, recipe.common.limits.launch).await?
        }
    };
    let (first, said) = recipe.launch(site, &postgres.url, None, Schema::Make).await?;
    let not_kept = match template {
        Some(template) => keep(site, &postgres, &template).await.err(),
        None => None,
    };
    Ok(Begun { database: Database::Launched(postgres), first, said, remark: remark(bad, not_kept) })
}

/// A gateway on a database that has these tables.
async fn with(
    site: &Site,
    recipe: &Recipe,
    postgres: &Postgres,
    tables: &Tables,
) -> Result<(Node, Option<String>), LaunchError> {
    let file = site.make_folder("template")?.join("tables.sql");
    site.write(&file, &tables.sql)?;
    let file = file.display().to_string();
    ask(site, postgres, "psql", &["--quiet", "--set", "ON_ERROR_STOP=1", "--file", &file]).await?;
    let holds = holds(site, postgres).await?;
    if holds != tables.holds {
        return Err(site.failed(format!("its database holds {holds}, not {}", tables.holds)));
    }
    recipe.launch(site, &postgres.url, None, Schema::Leave).await
}

/// The template by all that decides which tables there are; none where there is no cache, or a database whose version
/// nobody knows.
fn template(target: &Target, recipe: &Recipe, postgres: &Postgres) -> Option<Template> {
    // Of others it is not known what their tables hold besides; they make them in no time.
    recipe.common.adapter.about().package.prisma.as_ref()?;
    let packages = recipe.environment.packages()?;
    let programs = ["process", packages.as_str(), postgres.version.as_deref()?];
    Template::of(target, programs.into_iter().chain(recipe.common.decisive())).ok()
}

/// Keeps the tables that a gateway has just made.
async fn keep(site: &Site, postgres: &Postgres, template: &Template) -> Result<(), String> {
    let what = |error: LaunchError| error.what;
    let holds = holds(site, postgres).await.map_err(what)?;
    if holds.is_empty() {
        return Err("not every migration has ended well".to_owned());
    }
    let tables = ask(site, postgres, "pg_dump", &DUMP_TABLES).await.map_err(what)?;
    let migrations = ask(site, postgres, "pg_dump", &DUMP_MIGRATIONS).await.map_err(what)?;
    template.keep(&Tables { sql: tables + &migrations, holds }).map_err(|error| error.to_string())
}

async fn holds(site: &Site, postgres: &Postgres) -> Result<String, LaunchError> {
    let arguments = ["--tuples-only", "--no-align", "--command", COUNT];
    let holds = ask(site, postgres, "psql", &arguments).await?;
    Ok(holds.trim().to_owned())
}

/// What one of PostgreSQL's clients answers.
async fn ask(site: &Site, postgres: &Postgres, client: &str, arguments: &[&str]) -> Result<String, LaunchError> {
    let home = site.make_folder("clients")?;
    let mut command = site.command(&postgres.programs.client(client), &home, None);
    if client == "psql" {
        command.arg("--no-psqlrc");
    }
    // Not on the command line, which everybody can read.
    command.env("PGPASSWORD", postgres.password.reveal());
    command.args(["--host", "127.0.0.1", "--port", &postgres.port.to_string()]);
    command.args(["--username", Postgres::USER, "--dbname", Postgres::NAME]).args(arguments);
    let failed = |log: Vec<String>| {
        let last = log.last().map(String::as_str).unwrap_or_default();
        site.failed(format!("its database does not answer {client}: {last}"))
    };
    output(command).await.map_err(failed)
}
