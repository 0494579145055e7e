//! Faults of a provider, one by one: what the person sees, what is stored, and what is billed. Prints the table:
//! `cargo test -p troupe-ai --test it faults -- --nocapture`.

use platform::id::UserId;
use serde_json::json;
use troupe_ai::Config;
use troupe_ai::config::{CandidateConfig, ModelConfig, RouteConfig};
use troupe_proto::ai as pb;
use troupe_proto::ai::generate_response::Event;
use troupe_proto::error::reason_of;

use crate::faulty::{Act, Faulty, Script, head};
use crate::platform_in_test::{Service, chat, model};

const EVENTS: &str = "content-type: text/event-stream\r\n";
const ROLE: &str =
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
const FINE: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Fine \"}}]}\n\n";
const THOUGHT: &str = "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n";
const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":4}}\n\n";
const OVERLOADED: &str = "data: {\"error\":{\"code\":503,\"message\":\"overloaded\"}}\n\n";

/// What came of a fault, in the words of the table.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// The models that were asked.
    asked: String,
    /// What the person sees.
    seen: String,
    /// What stands in the ledger: who is charged for, and who failed before.
    stored: String,
    /// What the person is charged, and what the failed tries cost the operator, in micro-USD.
    billed: String,
}

fn bytes(head: String, rest: &str) -> Act {
    Act::Bytes(head + rest)
}

fn stream(events: &str) -> Act {
    bytes(head(200, EVENTS), events)
}

fn refusal(status: u16, headers: &str, code: &str) -> Vec<Act> {
    let body = json!({"error": {"message": "told so", "type": "", "code": code}});
    let json = format!("content-type: application/json\r\n{headers}");
    vec![bytes(head(status, &json), &body.to_string())]
}

fn page(status: u16, label: &str, body: &str) -> Vec<Act> {
    vec![bytes(
        head(status, &format!("content-type: {label}\r\n")),
        body,
    )]
}

fn config(base_url: &str) -> impl FnOnce(&mut Config) {
    let base_url = base_url.to_owned();
    move |config| {
        let model = |name: &str, window_tokens| ModelConfig {
            id: name.to_owned(),
            window_tokens: Some(window_tokens),
            ..config.openai.models[0].clone()
        };
        config.openai.models = vec![model("first", 4096), model("second", 8192)];
        config.openai.base_url = base_url;
        config.openai.first_token_timeout_ms = 300;
        config.openai.idle_timeout_ms = 200;
        config.routes = vec![story()];
    }
}

/// A route of the two models.
fn story() -> RouteConfig {
    let candidate = |name: &str| CandidateConfig {
        model: format!("openai/{name}"),
        ..CandidateConfig::default()
    };
    RouteConfig {
        id: "story".to_owned(),
        candidates: ["first", "second"].map(candidate).into(),
        ..RouteConfig::default()
    }
}

async fn outcome(script: Script) -> Outcome {
    let server = Faulty::start(script).await;
    let mut config_of = crate::platform_in_test::config(&model().await);
    config(&server.base_url)(&mut config_of);
    let service = Service::start_at(model().await, &config_of).await;
    let alice = UserId::new();
    let request = pb::GenerateRequest {
        model_id: "story".to_owned(),
        ..chat(alice, "12345678")
    };
    let seen = seen(&service, request).await;
    let entries = service.usage_of(alice).await;
    let (stored, billed) = match entries.as_slice() {
        [] => ("nothing".to_owned(), "0".to_owned()),
        [entry] => booked(entry),
        more => panic!("a generation is charged for once: {more:?}"),
    };
    Outcome {
        asked: server.asked(),
        seen,
        stored,
        billed,
    }
}

async fn seen(service: &Service, request: pb::GenerateRequest) -> String {
    let mut stream = match service.generate(request).await {
        Ok(stream) => stream,
        Err(status) => return reason_of(&status).unwrap().name().to_owned(),
    };
    let mut seen = String::new();
    loop {
        match stream.message().await.map(|answer| answer.unwrap().event) {
            Ok(Some(Event::Delta(delta))) => seen += &delta.text,
            Ok(Some(Event::Finished(finished))) => {
                return format!("{seen} ({})", name(&finished.model_id));
            }
            Ok(Some(Event::Spent(_))) => {}
            Ok(None) => panic!("an event without content"),
            Err(status) => return seen + reason_of(&status).unwrap().name(),
        }
    }
}

