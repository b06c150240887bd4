//! The faults, as data: what a scenario has to find each as, its name, what it does, and the real defect it copies.

use super::AboutFault;
use crate::outcome::FindingKind;

macro_rules! faults {
    ($($finding:ident { $($fault:ident $name:literal $what:literal, $like:literal;)* })*) => {
        /// A bug that the built-in gateway can be given.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Fault { $($($fault,)*)* }

        /// Every fault, in the order of [`Fault`].
        pub const FAULTS: &[AboutFault] = &[$($(AboutFault {
            fault: Fault::$fault,
            name: $name,
            what: $what,
            like: $like,
            finding: FindingKind::$finding,
        },)*)*];
    };
}

faults! {
    // Whose budget is not looked at.
    Bypass {
        KeyBudgetIgnored "key-budget-ignored"
            "the budget of a key is never checked", "BerriAI/litellm#10750";
        KeyBudgetSkippedWithoutTeam "key-budget-skipped-without-team"
            "the budget of a key is checked only if the key is in a team",
            "BerriAI/litellm#26672, as its reporter saw it";
        UserBudgetIgnored "user-budget-ignored"
            "the budget of a user is never checked", "BerriAI/litellm#27381";
        OrganisationBudgetSkippedWithoutTeam "organisation-budget-skipped-without-team"
            "the budget of an organisation is checked only for keys of its teams", "none known: invented";
        UserBudgetSkippedBesideKeyBudget "user-budget-skipped-beside-key-budget"
            "the budget of a user is not checked for a key that has one of its own", "none known: invented";
        BudgetComparedInCents "budget-compared-in-cents"
            "spend is rounded down to cents before it is compared with a budget", "none known: invented";
        TeamBudgetIgnored "team-budget-ignored"
            "the budget of a team is never checked", "BerriAI/litellm#12794";
        MemberBudgetIgnored "member-budget-ignored"
            "the budget of a user in a team is never checked", "BerriAI/litellm#19105";
        OrganisationBudgetIgnored "organisation-budget-ignored"
            "the budget of an organisation is never checked", "BerriAI/litellm#17054";
        EndUserBudgetIgnored "end-user-budget-ignored"
            "the budget of an end user is never checked", "BerriAI/litellm#31842, its budget by model";
        TagBudgetIgnored "tag-budget-ignored"
            "the budget of a tag is never checked", "BerriAI/litellm PR 41218";
        BudgetObjectIgnored "budget-object-ignored"
            "a budget that is referred to by its name does not hold", "BerriAI/litellm#31842";
        DefaultEndUserBudgetIgnored "default-end-user-budget-ignored"
            "the budget for end users without one of their own does not hold", "BerriAI/litellm#15967";
        BudgetWithDurationIgnored "budget-with-duration-ignored"
            "a budget of a key that is reset now and then is never checked", "BerriAI/litellm#31292";
        SessionKeyWithoutBudget "session-key-without-budget"
            "the budget of a key made in a dashboard session is not stored", "maximhq/bifrost#5673";
        AllTeamModelsSkipsBudgets "all-team-models-skips-budgets"
            "a key limited to `all-team-models` is not checked for its budget",
            "BerriAI/litellm#26672, the models of its key";
        LateMemberBudgetIgnored "late-member-budget-ignored"
            "a team's budget for its members is copied when a member joins: one set or changed later does not hold",
            "BerriAI/litellm#25506, PR 41935";
        MemberStartsAfreshWithNewKey "member-starts-afresh-with-new-key"
            "a new key of a member begins with nothing spent", "BerriAI/litellm PR 27273";
        RegeneratedKeyStartsAfresh "regenerated-key-starts-afresh"
            "a key that was given a new secret begins with nothing spent", "BerriAI/litellm#31079";
        TeamBudgetPerKey "team-budget-per-key"
            "each key of a team has the team's whole budget", "tale-project/tale#1452";
        UserBudgetPerKey "user-budget-per-key"
            "each key of a user has the user's whole budget", "BerriAI/litellm#27381";
        OrganisationBudgetPerTeam "organisation-budget-per-team"
            "each team of an organisation has the organisation's whole budget", "BerriAI/litellm#17054";
        EndUserInHeaderIgnored "end-user-in-header-ignored"
            "an end user that is named in a header is not looked at", "BerriAI/litellm#27480, the tag of its header";
        TagInHeaderIgnored "tag-in-header-ignored"
            "a tag that is carried in a header is not looked at", "BerriAI/litellm#27480";
    }
    // Which requests pass all budgets.
    Bypass {
        UnpricedModelSkipsBudgets "unpriced-model-skips-budgets"
            "a model without a price per token is taken for a free one: no budget is checked, though it is charged",
            "BerriAI/litellm#26672";
        ModelInfoPriceSkipsBudgets "model-info-price-skips-budgets"
            "a model whose price is in its model info is taken for a free one", "BerriAI/litellm#25874";
        AdminModelSkipsBudgets "admin-model-skips-budgets"
            "a model that was made through the admin API is taken for a free one", "BerriAI/litellm#25874";
        UpdatedModelSkipsBudgets "updated-model-skips-budgets"
            "a model that was changed through the admin API is taken for a free one", "BerriAI/litellm#25874";
        StreamSkipsBudgets "stream-skips-budgets"
            "no budget is checked for a streamed request", "envoyproxy/ai-gateway#2394";
        CompletionsSkipBudgets "completions-skip-budgets"
            "no budget is checked on /v1/completions", "headroomlabs-ai/headroom PR 3579: one route checked only";
        MessagesSkipBudgets "messages-skip-budgets"
            "no budget is checked on /v1/messages", "BerriAI/litellm#38176";
        ResponsesSkipBudgets "responses-skip-budgets"
            "no budget is checked on /v1/responses", "BerriAI/litellm#38176";
        EmbeddingsSkipBudgets "embeddings-skip-budgets"
            "no budget is checked on /v1/embeddings", "headroomlabs-ai/headroom PR 3579: one route checked only";
        ImagesSkipBudgets "images-skip-budgets"
            "no budget is checked for images", "BerriAI/litellm#26672, a model priced per image";
        PassthroughSkipsBudgets "passthrough-skips-budgets"
            "no budget is checked on a route that is passed through", "BerriAI/litellm#10750, maximhq/bifrost#2873";
    }
    // What a budget is taken to be.
    Bypass {
        ReachedBudgetNotRefused "reached-budget-not-refused"
            "a budget is spent only when more than it was spent", "BerriAI/litellm PR 28177";
        ZeroBudgetIsUnlimited "zero-budget-is-unlimited"
            "a budget of zero is none", "BerriAI/litellm PR 41271";
        NegativeBudgetAccepted "negative-budget-accepted"
            "a negative budget is taken, and does not hold", "BerriAI/litellm#18554";
        NanBudgetAccepted "nan-budget-accepted"
            "a budget that is not a number is taken, and does not hold", "GHSA-2rv4-xv66-fpjg";
        LoweredBudgetSeenLate "lowered-budget-seen-late"
            "a lower budget does not hold for who has been let in before", "BerriAI/litellm#1632";
        SpendPerInstance "spend-per-instance"
            "each instance knows only what was spent through it", "BerriAI/litellm#23714";
        RedisFlushForgetsSpend "redis-flush-forgets-spend"
            "what is enforced is kept in Redis only", "BerriAI/litellm#34238, PR 30684";
        RestartForgetsCounters "restart-forgets-counters"
            "what is enforced is kept in memory only", "BerriAI/litellm PR 26829: stale in-memory spend";
    }
    // What another version makes of what it finds.
    Bypass {
        UpgradeForgetsCounters "upgrade-forgets-counters"
            "what was spent before an upgrade is not held against budgets after it", "BerriAI/litellm PR 37736";
        UpgradeTakesUnpricedForFree "upgrade-takes-unpriced-for-free"
            "after an upgrade a model without a price per token is taken for a free one",
            "BerriAI/litellm#26672; LiteLLM 1.81.0 to 1.82.3, measured";
        UpgradeDropsBudgets "upgrade-drops-budgets"
            "a budget from before an upgrade does not hold after it", "maximhq/bifrost#3939: its migration never ran";
        UpgradeForgetsBudgetObjects "upgrade-forgets-budget-objects"
            "budgets that are referred to by their names are gone after an upgrade", "maximhq/bifrost#3939";
        UpgradeForgetsMembers "upgrade-forgets-members"
            "users are no members of their teams any more after an upgrade", "OpenHands/OpenHands-Cloud#1117";
        UpgradeReadsZeroAsNone "upgrade-reads-zero-as-none"
            "a budget of zero from before an upgrade is none after it", "BerriAI/litellm PR 41271";
        UpgradeUnblocks "upgrade-unblocks"
            "who was blocked before an upgrade is let in after it", "none known: invented";
        UpgradeRevivesDeletedKeys "upgrade-revives-deleted-keys"
            "keys that were deleted before an upgrade are let in after it, and so are old secrets",
            "ministryofjustice/modernisation-platform-environments#18605, by another way";
        UpgradeFreezesOldKeys "upgrade-freezes-old-keys"
            "what is changed of a key from before an upgrade is not stored",
            "ministryofjustice/modernisation-platform-environments#18605";
        UpgradeDropsModelLists "upgrade-drops-model-lists"
            "models that were not allowed before an upgrade are after it", "none known: invented";
        UpgradeDropsExpiry "upgrade-drops-expiry"
            "a key that has expired, or is about to, is let in after an upgrade", "none known: invented";
        UpgradeForgetsModelPrices "upgrade-forgets-model-prices"
            "a model that was made through the admin API has no price after an upgrade, and passes all budgets",
            "BerriAI/litellm#16871: stored values that cannot be read";
        RollingKeepsDeletedKeys "rolling-keeps-deleted-keys"
            "a key that is deleted while two versions run is let in",
            "ministryofjustice/modernisation-platform-environments#18605";
        DowngradeForgetsCounters "downgrade-forgets-counters"
            "what was spent before an upgrade is taken back is not held against budgets any more",
            "LiteLLM 1.108.7 to 1.82.3, measured: where the provider reports the cost";
        DowngradeUnblocks "downgrade-unblocks"
            "who was blocked is let in when an upgrade is taken back",
            "ministryofjustice/modernisation-platform-environments#18605";
    }
    // Who is let in.
    Bypass {
        BlockedKeyServed "blocked-key-served"
            "a blocked key is let in", "BerriAI/litellm#9820";
        KeyBlockSeenLate "key-block-seen-late"
            "a key that was let in before it was blocked is let in after", "BerriAI/litellm#9820";
        BlockPerInstance "block-per-instance"
            "a key is blocked on the instance that was told so only", "BerriAI/litellm#9820";
        BlockedTeamServed "blocked-team-served"
            "a key of a blocked team is let in", "LiteLLM 1.81.0 to 1.108.7, measured: for 60 s";
        TeamBlockSeenLate "team-block-seen-late"
            "a key that was let in before its team was blocked is let in after",
            "LiteLLM 1.81.0 to 1.108.7, measured: for 60 s";
        BlockedEndUserServed "blocked-end-user-served"
            "a blocked end user is let in", "BerriAI/litellm#41575: blocking fails half-way";
        UnknownKeyServed "unknown-key-served"
            "a key that was never made is let in", "bifrost PR 2873";
        DeletedKeyServed "deleted-key-served"
            "a deleted key is let in", "BerriAI/litellm#1775";
        KeyOfDeletedTeamServed "key-of-deleted-team-served"
            "the keys of a deleted team are let in", "BerriAI/litellm#34217";
        RegeneratedOldKeyServed "regenerated-old-key-served"
            "the old secret of a key with a new one is let in", "BerriAI/litellm#1775, by another way";
        ExpiredKeyServed "expired-key-served"
            "an expired key is let in", "BerriAI/litellm#16005";
        ModelListIgnored "model-list-ignored"
            "models may be asked that are not allowed", "BerriAI/litellm#8616";
        TeamModelListIgnored "team-model-list-ignored"
            "a key may ask models that its team is not allowed", "BerriAI/litellm#23850";
        PassthroughIgnoresModelList "passthrough-ignores-model-list"
            "on a route that is passed through, models may be asked that are not allowed", "BerriAI/litellm#41295";
    }
    // A request that was refused, and made all the same.
    Leak {
        RefusedCallReachesUpstream "refused-call-reaches-upstream"
            "a refused request has been sent to the provider before", "BerriAI/litellm#13280";
    }
    // More than was allowed.
    Overrun {
        CrowdOverruns "crowd-overruns"
            "requests at the same time all see the budget unspent", "LiteLLM 1.81.0 and 1.82.3, measured: 20 of 20";
        NewEndUserCrowdOverruns "new-end-user-crowd-overruns"
            "requests of an end user at the same time all see the budget unspent", "BerriAI/litellm#40095";
        RpmIgnored "rpm-ignored"
            "requests a minute are not limited", "Helicone/helicone#2217";
        RpmOfOthersIgnored "rpm-of-others-ignored"
            "requests a minute are limited for keys only", "BerriAI/litellm PR 34657";
        TpmIgnored "tpm-ignored"
            "tokens a minute are not limited", "BerriAI/litellm#3788";
        ParallelIgnored "parallel-ignored"
            "requests at the same time are not limited", "BerriAI/litellm#27900";
        RatesPerInstance "rates-per-instance"
            "each instance counts only the requests that it was asked", "BerriAI/litellm#16011";
    }
    // What the books say.
    Miscount {
        SpendDoubled "spend-doubled"
            "each request is charged twice", "BerriAI/litellm#28283";
        SpendLost "spend-lost"
            "some requests are not charged", "BerriAI/litellm#21023";
        OneChargeInTwentyLost "one-charge-in-twenty-lost"
            "while many requests of a key are on their way, one in twenty is not charged",
            "BerriAI/litellm#1714";
        OtherApiForgetsPrice "other-api-forgets-price"
            "a request costs nothing if its model was asked on another API before it ended",
            "LiteLLM 1.93.2 to 1.108.7, measured";
        SpendWrittenLate "spend-written-late"
            "what was spent is written after a long time only", "langwatch/langwatch#6141";
        SpendRoundedToCents "spend-rounded-to-cents"
            "parts of a cent are not charged", "Kong ai-rate-limiting-advanced 3.12.0.1: fractions lost";
        SpendIsOnePerRequest "spend-is-one-per-request"
            "each request is charged 1 instead of its price", "envoyproxy/ai-gateway#2248";
        SpendLostWhileDatabaseDown "spend-lost-while-database-down"
            "what is charged while the database is down is never written", "BerriAI/litellm#33872";
        RestartLosesSpend "restart-loses-spend"
            "what was charged last is not written when the gateway is stopped",
            "LiteLLM 1.81.0 and 1.82.3, measured";
        TeamSpendNotRecorded "team-spend-not-recorded"
            "a team is not charged for its keys", "BerriAI/litellm PR 39568";
        MemberSpendNotRecorded "member-spend-not-recorded"
            "a user in a team is not charged for its keys", "BerriAI/litellm PR 27273";
        OrganisationSpendNotRecorded "organisation-spend-not-recorded"
            "an organisation is not charged for its teams", "BerriAI/litellm#17054";
        EndUserSpendNotRecorded "end-user-spend-not-recorded"
            "an end user is not charged", "BerriAI/litellm#31842";
        TagUnchargedBesideEndUser "tag-uncharged-beside-end-user"
            "a tag is not charged for a request that also names an end user", "none known: invented";
        TagSpendNotRecorded "tag-spend-not-recorded"
            "a tag is not charged", "BerriAI/litellm#7237";
        StreamNotCharged "stream-not-charged"
            "a streamed request is not charged", "BerriAI/litellm#37923";
        DroppedStreamNotCharged "dropped-stream-not-charged"
            "a stream that the client leaves is not charged", "BerriAI/litellm PR 33736";
        StreamChargedTwice "stream-charged-twice"
            "a streamed request is charged twice", "higress-group/higress#1080";
        StreamWithoutUsageNotCharged "stream-without-usage-not-charged"
            "a stream that is not asked for its usage is not charged",
            "LiteLLM 1.81.0 and 1.82.3, measured: without a price before the call";
        StreamWithoutUsageEstimated "stream-without-usage-estimated"
            "a stream that is not asked for its usage is charged by a guess",
            "LiteLLM 1.81.0 and 1.82.3, measured: 0.028 for 0.02";
        MessagesStreamInputNotCharged "messages-stream-input-not-charged"
            "of a stream of /v1/messages only the output is charged", "apache/apisix#13662";
        ResponsesChargedTwice "responses-charged-twice"
            "a request of /v1/responses is charged twice", "BerriAI/litellm#15740";
        EmbeddingsNotCharged "embeddings-not-charged"
            "embeddings are not charged", "BerriAI/litellm#36646";
        ImagesNotCharged "images-not-charged"
            "images are not charged", "BerriAI/litellm#37015: media that is never charged";
        PassthroughNotCharged "passthrough-not-charged"
            "a route that is passed through is not charged", "BerriAI/litellm PR 38111";
        ModelInfoPriceNotCharged "model-info-price-not-charged"
            "a price in a model's info is not charged", "BerriAI/litellm#11975";
        AdminModelNotCharged "admin-model-not-charged"
            "a model that was made through the admin API is not charged", "BerriAI/litellm#35691";
        RetriesCharged "retries-charged"
            "each attempt of a request is charged", "BerriAI/litellm#39455, if its rows were charged";
        FallbackChargedAsFirst "fallback-charged-as-first"
            "the answer of another model is charged at the first one's price", "BerriAI/litellm PR 39294";
        FallbackNotCharged "fallback-not-charged"
            "the answer of another model is not charged", "BerriAI/litellm#8810";
        CacheHitCharged "cache-hit-charged"
            "an answer from the cache is charged", "BerriAI/litellm#14749";
        FailedCallCharged "failed-call-charged"
            "a request that the provider failed is charged", "BerriAI/litellm#27735";
        ResetTakesOthers "reset-takes-others"
            "when the budget of a key is reset, so is what its user and team have spent",
            "none known; BerriAI/litellm#8364 the other way round";
        LogRowMissing "log-row-missing"
            "the spend log is not written", "BerriAI/litellm#36646, #28376";
        LogRowDoubled "log-row-doubled"
            "the spend log has each request twice", "BerriAI/litellm#15740";
        RetriesLogged "retries-logged"
            "the spend log has each attempt of a request", "BerriAI/litellm#39455";
        RefusedCallLogged "refused-call-logged"
            "the spend log has refused requests, with a price", "BerriAI/litellm#27735";
    }
    // What the parts of a usage cost.
    Miscount {
        CachedAtFullRate "cached-at-full-rate"
            "tokens that were read from a prompt cache cost as much as others", "BerriAI/litellm#31714";
        CachedCostsNothing "cached-costs-nothing"
            "tokens that were read from a prompt cache cost nothing", "BerriAI/litellm#16000";
        CachedChargedTwice "cached-charged-twice"
            "tokens that were read from a prompt cache are charged at their own rate, and at the full one, too",
            "BerriAI/litellm#14849";
        CachedAtFullRateInStreams "cached-at-full-rate-in-streams"
            "in streams, tokens that were read from a prompt cache cost as much as others", "BerriAI/litellm#11789";
        CachedAtFullRateOnMessages "cached-at-full-rate-on-messages"
            "on /v1/messages, what was read from a prompt cache or written to it costs as other input",
            "BerriAI/litellm#35127";
        CachedAtFullRateOnResponses "cached-at-full-rate-on-responses"
            "on /v1/responses, tokens that were read from a prompt cache cost as much as others",
            "none known: invented";
        CacheBesideInputMissed "cache-beside-input-missed"
            "what Anthropic counts beside the input, read from a prompt cache or written to it, is not charged",
            "BerriAI/litellm#5443";
        WrittenAtReadRate "written-at-read-rate"
            "tokens that are written to a prompt cache cost as those that are read from it", "none known: invented";
        WrittenForAnHourAtShortRate "written-for-an-hour-at-short-rate"
            "tokens that are written to a prompt cache for an hour cost as those for five minutes",
            "BerriAI/litellm PR 32073";
        ReasoningAtOutputRate "reasoning-at-output-rate"
            "the rate of reasoning is not looked at", "anomalyco/opencode#24231";
        ReasoningChargedTwice "reasoning-charged-twice"
            "reasoning is charged, and as output, too", "BerriAI/litellm PR 30488";
        AudioAtTextRate "audio-at-text-rate"
            "sound costs as text", "BerriAI/litellm PR 19771";
        LongPromptAtShortRate "long-prompt-at-short-rate"
            "the rates of long prompts are not looked at", "BerriAI/litellm#30135";
        LongPromptFromItsEdge "long-prompt-from-its-edge"
            "a prompt that is just as long as the short rate allows costs as a longer one", "Helicone/helicone#5788";
        TierIgnored "tier-ignored"
            "each service costs the same", "BerriAI/litellm#13810";
        TierAskedTakenForServed "tier-asked-taken-for-served"
            "the service that was asked for is charged, not the one that was given", "BerriAI/litellm#31837";
        UsageAfterFinishLost "usage-after-finish-lost"
            "a usage that comes after the finish reason, beside a choice, is not read", "BerriAI/litellm#36168";
        UsageWithFinishLost "usage-with-finish-lost"
            "a usage that comes with the finish reason is not read", "BerriAI/litellm#36083";
        UsageOfChunksSummed "usage-of-chunks-summed"
            "a usage that a stream says again is added to what it said before", "envoyproxy/ai-gateway PR 2239";
        NegativeUsageBelieved "negative-usage-believed"
            "a usage below zero gives money back", "BerriAI/litellm PR 38010";
        AnswersOfOneIdTakenForOne "answers-of-one-id-taken-for-one"
            "a second answer with the same id is not charged", "BerriAI/litellm#28376, as it would be for charges";
    }
    Overrun {
        CachedTokensEscapeTpm "cached-tokens-escape-tpm"
            "tokens that were read from a prompt cache are not counted against a limit of tokens",
            "api7/aisix PR 733";
    }
    // What an answer says of itself.
    Miscount {
        CostZeroOnResponses "cost-zero-on-responses"
            "an answer of /v1/responses states a cost of 0, though it is booked right", "BerriAI/litellm#26475";
        CostMissingOnMessages "cost-missing-on-messages"
            "an answer of /v1/messages states no cost", "BerriAI/litellm PR 31675";
        CachedAnswerStatesCost "cached-answer-states-cost"
            "an answer from the cache states what it cost the first time, though nothing is booked",
            "BerriAI/litellm#14749, its header";
        RemainingNeverFalls "remaining-never-falls"
            "answers say that all requests of a minute are left", "majiayu000/litellm-rs#833: headers that say nothing";
    }
    // What the client gets of the provider's answer.
    Altered {
        ResponsesStreamLosesText "responses-stream-loses-text"
            "the first piece of the text of a stream of /v1/responses is lost", "BerriAI/litellm#36327";
        FinishReasonChanged "finish-reason-changed"
            "an answer that has said all is told as one that was cut off", "BerriAI/litellm#21041, by another reason";
        StreamUsageEstimated "stream-usage-estimated"
            "the usage at the end of a stream is a guess, and its output 0", "BerriAI/litellm PR 36943";
        AnswerUsageOfOneToken "answer-usage-of-one-token"
            "an answer of /v1/messages says that it has one token, whatever is booked",
            "BerriAI/litellm PR 36943, its messages";
    }
    // Whose answer it is.
    Leak {
        CrowdAnswersMixedUp "crowd-answers-mixed-up"
            "of requests at the same time one gets the answer of another", "BerriAI/litellm#25447";
        CacheSharedByAll "cache-shared-by-all"
            "an answer from the cache is given to whoever asks the same, of whichever team", "BerriAI/litellm#29955";
        CacheIgnoresPrompt "cache-ignores-prompt"
            "an answer from the cache is given to whoever asks that model", "BerriAI/litellm#19575: its similar prompts";
    }
    Bypass {
        CachedAnswerForAnyone "cached-answer-for-anyone"
            "who may not ask a model gets its answers from the cache", "theopenco/llmgateway PR 3758";
    }
    // What the books of one version say in another.
    Miscount {
        UpgradeZeroesSpend "upgrade-zeroes-spend"
            "the recorded spend is 0 after an upgrade, and enforced all the same", "BerriAI/litellm PR 37736, its rows";
        UpgradeEmptiesLog "upgrade-empties-log"
            "the rows of the spend log are gone after an upgrade", "none known: invented";
        UpgradeLosesLastCharge "upgrade-loses-last-charge"
            "what was charged last is not written when the old version is stopped",
            "LiteLLM 1.81.0 and 1.82.3, measured: in a restart";
        UpgradeChargesKeysOnly "upgrade-charges-keys-only"
            "owners, end users and tags from before an upgrade are not charged after it", "BerriAI/litellm PR 37736";
        RollingLosesChargesOfOld "rolling-loses-charges-of-old"
            "what an old instance charges once a new one has migrated the database is not written",
            "BerriAI/litellm#36418, as it would be for its books";
        DowngradeLosesLastCharge "downgrade-loses-last-charge"
            "what was charged last is not in the books of the older version", "BerriAI/litellm PR 31125";
    }
    // Whom another version does not know.
    FalseRefusal {
        UpgradeRefusesOldKeys "upgrade-refuses-old-keys"
            "a key from before an upgrade is unknown after it", "BerriAI/litellm#27735, a comment";
        UpgradeCountsTwice "upgrade-counts-twice"
            "what was spent before an upgrade counts twice after it", "BerriAI/litellm#27735, a comment";
        UpgradeStopsResets "upgrade-stops-resets"
            "a budget from before an upgrade is never reset after it", "BerriAI/litellm#8364, by another way";
        UpgradeForgetsModels "upgrade-forgets-models"
            "models that were made through the admin API are gone after an upgrade", "BerriAI/litellm#16871";
        RollingHidesNewKeys "rolling-hides-new-keys"
            "keys that are made while two versions run are unknown to the old one", "BerriAI/litellm#6124, by another way";
        DowngradeForgetsNewKeys "downgrade-forgets-new-keys"
            "keys that were made after an upgrade are unknown when it is taken back",
            "ministryofjustice/modernisation-platform-environments#18605";
        DowngradeForgetsModels "downgrade-forgets-models"
            "models that were made through the admin API are gone when an upgrade is taken back",
            "BerriAI/litellm#16871";
    }
    // What is limited for a minute.
    Overrun {
        UpgradeDropsRates "upgrade-drops-rates"
            "limits for a minute from before an upgrade do not hold after it", "BerriAI/litellm#16871: stored values";
    }
    // Who is kept out.
    FalseRefusal {
        PhantomBudget "phantom-budget"
            "a key without a budget has one all the same", "BerriAI/litellm#22726";
        ReservationNeverReleased "reservation-never-released"
            "each request reserves 20 times its price, and keeps it", "BerriAI/litellm PR 38111";
        ReservationTakesAll "reservation-takes-all"
            "a request reserves all that is left of the budget until it has ended", "BerriAI/litellm PR 27509";
        RaisedBudgetSeenLate "raised-budget-seen-late"
            "a higher budget does not hold for who has been let in before", "BerriAI/litellm#38634";
        BudgetUpdateNotStored "budget-update-not-stored"
            "a budget that is changed stays as it was", "BerriAI/litellm#38634";
        FreeModelRefused "free-model-refused"
            "a model that costs nothing is refused to who has spent everything", "BerriAI/litellm#29912";
        FreeAliasRefused "free-alias-refused"
            "another name for a free model counts as paid", "BerriAI/litellm#38515";
        ModelListRefusedForEndUser "model-list-refused-for-end-user"
            "the list of models is refused for an end user who has spent everything", "BerriAI/litellm#13286";
        ModelListRefusedForKey "model-list-refused-for-key"
            "the list of models is refused to a key that has spent everything", "BerriAI/litellm#13286";
        BudgetNeverReset "budget-never-reset"
            "no budget is ever reset", "BerriAI/litellm#8364";
        EndUserBudgetNeverReset "end-user-budget-never-reset"
            "the budget of an end user is never reset", "BerriAI/litellm#5651";
        ResetLeavesCounter "reset-leaves-counter"
            "after a reset the old spend is still held against the budget", "BerriAI/litellm#29576";
        ManualResetIgnored "manual-reset-ignored"
            "a reset that the administrator asks for does nothing", "BerriAI/litellm#30002";
        LlmRoutesLeaveSomeOut "llm-routes-leave-some-out"
            "a key that may call all routes that ask a model is refused on all but one", "BerriAI/litellm PR 30089";
        UnblockedKeyRefused "unblocked-key-refused"
            "a key that was unblocked is refused", "BerriAI/litellm#41575: an unblock without effect";
        RegeneratedKeyRefused "regenerated-key-refused"
            "the new secret of a key is not let in", "BerriAI/litellm PR 28934";
        MinuteNeverEnds "minute-never-ends"
            "who has reached a limit for a minute is never let in again", "BerriAI/litellm#24677";
        TpmRefusedEarly "tpm-refused-early"
            "tokens a minute are refused at half of the limit", "BerriAI/litellm#18953";
        ParallelRefusalUsesRpm "parallel-refusal-uses-rpm"
            "a request that is refused for being one too many at the same time counts for the minute",
            "BerriAI/litellm#39309";
        DroppedStreamKeepsSlot "dropped-stream-keeps-slot"
            "a stream that the client leaves counts as running for ever", "BerriAI/litellm#27955";
        BrokenStreamKeepsSlot "broken-stream-keeps-slot"
            "a stream that the provider breaks off counts as running for ever", "BerriAI/litellm#20256";
        FailedCallKeepsSlot "failed-call-keeps-slot"
            "a request that the provider failed counts as running for ever", "BerriAI/litellm PR 28160";
    }
    // How a refusal looks.
    WrongRefusal {
        BudgetRefusedWith400 "budget-refused-with-400"
            "a spent budget is refused with 400", "BerriAI/litellm PR 27416";
        BudgetRefusedAsRateLimit "budget-refused-as-rate-limit"
            "a spent budget is refused as a rate limit", "BerriAI/litellm PR 41218";
        ExpiredKeyRefusedWith400 "expired-key-refused-with-400"
            "an expired key is refused with 400", "LiteLLM 1.81.0 and 1.82.3, measured";
        ModelRefusedWith401 "model-refused-with-401"
            "a model that is not allowed is refused with 401", "LiteLLM 1.81.0 and 1.82.3, measured";
        RefusalNamesNobody "refusal-names-nobody"
            "a refusal does not say whose budget is spent", "BerriAI/litellm#4208, #14144";
        RateRefusalWithoutRetryAfter "rate-refusal-without-retry-after"
            "a refusal for a limit of a minute does not say when to ask again", "BerriAI/litellm#27823";
        RefusedWithHtml "refused-with-html"
            "a refusal is a page of HTML", "none known; as a proxy in front of a gateway answers";
    }
    // What breaks.
    Fault {
        RollingBreaksOld "rolling-breaks-old"
            "an old instance answers 503 once a new one has migrated the database", "BerriAI/litellm#36418";
        UpgradeDropsLimits "upgrade-drops-limits"
            "limits for a minute are not returned after an upgrade", "BerriAI/litellm#16871: stored values";
        DowngradeDropsLimits "downgrade-drops-limits"
            "limits for a minute are not returned when an upgrade is taken back",
            "BerriAI/litellm#16871: stored values";
        DowngradeAnswers500 "downgrade-answers-500"
            "the older version answers 500 on what the newer one has migrated", "BerriAI/litellm PR 8695: it did not start";
        Answers500 "answers-500"
            "every request of a model fails inside the gateway", "BerriAI/litellm#11334";
        Hangs "hangs"
            "no request of a model is ever answered", "BerriAI/litellm#20256";
        HangsForGood "hangs-for-good"
            "once a key asks twice at the same time nothing is answered any more, until the gateway is started again",
            "any-llm 1.4.0 to 1.14.0, measured: a user";
        LimitNotReadBack "limit-not-read-back"
            "limits hold, and are not told to who asks for them", "maximhq/bifrost#5673: no budget in the answer";
        AnswersBroken "answers-broken"
            "the answer of a model is not passed on as it is", "BerriAI/litellm#5964: answers cut off";
    }
}
