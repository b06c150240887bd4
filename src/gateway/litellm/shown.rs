//! What LiteLLM's admin API shows of a key, as people paste it into a report: the answers of `/key/info`, `/user/info`,
//! `/team/info`, `/organization/info` and `/customer/info`, whole or only the inside. Fields were read in the schemas
//! of 1.81.0, 1.82.3 and 1.108.7 (`proxy/schema.prisma`).
//!
//! Not: finding JSON in a text ([`crate::reproduce`]), nor asking for it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::gateway::connection::amount;
use crate::gateway::shown::{Expiry, Lost, Seen, Shown};
use crate::scenario::{Kind, Period, Usd};

/// LiteLLM's administrator as a user: keys that are made with the master key belong to it.
const ADMINISTRATOR: &str = "default_user_id";

/// Fields that say nothing of how a key is treated, or that are read in another way.
const SILENT: [&str; 52] = [
    "key",
    "token",
    "token_id",
    "key_name",
    "key_alias",
    "user_alias",
    "team_alias",
    "organization_alias",
    "alias",
    "user_id",
    "team_id",
    "organization_id",
    "user_email",
    "user_role",
    "sso_user_id",
    "password",
    "spend",
    "total_spend",
    "model_spend",
    "max_budget",
    "budget_duration",
    "budget_reset_at",
    "budget_id",
    "litellm_budget_table",
    "litellm_organization_table",
    "team_member_budget_table",
    "organization_memberships",
    "models",
    "allowed_routes",
    "rpm_limit",
    "tpm_limit",
    "max_parallel_requests",
    "expires",
    "blocked",
    "created_at",
    "created_by",
    "updated_at",
    "updated_by",
    "settings_updated_at",
    "last_active",
    "teams",
    "users",
    "keys",
    "members",
    "members_with_roles",
    "admins",
    "team_memberships",
    "object_permission_id",
    "rotation_count",
    "last_rotation_at",
    "model_id",
    "soft_budget_cooldown",
];

/// A JSON object: its fields, each as it was written, so that no amount passes through a float.
#[derive(Debug, Clone)]
struct RawObject(BTreeMap<String, Box<RawValue>>);

impl RawObject {
    fn read(json: &str) -> Option<RawObject> {
        serde_json::from_str(json).ok().map(RawObject)
    }

    /// A field that says something.
    fn raw(&self, field: &str) -> Option<&str> {
        let raw = self.0.get(field)?.get();
        let says = !matches!(raw.trim(), "null" | "\"\"" | "{}" | "[]" | "false");
        says.then_some(raw)
    }

    fn has(&self, fields: &[&str]) -> bool {
        fields.iter().any(|field| self.0.contains_key(*field))
    }

    fn object(&self, field: &str) -> Option<RawObject> {
        RawObject::read(self.raw(field)?)
    }

    fn objects(&self, field: &str) -> Vec<RawObject> {
        let raw: Vec<Box<RawValue>> =
            self.raw(field).and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_default();
        raw.iter().filter_map(|one| RawObject::read(one.get())).collect()
    }

    fn text(&self, field: &str) -> Option<String> {
        serde_json::from_str::<String>(self.raw(field)?).ok().filter(|text| !text.trim().is_empty())
    }

    fn texts(&self, field: &str) -> Vec<String> {
        let list: Vec<Value> = self.raw(field).and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// An amount, even one in quotes.
    fn amount(&self, field: &str) -> Option<Usd> {
        let raw = self.raw(field)?;
        amount(raw.trim_matches('"').trim())
    }

    /// A limit: a number, or one in quotes, without decimals.
    fn limit(&self, field: &str) -> Option<u64> {
        let Usd(amount) = self.amount(field)?;
        (amount.fract().is_zero() && !amount.is_sign_negative()).then(|| amount.normalize().to_string().parse().ok())?
    }

    fn time(&self, field: &str) -> Option<Timestamp> {
        let text = self.text(field)?;
        let at_utc = |time: DateTime| TimeZone::UTC.to_timestamp(time).ok();
        text.parse().ok().or_else(|| text.parse().ok().and_then(at_utc))
    }
}

/// A JSON object from a text, and where it stands there.
#[derive(Debug, Clone)]
pub struct JsonPlace<'a> {
    pub json: &'a str,
    /// For people: `issue.md:12`
    pub place: String,
}

