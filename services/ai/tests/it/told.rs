//! What is told of the ledger, and told again.

use std::time::Duration;

use platform::id::UserId;
use testkit::Witness;
use testkit::scripted::Reply;
use testkit::witness::silence;
use troupe_ai::Ai;
use troupe_proto::events::{UsageOutcome, UsageRecorded};

use crate::platform_in_test::{Service, chat, config};

#[tokio::test]
async fn tells_what_a_generation_took_once() {
    let service = Service::start().await;
    let mut witness = Witness::enter(&service.stage.host).await.unwrap();
    let alice = UserId::new();
    service.model.push(Reply::words("Good day").cached(1));
    service.model.push(Reply::words("Good day to you"));
    let request = chat(alice, "Hello my friend");
    let reply = service.reply(request.clone()).await.unwrap();
    // The same generation, which the ledger has already.
    service.reply(request.clone()).await.unwrap();
    service.model.push(Reply::words("a b c").cut_after(1));
    service.reply(chat(alice, "Hi")).await.unwrap_err();

    let all: [UsageRecorded; 2] = [witness.hear_of().await, witness.hear_of().await];
    // They are of two generations, so either may come first.
    let (of_it, of_other): (Vec<_>, Vec<_>) = all
        .iter()
        .partition(|told| told.generation_id == request.generation_id);
    let ([told], [broken]) = (of_it.as_slice(), of_other.as_slice()) else {
        panic!("each is told once: {all:?}");
    };
    let usage = reply.usage();
    assert_eq!(told.user_id, alice.to_string());
    assert_eq!(
        (told.model_id.as_str(), told.provider.as_str()),
        ("openai/scripted", "openai")
    );
    assert_eq!(told.prompt_tokens, i64::from(usage.prompt_tokens));
    assert_eq!(told.cached_tokens, i64::from(usage.cached_tokens));
    assert_eq!(told.completion_tokens, i64::from(usage.completion_tokens));
    assert_eq!(told.cost_pico_usd, usage.cost_pico_usd);
    assert_eq!(told.outcome(), UsageOutcome::Stop);
    assert!(told.priced && !told.estimated && told.time_to_first_token.is_some());
    assert_eq!(broken.outcome(), UsageOutcome::Interrupted);
    assert!(broken.estimated);
}

#[tokio::test]
async fn the_ledger_has_nothing_that_can_not_be_told() {
    let service = Service::start().await;
    let store = service.stage.store().await.unwrap().unwrap();
    silence(&store).await.unwrap();
    let alice = UserId::new();
    service.reply(chat(alice, "Hello")).await.unwrap();
    assert!(service.usage_of(alice).await.is_empty());
}

#[tokio::test]
async fn tells_the_ledger_again_to_who_came_later() {
    let service = Service::start().await;
    let mut witness = Witness::enter(&service.stage.host).await.unwrap();
    let alice = UserId::new();
    for _ in 0..2 {
        service.reply(chat(alice, "Hello")).await.unwrap();
    }
    let mut told = [witness.hear().await.unwrap(), witness.hear().await.unwrap()];
    let Service { stage, model } = service;
    let (setup, has_stopped) = stage.stop().await;
    assert!(has_stopped);
    setup.time.1.advance(Duration::from_secs(1));
    let stage = setup.start::<Ai>(&config(&model)).await.unwrap();
    let mut late = Witness::enter_late(&stage.host).await.unwrap();
    for _ in 0..2 {
        let again = service::retell::<Ai>(&stage.host, |_, _| {}).await;
        assert_eq!(again.unwrap(), 2);
    }
    let mut heard = [late.hear().await.unwrap(), late.hear().await.unwrap()];
    told.sort_by_key(|heard| heard.id);
    heard.sort_by_key(|heard| heard.id);
    for (heard, told) in heard.iter().zip(&told) {
        assert_eq!((heard.id, heard.time), (told.id, told.time));
        // The ledger doesn't know how long the first text took.
        let expected = UsageRecorded {
            time_to_first_token: None,
            ..told.read().unwrap()
        };
        assert_eq!(heard.read(), Some(expected));
    }
    assert!(late.heard().is_empty());
}
