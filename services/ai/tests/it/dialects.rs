//! How each dialect writes what happens, from the providers' published shapes: the columns of the conformance suite.

use serde_json::{Value, json};
use testkit::scripted::{Handle, Reply};
use troupe_ai::Config;
use troupe_ai::config::{ApiKey, Kind, ModelConfig, ServerConfig};

/// A dialect. In its templates `%` stands for a text as JSON has it between its quotes.
pub(crate) struct Dialect {
    pub(crate) kind: Kind,
    /// The path of a completion, and where its key is expected to be.
    pub(crate) path: &'static str,
    pub(crate) label: &'static str,
    /// What comes before the first text.
    pub(crate) begin: &'static str,
    pub(crate) text: &'static str,
    pub(crate) thought: &'static str,
    pub(crate) heartbeat: &'static str,
    /// The end for a reason, with figures.
    pub(crate) end: &'static str,
    /// The reasons of an end: the model's own, most tokens, a filter.
    pub(crate) reasons: [&'static str; 3],
    /// The figures of that end: prompt, cached, kept for later, completion, thoughts.
    pub(crate) figures: [i32; 5],
    /// A text among members that make no sense.
    pub(crate) odd: &'static str,
    /// A failure in the midst of an answer.
    pub(crate) failure: &'static str,
    /// The error body of a status, a kind and words.
    pub(crate) error: fn(u16, &str, &str) -> Value,
    /// Kind and words of a prompt that is too long.
    pub(crate) too_long: (&'static str, &'static str),
    /// The figures in these: tokens of the prompt, and the window.
    pub(crate) too_long_figures: (Option<&'static str>, Option<&'static str>),
    /// Status, kind and words of credit that is used up.
    pub(crate) no_credit: (u16, &'static str, &'static str),
}

/// An error as OpenAI writes it, and those who imitate it.
fn openai_error(_status: u16, kind: &str, words: &str) -> Value {
    json!({"error": {"message": words, "type": kind, "param": null, "code": kind}})
}

fn anthropic_error(_status: u16, kind: &str, words: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": words}, "request_id": "req_1"})
}

/// Wrapped in a list, as where a stream was asked for.
fn gemini_error(status: u16, kind: &str, words: &str) -> Value {
    json!([{"error": {"code": status, "message": words, "status": kind, "details": []}}])
}

fn cohere_error(_status: u16, _kind: &str, words: &str) -> Value {
    json!({"id": "e", "message": words})
}

fn ollama_error(_status: u16, _kind: &str, words: &str) -> Value {
    json!({"error": words})
}

pub(crate) const DIALECTS: [Dialect; 6] = [
    Dialect {
        kind: Kind::OpenAi,
        path: "/v1/chat/completions",
        label: "text/event-stream",
        begin: "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
        text: "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%\"},\"finish_reason\":null}]}\n\n",
        thought: "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"%\"}}]}\n\n",
        heartbeat: ": ping\n\ndata:\n\n",
        end: "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"%\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":9,\"prompt_tokens_details\":{\"cached_tokens\":8},\"completion_tokens_details\":{\"reasoning_tokens\":4}}}\n\ndata: [DONE]\n\n",
        reasons: ["stop", "length", "content_filter"],
        figures: [20, 8, 0, 9, 4],
        odd: "data: {\"id\":7,\"choices\":[{\"index\":\"x\",\"delta\":{\"content\":\"%\",\"tool_calls\":{}},\"logprobs\":[NaN],\"finish_reason\":[]}],\"usage\":-1}\n\n",
        failure: "data: {\"error\":{\"message\":\"lost\",\"code\":502}}\n\n",
        error: openai_error,
        too_long: (
            "context_length_exceeded",
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
        ),
        too_long_figures: (Some("9000"), Some("8192")),
        no_credit: (429, "insufficient_quota", "You exceeded your current quota"),
    },
    Dialect {
        kind: Kind::OpenAiResponses,
        path: "/v1/responses",
        label: "text/event-stream",
        begin: "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"status\":\"in_progress\",\"error\":null,\"output\":[]}}\n\nevent: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"item\":{\"type\":\"message\",\"content\":[]}}\n\n",
        text: "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"%\"}\n\n",
        thought: "event: response.reasoning_summary_text.delta\ndata: {\"type\":\"response.reasoning_summary_text.delta\",\"delta\":\"%\"}\n\n",
        heartbeat: ": ping\n\nevent: keepalive\ndata: {\"type\":\"keepalive\"}\n\n",
        end: "event: response.incomplete\ndata: {\"type\":\"response.incomplete\",\"response\":{\"status\":\"%\",\"incomplete_details\":{\"reason\":\"%\"},\"error\":null,\"usage\":{\"input_tokens\":20,\"input_tokens_details\":{\"cached_tokens\":8},\"output_tokens\":9,\"output_tokens_details\":{\"reasoning_tokens\":4}}}}\n\n",
        reasons: ["completed", "max_output_tokens", "content_filter"],
        figures: [20, 8, 0, 9, 4],
        odd: "data: {\"type\":\"response.output_text.delta\",\"delta\":\"%\",\"logprobs\":[NaN],\"output_index\":\"x\",\"sequence_number\":-1}\n\n",
        failure: "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"lost\",\"param\":null}\n\n",
        error: openai_error,
        too_long: (
            "context_length_exceeded",
            "Your input exceeds the context window of this model.",
        ),
        too_long_figures: (None, None),
        no_credit: (429, "insufficient_quota", "You exceeded your current quota"),
    },
    Dialect {
        kind: Kind::Anthropic,
        path: "/v1/messages",
        label: "text/event-stream; charset=utf-8",
        begin: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"role\":\"assistant\",\"content\":[],\"usage\":{\"input_tokens\":7,\"cache_creation_input_tokens\":5,\"cache_read_input_tokens\":8,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        text: "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"%\"}}\n\n",
        thought: "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"%\"}}\n\n",
        heartbeat: "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        end: "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"%\"},\"usage\":{\"output_tokens\":9,\"output_tokens_details\":{\"thinking_tokens\":4}}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        reasons: ["end_turn", "max_tokens", "refusal"],
        figures: [20, 8, 5, 9, 4],
        odd: "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":\"x\",\"delta\":{\"type\":\"text_delta\",\"text\":\"%\",\"citations\":NaN},\"usage\":[]}\n\n",
        failure: "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"lost\"}}\n\n",
        error: anthropic_error,
        too_long: (
            "invalid_request_error",
            "prompt is too long: 9000 tokens > 8192 maximum",
        ),
        too_long_figures: (Some("9000"), Some("8192")),
        no_credit: (
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API.",
        ),
    },
    Dialect {
        kind: Kind::Gemini,
        path: "/v1beta/models/tiny:streamGenerateContent",
        label: "text/event-stream",
        begin: "data: {\"usageMetadata\":{\"promptTokenCount\":20},\"modelVersion\":\"tiny\",\"responseId\":\"r\"}\n\n",
        text: "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"%\"}],\"role\":\"model\"},\"index\":0}]}\n\n",
        thought: "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"%\",\"thought\":true}],\"role\":\"model\"}}]}\n\n",
        heartbeat: ": ping\n\n",
        end: "data: {\"candidates\":[{\"content\":{\"parts\":[],\"role\":\"model\"},\"finishReason\":\"%\"}],\"usageMetadata\":{\"promptTokenCount\":20,\"cachedContentTokenCount\":8,\"candidatesTokenCount\":5,\"thoughtsTokenCount\":4,\"totalTokenCount\":29}}\n\n",
        reasons: ["STOP", "MAX_TOKENS", "SAFETY"],
        figures: [20, 8, 0, 9, 4],
        odd: "data: {\"candidates\":[{\"content\":{\"parts\":[7,null,{\"text\":\"%\"}],\"role\":[]},\"avgLogprobs\":NaN,\"safetyRatings\":{}}],\"usageMetadata\":[]}\n\n",
        failure: "data: {\"error\":{\"code\":500,\"message\":\"lost\",\"status\":\"INTERNAL\"}}\n\n",
        error: gemini_error,
        too_long: (
            "INVALID_ARGUMENT",
            "The input token count (9000) exceeds the maximum number of tokens allowed (8192).",
        ),
        too_long_figures: (Some("9000"), Some("8192")),
        no_credit: (
            402,
            "RESOURCE_EXHAUSTED",
            "Your prepayment credits are depleted.",
        ),
    },
    Dialect {
        kind: Kind::Cohere,
        path: "/v2/chat",
        label: "text/event-stream",
        begin: "event: message-start\ndata: {\"id\":\"m\",\"type\":\"message-start\",\"delta\":{\"message\":{\"role\":\"assistant\",\"content\":[]}}}\n\nevent: content-start\ndata: {\"type\":\"content-start\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"type\":\"text\",\"text\":\"\"}}}}\n\n",
        text: "event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"text\":\"%\"}}}}\n\n",
        thought: "event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"thinking\":\"%\"}}}}\n\n",
        heartbeat: ": ping\n\nevent: debug\ndata: {\"type\":\"debug\",\"prompt\":\"x\"}\n\n",
        end: "event: content-end\ndata: {\"type\":\"content-end\",\"index\":0}\n\nevent: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"%\",\"usage\":{\"billed_units\":{\"input_tokens\":20,\"output_tokens\":9},\"tokens\":{\"input_tokens\":95,\"output_tokens\":11},\"cached_tokens\":8}}}\n\n",
        reasons: ["COMPLETE", "MAX_TOKENS", "ERROR_TOXIC_SAFETY"],
        figures: [20, 8, 0, 9, 0],
        odd: "event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":[],\"delta\":{\"message\":{\"content\":{\"text\":\"%\"},\"tool_calls\":NaN}},\"logprobs\":-1}\n\n",
        failure: "data: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"lost\"}}\n\n",
        error: cohere_error,
        too_long: (
            "",
            "too many tokens: total number of tokens in the prompt cannot exceed 8192 - received 9000.",
        ),
        too_long_figures: (Some("9000"), Some("8192")),
        no_credit: (402, "", "please add or update your payment method"),
    },
    Dialect {
        kind: Kind::Ollama,
        path: "/api/chat",
        label: "application/x-ndjson",
        begin: "{\"model\":\"tiny\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":false}\n",
        text: "{\"model\":\"tiny\",\"message\":{\"role\":\"assistant\",\"content\":\"%\"},\"done\":false}\n",
        thought: "{\"model\":\"tiny\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"%\"},\"done\":false}\n",
        heartbeat: "\n",
        end: "{\"model\":\"tiny\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"%\",\"total_duration\":123456789012,\"prompt_eval_count\":20,\"eval_count\":9}\n",
        reasons: ["stop", "length", "content_filter"],
        figures: [20, 0, 0, 9, 0],
        odd: "{\"model\":7,\"message\":{\"role\":[],\"content\":\"%\",\"images\":{}},\"done\":\"no\",\"eval_count\":NaN}\n",
        failure: "{\"error\":\"lost\"}\n",
        error: ollama_error,
        too_long: ("", "the input length exceeds the context length"),
        too_long_figures: (None, None),
        no_credit: (
            402,
            "",
            "this model requires a subscription, upgrade for access",
        ),
    },
];

