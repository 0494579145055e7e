use std::time::Duration;

use platform::id::UserId;
use testkit::scripted::Reply;
use troupe_ai::Config;
use troupe_proto::Reason;
use troupe_proto::ai as pb;
use troupe_proto::error::{Code, reason_of};

use crate::platform_in_test::{Service, chat, next_text};

#[tokio::test]
async fn records_what_a_generation_took_before_its_end_is_told() {
    let service = Service::start().await;
    let alice = UserId::new();
    service.model.push(Reply::words("Good day").cached(1));
    let request = chat(alice, "Hello my friend");
    let reply = service.reply(request.clone()).await.unwrap();
    let usage = reply.usage();
    let [entry] = service.usage_of(alice).await.try_into().unwrap();
    let expected = pb::UsageEntry {
        generation_id: request.generation_id,
        model_id: "openai/scripted".to_owned(),
        usage: Some(usage),
        create_time: Some(prost_types::Timestamp {
            seconds: 1_800_000_000,
            nanos: 0,
        }),
        route: None,
    };
    assert!(!usage.estimated);
    assert_eq!(entry, expected);
}

#[tokio::test]
async fn records_a_generation_once() {
    let service = Service::start().await;
    let alice = UserId::new();
    let request = chat(alice, "Hello");
    service.model.push(Reply::words("one"));
    service.model.push(Reply::words("one two three"));
    service.reply(request.clone()).await.unwrap();
    service.reply(request).await.unwrap();
    let [entry] = service.usage_of(alice).await.try_into().unwrap();
    assert_eq!(entry.usage.unwrap().completion_tokens, 1);
}

#[tokio::test]
async fn records_what_was_generated_until_the_client_went() {
    let service = Service::start().await;
    let alice = UserId::new();
    service
        .model
        .push(Reply::words("eight by three").hold_after(2));
    let mut stream = service.generate(chat(alice, "12345678")).await.unwrap();
    next_text(&mut stream).await;
    next_text(&mut stream).await;
    drop(stream);
    service.settle().await;
    let [entry] = service.usage_of(alice).await.try_into().unwrap();
    let entry = entry.usage.unwrap();
    // "eight by " is nine bytes; the prompt two tokens and four around them.
    assert_eq!(
        (
            entry.prompt_tokens,
            entry.completion_tokens,
            entry.estimated
        ),
        (6, 3, true)
    );
    assert_eq!(entry.cost_pico_usd, 6_000_000 + 15_000_000);
}

#[tokio::test]
async fn records_what_came_before_the_provider_broke_off() {
    let service = Service::start().await;
    let alice = UserId::new();
    service
        .model
        .push(Reply::words("eight by three").cut_after(2));
    service.reply(chat(alice, "12345678")).await.unwrap_err();
    let [entry] = service.usage_of(alice).await.try_into().unwrap();
    let usage = entry.usage.unwrap();
    assert_eq!((usage.completion_tokens, usage.estimated), (3, true));
}

#[tokio::test]
async fn charges_nothing_for_a_refusal() {
    let service = Service::start().await;
    let alice = UserId::new();
    service
        .model
        .push(Reply::status(401, serde_json::json!({})));
    service.reply(chat(alice, "Hi")).await.unwrap_err();
    service.model.push(Reply::words("a").cut_after(0));
    service
        .model
        .push(Reply::status(400, serde_json::json!({})));
    service.reply(chat(alice, "Hi")).await.unwrap_err();
    service.settle().await;
    assert!(service.usage_of(alice).await.is_empty());
}

#[tokio::test]
async fn counts_an_unknown_price_as_nothing() {
    let unpriced = |config: &mut Config| {
        let model = &mut config.openai.models[0];
        model.prompt_price_micro_usd = None;
        model.cached_price_micro_usd = None;
        model.completion_price_micro_usd = None;
    };
    let service = Service::start_with(unpriced).await;
    let usage = service
        .reply(chat(UserId::new(), "Hi"))
        .await
        .unwrap()
        .usage();
    assert!(usage.completion_tokens > 0 && !usage.estimated);
    assert_eq!(usage.cost_pico_usd, 0);
}

