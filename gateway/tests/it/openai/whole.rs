//! Answers that come whole.

use serde_json::{Value, json};

use super::{CHARACTER, Facade, SESSION, chat};

#[tokio::test]
async fn a_chat_is_completed_by_a_model() {
    let facade = Facade::start().await;
    let answer = facade
        .post("/v1/chat/completions", &chat("local/tiny", "Say:Hel|lo"))
        .await;
    let mut reply = answer.ok();
    assert!(reply["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(reply["created"].as_i64().unwrap() > 1_700_000_000);
    reply["id"] = Value::Null;
    reply["created"] = Value::Null;
    let expected = json!({
        "id": null, "object": "chat.completion", "created": null, "model": "local/tiny",
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": "Hello", "refusal": null },
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": {
            "prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15,
            "prompt_tokens_details": { "cached_tokens": 4 },
        },
    });
    assert_eq!(reply, expected);
    assert!(!answer.header("x-request-id").is_empty());
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.header("ratelimit").starts_with("\"generate\""));
}

#[tokio::test]
async fn replies_end_for_the_reasons_that_clients_know() {
    let facade = Facade::start().await;
    for (text, reason) in [("Long:so", "length"), ("Filtered:so", "content_filter")] {
        let reply = facade
            .post("/v1/chat/completions", &chat("", text))
            .await
            .ok();
        assert_eq!(reply["choices"][0]["finish_reason"], reason);
        assert_eq!(reply["model"], "default");
        let request = json!({ "model": "m/n", "prompt": text });
        let reply = facade.post("/v1/completions", &request).await.ok();
        assert_eq!(reply["choices"][0]["finish_reason"], reason);
        let request = json!({ "model": "m/n", "input": text });
        let reply = facade.post("/v1/responses", &request).await.ok();
        assert_eq!(reply["status"], "incomplete");
    }
}

#[tokio::test]
async fn a_text_is_completed_and_responded_to() {
    let facade = Facade::start().await;
    let request = json!({ "model": "local/tiny", "prompt": ["Say:one|two"] });
    let reply = facade.post("/v1/completions", &request).await.ok();
    assert_eq!(reply["object"], "text_completion");
    assert_eq!(reply["choices"][0]["text"], "onetwo");
    let request = json!({
        "model": "local/tiny", "instructions": "Be brief.", "store": true,
        "input": [{ "role": "user", "content": [{ "type": "input_text", "text": "Say:one|two" }] }],
    });
    let reply = facade.post("/v1/responses", &request).await.ok();
    assert_eq!(
        (&reply["object"], &reply["status"]),
        (&json!("response"), &json!("completed"))
    );
    let content = &reply["output"][0]["content"][0];
    assert_eq!(content["type"], "output_text");
    assert_eq!(content["text"], "onetwo");
    assert_eq!(reply["usage"]["total_tokens"], 15);
    assert_eq!(reply["usage"]["input_tokens_details"]["cached_tokens"], 4);
    let asked = facade.platform.completions.lock().unwrap();
    let prompt = format!("{:?}", asked[1].prompt);
    assert!(prompt.contains("Be brief."), "{prompt}");
}

#[tokio::test]
async fn texts_are_embedded_as_numbers_and_as_their_bytes() {
    let facade = Facade::start().await;
    let request = json!({ "model": "local/vectors", "input": ["a", "b"] });
    let answer = facade.post("/v1/embeddings", &request).await.ok();
    let vector =
        |index| json!({ "object": "embedding", "index": index, "embedding": [0.5, -0.25] });
    let expected = json!({
        "object": "list", "data": [vector(0), vector(1)], "model": "local/vectors",
        "usage": { "prompt_tokens": 5, "total_tokens": 5 },
    });
    assert_eq!(answer, expected);
    let request = json!({ "input": "a", "encoding_format": "base64", "dimensions": 2 });
    let answer = facade.post("/v1/embeddings", &request).await.ok();
    assert_eq!(answer["data"][0]["embedding"], "AAAAPwAAgL4=");
    let asked = facade.platform.embedded.lock().unwrap();
    let ids: Vec<&str> = asked.iter().map(|it| &*it.embedding_model_id).collect();
    assert_eq!(ids, ["local/vectors", ""]);
}

#[tokio::test]
async fn models_and_the_callers_characters_are_listed() {
    let facade = Facade::start().await;
    let list = facade.get("/v1/models").await.ok();
    assert_eq!(list["object"], "list");
    let ids: Vec<&Value> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["id"])
        .collect();
    let character = format!("character:{CHARACTER}");
    assert_eq!(ids, ["local/tiny", "openai/big", &character]);
    assert_eq!(list["data"][2]["name"], "Maren");
    let expected = json!({
        "id": "local/tiny", "object": "model", "created": 0, "owned_by": "local",
        "name": "The model local/tiny", "context_length": 4096,
    });
    assert_eq!(list["data"][0], expected);
    for path in ["/v1/models/local/tiny", "/v1/models/local%2Ftiny"] {
        assert_eq!(facade.get(path).await.ok(), expected);
    }
    let head = [("authorization", &*facade.token)];
    let head = facade.edge.send("HEAD", "/v1/models", &head, "").await;
    assert!(head.status == 200 && head.body.is_empty());
}

#[tokio::test]
async fn characters_and_sessions_answer_as_models() {
    let facade = Facade::start().await;
    for model in [
        format!("character:{CHARACTER}"),
        format!("session:{SESSION}"),
    ] {
        let reply = facade
            .post("/v1/chat/completions", &chat(&model, "Say:Come| in."))
            .await;
        let reply = reply.ok();
        assert_eq!(reply["choices"][0]["message"]["content"], "Come in.");
        assert_eq!(reply["model"], model);
        assert_eq!(reply["usage"]["total_tokens"], 15);
    }
}
