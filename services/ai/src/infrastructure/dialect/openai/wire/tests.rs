use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::domain::provider::Sampling;
use crate::infrastructure::dialect::examples::traits as self_hosted;
use crate::infrastructure::dialect::untold_stop_texts;
use crate::infrastructure::roles::RoleRules;

fn openai() -> Traits {
    Traits {
        is_openai: true,
        max_tokens_field: MaxTokensField::MaxCompletionTokens,
        names: false,
        extended_sampling: false,
        ..self_hosted()
    }
}

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
        stable_bytes: 0,
        window_tokens: 4096,
        sampling: Sampling::default(),
        max_tokens: 64,
        stop: Vec::new(),
        may_retry: true,
    }
}

fn body(request: &Request, traits: Traits) -> Value {
    serde_json::from_slice(&encode(request, &traits).unwrap().body).unwrap()
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
    assert_eq!(
        encode(&chat, &self_hosted()).unwrap().path,
        "chat/completions"
    );
    assert_eq!(body(&chat, self_hosted()), expected);
}

#[test]
fn sends_a_text_prompt_to_completions() {
    let text = request(Prompt::Text("Once".to_owned()));
    assert_eq!(encode(&text, &self_hosted()).unwrap().path, "completions");
    assert_eq!(body(&text, self_hosted())["prompt"], "Once");
    assert_eq!(body(&text, self_hosted()).get("messages"), None);
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
    let sent = body(&chat, openai());
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

    let sent = body(&chat, self_hosted());
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
        ..self_hosted()
    };
    let user = message(Role::User, "Hi", "");
    let open = request(Prompt::Chat(vec![
        user.clone(),
        message(Role::Assistant, "He", ""),
    ]));
    assert_eq!(body(&open, says_so.clone())["continue_final_message"], true);
    assert_eq!(body(&open, says_so.clone())["add_generation_prompt"], false);
    assert_eq!(
        body(&open, self_hosted()).get("continue_final_message"),
        None
    );
    let closed = request(Prompt::Chat(vec![user]));
    assert_eq!(
        body(&closed, says_so.clone()).get("continue_final_message"),
        None
    );
}

#[test]
fn leaves_out_what_the_server_refuses() {
    let mut chat = request(Prompt::Chat(vec![
        message(Role::Assistant, "Hello.", ""),
        message(Role::User, "Hi", "Ann"),
    ]));
    chat.sampling = Sampling {
        temperature: Some(0.5),
        top_p: Some(0.5),
        top_k: Some(40),
        min_p: Some(0.5),
        repetition_penalty: Some(1.5),
        seed: Some(7),
    };
    chat.stop = vec!["a".to_owned()];
    let everything = body(&chat, self_hosted());
    for field in crate::config::OPTIONAL_FIELDS {
        let refuses = Traits {
            refused: BTreeSet::from([(*field).to_owned()]),
            ..self_hosted()
        };
        assert_eq!(
            untold_stop_texts(&OpenAi, &chat.stop, &refuses).len(),
            usize::from(*field == "stop")
        );
        let sent = body(&chat, refuses);
        assert_eq!(sent.get(*field), None, "{field}");
        let mut expected = everything.clone();
        expected.as_object_mut().unwrap().remove(*field);
        if *field == "name" {
            expected["messages"][1]
                .as_object_mut()
                .unwrap()
                .remove("name");
        }
        assert_eq!(sent, expected, "{field}");
    }
    let whole = body(
        &chat,
        Traits {
            streams: false,
            ..self_hosted()
        },
    );
    assert_eq!(
        (&whole["stream"], whole.get("stream_options")),
        (&json!(false), None)
    );
    let roles = RoleRules {
        alternating: true,
        ..RoleRules::default()
    };
    let strict = body(
        &chat,
        Traits {
            roles,
            ..self_hosted()
        },
    );
    let roles: Vec<&Value> = strict["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| &message["role"])
        .collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
}