/// Why what was read holds no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    #[error(
        "there is no key in it\n  help: paste what `GET /key/info` answers; a user or a team alone does not say what its \
         keys may do"
    )]
    None,
    #[error("the user has {0} keys: which one is it?\n  help: add the answer to `GET /key/info` for that key")]
    Several(usize),
}

/// Something recognised, and where it stood.
struct Recognised {
    kind: Kind,
    object: RawObject,
    place: String,
}

/// Reads a key, and those it belongs to, out of all JSON objects of one report.
///
/// # Errors
/// When there is no key, or it is not clear which one is meant.
pub fn read(documents: &[JsonPlace<'_>], now: Timestamp) -> Result<Shown, NoKey> {
    let mut shown = Shown::default();
    // What is shown only beside something else, such as the keys of a user.
    let (mut found, mut beside) = (Vec::new(), Vec::new());
    for document in documents {
        let Some(object) = RawObject::read(document.json) else { continue };
        recognise(object, &document.place, 0, &mut found, &mut beside);
    }
    let key = the_key(&found, &beside, &mut shown.remarks)?;
    let mut entity = seen(Kind::Key, key);
    let times = ["updated_at", "last_active", "created_at", "last_rotation_at"];
    let shown_at = times.iter().filter_map(|field| key.time(field)).max().unwrap_or(now);
    if let Some(expires) = key.time("expires") {
        let life = key.time("created_at").map(|made| expires.duration_since(made));
        entity.expiry = match life.and_then(|life| Duration::try_from(life).ok()) {
            _ if expires <= shown_at => Some(Expiry::Over),
            Some(life) => Some(Expiry::After(life)),
            None => None,
        };
        if entity.expiry.is_none() {
            entity.lost.push(lost("expires", "how long it lived is not known without created_at"));
        }
    }
    let table = key.object("litellm_budget_table").filter(|table| entity.max_budget.is_none() && limits(table));
    if let Some(table) = table {
        shown.entities.push(seen(Kind::Budget, &table));
    } else if key.raw("budget_id").is_some() && entity.max_budget.is_none() && key.raw("litellm_budget_table").is_none()
    {
        shown.remarks.push("the limits of its budget object: there is no litellm_budget_table".to_owned());
    }
    let owner = |kind: Kind, field: &str, remarks: &mut Vec<String>| {
        let id = key.text(field).filter(|id| id != ADMINISTRATOR)?;
        Some(of_id(&[&found[..], &beside[..]], kind, field, &id, remarks))
    };
    let user = owner(Kind::User, "user_id", &mut shown.remarks);
    let team = owner(Kind::Team, "team_id", &mut shown.remarks);
    let in_team = team.as_ref().and_then(|team| team.as_ref()).and_then(|team| team.text("organization_id"));
    let organisation = key
        .text("organization_id")
        .or(in_team)
        .map(|id| of_id(&[&found[..], &beside[..]], Kind::Organisation, "organization_id", &id, &mut shown.remarks));
    let member = member(key, team.as_ref().and_then(|team| team.as_ref()));
    let end_user = found.iter().find(|found| found.kind == Kind::EndUser).map(|found| Some(found.object.clone()));
    let others =
        [(Kind::Organisation, organisation), (Kind::Team, team), (Kind::User, user), (Kind::EndUser, end_user)];
    for (kind, object) in others {
        let entity = object.map(|object| object.map_or_else(|| Seen::referred_to(kind), |object| seen(kind, &object)));
        shown.entities.extend(entity);
    }
    shown.entities.extend(member);
    shown.entities.push(entity);
    Ok(shown)
}

/// How deep to look into answers that wrap others.
const DEEPEST: usize = 3;

/// What an object is: a whole answer of a route, the inside of one, or something around them.
fn recognise(object: RawObject, place: &str, depth: usize, found: &mut Vec<Recognised>, beside: &mut Vec<Recognised>) {
    let as_found = |kind, object| Recognised { kind, object, place: place.to_owned() };
    if let Some(info) = object.object("info").filter(|info| info.has(&["spend", "max_budget", "key_name", "models"])) {
        return found.push(as_found(Kind::Key, info));
    }
    if let Some(info) = object.object("user_info") {
        beside.extend(object.objects("keys").into_iter().map(|key| as_found(Kind::Key, key)));
        beside.extend(object.objects("teams").into_iter().map(|team| as_found(Kind::Team, team)));
        return found.push(as_found(Kind::User, info));
    }
    if let Some(mut info) = object.object("team_info") {
        info.0.extend(object.0.into_iter().filter(|(field, _)| field == "team_memberships"));
        return found.push(as_found(Kind::Team, info));
    }
    let kind = match &object {
        key if key.has(&["key_name", "key_alias", "token", "token_id"]) => Kind::Key,
        user if user.has(&["user_role", "user_email", "user_alias", "sso_user_id"]) => Kind::User,
        team if team.has(&["team_alias", "members_with_roles"]) => Kind::Team,
        organisation if organisation.has(&["organization_alias"]) => Kind::Organisation,
        end_user if end_user.has(&["allowed_model_region", "default_model"]) => Kind::EndUser,
        key if key.has(&["spend"]) && key.has(&["max_budget"]) && key.has(&["team_id", "models"]) => Kind::Key,
        around => {
            let fields = around.0.keys().filter(|_| depth < DEEPEST);
            let inside = fields.flat_map(|field| around.object(field).into_iter().chain(around.objects(field)));
            return inside.for_each(|object| recognise(object, place, depth + 1, found, beside));
        }
    };
    found.push(as_found(kind, object));
}

/// The key that a report is about: one over its budget before others, and of those the last one shown.
fn the_key<'a>(
    found: &'a [Recognised],
    beside: &'a [Recognised],
    remarks: &mut Vec<String>,
) -> Result<&'a RawObject, NoKey> {
    let keys: Vec<&Recognised> = found.iter().filter(|found| found.kind == Kind::Key).collect();
    let Some(first) = keys.first() else {
        let keys: Vec<&Recognised> = beside.iter().filter(|found| found.kind == Kind::Key).collect();
        return match keys.len() {
            0 => Err(NoKey::None),
            1 => Ok(&keys[0].object),
            several => Err(NoKey::Several(several)),
        };
    };
    let is_over = |key: &RawObject| key.amount("max_budget").is_some_and(|budget| key.amount("spend") >= Some(budget));
    let identity = |key: &RawObject| ["token", "token_id", "key_name", "key_alias"].map(|field| key.text(field));
    let chosen = keys.iter().rev().find(|key| is_over(&key.object)).unwrap_or(first);
    if keys.iter().any(|key| identity(&key.object) != identity(&chosen.object)) {
        let count = keys.len();
        remarks.push(format!("which of {count} keys the report is about: the one at {} is taken", chosen.place));
    }
    Ok(&chosen.object)
}

