//! What requests say, what of it is passed on, and what is refused.

use serde_json::{Value, json};
use troupe_gateway::{Config, Rate};
use troupe_proto::ai::complete_request::Prompt;
use troupe_proto::types::ChatRole;

use super::{CHARACTER, Facade, SESSION, chat, error};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn members_reach_the_model_and_others_have_no_effect() {
    let facade = Facade::start().await;
    let request = json!({
        "model": "local/tiny",
        "messages": [
            { "role": "developer", "content": "Be brief." },
            { "role": "user", "content": [{ "type": "text", "text": "Who " }, { "type": "text", "text": "is it?" }], "name": "alice" },
            { "role": "assistant", "content": null, "tool_calls": [] },
            { "role": "user", "content": "Say:me" },
        ],
        "temperature": 0.5, "top_p": 0.75, "top_k": 40, "min_p": 0.25, "repetition_penalty": 1.5,
        "seed": 7, "max_completion_tokens": 30, "max_tokens": 20, "stop": "END", "n": 1,
        "frequency_penalty": 0.1, "presence_penalty": 0, "user": "u", "metadata": { "a": "b" },
        "store": false, "logprobs": false, "tools": [], "response_format": { "type": "text" },
        "stream_options": null, "logit_bias": {}, "service_tier": "auto", "x_unknown": [1, { "y": 2 }],
    });
    facade.post(CHAT, &request).await.ok();
    let asked = facade.platform.completions.lock().unwrap().pop().unwrap();
    let Some(Prompt::Chat(prompt)) = &asked.prompt else {
        panic!("{asked:?}")
    };
    let said: Vec<_> = prompt
        .messages
        .iter()
        .map(|it| (it.role(), &*it.content, &*it.name))
        .collect();
    let expected = [
        (ChatRole::System, "Be brief.", ""),
        (ChatRole::User, "Who is it?", "alice"),
        (ChatRole::User, "Say:me", ""),
    ];
    assert_eq!(said, expected);
    let sampling = asked.sampling.unwrap();
    assert_eq!(
        (sampling.temperature, sampling.top_p),
        (Some(0.5), Some(0.75))
    );
    assert_eq!((sampling.top_k, sampling.min_p), (Some(40), Some(0.25)));
    assert_eq!(
        (sampling.repetition_penalty, sampling.seed),
        (Some(1.5), Some(7))
    );
    assert_eq!(
        (asked.max_tokens, asked.stop),
        (Some(30), vec!["END".to_owned()])
    );
}

#[tokio::test]
async fn what_would_make_another_answer_is_refused() {
    let facade = Facade::start().await;
    let with = |path: &'static str, base: Value, member: &str, value: Value| {
        let mut request = base;
        request[member] = value;
        (path, request)
    };
    let chat = || chat("m/n", "Say:hi");
    let text = || json!({ "model": "m/n", "prompt": "Say:hi" });
    let response = || json!({ "model": "m/n", "input": "Say:hi" });
    let image = json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": {} }] }]);
    let tool = json!([{ "role": "tool", "content": "7" }]);
    let cases = [
        with(CHAT, chat(), "n", json!(2)),
        with(CHAT, chat(), "logprobs", json!(true)),
        with(
            CHAT,
            chat(),
            "response_format",
            json!({ "type": "json_object" }),
        ),
        with(CHAT, chat(), "modalities", json!(["text", "audio"])),
        with(CHAT, chat(), "messages", image),
        with(CHAT, chat(), "messages", tool),
        with(CHAT, chat(), "messages", json!([])),
        with(CHAT, chat(), "messages", json!("hi")),
        with(CHAT, chat(), "max_tokens", json!(0)),
        with(CHAT, chat(), "temperature", json!("hot")),
        with("/v1/completions", text(), "prompt", json!(["a", "b"])),
        with("/v1/completions", text(), "prompt", json!([1, 2])),
        with("/v1/completions", text(), "echo", json!(true)),
        with("/v1/completions", text(), "suffix", json!("x")),
        with(
            "/v1/responses",
            response(),
            "previous_response_id",
            json!("resp_1"),
        ),
        with(
            "/v1/responses",
            response(),
            "text",
            json!({ "format": { "type": "json_schema" } }),
        ),
        with(
            "/v1/responses",
            response(),
            "input",
            json!([{ "type": "function_call_output" }]),
        ),
        with("/v1/embeddings", json!({}), "input", json!([[1, 2]])),
        with(
            "/v1/embeddings",
            json!({ "input": "a" }),
            "dimensions",
            json!(3),
        ),
        with(
            "/v1/embeddings",
            json!({ "input": "a" }),
            "encoding_format",
            json!("hex"),
        ),
    ];
    for (path, request) in cases {
        let answer = facade.post(path, &request).await;
        assert_eq!(
            error(&answer),
            (400, "invalid_request".into()),
            "{path} {request}"
        );
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
    }
    let mut forced = chat();
    forced["tools"] = json!([{ "type": "function" }]);
    facade.post(CHAT, &forced).await.ok();
    forced["tool_choice"] = json!("required");
    let answer = facade.post(CHAT, &forced).await;
    assert_eq!(answer.json()["error"]["param"], "tool_choice");
}

