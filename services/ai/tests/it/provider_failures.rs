use std::time::Duration;

use platform::id::UserId;
use serde_json::{Value, json};
use testkit::scripted::Reply;
use tonic::Status;
use tonic_types::StatusExt;
use troupe_ai::Config;
use troupe_ai::config::Form;
use troupe_proto::Reason;
use troupe_proto::ai::generate_response::Event;
use troupe_proto::error::{Code, reason_of};

use crate::platform_in_test::{Service, chat, next_text, text};

fn error(kind: &str, code: &str) -> Value {
    json!({"error": {"message": "the key sk-test is bad", "type": kind, "param": null, "code": code}})
}

/// Code and reason of the failure that a generation ends with.
async fn failure(service: &Service) -> (Code, Option<Reason>, Status) {
    let status = service.reply(chat(UserId::new(), "Hi")).await.unwrap_err();
    (status.code(), reason_of(&status), status)
}

#[tokio::test]
async fn tells_the_kinds_of_refusal_apart_and_repeats_none() {
    let service = Service::start().await;
    let table = [
        (
            400,
            error("invalid_request_error", "context_length_exceeded"),
            Code::InvalidArgument,
            Reason::ContextLength,
        ),
        (
            400,
            error("invalid_request_error", "unknown"),
            Code::FailedPrecondition,
            Reason::ProviderRejected,
        ),
        (
            400,
            error("", "content_filter"),
            Code::FailedPrecondition,
            Reason::ContentRefused,
        ),
        (
            401,
            error("", "invalid_api_key"),
            Code::FailedPrecondition,
            Reason::ProviderAccount,
        ),
        (
            402,
            json!({}),
            Code::FailedPrecondition,
            Reason::ProviderAccount,
        ),
        (
            404,
            error("", "model_not_found"),
            Code::FailedPrecondition,
            Reason::ProviderRejected,
        ),
        (
            429,
            error("insufficient_quota", "insufficient_quota"),
            Code::FailedPrecondition,
            Reason::ProviderAccount,
        ),
        (
            302,
            json!({}),
            Code::FailedPrecondition,
            Reason::ProviderRejected,
        ),
        (
            200,
            json!({"object": "no stream"}),
            Code::FailedPrecondition,
            Reason::ProviderRejected,
        ),
        (
            200,
            json!({"error": {"code": 402, "message": "no credit"}}),
            Code::FailedPrecondition,
            Reason::ProviderAccount,
        ),
    ];
    for (index, (status, body, code, reason)) in table.into_iter().enumerate() {
        service.model.push(Reply::status(status, body.clone()));
        let (found, found_reason, status) = failure(&service).await;
        assert_eq!((found, found_reason), (code, Some(reason)), "{body}");
        assert!(!status.message().contains("sk-test"), "{status:?}");
        assert_eq!(service.model.received().len(), index + 1, "{body}");
    }
}

#[tokio::test]
async fn tries_again_what_may_pass() {
    let service = Service::start().await;
    for status in [429, 500, 502, 503, 529, 408, 409] {
        let asked = service.model.received().len();
        service.model.push(Reply::status(status, json!({})));
        service.model.push(Reply::status(status, json!({})));
        service.model.push(Reply::words("At last."));
        let reply = service.reply(chat(UserId::new(), "Hi")).await.unwrap();
        assert_eq!(reply.text, "At last.", "{status}");
        assert_eq!(service.model.received().len(), asked + 3);
    }
}

#[tokio::test]
async fn gives_up_after_three_tries() {
    let service = Service::start().await;
    service.model.always(Reply::status(503, json!({})));
    let (code, reason, _) = failure(&service).await;
    assert_eq!(
        (code, reason),
        (Code::Unavailable, Some(Reason::ProviderUnavailable))
    );
    assert_eq!(service.model.received().len(), 3);
}

#[tokio::test]
async fn says_when_to_come_back_instead_of_waiting_long() {
    let service = Service::start().await;
    service
        .model
        .push(Reply::status(429, json!({})).header("retry-after", "31"));
    let (code, reason, status) = failure(&service).await;
    assert_eq!(
        (code, reason),
        (Code::ResourceExhausted, Some(Reason::ProviderRateLimited))
    );
    let info = status.get_details_retry_info().unwrap();
    assert_eq!(info.retry_delay.unwrap().as_secs(), 31);
    assert_eq!(service.model.received().len(), 1);
}

#[tokio::test]
async fn tries_again_when_the_stream_fails_before_the_first_word() {
    let service = Service::start().await;
    service
        .model
        .push(Reply::words("lost").error_after(0, json!({"code": 502, "message": "upstream"})));
    service.model.push(Reply::words("lost").cut_after(0));
    service.model.push(Reply::words("found"));
    let reply = service.reply(chat(UserId::new(), "Hi")).await.unwrap();
    assert_eq!(reply.text, "found");
}

#[tokio::test]
async fn never_repeats_a_reply_that_had_begun() {
    let service = Service::start().await;
    let broken = [
        Reply::words("one two three").cut_after(2),
        Reply::words("one two three").error_after(2, json!({"code": 503, "message": "overloaded"})),
        Reply::words("one two three").error_after(2, json!("sudden")),
    ];
    for (index, reply) in broken.into_iter().enumerate() {
        service.model.push(reply);
        let mut stream = service
            .generate(chat(UserId::new(), "Count"))
            .await
            .unwrap();
        assert_eq!(next_text(&mut stream).await, "one ");
        assert_eq!(next_text(&mut stream).await, "two ");
        let spent = stream.message().await.unwrap().unwrap();
        assert!(matches!(spent.event, Some(Event::Spent(usage)) if usage.estimated));
        let status = stream.message().await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(reason_of(&status), Some(Reason::ProviderUnavailable));
        assert_eq!(service.model.received().len(), index + 1);
    }
}