/// The object with an id, if it is shown; if no id fits, the only one of its kind.
fn of_id(all: &[&[Recognised]], kind: Kind, field: &str, id: &str, remarks: &mut Vec<String>) -> Option<RawObject> {
    let of_kind: Vec<&Recognised> =
        all.iter().flat_map(|found| found.iter()).filter(|found| found.kind == kind).collect();
    if let Some(same) = of_kind.iter().rev().find(|found| found.object.text(field).as_deref() == Some(id)) {
        return Some(same.object.clone());
    }
    let [only] = of_kind.as_slice() else { return None };
    if only.object.text(field).is_some() {
        remarks.push(format!("whether the {kind} at {} is the key's: their {field} differ", only.place));
    }
    Some(only.object.clone())
}

/// The key's user as a member of its team, if the membership has a budget, its own or the one for each member.
fn member(key: &RawObject, team: Option<&RawObject>) -> Option<Seen> {
    let (user, team) = (key.text("user_id")?, team?);
    let is_user = |one: &RawObject| one.text("user_id").as_ref() == Some(&user);
    let membership = team.objects("team_memberships").into_iter().find(is_user);
    let table = membership.as_ref().and_then(|own| own.object("litellm_budget_table"));
    let is_listed = || team.objects("members_with_roles").iter().any(is_user);
    if table.is_none() && !(team.raw("team_member_budget_table").is_some() && (membership.is_some() || is_listed())) {
        return None;
    }
    let limits = table.map(|table| seen(Kind::Member, &table));
    let limits = limits.unwrap_or_else(|| Seen { is_shown: true, ..Seen::referred_to(Kind::Member) });
    Some(Seen { spend: membership.and_then(|own| own.amount("spend")), ..limits })
}

