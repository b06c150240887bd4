//! The administrator's routes, as data: what each is about, what it does, and which fields name whom. Not: doing it.

use crate::builtin::account::Kind;

/// What a route does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Readiness,
    LogIn,
    Make,
    Update,
    Info,
    Block,
    Unblock,
    Delete,
    Regenerate,
    ResetSpend,
    AddMember,
    UpdateMember,
    DeleteMember,
    Logs,
    MakeModel,
    UpdateModel,
    DeleteModel,
}

/// A route that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) act: Act,
    /// The fields that may name whom it is about.
    pub(super) names: &'static [&'static str],
    /// Whom the path names, if it does.
    pub(super) in_path: Option<String>,
}

const KEY: &[&str] = &["key", "keys"];
const USER: &[&str] = &["user_id", "user_ids"];
const TEAM: &[&str] = &["team_id", "team_ids"];
const ORGANISATION: &[&str] = &["organization_id", "organization_ids", "organizations"];
const END_USER: &[&str] = &["end_user_id", "user_id", "user_ids"];
const TAG: &[&str] = &["name", "names"];
const BUDGET: &[&str] = &["budget_id", "id", "budgets"];

/// `*` stands for a name in the path.
const ROUTES: &[(&str, Kind, Act, &[&str])] = &[
    ("/health/readiness", Kind::Key, Act::Readiness, &[]),
    ("/v2/login", Kind::User, Act::LogIn, &[]),
    ("/user/new", Kind::User, Act::Make, USER),
    ("/user/update", Kind::User, Act::Update, USER),
    ("/user/info", Kind::User, Act::Info, USER),
    ("/user/block", Kind::User, Act::Block, USER),
    ("/user/unblock", Kind::User, Act::Unblock, USER),
    ("/user/delete", Kind::User, Act::Delete, USER),
    ("/user/*/reset_spend", Kind::User, Act::ResetSpend, USER),
    ("/team/new", Kind::Team, Act::Make, TEAM),
    ("/team/update", Kind::Team, Act::Update, TEAM),
    ("/team/info", Kind::Team, Act::Info, TEAM),
    ("/team/block", Kind::Team, Act::Block, TEAM),
    ("/team/unblock", Kind::Team, Act::Unblock, TEAM),
    ("/team/delete", Kind::Team, Act::Delete, TEAM),
    ("/team/*/reset_spend", Kind::Team, Act::ResetSpend, TEAM),
    ("/team/member_add", Kind::Member, Act::AddMember, &[]),
    ("/team/member_update", Kind::Member, Act::UpdateMember, &[]),
    ("/team/member_delete", Kind::Member, Act::DeleteMember, &[]),
    ("/organization/new", Kind::Organisation, Act::Make, ORGANISATION),
    ("/organization/update", Kind::Organisation, Act::Update, ORGANISATION),
    ("/organization/info", Kind::Organisation, Act::Info, ORGANISATION),
    ("/organization/delete", Kind::Organisation, Act::Delete, ORGANISATION),
    ("/customer/new", Kind::EndUser, Act::Make, END_USER),
    ("/customer/update", Kind::EndUser, Act::Update, END_USER),
    ("/customer/info", Kind::EndUser, Act::Info, END_USER),
    ("/customer/block", Kind::EndUser, Act::Block, END_USER),
    ("/customer/unblock", Kind::EndUser, Act::Unblock, END_USER),
    ("/customer/delete", Kind::EndUser, Act::Delete, END_USER),
    ("/tag/new", Kind::Tag, Act::Make, TAG),
    ("/tag/update", Kind::Tag, Act::Update, TAG),
    ("/tag/info", Kind::Tag, Act::Info, TAG),
    ("/tag/delete", Kind::Tag, Act::Delete, TAG),
    ("/budget/new", Kind::Budget, Act::Make, BUDGET),
    ("/budget/update", Kind::Budget, Act::Update, BUDGET),
    ("/budget/info", Kind::Budget, Act::Info, BUDGET),
    ("/budget/delete", Kind::Budget, Act::Delete, BUDGET),
    ("/key/generate", Kind::Key, Act::Make, KEY),
    ("/key/update", Kind::Key, Act::Update, KEY),
    ("/key/info", Kind::Key, Act::Info, KEY),
    ("/key/block", Kind::Key, Act::Block, KEY),
    ("/key/unblock", Kind::Key, Act::Unblock, KEY),
    ("/key/delete", Kind::Key, Act::Delete, KEY),
    ("/key/regenerate", Kind::Key, Act::Regenerate, KEY),
    ("/key/*/regenerate", Kind::Key, Act::Regenerate, KEY),
    ("/key/*/reset_spend", Kind::Key, Act::ResetSpend, KEY),
    ("/spend/logs", Kind::Key, Act::Logs, &["api_key"]),
    ("/model/new", Kind::Key, Act::MakeModel, &[]),
    ("/model/update", Kind::Key, Act::UpdateModel, &[]),
    ("/model/delete", Kind::Key, Act::DeleteModel, &[]),
];

/// The route of a path.
pub(super) fn find(path: &str) -> Option<Found> {
    ROUTES.iter().find_map(|(pattern, kind, act, names)| {
        let in_path = match pattern.split_once('*') {
            None if *pattern == path => None,
            None => return None,
            Some((before, after)) => Some(path.strip_prefix(before)?.strip_suffix(after)?.to_owned()),
        };
        Some(Found { kind: *kind, act: *act, names, in_path })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_found_with_the_name_in_its_path() {
        let found = find("/key/sk-1/regenerate").unwrap();
        assert_eq!((found.act, found.in_path.as_deref()), (Act::Regenerate, Some("sk-1")));
        assert_eq!(find("/key/regenerate").unwrap().in_path, None);
        assert!(find("/key/regenerat").is_none());
    }
}