#[tokio::test]
async fn lists_usage_page_by_page_newest_first() {
    let service = Service::start().await;
    let alice = UserId::new();
    let mut expected = Vec::new();
    for round in 0..7 {
        let request = chat(alice, "Hi");
        expected.push(request.generation_id.clone());
        service.reply(request).await.unwrap();
        // Two entries of the same time each: the id decides between them.
        service.stage.time().advance(Duration::from_secs(round % 2));
    }
    expected.reverse();
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let page = pb::ListUsageRequest {
            page_size: 3,
            page_token: token,
        };
        let page = service
            .usage()
            .list_usage(service.as_person(alice, page))
            .await
            .unwrap()
            .into_inner();
        assert!(page.usage_entries.len() <= 3);
        found.extend(
            page.usage_entries
                .into_iter()
                .map(|entry| entry.generation_id),
        );
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn shows_nobody_the_usage_of_another() {
    let service = Service::start().await;
    let (alice, bob) = (UserId::new(), UserId::new());
    for _ in 0..2 {
        service.reply(chat(alice, "Hi")).await.unwrap();
    }
    assert!(service.usage_of(bob).await.is_empty());
    let page = pb::ListUsageRequest {
        page_size: 1,
        page_token: String::new(),
    };
    let page = service
        .usage()
        .list_usage(service.as_person(alice, page))
        .await
        .unwrap()
        .into_inner();
    let stolen = pb::ListUsageRequest {
        page_size: 1,
        page_token: page.next_page_token,
    };
    let status = service
        .usage()
        .list_usage(service.as_person(bob, stolen))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(reason_of(&status), Some(Reason::PageTokenInvalid));
}

#[tokio::test]
async fn sums_usage_by_model() {
    let two_models = |config: &mut Config| {
        let mut other = config.openai.models[0].clone();
        other.id = "another".to_owned();
        other.completion_price_micro_usd = Some(0);
        config.openai.models.push(other);
    };
    let service = Service::start_with(two_models).await;
    let (alice, bob) = (UserId::new(), UserId::new());
    for (person, model) in [
        (alice, "openai/scripted"),
        (alice, "openai/scripted"),
        (alice, "openai/another"),
        (bob, ""),
    ] {
        service.model.push(Reply::words("a b"));
        let mut request = chat(person, "Hello you");
        request.model_id = model.to_owned();
        service.reply(request).await.unwrap();
    }
    let sums = sums_of(&service, alice, pb::SummarizeUsageRequest::default()).await;
    let sum = |model: &str, count: i64, cost: i64| pb::UsageSum {
        model_id: model.to_owned(),
        generation_count: count,
        prompt_tokens: 2 * count,
        completion_tokens: 2 * count,
        cost_pico_usd: cost,
    };
    let expected = [
        sum("openai/another", 1, 2_000_000),
        sum("openai/scripted", 2, 24_000_000),
    ];
    assert_eq!(sums, expected);
}

async fn sums_of(
    service: &Service,
    person: UserId,
    request: pb::SummarizeUsageRequest,
) -> Vec<pb::UsageSum> {
    let request = service.as_person(person, request);
    let answer = service.usage().summarize_usage(request).await;
    answer.unwrap().into_inner().sums
}

#[tokio::test]
async fn sums_usage_from_a_start_up_to_an_end() {
    let service = Service::start().await;
    let alice = UserId::new();
    for _ in 0..4 {
        service.reply(chat(alice, "Hi")).await.unwrap();
        service.stage.time().advance(Duration::from_secs(1));
    }
    let at = |seconds: i64| {
        Some(prost_types::Timestamp {
            seconds: 1_800_000_000 + seconds,
            nanos: 0,
        })
    };
    for (start_time, end_time, count) in [
        (None, None, 4),
        (at(1), None, 3),
        (None, at(1), 1),
        (at(1), at(3), 2),
        (at(9), None, 0),
        (at(2), at(2), 0),
    ] {
        let request = pb::SummarizeUsageRequest {
            start_time,
            end_time,
        };
        let sums = sums_of(&service, alice, request).await;
        let counted: i64 = sums.iter().map(|sum| sum.generation_count).sum();
        assert_eq!(counted, count, "{start_time:?} {end_time:?}");
    }
    let odd = pb::SummarizeUsageRequest {
        start_time: at(i64::MAX / 2),
        end_time: None,
    };
    let odd = service.as_person(alice, odd);
    let refused = service.usage().summarize_usage(odd).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::InvalidRequest));
}
