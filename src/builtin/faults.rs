//! The faults that the built-in gateway can be given: each one switch, at the place where a gateway has the
//! check, and each a bug that a real gateway had. Not: the check itself.

/// A bug that the built-in gateway can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    UnpricedModelSkipsBudgets,
    KeyBudgetSkippedWithoutTeam,
    KeyBudgetIgnored,
    UserBudgetIgnored,
    TeamBudgetIgnored,
    BudgetWithDurationIgnored,
    SessionKeyWithoutBudget,
    AllTeamModelsSkipsBudgets,
    StreamSkipsBudgets,
    ResponsesSkipBudgets,
    EmbeddingsSkipBudgets,
    PhantomBudget,
    ReservationNeverReleased,
    BudgetRefusedWith400,
    RefusedCallReachesUpstream,
    SpendDoubled,
    StreamNotCharged,
    TeamSpendNotRecorded,
    FailedCallCharged,
    BlockedKeyServed,
    UnknownKeyServed,
    ModelListIgnored,
    RpmIgnored,
    Answers500,
    Hangs,
}

/// What there is to say about a fault.
#[derive(Debug, Clone, Copy)]
pub struct About {
    pub fault: Fault,
    /// Its name, as in `builtin@fault:NAME`.
    pub name: &'static str,
    pub what: &'static str,
    /// The real defect that it copies.
    pub like: &'static str,
}

const fn about(fault: Fault, name: &'static str, what: &'static str, like: &'static str) -> About {
    About { fault, name, what, like }
}

/// Every fault.
pub const FAULTS: [About; 25] = [
    about(
        Fault::UnpricedModelSkipsBudgets,
        "unpriced-model-skips-budgets",
        "a model without a price per token is taken for a free one: no budget is checked, though it is charged",
        "BerriAI/litellm#26672",
    ),
    about(
        Fault::KeyBudgetSkippedWithoutTeam,
        "key-budget-skipped-without-team",
        "the budget of a key is checked only if the key is in a team",
        "BerriAI/litellm#26672, as its reporter saw it",
    ),
    about(
        Fault::KeyBudgetIgnored,
        "key-budget-ignored",
        "the budget of a key is never checked",
        "BerriAI/litellm#10750",
    ),
    about(
        Fault::UserBudgetIgnored,
        "user-budget-ignored",
        "the budget of a user is never checked",
        "BerriAI/litellm#41226",
    ),
    about(
        Fault::TeamBudgetIgnored,
        "team-budget-ignored",
        "the budget of a team is never checked",
        "BerriAI/litellm#12794",
    ),
    about(
        Fault::BudgetWithDurationIgnored,
        "budget-with-duration-ignored",
        "a budget that is reset now and then is never checked",
        "BerriAI/litellm#31292",
    ),
    about(
        Fault::SessionKeyWithoutBudget,
        "session-key-without-budget",
        "the budget of a key made in a dashboard session is not stored",
        "maximhq/bifrost#5673",
    ),
    about(
        Fault::AllTeamModelsSkipsBudgets,
        "all-team-models-skips-budgets",
        "a key limited to `all-team-models` is not checked for its budget",
        "BerriAI/litellm#26672, the models of its key",
    ),
    about(
        Fault::StreamSkipsBudgets,
        "stream-skips-budgets",
        "no budget is checked for a streamed request",
        "envoyproxy/ai-gateway#2394",
    ),
    about(
        Fault::ResponsesSkipBudgets,
        "responses-skip-budgets",
        "no budget is checked on /v1/responses",
        "BerriAI/litellm#38176",
    ),
    about(
        Fault::EmbeddingsSkipBudgets,
        "embeddings-skip-budgets",
        "no budget is checked on /v1/embeddings",
        "BerriAI/litellm#36646",
    ),
    about(
        Fault::PhantomBudget,
        "phantom-budget",
        "a key without a budget has one all the same",
        "BerriAI/litellm#22726",
    ),
    about(
        Fault::ReservationNeverReleased,
        "reservation-never-released",
        "each request reserves 20 times its price, and keeps it",
        "BerriAI/litellm#38111",
    ),
    about(
        Fault::BudgetRefusedWith400,
        "budget-refused-with-400",
        "a spent budget is refused with 400",
        "BerriAI/litellm#27416",
    ),
    about(
        Fault::RefusedCallReachesUpstream,
        "refused-call-reaches-upstream",
        "a refused request has been sent to the provider before",
        "BerriAI/litellm#13280",
    ),
    about(Fault::SpendDoubled, "spend-doubled", "each request is charged twice", "BerriAI/litellm#15740"),
    about(Fault::StreamNotCharged, "stream-not-charged", "a streamed request is not charged", "BerriAI/litellm#37923"),
    about(
        Fault::TeamSpendNotRecorded,
        "team-spend-not-recorded",
        "a team is not charged for its keys",
        "BerriAI/litellm#39568",
    ),
    about(
        Fault::FailedCallCharged,
        "failed-call-charged",
        "a request that the provider failed is charged",
        "BerriAI/litellm#27735",
    ),
    about(Fault::BlockedKeyServed, "blocked-key-served", "a blocked key is let in", "BerriAI/litellm#9820"),
    about(Fault::UnknownKeyServed, "unknown-key-served", "a key that was never made is let in", "bifrost PR 2873"),
    about(
        Fault::ModelListIgnored,
        "model-list-ignored",
        "a key may ask models that it is not allowed",
        "BerriAI/litellm#8616",
    ),
    about(Fault::RpmIgnored, "rpm-ignored", "requests a minute are not limited", "BerriAI/litellm#3788"),
    about(
        Fault::Answers500,
        "answers-500",
        "every request of a model fails inside the gateway",
        "BerriAI/litellm#11334",
    ),
    about(Fault::Hangs, "hangs", "no request of a model is ever answered", "BerriAI/litellm#20256"),
];

impl Fault {
    pub fn named(name: &str) -> Option<Fault> {
        FAULTS.iter().find(|about| about.name == name).map(|about| about.fault)
    }

    pub fn about(self) -> &'static About {
        FAULTS.iter().find(|about| about.fault == self).unwrap_or(&FAULTS[0])
    }
}
