//! Answers that come as events.

use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::{CHARACTER, Facade, SESSION, chat, code, error, events, streamed};

const CHAT: &str = "/v1/chat/completions";

fn read(data: &str) -> Value {
    serde_json::from_str(data).unwrap_or_else(|problem| panic!("{problem}: {data}"))
}

#[tokio::test]
async fn a_chat_comes_in_chunks_that_are_alike() {
    let facade = Facade::start().await;
    let models = [
        "local/tiny".into(),
        format!("character:{CHARACTER}"),
        format!("session:{SESSION}"),
    ];
    for model in models {
        let request = streamed(chat(&model, "Say:He|llo \"you\"\n"));
        let answer = facade.post(CHAT, &request).await;
        assert_eq!(answer.header("x-accel-buffering"), "no");
        let events = events(&answer);
        let (done, chunks) = events.split_last().unwrap();
        assert_eq!(done, "[DONE]");
        let chunks: Vec<Value> = chunks.iter().map(|it| read(it)).collect();
        for chunk in &chunks {
            assert_eq!(chunk["object"], "chat.completion.chunk");
            assert_eq!(
                (&chunk["id"], &chunk["created"]),
                (&chunks[0]["id"], &chunks[0]["created"])
            );
            assert_eq!(chunk["model"], model);
            assert!(chunk.get("usage").is_none());
        }
        let deltas: Vec<&Value> = chunks.iter().map(|it| &it["choices"][0]["delta"]).collect();
        let first = json!({ "role": "assistant", "content": "", "refusal": null });
        assert_eq!(
            deltas,
            [
                &first,
                &json!({ "content": "He" }),
                &json!({ "content": "llo \"you\"\n" }),
                &json!({}),
            ]
        );
        let reasons: Vec<&Value> = chunks
            .iter()
            .map(|it| &it["choices"][0]["finish_reason"])
            .collect();
        assert_eq!(
            reasons,
            [&Value::Null, &Value::Null, &Value::Null, &json!("stop")]
        );
    }
}

#[tokio::test]
async fn the_usage_is_a_chunk_without_choices_where_it_is_asked_for() {
    let facade = Facade::start().await;
    for (path, member) in [(CHAT, "messages"), ("/v1/completions", "prompt")] {
        let mut request = streamed(chat("local/tiny", "Say:Hello"));
        if member == "prompt" {
            request = streamed(json!({ "model": "local/tiny", "prompt": "Say:Hello" }));
        }
        request["stream_options"] = json!({ "include_usage": true });
        let events = events(&facade.post(path, &request).await);
        let [others @ .., usage, done] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert_eq!(done, "[DONE]");
        let usage = read(usage);
        assert_eq!(
            (&usage["choices"], &usage["usage"]["total_tokens"]),
            (&json!([]), &json!(15))
        );
        for other in others {
            assert_eq!(read(other)["usage"], Value::Null, "{other}");
            assert!(other.contains("\"usage\":null"));
        }
    }
}

#[tokio::test]
async fn a_response_comes_in_the_events_of_its_kind() {
    let facade = Facade::start().await;
    let request = streamed(json!({ "model": "local/tiny", "input": "Say:He|llo" }));
    let answer = facade.post("/v1/responses", &request).await;
    let events: Vec<Value> = events(&answer).iter().map(|it| read(it)).collect();
    let kinds: Vec<&str> = events
        .iter()
        .map(|it| it["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], place);
        let name = format!("event: {}\n", kinds[place]);
        assert!(answer.text().contains(&name));
    }
    assert_eq!(events[6]["text"], "Hello");
    assert_eq!(
        events[9]["response"]["output"][0]["content"][0]["text"],
        "Hello"
    );
    assert_eq!(events[9]["response"]["id"], events[0]["response"]["id"]);
}

#[tokio::test]
async fn a_failure_after_the_first_text_is_an_event_and_nothing_is_done() {
    let facade = Facade::start().await;
    for text in ["Break:He|l", "Cut:He|l"] {
        let request = streamed(chat("local/tiny", text));
        let answer = facade.post(CHAT, &request).await;
        let events = events(&answer);
        code(&read(events.last().unwrap()));
        assert!(!answer.text().contains("[DONE]"));
        let request = streamed(json!({ "model": "local/tiny", "prompt": text }));
        let answer = facade.post("/v1/completions", &request).await;
        assert!(answer.text().contains("\"error\"") && !answer.text().contains("[DONE]"));
        let request = streamed(json!({ "model": "local/tiny", "input": text }));
        let answer = facade.post("/v1/responses", &request).await;
        assert!(
            answer.text().contains("event: error\n"),
            "{}",
            answer.text()
        );
        assert!(!answer.text().contains("response.completed"));
        let whole = facade.post(CHAT, &chat("local/tiny", text)).await;
        assert!(error(&whole).0 >= 500);
    }
}

#[tokio::test]
async fn a_failure_before_the_first_text_has_a_status_of_its_own() {
    let facade = Facade::start().await;
    let cases = [
        ("local/tiny".to_owned(), "Break:", 503),
        ("local/tiny".to_owned(), "Cut:", 500),
        (format!("character:{CHARACTER}"), "Break:", 503),
        (format!("session:{SESSION}"), "Fail", 504),
    ];
    for (model, text, status) in cases {
        let answer = facade.post(CHAT, &streamed(chat(&model, text))).await;
        assert_eq!(error(&answer).0, status, "{model} {text}");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_stops_the_model() {
    let facade = Facade::start().await;
    for stream in [true, false] {
        let mut request = chat("local/tiny", "Hang:He");
        request["stream"] = stream.into();
        let request = http::Request::post(format!("http://{}{CHAT}", facade.edge.address))
            .header("authorization", &facade.token)
            .header("content-type", "application/json")
            .body(Full::new(bytes::Bytes::from(request.to_string())))
            .unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let asking = client.request(request);
        if stream {
            let mut answer = asking.await.unwrap();
            let frame = answer.frame().await.unwrap().unwrap();
            assert!(frame.data_ref().unwrap().starts_with(b"data: "));
        } else {
            let asking = platform::Tasks::new().spawn(asking);
            let completions = &facade.platform.completions;
            let asked = async || completions.lock().unwrap().len() == 2;
            crate::harness::until("the model was asked", asked).await;
            asking.abort();
        }
        let dropped = facade.platform.dropped.notified();
        tokio::time::timeout(std::time::Duration::from_secs(30), dropped)
            .await
            .expect("the reply was dropped");
    }
}