fn name(model_id: &str) -> &str {
    model_id.trim_start_matches("openai/")
}

/// What the ledger has, and what it costs.
fn booked(entry: &pb::UsageEntry) -> (String, String) {
    let micro = |pico: i64| pico / 1_000_000;
    let route = entry.route.as_ref().unwrap();
    let usage = entry.usage.unwrap();
    let about = if usage.estimated { "about " } else { "" };
    let mut stored = format!(
        "{} {about}{}+{}",
        name(&entry.model_id),
        usage.prompt_tokens,
        usage.completion_tokens
    );
    let mut billed = micro(usage.cost_pico_usd).to_string();
    for it in route
        .candidates
        .iter()
        .filter(|it| !it.failure_reason.is_empty())
    {
        stored += &format!(", {} {}", name(&it.model_id), it.failure_reason);
        let cost = micro(it.usage.unwrap().cost_pico_usd);
        if cost > 0 {
            billed += &format!(" (+{cost})");
        }
    }
    (stored, billed)
}

/// A fault, and what comes of it.
struct Fault {
    what: &'static str,
    first: Vec<Act>,
    outcome: Outcome,
}

fn fault(what: &'static str, first: Vec<Act>, expected: [&str; 4]) -> Fault {
    let [asked, seen, stored, billed] = expected.map(str::to_owned);
    Fault {
        what,
        first,
        outcome: Outcome {
            asked,
            seen,
            stored,
            billed,
        },
    }
}

/// The second model writes, and the first failed for this reason.
fn cured(what: &'static str, first: Vec<Act>, reason: &str) -> Fault {
    let stored = format!("second 10+2, first {reason}");
    fault(
        what,
        first,
        ["first second", "Fine day (second)", &stored, "20"],
    )
}

fn cured_at_a_cost(what: &'static str, first: Vec<Act>, reason: &str, cost: &str) -> Fault {
    let mut fault = cured(what, first, reason);
    fault.outcome.billed = format!("20 (+{cost})");
    fault
}

/// Nobody else is asked, and nobody is charged.
fn final_one(what: &'static str, first: Vec<Act>, reason: &str) -> Fault {
    fault(what, first, ["first", reason, "nothing", "0"])
}

/// A server that goes away, says nothing, or ends too early.
fn cuts() -> Vec<Fault> {
    let prompt_cost = "6";
    vec![
        cured(
            "reset without an answer",
            vec![Act::Reset],
            "PROVIDER_UNAVAILABLE",
        ),
        cured("closed without an answer", vec![], "PROVIDER_UNAVAILABLE"),
        cured(
            "half-open socket: never a byte",
            vec![Act::Silence],
            "PROVIDER_TIMEOUT",
        ),
        cured(
            "half a head, then reset",
            vec![Act::Bytes("HTTP/1.1 200 O".to_owned()), Act::Reset],
            "PROVIDER_UNAVAILABLE",
        ),
        cured_at_a_cost(
            "silent before the first token",
            vec![stream(ROLE), Act::Silence],
            "PROVIDER_TIMEOUT",
            prompt_cost,
        ),
        cured_at_a_cost(
            "heartbeats alone",
            vec![stream(": ping\n\n: ping\n\n"), Act::Silence],
            "PROVIDER_TIMEOUT",
            prompt_cost,
        ),
        cured(
            "cut before the first token",
            vec![stream(ROLE), Act::Reset],
            "PROVIDER_UNAVAILABLE",
        ),
        cured(
            "ends before the first token",
            vec![stream(ROLE)],
            "PROVIDER_UNAVAILABLE",
        ),
        cured(
            "thinks, then cut",
            vec![stream(THOUGHT), Act::Reset],
            "PROVIDER_UNAVAILABLE",
        ),
        cured(
            "error event before the first token",
            vec![stream(&(ROLE.to_owned() + OVERLOADED))],
            "PROVIDER_UNAVAILABLE",
        ),
        cured_at_a_cost(
            "empty reply that is charged for",
            vec![stream(&(ROLE.to_owned() + STOP))],
            "REPLY_EMPTY",
            "30",
        ),
    ]
}

