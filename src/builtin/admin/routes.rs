//! The administrator's routes, as data: what each is about, what it does, and which fields say whom. Not: doing it.

use crate::builtin::account::AccountKind;

/// What a route does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AdminAct {
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
pub(super) struct Matched {
    pub(super) kind: AccountKind,
    pub(super) act: AdminAct,
    /// The fields that may name the entity it is about.
    pub(super) names: &'static [&'static str],
    /// The entity that the path names, if any.
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
const ROUTES: &[(&str, AccountKind, AdminAct, &[&str])] = &[
    ("/health/readiness", AccountKind::Key, AdminAct::Readiness, &[]),
    ("/v2/login", AccountKind::User, AdminAct::LogIn, &[]),
    ("/user/new", AccountKind::User, AdminAct::Make, USER),
    ("/user/update", AccountKind::User, AdminAct::Update, USER),
    ("/user/info", AccountKind::User, AdminAct::Info, USER),
    ("/user/block", AccountKind::User, AdminAct::Block, USER),
    ("/user/unblock", AccountKind::User, AdminAct::Unblock, USER),
    ("/user/delete", AccountKind::User, AdminAct::Delete, USER),
    ("/user/*/reset_spend", AccountKind::User, AdminAct::ResetSpend, USER),
    ("/team/new", AccountKind::Team, AdminAct::Make, TEAM),
    ("/team/update", AccountKind::Team, AdminAct::Update, TEAM),
    ("/team/info", AccountKind::Team, AdminAct::Info, TEAM),
    ("/team/block", AccountKind::Team, AdminAct::Block, TEAM),
    ("/team/unblock", AccountKind::Team, AdminAct::Unblock, TEAM),
    ("/team/delete", AccountKind::Team, AdminAct::Delete, TEAM),
    ("/team/*/reset_spend", AccountKind::Team, AdminAct::ResetSpend, TEAM),
    ("/team/member_add", AccountKind::Member, AdminAct::AddMember, &[]),
    ("/team/member_update", AccountKind::Member, AdminAct::UpdateMember, &[]),
    ("/team/member_delete", AccountKind::Member, AdminAct::DeleteMember, &[]),
    ("/organization/new", AccountKind::Organisation, AdminAct::Make, ORGANISATION),
    ("/organization/update", AccountKind::Organisation, AdminAct::Update, ORGANISATION),
    ("/organization/info", AccountKind::Organisation, AdminAct::Info, ORGANISATION),
    ("/organization/delete", AccountKind::Organisation, AdminAct::Delete, ORGANISATION),
    ("/customer/new", AccountKind::EndUser, AdminAct::Make, END_USER),
    ("/customer/update", AccountKind::EndUser, AdminAct::Update, END_USER),
    ("/customer/info", AccountKind::EndUser, AdminAct::Info, END_USER),
    ("/customer/block", AccountKind::EndUser, AdminAct::Block, END_USER),
    ("/customer/unblock", AccountKind::EndUser, AdminAct::Unblock, END_USER),
    ("/customer/delete", AccountKind::EndUser, AdminAct::Delete, END_USER),
    ("/tag/new", AccountKind::Tag, AdminAct::Make, TAG),
    ("/tag/update", AccountKind::Tag, AdminAct::Update, TAG),
    ("/tag/info", AccountKind::Tag, AdminAct::Info, TAG),
    ("/tag/delete", AccountKind::Tag, AdminAct::Delete, TAG),
    ("/budget/new", AccountKind::Budget, AdminAct::Make, BUDGET),
    ("/budget/update", AccountKind::Budget, AdminAct::Update, BUDGET),
    ("/budget/info", AccountKind::Budget, AdminAct::Info, BUDGET),
    ("/budget/delete", AccountKind::Budget, AdminAct::Delete, BUDGET),
    ("/key/generate", AccountKind::Key, AdminAct::Make, KEY),
    ("/key/update", AccountKind::Key, AdminAct::Update, KEY),
    ("/key/info", AccountKind::Key, AdminAct::Info, KEY),
    ("/key/block", AccountKind::Key, AdminAct::Block, KEY),
    ("/key/unblock", AccountKind::Key, AdminAct::Unblock, KEY),
    ("/key/delete", AccountKind::Key, AdminAct::Delete, KEY),
    ("/key/regenerate", AccountKind::Key, AdminAct::Regenerate, KEY),
    ("/key/*/regenerate", AccountKind::Key, AdminAct::Regenerate, KEY),
    ("/key/*/reset_spend", AccountKind::Key, AdminAct::ResetSpend, KEY),
    ("/spend/logs", AccountKind::Key, AdminAct::Logs, &["api_key"]),
    ("/model/new", AccountKind::Key, AdminAct::MakeModel, &[]),
    ("/model/update", AccountKind::Key, AdminAct::UpdateModel, &[]),
    ("/model/delete", AccountKind::Key, AdminAct::DeleteModel, &[]),
];

/// The route of a path.
pub(super) fn find(path: &str) -> Option<Matched> {
    ROUTES.iter().find_map(|(pattern, kind, act, names)| {
        let in_path = match pattern.split_once('*') {
            None if *pattern == path => None,
            None => return None,
            Some((before, after)) => Some(path.strip_prefix(before)?.strip_suffix(after)?.to_owned()),
        };
        Some(Matched { kind: *kind, act: *act, names, in_path })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_found_with_the_name_in_its_path() {
        let found = find("/key/sk-1/regenerate").unwrap();
        assert_eq!((found.act, found.in_path.as_deref()), (AdminAct::Regenerate, Some("sk-1")));
        assert_eq!(find("/key/regenerate").unwrap().in_path, None);
        assert!(find("/key/regenerat").is_none());
    }
}