fn limits(table: &RawObject) -> bool {
    let fields = ["max_budget", "rpm_limit", "tpm_limit", "max_parallel_requests", "budget_duration"];
    fields.iter().any(|field| table.raw(field).is_some())
}

fn lost(field: &str, why: impl Into<String>) -> Lost {
    Lost { field: field.to_owned(), why: why.into() }
}

/// What an object says of an entity.
fn seen(kind: Kind, object: &RawObject) -> Seen {
    let mut seen = Seen { is_shown: true, ..Seen::referred_to(kind) };
    // Those with no budget of their own keep it in a table beside them, whoever they share it with.
    let has_table = matches!(kind, Kind::Organisation | Kind::EndUser);
    let table = object.object("litellm_budget_table").filter(|_| has_table);
    let of = |field: &str| if object.raw(field).is_some() { object } else { table.as_ref().unwrap_or(object) };
    let alias = match kind {
        Kind::Key => "key_alias",
        Kind::Team => "team_alias",
        _ => "",
    };
    seen.alias = object.text(alias);
    seen.spend = object.amount("spend");
    seen.max_budget = budget(of("max_budget"), "max_budget", &mut seen.lost);
    if let Some(table) = object.object("team_member_budget_table") {
        seen.member_budget = budget(&table, "max_budget", &mut seen.lost);
    }
    if let Some(text) = of("budget_duration").text("budget_duration") {
        match period(&text) {
            Some(period) => seen.budget_duration = Some((text, period)),
            None => {
                seen.lost.push(lost("budget_duration", "it is not a number of seconds, minutes, hours, days or weeks"))
            }
        }
    }
    let mut limit = |field: &'static str| {
        let own = of(field);
        let limit = own.limit(field);
        if limit.is_none() && own.raw(field).is_some() {
            seen.lost.push(lost(field, "it is no whole number"));
        }
        limit
    };
    let limits = [limit("rpm_limit"), limit("tpm_limit"), limit("max_parallel_requests")];
    [seen.rpm_limit, seen.tpm_limit, seen.max_parallel_requests] = limits;
    for model in object.texts("models") {
        match model.as_str() {
            "all-team-models" => seen.all_team_models = true,
            "all-proxy-models" => {}
            "no-default-models" => seen.lost.push(lost("no-default-models", "")),
            _ => seen.models.push(model),
        }
    }
    let routes = object.texts("allowed_routes");
    seen.only_model_routes = routes == ["llm_api_routes"];
    if !routes.is_empty() && !seen.only_model_routes {
        seen.lost.push(lost("allowed_routes", "only `llm_api_routes` can be said"));
    }
    seen.is_blocked = object.raw("blocked") == Some("true");
    let more = |fields: &RawObject, inside: &str| {
        let speaking = fields.0.keys().filter(|field| fields.raw(field).is_some());
        let unsaid = speaking.filter(|field| !SILENT.contains(&field.as_str()));
        unsaid.map(|field| lost(&format!("{inside}{field}"), "")).collect::<Vec<_>>()
    };
    for unsaid in more(object, "") {
        match object.object("metadata").filter(|_| unsaid.field == "metadata") {
            Some(metadata) => seen.lost.extend(more(&metadata, "metadata.")),
            None => seen.lost.push(unsaid),
        }
    }
    seen
}

/// A budget that a scenario can say, even if a gateway should never have accepted it.
fn budget(object: &RawObject, field: &str, unsaid: &mut Vec<Lost>) -> Option<Usd> {
    object.raw(field)?;
    let amount = object.amount(field);
    let said = amount.and_then(|Usd(amount)| amount.normalize().to_string().parse().ok());
    if said.is_none() {
        unsaid.push(lost(field, "it is not an amount of at most a billion"));
    }
    said
}

/// LiteLLM's duration as a period: weeks and months exist, too.
fn period(text: &str) -> Option<Period> {
    let days = |number: &str, days: u32| number.parse::<u32>().ok()?.checked_mul(days).map(|days| format!("{days}d"));
    let months = text.strip_suffix("mo").and_then(|number| days(number, 30));
    let weeks = text.strip_suffix('w').and_then(|number| days(number, 7));
    let period: Option<Period> = months.or(weeks).unwrap_or_else(|| text.to_owned()).parse().ok();
    period.filter(|period| !period.duration.is_zero())
}