impl Dialect {
    /// A piece of text, as JSON has it between its quotes.
    pub(crate) fn text(&self, text: &str) -> String {
        self.text.replace('%', text)
    }

    pub(crate) fn end(&self, reason: usize) -> String {
        let reason = self.reasons[reason];
        match (self.kind, reason) {
            // One event for what is whole, and another one for the rest.
            (Kind::OpenAiResponses, "completed") => {
                let end = self.end.replace("{\"reason\":\"%\"}", "null");
                end.replace("response.incomplete", "response.completed")
                    .replace('%', reason)
            }
            (Kind::OpenAiResponses, _) => {
                self.end.replacen('%', "incomplete", 1).replace('%', reason)
            }
            _ => self.end.replace('%', reason),
        }
    }

    /// «Fine day», with what stands between the two words.
    pub(crate) fn fine_day(&self, between: &str) -> String {
        let (one, other) = (self.text("Fine "), self.text("day"));
        format!("{}{one}{between}{other}{}", self.begin, self.end(0))
    }

    pub(crate) fn raw(&self, bytes: impl Into<Vec<u8>>) -> Reply {
        Reply::raw(self.label, bytes)
    }

    pub(crate) fn refusal(&self, status: u16, kind: &str, words: &str) -> Reply {
        Reply::status(status, (self.error)(status, kind, words))
    }

    /// A configuration with this server alone, called `it`, and its model `tiny`.
    pub(crate) fn config(&self, server: &Handle) -> Config {
        let mut config = Config::default();
        config.servers.insert(
            "it".to_owned(),
            ServerConfig {
                kind: self.kind,
                base_url: match self.kind {
                    Kind::OpenAi => server.base_url(),
                    _ => server.root_url(),
                },
                api_key: ApiKey::new("sk-test"),
                retry_pause_ms: 1,
                models: vec![ModelConfig {
                    id: "tiny".to_owned(),
                    prompt_price_micro_usd: Some(1_000_000),
                    cached_price_micro_usd: Some(100_000),
                    cache_write_price_micro_usd: Some(1_250_000),
                    completion_price_micro_usd: Some(5_000_000),
                    reasoning_price_micro_usd: Some(4_000_000),
                    ..ModelConfig::default()
                }],
                ..ServerConfig::default()
            },
        );
        config
    }
}
