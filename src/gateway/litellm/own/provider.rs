//! LiteLLM's providers, and how the upstream can stand in for each. Not: what else a deployment says.
//!
//! Measured on 1.81.0, 1.82.3 and 1.108.7 against a server that speaks as the upstream does: to which path each provider's
//! model is asked with an `api_base`, and which price is known before and after the call.

/// How the upstream stands in for a provider's model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StandIn {
    /// It speaks as that provider does, at this path.
    Speaks(&'static str),
    /// As a model behind another LiteLLM, whose name there is this one: LiteLLM takes its price from what is behind.
    Behind(String),
    /// Not at all, for this reason.
    No(&'static str),
}

/// Providers that are asked like OpenAI, at `api_base` with `/v1` in it.
const LIKE_OPENAI: [&str; 86] = [
    "ai21",
    "ai21_chat",
    "aiml",
    "aiohttp_openai",
    "amazon_nova",
    "apertis",
    "assemblyai",
    "baseten",
    "bedrock_mantle",
    "cerebras",
    "charity_engine",
    "chutes",
    "codestral",
    "cognition",
    "cometapi",
    "compactifai",
    "coralbricks",
    "cortecs",
    "custom_openai",
    "darkbloom",
    "dashscope",
    "databricks",
    "deepinfra",
    "deepseek",
    "docker_model_runner",
    "edenai",
    "empower",
    "featherless_ai",
    "fireworks_ai",
    "friendliai",
    "galadriel",
    "github",
    "helicone",
    "hosted_vllm",
    "huggingface",
    "hyperbolic",
    "inception",
    "inferenceapis",
    "lambda_ai",
    "lemonade",
    "libertai",
    "litellm_proxy",
    "llamafile",
    "lm_studio",
    "maritalk",
    "meta",
    "meta_llama",
    "minimax",
    "mistral",
    "modelscope",
    "moonshot",
    "morph",
    "nadir",
    "nano-gpt",
    "nebius",
    "neosantara",
    "novita",
    "nscale",
    "nvidia_nim",
    "openai",
    "openrouter",
    "ovhcloud",
    "parasail",
    "perplexity",
    "pinstripes",
    "poe",
    "prism",
    "publicai",
    "qwen_ai_platform",
    "qwencloud",
    "reka",
    "sail",
    "sambanova",
    "scaleway",
    "scx-ai",
    "synthetic",
    "tencent",
    "text-completion-openai",
    "together_ai",
    "v0",
    "vercel_ai_gateway",
    "volcengine",
    "wandb",
    "xai",
    "xinference",
    "zai",
];

/// Those that add the whole path themselves.
const AT_THE_ROOT: [&str; 5] = ["anthropic", "azure", "azure_text", "heroku", "oobabooga"];

/// Others that LiteLLM knows: each has an API of its own, or asks somebody for a token first.
const OF_THEIR_OWN: [&str; 99] = [
    "a2a",
    "a2a_agent",
    "abliteration",
    "aiand",
    "anthropic_text",
    "auto_router",
    "aws_polly",
    "aws_textract",
    "azure_ai",
    "azure_speech",
    "bedrock",
    "bespoke",
    "bigmodel",
    "black_forest_labs",
    "bytez",
    "chatgpt",
    "clarifai",
    "clf_ai_gateway",
    "cloudflare",
    "cohere",
    "cohere_chat",
    "cursor",
    "custom",
    "databricks_agent",
    "datarobot",
    "deepgram",
    "dotprompt",
    "elevenlabs",
    "empiriolabs",
    "eu_jev",
    "fal_ai",
    "gdc",
    "gemini",
    "gigachat",
    "github_copilot",
    "gradient_ai",
    "groq",
    "hostinger_router",
    "humanloop",
    "infinity",
    "jina_ai",
    "kyma",
    "langflow",
    "langfuse",
    "langgraph",
    "laya",
    "litellm_agent",
    "manus",
    "microsoft_365_copilot",
    "milvus",
    "mongodb",
    "nace",
    "nlp_cloud",
    "nvidia_riva",
    "oci",
    "ollama",
    "ollama_chat",
    "openai_like",
    "opencode_go",
    "openinfer",
    "opensearch",
    "parallel_ai",
    "petals",
    "pg_vector",
    "predibase",
    "ragflow",
    "recraft",
    "reducto",
    "refuseless",
    "replicate",
    "runwayml",
    "s3_vectors",
    "sagemaker",
    "sagemaker_chat",
    "sagemaker_nova",
    "sap",
    "scaledown",
    "snowflake",
    "soniox",
    "stability",
    "strands_decider",
    "streamlake",
    "tensormesh",
    "text-completion-codestral",
    "text-completion-inception",
    "topaz",
    "transcribe",
    "triton",
    "typesafe",
    "valkey",
    "vertex_ai",
    "vertex_ai_beta",
    "vllm",
    "voyage",
    "wally",
    "watsonx",
    "watsonx_text",
    "xiaomi_mimo",
    "zerogpu",
];

/// All that are known, to find the nearest of a wrong name.
pub(super) fn known() -> impl Iterator<Item = &'static str> {
    LIKE_OPENAI.into_iter().chain(AT_THE_ROOT).chain(OF_THEIR_OWN)
}