#[tokio::test]
async fn callers_need_a_token_and_paths_and_verbs_are_known() {
    let facade = Facade::start().await;
    let edge = &facade.edge;
    for bad in ["Bearer sk-wrong", "Bearer ", "Basic x"] {
        let answer = edge
            .send("GET", "/v1/models", &[("authorization", bad)], "")
            .await;
        assert_eq!(error(&answer), (401, "invalid_api_key".into()), "{bad}");
    }
    let answer = edge.post(CHAT, chat("m/n", "Say:hi").to_string()).await;
    assert_eq!(error(&answer), (401, "invalid_api_key".into()));
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    assert_eq!(error(&facade.get("/v1/audio/speech").await).0, 404);
    assert_eq!(error(&facade.get("/v1/models/").await).0, 404);
    let answer = facade.get(CHAT).await;
    assert_eq!((error(&answer).0, answer.header("allow")), (405, "POST"));
    let json = [
        ("authorization", &*facade.token),
        ("content-type", "application/json"),
    ];
    let answer = edge.send("POST", CHAT, &json, "{").await;
    assert_eq!(error(&answer), (400, "invalid_request".into()));
    let large = format!("{{\"x\":\"{}\"}}", "a".repeat(9 << 20));
    let answer = edge.send("POST", CHAT, &json, large).await;
    assert_eq!(error(&answer), (413, "request_too_large".into()));
    let mut packed = json.to_vec();
    packed.push(("content-encoding", "gzip"));
    assert_eq!(error(&edge.send("POST", CHAT, &packed, "x").await).0, 415);
}

#[tokio::test]
async fn refusals_have_the_codes_that_clients_know() {
    let facade = Facade::start().await;
    let cases = [
        ("CONTEXT_LENGTH", 400, "context_length_exceeded"),
        ("CONTENT_REFUSED", 400, "content_filter"),
        ("PROVIDER_ACCOUNT", 429, "insufficient_quota"),
        ("PROVIDER_RATE_LIMITED", 429, "rate_limit_exceeded"),
        ("PROVIDER_UNAVAILABLE", 503, "provider_unavailable"),
        ("OVERLOADED", 503, "server_is_overloaded"),
    ];
    for (reason, http, code) in cases {
        for stream in [false, true] {
            let mut request = chat("m/n", &format!("Refuse:{reason}"));
            request["stream"] = stream.into();
            let answer = facade.post(CHAT, &request).await;
            assert_eq!(error(&answer), (http, code.to_owned()), "{reason}");
            let wait = if reason == "PROVIDER_RATE_LIMITED" {
                "7"
            } else {
                ""
            };
            assert_eq!(answer.header("retry-after"), wait, "{reason}");
        }
    }
    for model in ["nowhere/none", "character:x", "session:x", "session:"] {
        let answer = facade.post(CHAT, &chat(model, "Say:hi")).await;
        assert_eq!(error(&answer), (404, "model_not_found".into()), "{model}");
    }
    let answer = facade.get("/v1/models/nowhere/none").await;
    assert_eq!(error(&answer), (404, "model_not_found".into()));
}