#[tokio::test]
async fn does_not_wait_forever_for_the_first_word() {
    // A chat begins with an event that says whose message it is; a text begins with its first word.
    let impatient = |config: &mut Config| {
        config.openai.form = Form::Text;
        config.openai.first_token_timeout_ms = 50;
    };
    let service = Service::start_with(impatient).await;
    service.model.push(Reply::words("never").hold_after(0));
    let status = service
        .reply(text(UserId::new(), "Once"))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(reason_of(&status), Some(Reason::ProviderTimeout));
    service.model.abandoned(1).await;
}

#[tokio::test]
async fn waits_for_the_first_word_as_long_as_for_none() {
    let patient = |config: &mut Config| config.openai.idle_timeout_ms = 50;
    let service = Service::start_with(patient).await;
    for before in [
        "",
        ": ping\n\n",
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    ] {
        let rest = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        let reply = Reply::raw("text/event-stream", before)
            .then_hold()
            .then(rest);
        service.model.push(reply);
        let waited = async {
            tokio::time::sleep(Duration::from_millis(150)).await;
            service.model.release();
        };
        let (reply, ()) = tokio::join!(service.reply(chat(UserId::new(), "Hi")), waited);
        assert_eq!(reply.unwrap().text, "Hi", "{before:?}");
    }
}

#[tokio::test]
async fn waits_for_thoughts_as_long_as_they_come() {
    let impatient = |config: &mut Config| {
        config.openai.first_token_timeout_ms = 100;
        config.openai.idle_timeout_ms = 400;
    };
    let service = Service::start_with(impatient).await;
    let thought = "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n";
    let last =
        "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\n";
    let thinking = Reply::raw("text/event-stream", thought).then_hold();
    service
        .model
        .push(thinking.clone().then(thought).then_hold().then(last));
    let waited = async {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            service.model.release();
        }
    };
    let (reply, ()) = tokio::join!(service.reply(chat(UserId::new(), "Hi")), waited);
    assert_eq!(reply.unwrap().text, "Hi");
    service.model.push(thinking);
    let status = service.reply(chat(UserId::new(), "Hi")).await.unwrap_err();
    assert_eq!(reason_of(&status), Some(Reason::ProviderTimeout));
}

#[tokio::test]
async fn comes_back_no_sooner_than_the_server_says() {
    let service = Service::start().await;
    // Counted from the answer's own date, whatever the clocks say.
    let limited = |after: &str| {
        let date = "Mon, 30 Nov 2026 12:00:00 GMT";
        Reply::status(429, json!({}))
            .header("date", date)
            .header("retry-after", after)
    };
    service.model.push(limited("Mon, 30 Nov 2026 12:00:01 GMT"));
    let asked = std::time::Instant::now();
    service.reply(chat(UserId::new(), "Hi")).await.unwrap();
    assert!(asked.elapsed() >= Duration::from_secs(1));
    service.model.push(limited("Mon, 30 Nov 2026 12:01:00 GMT"));
    let (_, reason, status) = failure(&service).await;
    assert_eq!(reason, Some(Reason::ProviderRateLimited));
    let info = status.get_details_retry_info().unwrap();
    assert_eq!(info.retry_delay.unwrap().as_secs(), 60);
}

#[tokio::test]
async fn names_the_prompts_length_and_the_window() {
    let service = Service::start().await;
    let words = "prompt is too long: 210211 tokens > 200000 maximum";
    let body = json!({"error": {"message": words, "type": "invalid_request_error"}});
    for reply in [
        Reply::status(400, body.clone()),
        Reply::raw("text/event-stream", format!("data: {body}\n\n")),
        Reply::raw("application/json", body.to_string()),
    ] {
        service.model.push(reply);
        let (_, reason, status) = failure(&service).await;
        assert_eq!(reason, Some(Reason::ContextLength));
        let info = status.get_details_error_info().unwrap();
        let fact = |name: &str| info.metadata.get(name).map(String::as_str);
        assert_eq!(
            (fact("promptTokens"), fact("windowTokens")),
            (Some("210211"), Some("200000"))
        );
    }
}

#[tokio::test]
async fn does_not_wait_forever_in_the_middle_of_a_reply() {
    let impatient = |config: &mut Config| config.openai.idle_timeout_ms = 50;
    let service = Service::start_with(impatient).await;
    service.model.push(Reply::words("one two").hold_after(1));
    let status = service
        .reply(chat(UserId::new(), "Count"))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    service.model.abandoned(1).await;
}

#[tokio::test]
async fn says_that_the_server_is_not_there() {
    let gone = |config: &mut Config| config.openai.base_url = nobody_listens();
    let service = Service::start_with(gone).await;
    let (code, reason, status) = failure(&service).await;
    assert_eq!(
        (code, reason),
        (Code::Unavailable, Some(Reason::ProviderUnavailable))
    );
    assert!(status.message().contains("can't connect"), "{status:?}");
}

/// An address where nobody listens: one that was free a moment ago.
pub(crate) fn nobody_listens() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/v1", listener.local_addr().unwrap())
}