/// A server that says that it can't, or that another one should be asked.
fn refusals() -> Vec<Fault> {
    vec![
        cured(
            "429 without a date",
            refusal(429, "", "rate_limit_exceeded"),
            "PROVIDER_RATE_LIMITED",
        ),
        cured(
            "429 with seconds",
            refusal(429, "retry-after: 7\r\n", ""),
            "PROVIDER_RATE_LIMITED",
        ),
        cured(
            "429 with a date",
            refusal(429, "retry-after: Fri, 31 Dec 2027 23:59:59 GMT\r\n", ""),
            "PROVIDER_RATE_LIMITED",
        ),
        cured(
            "quota used up",
            refusal(429, "", "insufficient_quota"),
            "PROVIDER_ACCOUNT",
        ),
        cured(
            "key refused",
            refusal(401, "", "invalid_api_key"),
            "PROVIDER_ACCOUNT",
        ),
        cured("no credit", refusal(402, "", ""), "PROVIDER_ACCOUNT"),
        cured("500", refusal(500, "", ""), "PROVIDER_UNAVAILABLE"),
        cured("503", refusal(503, "", ""), "PROVIDER_UNAVAILABLE"),
        cured(
            "529 overloaded",
            refusal(529, "", "overloaded_error"),
            "PROVIDER_UNAVAILABLE",
        ),
    ]
}

/// What is no answer of a model, or a refusal of this request alone.
fn odd_answers() -> Vec<Fault> {
    vec![
        cured(
            "502 with a page",
            page(502, "text/html", "<h1>Bad Gateway</h1>"),
            "PROVIDER_UNAVAILABLE",
        ),
        cured(
            "garbage",
            page(200, "text/event-stream", "\u{1}\u{2} no model"),
            "PROVIDER_REJECTED",
        ),
        cured(
            "a page of somebody else",
            page(200, "text/html", "<html>Log in</html>"),
            "PROVIDER_REJECTED",
        ),
        cured(
            "empty answer",
            page(200, "application/json", ""),
            "PROVIDER_UNAVAILABLE",
        ),
        cured(
            "the model is gone",
            refusal(404, "", "model_not_found"),
            "PROVIDER_REJECTED",
        ),
        cured(
            "too long for its window",
            refusal(400, "", "context_length_exceeded"),
            "CONTEXT_LENGTH",
        ),
        final_one(
            "content refused",
            refusal(400, "", "content_filter"),
            "CONTENT_REFUSED",
        ),
        final_one(
            "malformed",
            refusal(400, "", "unknown"),
            "PROVIDER_REJECTED",
        ),
    ]
}

fn after_the_first_text() -> Vec<Fault> {
    let stored = "first about 6+2";
    let cut = |what, first, seen| fault(what, first, ["first", seen, stored, "16"]);
    let whole = r#"{"choices":[{"message":{"content":"Fine day"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":2}}"#;
    vec![
        cut(
            "cut after the first token",
            vec![stream(FINE), Act::Reset],
            "Fine PROVIDER_UNAVAILABLE",
        ),
        cut(
            "ends after the first token",
            vec![stream(FINE)],
            "Fine PROVIDER_UNAVAILABLE",
        ),
        cut(
            "silent after the first token",
            vec![stream(FINE), Act::Silence],
            "Fine PROVIDER_TIMEOUT",
        ),
        cut(
            "error event after the first token",
            vec![stream(&(FINE.to_owned() + OVERLOADED))],
            "Fine PROVIDER_UNAVAILABLE",
        ),
        fault(
            "wrong label on a whole reply",
            page(200, "text/html", whole),
            ["first", "Fine day (first)", "first 10+2", "20"],
        ),
    ]
}

#[tokio::test]
async fn a_fault_costs_no_reply_that_another_model_can_write() {
    let faults = [cuts(), refusals(), odd_answers(), after_the_first_text()];
    let mut wrong = Vec::new();
    println!("| fault | asked | the person sees | stored | billed, µUSD |\n|---|---|---|---|---|");
    for Fault {
        what,
        first,
        outcome: expected,
    } in faults.into_iter().flatten()
    {
        let found = outcome(Script { first, both: false }).await;
        let Outcome {
            asked,
            seen,
            stored,
            billed,
        } = &found;
        println!("| {what} | {asked} | {seen} | {stored} | {billed} |");
        if found != expected {
            wrong.push((what, found, expected));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_last_model_is_tried_as_often_as_one_that_was_named() {
    let first = refusal(503, "", "");
    let found = outcome(Script { first, both: true }).await;
    assert_eq!(found.asked, "first second second second");
    assert_eq!(
        (&*found.seen, &*found.stored),
        ("PROVIDER_UNAVAILABLE", "nothing")
    );
}
