use serde_json::json;

use super::*;

fn told(message: &str) -> Option<(Option<u32>, Option<u32>)> {
    let told = Told::read(&json!({"error": {"message": message, "code": 400}}));
    of_told(400, &told).map(|figures| (figures.tokens, figures.window))
}

/// How servers say it, with the prompt's tokens and the window's.
const TOLD: &[(&str, u32, u32)] = &[
    // OpenAI, DeepSeek, older vLLM.
    (
        "This model's maximum context length is 8192 tokens. However, you requested 9203 tokens (8691 in the messages, 512 in the completion). Please reduce the length of the messages or completion.",
        8691,
        8192,
    ),
    (
        "This model's maximum context length is 4097 tokens, however you requested 8238 tokens (8238 in your prompt; 0 for the completion).",
        8238,
        4097,
    ),
    (
        "This model's maximum context length is 16,385 tokens. However, your messages resulted in 17,294 tokens.",
        17294,
        16385,
    ),
    (
        "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens.",
        300_000,
        272_000,
    ),
    // Anthropic, and those who speak its dialect.
    (
        "prompt is too long: 210211 tokens > 200000 maximum",
        210_211,
        200_000,
    ),
    (
        "input length and `max_tokens` exceed context limit: 198563 + 21333 > 200000, decrease input length or `max_tokens` and try again",
        198_563,
        200_000,
    ),
    // Gemini and Vertex.
    (
        "The input token count (134123) exceeds the maximum number of tokens allowed (131072).",
        134_123,
        131_072,
    ),
    (
        "Unable to submit request because the input token count is 40000 but model only supports up to 32768.",
        40000,
        32768,
    ),
    // Mistral.
    (
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        40000,
        32768,
    ),
    // vLLM.
    (
        "This model's maximum context length is 262144 tokens. However, you requested 128000 output tokens and your prompt contains at least 134145 input tokens, for a total of at least 262145 tokens. Please reduce the length of the input prompt or the number of requested output tokens. (parameter=input_tokens, value=134145)",
        134_145,
        262_144,
    ),
    (
        "You passed 8193 input tokens and requested 64 output tokens. However, the model's context length is only 8192 tokens, resulting in a maximum input length of 8128 tokens.",
        8193,
        8192,
    ),
    (
        "'max_tokens' or 'max_completion_tokens' is too large: 8000. This model's maximum context length is 4096 tokens and your request has 200 input tokens (8000 > 4096 - 200).",
        200,
        4096,
    ),
    // SGLang.
    (
        "Requested token count exceeds the model's maximum context length of 202752 tokens. You requested a total of 202941 tokens: 170941 tokens from the input messages and 32000 tokens for the completion.",
        170_941,
        202_752,
    ),
    (
        "Input length (265330) exceeds model's maximum context length (262144).",
        265_330,
        262_144,
    ),
    // llama.cpp and its bindings.
    (
        "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it",
        5000,
        4096,
    ),
    (
        "Requested tokens (5000) exceed context window of 4096",
        5000,
        4096,
    ),
    // LM Studio.
    (
        "Trying to keep the first 10136 tokens when context the overflows. However, the model is loaded with context length of only 7866 tokens, which is not enough.",
        10136,
        7866,
    ),
    (
        "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 8191>= n_ctx: 4096).",
        8191,
        4096,
    ),
    // TGI.
    (
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 3474 `inputs` tokens and 60 `max_new_tokens`",
        3474,
        2048,
    ),
    (
        "Input validation error: `inputs` must have less than 1024 tokens. Given: 1168",
        1168,
        1024,
    ),
    // OpenRouter and who stands behind it.
    (
        "This endpoint's maximum context length is 65536 tokens. However, you requested about 70000 tokens (69000 of text input, 1000 in the output).",
        69000,
        65536,
    ),
    (
        "Input length 131393 exceeds the maximum allowed input length of 131040 tokens.",
        131_393,
        131_040,
    ),
    // Together, xAI, Cerebras, Fireworks, Moonshot, GitHub.
    (
        "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
        5000,
        4096,
    ),
    (
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        537_812,
        131_072,
    ),
    (
        "Please reduce the length of the messages or completion. Current length is 15236 while limit is 8192",
        15236,
        8192,
    ),
    (
        "The prompt is too long: 70000, model maximum context length: 65535",
        70000,
        65535,
    ),
    (
        "Invalid request: Your request exceeded model token limit: 8192 (requested: 9000)",
        9000,
        8192,
    ),
    (
        "prompt token count of 90000 exceeds the limit of 64000",
        90000,
        64000,
    ),
    // Cohere.
    (
        "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292. Try using a shorter prompt",
        4292,
        4081,
    ),
    (
        "too many tokens: size limit exceeded by 11326 tokens. Try using shorter or fewer inputs. The limit for this model is 288000 tokens.",
        299_326,
        288_000,
    ),
    // TabbyAPI and others.
    (
        "Prompt length 5000 is greater than max_seq_len 4096",
        5000,
        4096,
    ),
    (
        "Prompt too long: 5152 tokens exceeds max_seq_len 2048 (leave room for output tokens)",
        5152,
        2048,
    ),
    (
        "The estimated number of input and maximum output tokens (9000) exceeded this model context window limit (8192).",
        9000,
        8192,
    ),
];

#[test]
fn reads_both_figures_in_the_words_of_each_server() {
    for (message, tokens, window) in TOLD {
        assert_eq!(
            told(message),
            Some((Some(*tokens), Some(*window))),
            "{message}"
        );
    }
}

#[test]
fn knows_that_a_prompt_is_too_long_without_figures() {
    for (message, tokens, window) in [
        (
            "Your input exceeds the context window of this model.",
            None,
            None,
        ),
        ("Input is too long for requested model.", None, None),
        (
            "prompt too long; exceeded max context length by 2047 tokens",
            None,
            None,
        ),
        (
            "Range of input length should be [1, 129024]",
            None,
            Some(129_024),
        ),
        ("invalid params, context window exceeds limit", None, None),
    ] {
        assert_eq!(told(message), Some((tokens, window)), "{message}");
    }
}

#[test]
fn takes_no_code_for_a_figure() {
    let body = json!({"base_resp": {"status_code": 2013, "status_msg": "context window exceeds limit (2013)"}});
    let figures = of_told(400, &Told::read(&body)).unwrap();
    assert_eq!(figures, Figures::default());
    let named = json!({"error": {"message": "gpt-4o-2024: HTTP 400, context length exceeded", "code": 400}});
    assert_eq!(of_told(400, &Told::read(&named)), Some(Figures::default()));
}

#[test]
fn reads_figures_from_members() {
    let body = json!({"error": {"message": "exceeds the available context size", "n_prompt_tokens": 9000, "n_ctx": 4096}});
    let figures = of_told(500, &Told::read(&body)).unwrap();
    assert_eq!((figures.tokens, figures.window), (Some(9000), Some(4096)));
}

#[test]
fn leaves_other_refusals_alone() {
    for message in [
        "Unsupported parameter: 'max_tokens' is not supported with this model.",
        "max_tokens is too large: 8192. This model supports at most 4096 completion tokens, whereas you provided 8192.",
        "You exceeded your current quota",
        "temperature must be at most 2",
    ] {
        assert_eq!(told(message), None, "{message}");
    }
}