/// The provider of a model, as LiteLLM takes its name apart, and the rest of it; none if it is none that is known.
pub(super) fn of<'a>(model: &'a str, stated: Option<&'a str>) -> Option<(&'a str, &'a str)> {
    if let Some(provider) = stated {
        let rest = model.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/')).unwrap_or(model);
        return Some((provider, rest));
    }
    match model.split_once('/') {
        Some((provider, rest)) => known().any(|name| name == provider).then_some((provider, rest)),
        // Without one, its name has to be in LiteLLM's lists.
        None if model.starts_with("claude-") => Some(("anthropic", model)),
        None if model.starts_with("gemini-") => Some(("vertex_ai", model)),
        None if model.starts_with("command-") => Some(("cohere", model)),
        None => Some(("openai", model)),
    }
}

/// How the upstream stands in for a model of a provider.
pub(super) fn stand_in(provider: &str, model: &str) -> StandIn {
    if LIKE_OPENAI.contains(&provider) {
        return StandIn::Speaks("/v1");
    }
    if AT_THE_ROOT.contains(&provider) {
        return StandIn::Speaks("");
    }
    if model.contains('*') {
        return StandIn::No(
            "the upstream cannot speak as its provider does, and it names no model whose price could be kept",
        );
    }
    match provider {
        "auto_router" | "custom" | "a2a" | "a2a_agent" | "litellm_agent" | "langgraph" | "dotprompt" | "humanloop"
        | "langfuse" => StandIn::No("it is no model of a provider"),
        // The cost map names these without their provider.
        "bedrock" | "vertex_ai_beta" | "cohere" | "cohere_chat" => StandIn::Behind(without_route(model).to_owned()),
        "vertex_ai" if ["gemini-", "claude-"].iter().any(|begin| model.starts_with(begin)) => {
            StandIn::Behind(model.to_owned())
        }
        // And these with it.
        _ => StandIn::Behind(format!("{provider}/{model}")),
    }
}

/// `converse/anthropic.claude-...` says how Bedrock is asked, which is no part of a name in the cost map.
fn without_route(model: &str) -> &str {
    let routes = ["converse/", "converse_like/", "invoke/"];
    routes.iter().find_map(|route| model.strip_prefix(route)).unwrap_or(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_provider_is_spoken_or_stood_in_for() {
        let case =
            |model: &str, stated: Option<&str>| of(model, stated).map(|(provider, rest)| stand_in(provider, rest));
        let behind = |name: &str| Some(StandIn::Behind(name.to_owned()));
        assert_eq!(case("openai/gpt-4o", None), Some(StandIn::Speaks("/v1")));
        assert_eq!(case("gpt-4o", None), Some(StandIn::Speaks("/v1")));
        assert_eq!(case("claude-haiku-4-5", None), Some(StandIn::Speaks("")));
        assert_eq!(case("prod", Some("azure")), Some(StandIn::Speaks("")));
        assert_eq!(case("bedrock/converse/anthropic.claude-x", None), behind("anthropic.claude-x"));
        assert_eq!(case("vertex_ai/gemini-2.5-pro", None), behind("gemini-2.5-pro"));
        assert_eq!(case("gemini/gemini-2.5-flash", None), behind("gemini/gemini-2.5-flash"));
        assert_eq!(case("nobody-knows-this/provider", None), None);
        assert!(matches!(case("bedrock/*", None), Some(StandIn::No(_))));
    }
}
