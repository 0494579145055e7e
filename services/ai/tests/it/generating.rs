use platform::id::UserId;
use serde_json::json;
use testkit::scripted::{Reply, UsageOn};
use troupe_proto::Reason;
use troupe_proto::ai as pb;
use troupe_proto::error::{Code, reason_of};
use troupe_proto::types::{FinishReason, TokenUsage};

use crate::platform_in_test::{Service, chat, next_text, text};
use troupe_ai::Config;
use troupe_ai::config::{Form, MaxTokensField};

#[tokio::test]
async fn streams_a_reply_with_the_providers_figures() {
    let service = Service::start().await;
    service
        .model
        .push(Reply::words("Good evening, traveller.").cached(2));
    let reply = service
        .reply(chat(UserId::new(), "Hello there my friend"))
        .await
        .unwrap();
    assert_eq!(reply.text, "Good evening, traveller.");
    assert_eq!(reply.finished.reason(), FinishReason::Stop);
    assert_eq!(reply.finished.model_id, "openai/scripted");
    let usage = TokenUsage {
        prompt_tokens: 4,
        cached_tokens: 2,
        completion_tokens: 3,
        // Two new tokens at 1 USD a million, two cached at 0.1, three generated at 5.
        cost_pico_usd: 2_000_000 + 200_000 + 15_000_000,
        estimated: false,
        cache_written_tokens: Some(0),
        reasoning_tokens: Some(0),
    };
    assert_eq!(reply.usage(), usage);
}

#[tokio::test]
async fn passes_a_token_on_before_the_next_one_comes() {
    let service = Service::start().await;
    service
        .model
        .push(Reply::words("one two three").hold_after(1));
    let mut stream = service
        .generate(chat(UserId::new(), "Count"))
        .await
        .unwrap();
    assert_eq!(next_text(&mut stream).await, "one ");
    service.model.held(1).await;
    service.model.release();
    assert_eq!(next_text(&mut stream).await, "two ");
}

#[tokio::test]
async fn takes_figures_wherever_the_server_puts_them() {
    let service = Service::start().await;
    service
        .model
        .push(Reply::words("a b").usage_on(UsageOn::FinishEvent));
    let usage = service
        .reply(chat(UserId::new(), "x y z"))
        .await
        .unwrap()
        .usage();
    assert_eq!(
        (
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.estimated
        ),
        (3, 2, false)
    );
}

#[tokio::test]
async fn estimates_where_the_server_gives_no_figures() {
    let service = Service::start().await;
    service
        .model
        .push(Reply::words("twelve bytes").usage_on(UsageOn::Nothing));
    let usage = service
        .reply(chat(UserId::new(), "12345678"))
        .await
        .unwrap()
        .usage();
    // Two for the message's text, four for what stands around it, three for the reply.
    assert_eq!(
        (
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.estimated
        ),
        (6, 3, true)
    );
    assert_eq!(usage.cost_pico_usd, 6_000_000 + 15_000_000);
}

#[tokio::test]
async fn tells_why_the_model_ended() {
    let service = Service::start().await;
    let reasons = [
        ("length", FinishReason::Length),
        ("content_filter", FinishReason::ContentFilter),
        ("something new", FinishReason::Stop),
    ];
    for (told, expected) in reasons {
        service.model.push(Reply::words("a").finish(told));
        let reply = service.reply(chat(UserId::new(), "Hi")).await.unwrap();
        assert_eq!(reply.finished.reason(), expected, "{told}");
    }
}

#[tokio::test]
async fn sends_what_the_server_takes_and_the_key() {
    let service = Service::start().await;
    let mut request = chat(UserId::new(), "Hi");
    request.stop = vec!["\nUser:".to_owned()];
    request.sampling = Some(pb::Sampling {
        temperature: Some(0.5),
        top_k: Some(40),
        seed: Some(7),
        ..pb::Sampling::default()
    });
    service.reply(request).await.unwrap();
    let [received] = service.model.received().try_into().unwrap();
    assert_eq!(received.path, "/v1/chat/completions");
    assert_eq!(received.authorization.as_deref(), Some("Bearer sk-test"));
    let expected = json!({
        "model": "scripted",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": true,
        "stream_options": {"include_usage": true},
        "max_tokens": 256,
        "temperature": 0.5,
        "top_k": 40,
        "seed": 7,
        "stop": ["\nUser:"],
    });
    assert_eq!(received.body, expected);
}

#[tokio::test]
async fn lowers_the_limit_to_the_models_own_and_names_it_as_configured() {
    let limited = |config: &mut Config| {
        config.openai.models[0].max_reply_tokens = Some(20);
        config.openai.models[0].max_tokens_field = Some(MaxTokensField::MaxCompletionTokens);
    };
    let service = Service::start_with(limited).await;
    service.reply(chat(UserId::new(), "Hi")).await.unwrap();
    let body = &service.model.received()[0].body;
    assert_eq!(body["max_completion_tokens"], 20);
    assert_eq!(body.get("max_tokens"), None);
}

#[tokio::test]
async fn completes_a_text_where_the_model_takes_texts() {
    let as_text = |config: &mut Config| config.openai.form = Form::Text;
    let service = Service::start_with(as_text).await;
    service.model.push(Reply::words("upon a time"));
    let reply = service.reply(text(UserId::new(), "Once")).await.unwrap();
    assert_eq!(reply.text, "upon a time");
    assert_eq!(service.model.received()[0].path, "/v1/completions");
    assert_eq!(service.model.received()[0].body["prompt"], "Once");

    let status = service.reply(chat(UserId::new(), "Hi")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(reason_of(&status), Some(Reason::InvalidRequest));
}

#[tokio::test]
async fn gives_several_replies_at_once() {
    let service = Service::start().await;
    service.model.push(Reply::words("one two").hold_after(1));
    service.model.push(Reply::words("three four").hold_after(1));
    let mut first = service.generate(chat(UserId::new(), "a")).await.unwrap();
    assert_eq!(next_text(&mut first).await, "one ");
    let mut second = service.generate(chat(UserId::new(), "b")).await.unwrap();
    assert_eq!(next_text(&mut second).await, "three ");
    service.model.release();
    service.model.release();
    assert_eq!(next_text(&mut second).await, "four");
    assert_eq!(next_text(&mut first).await, "two");
}

#[tokio::test]
async fn cancels_at_the_server_when_the_client_goes() {
    let service = Service::start().await;
    service
        .model
        .push(Reply::words("one two three").hold_after(1));
    let mut stream = service
        .generate(chat(UserId::new(), "Count"))
        .await
        .unwrap();
    next_text(&mut stream).await;
    drop(stream);
    service.model.abandoned(1).await;
}

#[tokio::test]
async fn refuses_a_model_that_is_not_there() {
    let service = Service::start().await;
    for id in ["openai/other", "local/gemma-3-270m", "scripted"] {
        let mut request = chat(UserId::new(), "Hi");
        request.model_id = id.to_owned();
        let status = service.reply(request).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound, "{id}");
        assert_eq!(reason_of(&status), Some(Reason::ModelUnknown));
    }
    assert!(service.model.received().is_empty());
}
