use http::StatusCode;

use super::*;
use crate::domain::ProviderError;

/// What a refusal teaches about a request with every field.
fn learned(status: u16, words: &str) -> Vec<Quirk> {
    let sent = [
        "model",
        "messages",
        "stream",
        "max_tokens",
        "max_completion_tokens",
    ];
    let fields = sent
        .iter()
        .chain(OPTIONAL_FIELDS)
        .map(|field| (*field).to_owned())
        .collect();
    let refusal = Refusal {
        error: ProviderError::Refused,
        status: StatusCode::from_u16(status).ok(),
        words: words.to_lowercase(),
    };
    lessons(&refusal, &fields)
}

#[test]
fn learns_how_roles_must_be() {
    for words in [
        "Conversation roles must alternate user/assistant/user/assistant/...",
        "After the optional system message, conversation roles must alternate user and assistant",
        "Unexpected role 'system' after role 'user'",
        "System message must be at the beginning.",
        "Error rendering prompt with jinja template: roles must alternate",
        "messages: first message must use the \"user\" role: first message must be from user",
        "Messages must have alternating roles",
    ] {
        assert_eq!(learned(400, words), [Quirk::AlternatingRoles], "{words}");
    }
    for words in [
        "System role not supported",
        "Developer instruction is not enabled for models/gemma-3-27b-it",
    ] {
        assert_eq!(
            learned(500, words),
            [Quirk::NoSystemRole, Quirk::AlternatingRoles],
            "{words}"
        );
    }
    for words in [
        "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
        "This model does not support assistant message prefill. The conversation must end with a user message.",
        "Assistant response prefill is incompatible with enable_thinking.",
    ] {
        assert_eq!(learned(400, words), [Quirk::LastUser], "{words}");
    }
    let vllm = "Cannot set `add_generation_prompt` to True when the last message is from the assistant. Consider using `continue_final_message` instead.";
    assert_eq!(learned(400, vllm), [Quirk::ContinueFlag]);
}

#[test]
fn learns_which_fields_are_refused() {
    for (words, field) in [
        (
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#,
            "stream_options",
        ),
        (
            r#"{"error":{"message":"Unrecognized request argument supplied: top_k"}}"#,
            "top_k",
        ),
        (
            r#"Invalid JSON payload received. Unknown name \"min_p\": Cannot find field."#,
            "min_p",
        ),
        (
            "property 'repetition_penalty' is unsupported",
            "repetition_penalty",
        ),
        ("`temperature` is deprecated for this model.", "temperature"),
        (
            "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported.",
            "temperature",
        ),
        (
            "Unsupported parameter: 'top_p' is not supported with this model.",
            "top_p",
        ),
        ("'seed' is not supported", "seed"),
        (
            r#"{"param":"stop","message":"Unsupported parameter: 'stop' is not supported with this model."}"#,
            "stop",
        ),
        (
            r#"'messages.0' : for 'role:user' the following must be satisfied[('messages.0' : property 'name' is unsupported)]"#,
            "name",
        ),
    ] {
        assert_eq!(learned(400, words), [Quirk::NoField(field)], "{words}");
    }
    let two = "Extra inputs are not permitted: top_k, min_p";
    assert_eq!(
        learned(422, two),
        [Quirk::NoField("top_k"), Quirk::NoField("min_p")]
    );
}

#[test]
fn learns_the_field_that_limits_the_reply() {
    let newer = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
    assert_eq!(learned(400, newer), [Quirk::MaxCompletionTokens]);
    let older = "unknown field max_completion_tokens";
    assert_eq!(learned(400, older), [Quirk::MaxTokens]);
    let unverified = "Your organization must be verified to stream this model.";
    assert_eq!(learned(400, unverified), [Quirk::NoStream]);
}

#[test]
fn learns_nothing_from_other_refusals() {
    for (status, words) in [
        (400, "the model `x` does not exist"),
        (400, "stop it: this content is not allowed"),
        (400, "your name is unknown"),
        (429, "top_k is not supported"),
        (401, "unsupported temperature"),
        (400, "top_k_extra is not supported"),
        (400, "This model's maximum context length is 4096 tokens"),
        (400, ""),
    ] {
        assert_eq!(learned(status, words), [], "{words}");
    }
}

#[test]
fn is_written_and_read_by_name() {
    let quirks = Quirks::default();
    let all = [
        Quirk::AlternatingRoles,
        Quirk::NoSystemRole,
        Quirk::LastUser,
        Quirk::ContinueFlag,
        Quirk::MaxCompletionTokens,
        Quirk::MaxTokens,
        Quirk::NoStream,
        Quirk::NoField("top_k"),
    ];
    for quirk in all {
        assert_eq!(quirk.to_string().parse(), Ok(quirk));
    }
    assert_eq!("no_such".parse::<Quirk>(), Err(UnknownQuirk));
    assert_eq!(quirks.add("a", all).len(), all.len());
    assert_eq!(quirks.add("a", [Quirk::NoStream]), []);
    assert_eq!((quirks.of("a").len(), quirks.of("b").len()), (all.len(), 0));
}
