//! Answers as servers write them. What is whole is complete, whatever its form; what isn't never is.

use platform::id::UserId;
use serde_json::{Value, json};
use testkit::scripted::Reply;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::types::FinishReason;

use crate::platform_in_test::{Service, chat};

const EVENTS: &str = "text/event-stream";

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn piece(content: Value) -> String {
    event(&json!({"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": null}]}))
}

fn end(reason: &str) -> String {
    event(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}))
}

fn usage(usage: Value) -> String {
    event(&json!({"choices": [], "usage": usage}))
}

/// «Fine day», with what stands between, before the end and after it.
fn fine_day(between: &str, last: &str) -> String {
    let stop = end("stop");
    format!(
        "{}{between}{}{stop}{last}data: [DONE]\n\n",
        piece(json!("Fine ")),
        piece(json!("day"))
    )
}

/// The text of an answer that is complete, and whether its figures are estimated.
async fn complete(service: &Service, reply: Reply, what: &str) -> bool {
    let asked = service.model.received().len();
    service.model.push(reply);
    let reply = service.reply(chat(UserId::new(), "Hi")).await;
    let reply = reply.unwrap_or_else(|status| panic!("{what}: {status:?}"));
    assert_eq!(reply.text, "Fine day", "{what}");
    assert_eq!(reply.finished.reason(), FinishReason::Stop, "{what}");
    assert_eq!(service.model.received().len(), asked + 1, "{what}");
    reply.usage().estimated
}

