//! One suite for all dialects: the rows are cases, the columns dialects. Each case is what a server does, and what must come of it.

use std::time::Duration;

use platform::id::UserId;
use testkit::scripted::Reply;
use tonic::Status;
use tonic_types::StatusExt;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::types::{FinishReason, TokenUsage};

use crate::dialects::{DIALECTS, Dialect};
use crate::platform_in_test::{Service, chat, model, next_text};

/// What must come of a case.
enum Must {
    /// This reply, for this reason, asked for so often, with the server's own figures.
    End(&'static str, FinishReason, usize),
    /// This text and then this failure, asked for so often.
    Fail(&'static str, Reason, usize),
}

/// A row.
struct Case {
    name: &'static str,
    /// What the server answers, one request after another.
    answers: fn(&Dialect) -> Vec<Reply>,
    must: Must,
}

const WHOLE: Must = Must::End("Fine day", FinishReason::Stop, 1);

const CASES: &[Case] = &[
    Case {
        name: "a whole reply",
        answers: |it| vec![it.raw(it.fine_day(""))],
        must: WHOLE,
    },
    Case {
        name: "heartbeats",
        answers: |it| vec![it.raw(format!("{}{}", it.heartbeat, it.fine_day(it.heartbeat)))],
        must: WHOLE,
    },
    Case {
        name: "thoughts",
        answers: |it| vec![it.raw(it.fine_day(&it.thought.replace('%', "hm")))],
        must: WHOLE,
    },
    Case {
        name: "half an emoji, and the other half",
        answers: |it| {
            let halves = format!("{}{}", it.text(r"Hi \ud83d"), it.text(r"\ude00!"));
            vec![it.raw(format!("{}{halves}{}", it.begin, it.end(0)))]
        },
        must: Must::End("Hi \u{1f600}!", FinishReason::Stop, 1),
    },
    Case {
        name: "a character that is cut between two packets",
        answers: |it| {
            let bytes = format!("{}{}{}", it.begin, it.text("Hé 한국"), it.end(0)).into_bytes();
            let middle = bytes.iter().position(|byte| *byte == 0xED).unwrap() + 1;
            let (one, other) = bytes.split_at(middle);
            vec![it.raw(one).then(other)]
        },
        must: Must::End("Hé 한국", FinishReason::Stop, 1),
    },
    Case {
        name: "members that make no sense",
        answers: |it| {
            let odd = it.odd.replace('%', "day");
            let answer = format!("{}{}{odd}{}", it.begin, it.text("Fine "), it.end(0));
            vec![it.raw(answer)]
        },
        must: WHOLE,
    },
    Case {
        name: "a label that is wrong",
        answers: |it| vec![Reply::raw("text/plain", it.fine_day(""))],
        must: WHOLE,
    },
    Case {
        name: "the end of the tokens",
        answers: |it| vec![it.raw(format!("{}{}{}", it.begin, it.text("Fine"), it.end(1)))],
        must: Must::End("Fine", FinishReason::Length, 1),
    },
    Case {
        name: "a filter that ends it",
        answers: |it| vec![it.raw(format!("{}{}{}", it.begin, it.text("Fine"), it.end(2)))],
        must: Must::End("Fine", FinishReason::ContentFilter, 1),
    },
    Case {
        name: "a cut before the first text",
        answers: |it| vec![it.raw(it.begin).then_cut(), it.raw(it.fine_day(""))],
        must: Must::End("Fine day", FinishReason::Stop, 2),
    },
    Case {
        name: "a cut after the first text",
        answers: |it| {
            vec![
                it.raw(format!("{}{}", it.begin, it.text("Fine ")))
                    .then_cut(),
            ]
        },
        must: Must::Fail("Fine ", Reason::ProviderUnavailable, 1),
    },
    Case {
        name: "an end that is missing",
        answers: |it| vec![it.raw(format!("{}{}", it.begin, it.text("Fine ")))],
        must: Must::Fail("Fine ", Reason::ProviderUnavailable, 1),
    },
    Case {
        name: "a failure before the first text",
        answers: |it| {
            let failed = it.raw(format!("{}{}", it.begin, it.failure));
            vec![failed, it.raw(it.fine_day(""))]
        },
        must: Must::End("Fine day", FinishReason::Stop, 2),
    },
    Case {
        name: "a failure after the first text",
        answers: |it| vec![it.raw(format!("{}{}{}", it.begin, it.text("Fine "), it.failure))],
        must: Must::Fail("Fine ", Reason::ProviderUnavailable, 1),
    },
    Case {
        name: "an empty reply, twice",
        answers: |it| vec![it.raw(format!("{}{}", it.begin, it.end(0))); 2],
        must: Must::Fail("", Reason::ReplyEmpty, 2),
    },
    Case {
        name: "thoughts alone, twice",
        answers: |it| {
            let thought = it.thought.replace('%', "hm");
            vec![it.raw(format!("{}{thought}{}", it.begin, it.end(1))); 2]
        },
        must: Must::Fail("", Reason::ReplyEmpty, 2),
    },
    Case {
        name: "a key that is refused",
        answers: |it| vec![it.refusal(401, "authentication_error", "invalid api key: sk-test")],
        must: Must::Fail("", Reason::ProviderAccount, 1),
    },
    Case {
        name: "credit that is used up",
        answers: |it| {
            let (status, kind, words) = it.no_credit;
            vec![it.refusal(status, kind, words)]
        },
        must: Must::Fail("", Reason::ProviderAccount, 1),
    },
    Case {
        name: "a limit that passes",
        answers: |it| {
            let limited = it
                .refusal(429, "", "slow down")
                .header("retry-after-ms", "20");
            vec![limited, it.raw(it.fine_day(""))]
        },
        must: Must::End("Fine day", FinishReason::Stop, 2),
    },
    Case {
        name: "a limit that takes long",
        answers: |it| vec![it.refusal(429, "", "slow down").header("retry-after", "31")],
        must: Must::Fail("", Reason::ProviderRateLimited, 1),
    },
    Case {
        name: "a server that fails and recovers",
        answers: |it| {
            let away = it.refusal(503, "", "down");
            vec![away.clone(), away, it.raw(it.fine_day(""))]
        },
        must: Must::End("Fine day", FinishReason::Stop, 3),
    },
    Case {
        name: "a prompt that is too long",
        answers: |it| vec![it.refusal(400, it.too_long.0, it.too_long.1)],
        must: Must::Fail("", Reason::ContextLength, 1),
    },
    Case {
        name: "a page instead of an answer",
        answers: |_| {
            vec![Reply::raw(
                "text/html",
                "<html><title>Log in</title></html>",
            )]
        },
        must: Must::Fail("", Reason::ProviderRejected, 1),
    },
];

#[tokio::test]
async fn every_dialect_passes_every_case() {
    let mut failed = Vec::new();
    for dialect in &DIALECTS {
        let server = model().await;
        server.refuse_models(404);
        let service = Service::start_at(server.clone(), &dialect.config(&server)).await;
        for case in CASES {
            if let Err(problem) = check(&service, dialect, case).await {
                failed.push(format!("{:?}: {}: {problem}", dialect.kind, case.name));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Tries one case, and says what was wrong.
async fn check(service: &Service, dialect: &Dialect, case: &Case) -> Result<(), String> {
    let before = service.model.received().len();
    let answers = (case.answers)(dialect);
    let count = answers.len();
    answers
        .into_iter()
        .for_each(|answer| service.model.push(answer));
    let found = outcome(service).await;
    let received = service.model.received();
    let asked = received.len() - before;
    let (text, wanted) = match case.must {
        Must::End(text, _, wanted) | Must::Fail(text, _, wanted) => (text, wanted),
    };
    let is_path = received
        .iter()
        .all(|received| received.path == dialect.path);
    let has_key = received.iter().all(|received| {
        received
            .authorization
            .as_ref()
            .is_some_and(|key| key.ends_with("sk-test"))
    });
    if !is_path || !has_key {
        return Err(format!(
            "asked at a wrong place or without the key: {:?}",
            received.last()
        ));
    }
    if (asked, &*found.text) != (wanted, text) || count != wanted {
        return Err(format!(
            "{:?}, asked {asked} times of {wanted}, {:?}",
            found.text, found.end
        ));
    }
    match (&case.must, &found.end) {
        (Must::End(_, reason, _), Ok((found, usage))) if reason == found => {
            match !usage.estimated && figures(usage) == dialect.figures {
                true => Ok(()),
                false => Err(format!("figures: {usage:?}")),
            }
        }
        (Must::Fail(_, reason, _), Err(status)) if reason_of(status) == Some(*reason) => {
            told(dialect, *reason, status)
        }
        (_, found) => Err(format!("{found:?}")),
    }
}

/// Whether a failure says what it must, and no key.
fn told(dialect: &Dialect, reason: Reason, status: &Status) -> Result<(), String> {
    if status.message().contains("sk-test") {
        return Err(format!("tells the key: {status:?}"));
    }
    let info = status.get_details_error_info().unwrap();
    let fact = |name: &str| info.metadata.get(name).map(String::as_str);
    let figures = (fact("promptTokens"), fact("windowTokens"));
    let wait = status
        .get_details_retry_info()
        .and_then(|info| info.retry_delay);
    match reason {
        Reason::ContextLength if figures != dialect.too_long_figures => Err(format!("{figures:?}")),
        Reason::ProviderRateLimited if wait != Some(Duration::from_secs(31)) => {
            Err(format!("{wait:?}"))
        }
        _ => Ok(()),
    }
}

fn figures(usage: &TokenUsage) -> [i32; 5] {
    [
        usage.prompt_tokens,
        usage.cached_tokens,
        usage.cache_written_tokens.unwrap(),
        usage.completion_tokens,
        usage.reasoning_tokens.unwrap(),
    ]
}

/// What came of a generation: its text, and its end or its failure.
struct Outcome {
    text: String,
    end: Result<(FinishReason, TokenUsage), Status>,
}

async fn outcome(service: &Service) -> Outcome {
    use troupe_proto::ai::generate_response::Event;
    let mut stream = match service.generate(chat(UserId::new(), "Hi")).await {
        Ok(stream) => stream,
        Err(status) => {
            return Outcome {
                text: String::new(),
                end: Err(status),
            };
        }
    };
    let mut text = String::new();
    loop {
        match stream
            .message()
            .await
            .map(|answer| answer.and_then(|answer| answer.event))
        {
            Ok(Some(Event::Delta(delta))) => text += &delta.text,
            Ok(Some(Event::Spent(_))) => {}
            Ok(Some(Event::Finished(end))) => {
                let end = Ok((end.reason(), end.usage.unwrap()));
                return Outcome { text, end };
            }
            Ok(None) => panic!("the stream ended without an end"),
            Err(status) => {
                return Outcome {
                    text,
                    end: Err(status),
                };
            }
        }
    }
}

#[tokio::test]
async fn no_dialect_waits_forever() {
    for dialect in &DIALECTS {
        let server = model().await;
        server.refuse_models(404);
        let mut config = dialect.config(&server);
        let impatient = config.servers.get_mut("it").unwrap();
        impatient.first_token_timeout_ms = 150;
        impatient.idle_timeout_ms = 150;
        let service = Service::start_at(server, &config).await;
        let begun = format!("{}{}", dialect.begin, dialect.heartbeat);
        let silent = [
            ("", dialect.raw(begun.clone()).then_hold()),
            (
                "Fine ",
                dialect
                    .raw(format!("{begun}{}", dialect.text("Fine ")))
                    .then_hold(),
            ),
        ];
        for (text, answer) in silent {
            service.model.push(answer);
            let found = outcome(&service).await;
            let reason = found.end.as_ref().err().and_then(reason_of);
            let name = dialect.kind;
            assert_eq!(
                reason,
                Some(Reason::ProviderTimeout),
                "{name:?}: {:?}",
                found.end
            );
            assert_eq!(found.text, text, "{name:?}");
        }
        service.model.abandoned(2).await;
    }
}

#[tokio::test]
async fn a_cancel_ends_the_call_and_is_paid_for() {
    for dialect in &DIALECTS {
        let server = model().await;
        server.refuse_models(404);
        let service = Service::start_at(server.clone(), &dialect.config(&server)).await;
        let begun = format!("{}{}", dialect.begin, dialect.text("Fine "));
        service.model.push(dialect.raw(begun).then_hold());
        let alice = UserId::new();
        let mut stream = service.generate(chat(alice, "Hi")).await.unwrap();
        assert_eq!(next_text(&mut stream).await, "Fine ");
        drop(stream);
        let ended = tokio::time::timeout(Duration::from_secs(1), service.model.abandoned(1)).await;
        assert!(ended.is_ok(), "{:?} goes on", dialect.kind);
        service.settle().await;
        let [entry] = service.usage_of(alice).await.try_into().unwrap();
        let usage = entry.usage.unwrap();
        assert!(
            usage.estimated && usage.completion_tokens == 2,
            "{:?}: {usage:?}",
            dialect.kind
        );
        // Some say at once what they took of the prompt.
        let is_told =
            dialect.begin.contains("input_tokens") || dialect.begin.contains("promptTokenCount");
        assert_eq!(
            usage.prompt_tokens == 20,
            is_told,
            "{:?}: {usage:?}",
            dialect.kind
        );
    }
}
