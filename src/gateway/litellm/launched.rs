//! How LiteLLM's proxy is launched: its package and image, its command line and environment.

use super::config_yaml::config_yaml;
use super::own;
use crate::gateway::recipe::{How, Image, Package, Prisma, Recipe, Schema, Surroundings};

pub(super) const PACKAGE: Package = Package {
    name: "litellm",
    with_extras: "litellm[proxy]",
    beside: &[],
    program: "litellm",
    // Only another of its extras, which brings much else, asks for the client of its database.
    prisma: Some(Prisma { schema: "litellm/proxy/schema.prisma" }),
};

/// The name by which a gateway has to reach the upstream for routes that it passes through: LiteLLM charges for
/// OpenAI's only if the host is one of OpenAI's (1.82.3: it contains `api.openai.com`; 1.108.7: it is below that).
const PASSED_THROUGH_HOST: &str = "upstream.api.openai.com";

pub(super) const IMAGE: Image = Image {
    name: "ghcr.io/berriai/litellm:v{version}",
    upstream_is_also: &[PASSED_THROUGH_HOST],
    // LiteLLM uses `prisma` only before it serves: it asks whether it runs, and, with its schema updates disabled, for
    // a comparison of tables that it only prints. Each call starts Node, and takes about as long as a good part of all
    // its imports. Its queries go through Prisma's engine, which is another program.
    in_vain: Some("prisma"),
};

pub(super) fn recipe(place: &Surroundings<'_>) -> Recipe {
    let Surroundings { how, home, port, database_url, upstream, upstream_port, admin_key, redis, schema, own } = *place;
    let text = str::to_owned;
    let mut arguments: Vec<String> = vec![text("--config"), format!("{home}config.yaml")];
    if how == How::Process {
        arguments.extend([text("--host"), text("127.0.0.1")]);
    }
    arguments.extend([text("--port"), port.to_string()]);
    let mut environment = vec![
        ("DATABASE_URL", text(database_url)),
        ("LITELLM_MASTER_KEY", text(admin_key.reveal())),
        ("LITELLM_SALT_KEY", text(admin_key.reveal())),
        // It uses the cost map of its release, not the one of the day; there may be no network to ask.
        ("LITELLM_LOCAL_MODEL_COST_MAP", text("True")),
        // Where it passes routes through to.
        ("OPENAI_API_BASE", format!("http://{PASSED_THROUGH_HOST}:{upstream_port}/")),
        ("OPENAI_API_KEY", text("not-a-real-one")),
    ];
    if schema == Schema::Leave {
        environment.push(("DISABLE_SCHEMA_UPDATE", text("true")));
    }
    if how == How::Process {
        environment.extend([
            // It writes beside its migrations, and others use the same packages.
            ("LITELLM_MIGRATION_DIR", format!("{home}migrations")),
            ("CHECKPOINT_DISABLE", text("1")),
            // The upstream cannot be given a name, as in Docker; but a gateway can be told to leave names to a proxy,
            // and the upstream is that, too. Nothing else is asked over plain HTTP.
            ("HTTP_PROXY", text(upstream)),
            ("NO_PROXY", text("127.0.0.1,localhost")),
        ]);
    }
    let config = own.map_or_else(|| config_yaml(upstream, redis), |own| own::launched(own, upstream, redis));
    let beside = own.map(|own| own.files.iter().map(|file| (file.name.clone(), file.text.clone())).collect());
    Recipe { files: vec![("config.yaml", config)], beside: beside.unwrap_or_default(), arguments, environment }
}
