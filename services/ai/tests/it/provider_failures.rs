use platform::id::UserId;
use serde_json::{Value, json};
use testkit::scripted::Reply;
use tonic::Status;
use tonic_types::StatusExt;
use troupe_ai::Config;
use troupe_ai::config::Form;
use troupe_proto::Reason;
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