#[tokio::test]
async fn completes_whole_replies_whatever_stands_beside_their_text() {
    let service = Service::start().await;
    let given = json!({"prompt_tokens": 10, "completion_tokens": 5});
    for (what, between, last, is_estimated) in [
        ("nothing", String::new(), usage(given.clone()), false),
        ("heartbeats", "data:\n\n: ping\n\ndata: \n\nevent: ping\ndata: {}\n\ndata: ping\n\ndata: null\n\n".to_owned(), usage(given.clone()), false),
        ("thoughts", event(&json!({"choices": [{"delta": {"reasoning_content": "hm"}}]})), usage(given.clone()), false),
        ("an empty reason", event(&json!({"choices": [{"delta": {"content": ""}, "finish_reason": ""}]})), usage(given.clone()), false),
        ("null choices", event(&json!({"choices": null, "id": 7})), usage(given), false),
        ("a negative count", String::new(), usage(json!({"prompt_tokens": -1, "completion_tokens": 5})), true),
        ("no tokens", String::new(), usage(json!({"prompt_tokens": 10, "completion_tokens": 0})), true),
        ("a list for details", String::new(), usage(json!({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": []})), false),
        ("figures that are none", String::new(), usage(json!("many")), true),
        ("no number", "data: {\"choices\":[{\"delta\":{\"content\":\"\"},\"logprobs\":{\"p\":-Infinity}}]}\n\n".to_owned(), String::new(), true),
        ("an error that is none", event(&json!({"choices": [], "error": null})), String::new(), true),
    ] {
        let reply = Reply::raw(EVENTS, fine_day(&between, &last));
        assert_eq!(complete(&service, reply, what).await, is_estimated, "{what}");
    }
}

#[tokio::test]
async fn completes_whole_replies_whatever_their_form() {
    let service = Service::start().await;
    let whole = json!({
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Fine day"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
    });
    let stream = fine_day("", "");
    let parts =
        piece(json!([{"type": "thinking", "thinking": []}, {"type": "text", "text": "Fine "}]));
    let bare = stream.replace("data: ", "").replace("\n\n", "\n");
    for (what, label, answer) in [
        (
            "another label's case",
            "Text/Event-Stream; charset=UTF-8",
            stream.clone(),
        ),
        ("another label", "text/plain", stream.clone()),
        ("JSON's label", "application/json", stream.clone()),
        ("CRLF", EVENTS, stream.replace('\n', "\r\n")),
        ("CR", EVENTS, stream.replace('\n', "\r")),
        ("a byte order mark", EVENTS, format!("\u{feff}{stream}")),
        ("no [DONE]", EVENTS, stream.replace("data: [DONE]\n\n", "")),
        ("no reason", EVENTS, stream.replace(&end("stop"), "")),
        ("no last line end", EVENTS, stream.trim_end().to_owned()),
        ("no blank lines", EVENTS, stream.replace("\n\n", "\n")),
        (
            "more after [DONE]",
            EVENTS,
            format!("{stream}data: {{\"error\": \"late\"}}\n\nevent: error\ndata: late\n\n"),
        ),
        (
            "a list of parts",
            EVENTS,
            format!("{parts}{}{}", piece(json!("day")), end("stop")),
        ),
        (
            "another index each time",
            EVENTS,
            stream.replacen("\"index\":0", "\"index\":4", 2),
        ),
        (
            "an unknown reason",
            EVENTS,
            stream.replace("\"stop\"", "\"eos_token\""),
        ),
        ("JSON line by line", "application/x-ndjson", bare),
        ("no stream", "application/json", whole.to_string()),
        (
            "no stream, over several lines",
            "application/json",
            serde_json::to_string_pretty(&whole).unwrap(),
        ),
        ("a list", "application/json", json!([whole]).to_string()),
    ] {
        complete(&service, Reply::raw(label, answer), what).await;
    }
}

#[tokio::test]
async fn takes_the_figures_of_an_answer_that_is_not_streamed() {
    let service = Service::start().await;
    let whole = json!({
        "choices": [{"message": {"content": "Fine day"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
    });
    service
        .model
        .push(Reply::raw("application/json", whole.to_string()));
    let usage = service
        .reply(chat(UserId::new(), "Hi"))
        .await
        .unwrap()
        .usage();
    assert_eq!(
        (
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.estimated
        ),
        (10, 5, false)
    );
}

#[tokio::test]
async fn joins_an_emoji_that_is_cut_in_half() {
    let service = Service::start().await;
    let half = |escape: &str| {
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{escape}\"}}}}]}}\n\n")
    };
    let answer = format!("{}{}{}", half(r"Hi \ud83d"), half(r"\ude00!"), end("stop"));
    service.model.push(Reply::raw(EVENTS, answer));
    assert_eq!(
        service.reply(chat(UserId::new(), "Hi")).await.unwrap().text,
        "Hi \u{1f600}!"
    );
    let answer = format!("{}{}", half(r"Hi \ud83d"), end("stop"));
    service.model.push(Reply::raw(EVENTS, answer));
    assert_eq!(
        service.reply(chat(UserId::new(), "Hi")).await.unwrap().text,
        "Hi \u{fffd}"
    );
}

#[tokio::test]
async fn takes_thoughts_of_megabytes() {
    let service = Service::start().await;
    let thoughts =
        event(&json!({"choices": [{"delta": {"reasoning_content": "hm ".repeat(1 << 20)}}]}));
    complete(
        &service,
        Reply::raw(EVENTS, fine_day(&thoughts, "")),
        "thoughts",
    )
    .await;
}

#[tokio::test]
async fn completes_no_reply_that_is_not_whole() {
    let service = Service::start().await;
    let begun = piece(json!("Fine "));
    let done = "data: [DONE]\n\n";
    for (what, rest) in [
        ("the end is missing", String::new()),
        (
            "an error event",
            format!("event: error\ndata: {{\"detail\": \"CUDA out of memory\"}}\n\n{done}"),
        ),
        (
            "an error event of words",
            format!("event: error\ndata: out of memory\n\n{done}"),
        ),
        (
            "an error object",
            format!(
                "{}{done}",
                event(&json!({"error": {"message": "lost", "code": 502}}))
            ),
        ),
        (
            "an error text",
            format!("{}{done}", event(&json!({"error": "lost"}))),
        ),
        (
            "an error list",
            format!("{}{done}", event(&json!({"error": [{"message": "lost"}]}))),
        ),
        (
            "a bare error",
            format!("{{\"error\": {{\"message\": \"lost\"}}}}\n\n{done}"),
        ),
        ("words of an error", format!("data: Error: lost\n\n{done}")),
        ("a failure for reason", format!("{}{done}", end("error"))),
        ("an abort for reason", format!("{}{done}", end("abort"))),
        (
            "another failure for reason",
            format!("{}{done}", end("insufficient_system_resource")),
        ),
        (
            "half an event",
            "data: {\"choices\":[{\"delta\":{\"con".to_owned(),
        ),
        (
            "half an event, and the end",
            format!(
                "data: {{\"choices\":[{{\"delta\":{{\"con\n\n{}{done}",
                end("stop")
            ),
        ),
        (
            "an error after the reason",
            format!("{}{}", end("stop"), event(&json!({"error": "lost"}))),
        ),
    ] {
        let asked = service.model.received().len();
        service
            .model
            .push(Reply::raw(EVENTS, format!("{begun}{rest}")));
        let failure = service.failure(chat(UserId::new(), "Hi")).await;
        assert_eq!(failure.text, "Fine ", "{what}");
        assert_eq!(
            reason_of(&failure.status),
            Some(Reason::ProviderUnavailable),
            "{what}: {:?}",
            failure.status
        );
        let spent = failure.spent.unwrap();
        assert!(
            spent.estimated && spent.completion_tokens > 0 && spent.prompt_tokens > 0,
            "{what}"
        );
        assert_eq!(service.model.received().len(), asked + 1, "{what}");
    }
    service.model.push(Reply::raw(EVENTS, begun).then_cut());
    let failure = service.failure(chat(UserId::new(), "Hi")).await;
    assert_eq!((&*failure.text, failure.spent.is_some()), ("Fine ", true));
}

#[tokio::test]
async fn quotes_the_servers_words_and_no_key() {
    let service = Service::start().await;
    let failed = "event: error\ndata: {\"detail\": \"out of memory at sk-test\"}\n\n";
    service.model.push(Reply::raw(
        EVENTS,
        format!("{}{failed}", piece(json!("Fine "))),
    ));
    let failure = service.failure(chat(UserId::new(), "Hi")).await;
    assert!(
        failure.status.message().contains("out of memory"),
        "{:?}",
        failure.status
    );
    assert!(
        !failure.status.message().contains("sk-test"),
        "{:?}",
        failure.status
    );
}

#[tokio::test]
async fn gives_figures_of_the_server_with_a_failure() {
    let service = Service::start().await;
    let alice = UserId::new();
    let figures = usage(json!({"prompt_tokens": 10, "completion_tokens": 5}));
    let answer = format!("{}{figures}{}", piece(json!("Fine ")), end("error"));
    service.model.push(Reply::raw(EVENTS, answer));
    let spent = service.failure(chat(alice, "Hi")).await.spent.unwrap();
    assert_eq!(
        (
            spent.prompt_tokens,
            spent.completion_tokens,
            spent.estimated
        ),
        (10, 5, false)
    );
    let [entry] = service.usage_of(alice).await.try_into().unwrap();
    assert_eq!(entry.usage, Some(spent));
}

#[tokio::test]
async fn tries_an_empty_reply_once_more_and_never_completes_it() {
    let service = Service::start().await;
    let empty = || {
        Reply::raw(
            EVENTS,
            format!("{}{}data: [DONE]\n\n", piece(json!(" ")), end("stop")),
        )
    };
    service.model.push(empty());
    service.model.push(Reply::words("At last."));
    assert_eq!(
        service.reply(chat(UserId::new(), "Hi")).await.unwrap().text,
        "At last."
    );
    service.model.push(empty());
    service.model.push(empty());
    let failure = service.failure(chat(UserId::new(), "Hi")).await;
    assert_eq!(reason_of(&failure.status), Some(Reason::ReplyEmpty));
    assert_eq!((&*failure.text, service.model.received().len()), ("", 4));
}

#[tokio::test]
async fn says_what_an_empty_reply_had_instead() {
    let service = Service::start().await;
    let thought = event(&json!({"choices": [{"delta": {"reasoning": "hm"}}]}));
    service
        .model
        .always(Reply::raw(EVENTS, format!("{thought}{}", end("length"))));
    let failure = service.failure(chat(UserId::new(), "Hi")).await;
    assert_eq!(reason_of(&failure.status), Some(Reason::ReplyEmpty));
    assert!(
        failure.status.message().contains("thoughts"),
        "{:?}",
        failure.status
    );
}

#[tokio::test]
async fn knows_an_answer_that_is_none() {
    let service = Service::start().await;
    for (what, label, answer, reason) in [
        (
            "a page",
            "text/html",
            "<html><title>Log in</title></html>".to_owned(),
            Reason::ProviderRejected,
        ),
        (
            "an error",
            "application/json",
            json!({"error": {"code": 402, "message": "no credit"}}).to_string(),
            Reason::ProviderAccount,
        ),
        (
            "an error text",
            EVENTS,
            json!({"error": "invalid_request_error"}).to_string(),
            Reason::ProviderUnavailable,
        ),
        (
            "a detail",
            "application/json",
            json!({"detail": "lost"}).to_string(),
            Reason::ProviderUnavailable,
        ),
        (
            "an envelope",
            "application/json",
            json!({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}})
                .to_string(),
            Reason::ProviderAccount,
        ),
    ] {
        service.model.always(Reply::raw(label, answer));
        let failure = service.failure(chat(UserId::new(), "Hi")).await;
        assert_eq!(
            reason_of(&failure.status),
            Some(reason),
            "{what}: {:?}",
            failure.status
        );
    }
}
