//! Whom a request is charged to, and whose budgets hold for it. Pure: the same rules for the reader with a pencil
//! ([`super::arithmetic`]) and for a run, where fields change on the way.

use super::entity::{Fields, Given, Kind};
use super::step::AskFields;
use super::{Name, Scenario, Usd};

/// Who asks: a key, and whom its request names.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    pub key: &'a Name,
    pub end_user: Option<&'a Name>,
    pub tag: Option<&'a Name>,
}

impl<'a> Asker<'a> {
    pub fn of(key: &'a Name, fields: &'a AskFields) -> Asker<'a> {
        Asker { key, end_user: fields.end_user.as_deref(), tag: fields.tag.as_deref() }
    }
}

/// An entity whose budget holds for a request, and that budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    pub entity: Name,
    pub kind: Kind,
    pub max_budget: Usd,
}

impl Scenario {
    /// The given entity of this name.
    pub fn entity(&self, name: &Name) -> Option<&Given> {
        find(&self.given, name)
    }
}

/// Whether a key may be given what another was answered: they are of one team, or of one user where neither has a team.
pub fn may_share(given: &[Given], one: &Name, other: &Name) -> bool {
    let owners = |name: &Name| {
        let key = find(given, name)?;
        Some((key.fields.team.as_deref().cloned(), key.fields.user.as_deref().cloned()))
    };
    one == other
        || match (owners(one), owners(other)) {
            (Some((Some(a), _)), Some((Some(b), _))) => a == b,
            (Some((None, Some(a))), Some((None, Some(b)))) => a == b,
            _ => false,
        }
}

/// The given model that a request names.
pub fn asked_model<'a>(given: &'a [Given], fields: &AskFields) -> Option<&'a Given> {
    find(given, fields.model.as_deref()?)
}

/// The entity of this name.
pub fn find<'a>(given: &'a [Given], name: &Name) -> Option<&'a Given> {
    given.iter().find(|given| given.name.value == *name)
}

/// Everyone an accepted request is charged to: the key, its user, its team, that user as a member of that team, the
/// organisation, and the end user and tag that the request names.
pub fn charged<'a>(given: &'a [Given], asker: Asker<'_>) -> Vec<&'a Given> {
    let named = |name: Option<&Name>| name.and_then(|name| find(given, name));
    let Some(key) = named(Some(asker.key)) else { return Vec::new() };
    let user = named(key.fields.user.as_deref());
    let team = named(key.fields.team.as_deref());
    let member = given.iter().find(|member| {
        let same = |a: &Option<super::At<Name>>, b: &Option<super::At<Name>>| {
            a.as_deref().is_some_and(|name| b.as_deref() == Some(name))
        };
        member.kind == Kind::Member
            && same(&member.fields.user, &key.fields.user)
            && same(&member.fields.team, &key.fields.team)
    });
    let organisation = key.fields.organisation.as_deref().or(team.and_then(|team| team.fields.organisation.as_deref()));
    let others = [user, team, member, named(organisation), named(asker.end_user), named(asker.tag)];
    std::iter::once(key).chain(others.into_iter().flatten()).collect()
}

/// The budgets that hold for a request. A user's budget does not hold for a key in a team: gateways differ here, and LiteLLM
/// intends it.
pub fn bounds(given: &[Given], asker: Asker<'_>) -> Vec<Bound> {
    let in_team = find(given, asker.key).is_some_and(|key| key.fields.team.is_some());
    let charged = charged(given, asker).into_iter();
    let holding = charged.filter(|entity| !(in_team && entity.kind == Kind::User));
    let bound = |entity: &Given| {
        let max_budget = budget_of(given, entity)?;
        Some(Bound { entity: entity.name.value.clone(), kind: entity.kind, max_budget })
    };
    holding.filter_map(bound).collect()
}

/// The budget of an entity: its own, else that of the budget object it refers to, else, for a member, the team's for
/// members.
fn budget_of(given: &[Given], entity: &Given) -> Option<Usd> {
    let Fields { budget, team, .. } = &entity.fields;
    let of_object = || find(given, budget.as_deref()?)?.fields.max_usd();
    let of_team = || find(given, team.as_deref()?)?.fields.member_budget.as_ref()?.usd();
    let own = entity.fields.max_usd().or_else(of_object);
    match entity.kind {
        Kind::Member => own.or_else(of_team),
        _ => own,
    }
}

/// How long its budget lasts: its own period, or the budget object's.
pub fn duration_of<'a>(given: &'a [Given], entity: &'a Given) -> Option<&'a super::Period> {
    let own = entity.fields.budget_duration.as_deref();
    own.or_else(|| find(given, entity.fields.budget.as_deref()?)?.fields.budget_duration.as_deref())
}
