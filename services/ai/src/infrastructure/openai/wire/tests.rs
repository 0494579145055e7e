use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::domain::provider::Sampling;

const SELF_HOSTED: Traits = Traits {
    is_openai: false,
    max_tokens_field: MaxTokensField::MaxTokens,
    names: true,
    extended_sampling: true,
    continue_flag: false,
    echoes: false,
};
const OPENAI: Traits = Traits {
    is_openai: true,
    max_tokens_field: MaxTokensField::MaxCompletionTokens,
    names: false,
    extended_sampling: false,
    continue_flag: false,
    echoes: false,
};

fn message(role: Role, content: &str, name: &str) -> Message {
    Message {
        role,
        content: content.to_owned(),
        name: name.to_owned(),
    }
}

fn request(prompt: Prompt) -> Request {
    Request {
        model: "tiny".to_owned(),
        prompt: Arc::new(prompt),
        sampling: Sampling::default(),
        max_tokens: 64,
        stop: Vec::new(),
    }
}

fn body(request: &Request, traits: Traits) -> Value {
    serde_json::from_slice(&encode(request, traits).unwrap().1).unwrap()
}

#[test]
fn sends_only_what_is_set() {
    let chat = request(Prompt::Chat(vec![message(Role::User, "Hi", "")]));
    let expected = json!({
        "model": "tiny",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": true,
        "stream_options": {"include_usage": true},
        "max_tokens": 64,
    });
    assert_eq!(encode(&chat, SELF_HOSTED).unwrap().0, "chat/completions");
    assert_eq!(body(&chat, SELF_HOSTED), expected);
}

#[test]
fn sends_a_text_prompt_to_completions() {
    let text = request(Prompt::Text("Once".to_owned()));
    assert_eq!(encode(&text, SELF_HOSTED).unwrap().0, "completions");
    assert_eq!(body(&text, SELF_HOSTED)["prompt"], "Once");
    assert_eq!(body(&text, SELF_HOSTED).get("messages"), None);
}

#[test]
fn keeps_from_openai_what_it_would_refuse() {
    let mut chat = request(Prompt::Chat(vec![message(Role::User, "Hi", "Ann Lee")]));
    chat.sampling = Sampling {
        temperature: Some(0.5),
        top_k: Some(40),
        min_p: Some(0.5),
        repetition_penalty: Some(1.5),
        ..Sampling::default()
    };
    chat.stop = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
    let sent = body(&chat, OPENAI);
    assert_eq!(sent["max_completion_tokens"], 64);
    assert_eq!(sent["temperature"], 0.5);
    assert_eq!(sent["stop"], json!(["a", "b", "c", "d"]));
    assert_eq!(sent["stream_options"]["include_obfuscation"], false);
    for key in [
        "max_tokens",
        "top_k",
        "min_p",
        "repetition_penalty",
        "repeat_penalty",
    ] {
        assert_eq!(sent.get(key), None, "{key}");
    }
    assert_eq!(sent["messages"][0].get("name"), None);

    let sent = body(&chat, SELF_HOSTED);
    assert_eq!(sent["stop"].as_array().unwrap().len(), 5);
    assert_eq!(sent["messages"][0]["name"], "Ann Lee");
    assert_eq!(sent["top_k"], 40);
    assert_eq!(
        (&sent["repetition_penalty"], &sent["repeat_penalty"]),
        (&json!(1.5), &json!(1.5))
    );
}

#[test]
fn says_that_a_last_message_is_to_be_gone_on_with_where_that_must_be_said() {
    let says_so = Traits {
        continue_flag: true,
        ..SELF_HOSTED
    };
    let user = message(Role::User, "Hi", "");
    let open = request(Prompt::Chat(vec![
        user.clone(),
        message(Role::Assistant, "He", ""),
    ]));
    assert_eq!(body(&open, says_so)["continue_final_message"], true);
    assert_eq!(body(&open, says_so)["add_generation_prompt"], false);
    assert_eq!(body(&open, SELF_HOSTED).get("continue_final_message"), None);
    let closed = request(Prompt::Chat(vec![user]));
    assert_eq!(body(&closed, says_so).get("continue_final_message"), None);
}