#[tokio::test]
async fn calls_draw_on_the_budget_of_generations() {
    let mut config = Config::default();
    let slow = Rate {
        per_second: 0.01,
        burst: 1,
    };
    config.rates.generate = slow;
    let facade = Facade::with(config).await;
    facade.post(CHAT, &chat("m/n", "Say:hi")).await.ok();
    let answer = facade.post(CHAT, &chat("m/n", "Say:hi")).await;
    assert_eq!(error(&answer), (429, "rate_limit_exceeded".into()));
    assert_eq!(answer.json()["error"]["type"], "rate_limit_error");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    facade.get("/v1/models").await.ok();
}

#[tokio::test]
async fn a_character_gets_the_chat_and_the_clients_instructions_as_a_note() {
    let facade = Facade::start().await;
    let request = json!({
        "model": format!("character:{CHARACTER}"),
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "system", "content": "Be kind." },
            { "role": "user", "content": "Hello" },
            { "role": "assistant", "content": "Yes?" },
            { "role": "system", "content": "It rains." },
            { "role": "user", "content": "Say:hm" },
        ],
        "max_tokens": 9, "stop": ["A", "B"],
    });
    facade.post(CHAT, &request).await.ok();
    let asked = facade.platform.chats.lock().unwrap().pop().unwrap();
    assert_eq!(
        (&*asked.character_id, &*asked.note),
        (CHARACTER, "Be brief.\n\nBe kind.")
    );
    let said: Vec<&str> = asked.messages.iter().map(|it| &*it.text).collect();
    assert_eq!(said, ["Hello", "Yes?", "It rains.", "Say:hm"]);
    let settings = asked.settings.unwrap();
    assert_eq!((settings.max_tokens, settings.stop.len()), (Some(9), 2));
    let alone = json!({
        "model": format!("character:{CHARACTER}"),
        "messages": [{ "role": "system", "content": "Be brief." }],
    });
    assert_eq!(error(&facade.post(CHAT, &alone).await).0, 400);
}

#[tokio::test]
async fn a_session_gets_the_last_message_and_what_tells_a_repeat() {
    let facade = Facade::start().await;
    let model = format!("session:{SESSION}");
    facade.post(CHAT, &chat(&model, "Say:hi")).await.ok();
    let mut request = json!({ "model": model, "messages": [
        { "role": "system", "content": "Be brief." },
        { "role": "user", "content": "Say:hi" },
        { "role": "assistant", "content": "hi" },
        { "role": "user", "content": "Say:and then" },
    ]});
    let key = [("idempotency-key", "k-1")];
    facade.post_with(CHAT, &request, &key).await.ok();
    let sent = facade.platform.messages.lock().unwrap().clone();
    assert_eq!(
        (&*sent[0].text, sent[0].last_reply.as_deref()),
        ("Say:hi", Some(""))
    );
    assert_eq!(
        (&*sent[1].text, sent[1].last_reply.as_deref()),
        ("Say:and then", Some("hi"))
    );
    assert_eq!((&*sent[0].request_id, &*sent[1].request_id), ("", "k-1"));
    request["messages"][3]["role"] = "assistant".into();
    assert_eq!(error(&facade.post(CHAT, &request).await).0, 400);
    let answer = facade.post(CHAT, &chat(&model, "Fail")).await;
    assert_eq!(error(&answer), (504, "provider_timeout".into()));
}
