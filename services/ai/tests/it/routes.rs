//! Routes: which model writes, who is told why, and what happens with those that fail.

use std::time::Duration;

use platform::id::UserId;
use serde_json::json;
use testkit::Witness;
use testkit::scripted::Reply;
use testkit::waiting::eventually;
use troupe_ai::Config;
use troupe_ai::config::{CandidateConfig, ModelConfig, RouteConfig};
use troupe_proto::ai as pb;
use troupe_proto::error::reason_of;
use troupe_proto::events::{ProviderState, ProviderStateChanged};
use troupe_proto::{Reason, ai::RouteVerdict};

use crate::platform_in_test::{Service, chat};

/// Models `big` and `small`, the second with a small window, and a route of both.
fn two_models(config: &mut Config) {
    let model = |name: &str, window_tokens| ModelConfig {
        id: name.to_owned(),
        window_tokens: Some(window_tokens),
        ..config.openai.models[0].clone()
    };
    config.openai.models = vec![model("big", 8192), model("small", 1000)];
    config.breakers.min_calls = 2;
    config.routes = vec![RouteConfig {
        id: "story".to_owned(),
        display_name: "Story".to_owned(),
        candidates: ["openai/big", "openai/small"].map(candidate).into(),
        ..RouteConfig::default()
    }];
}

fn candidate(model: &str) -> CandidateConfig {
    CandidateConfig {
        model: model.to_owned(),
        ..CandidateConfig::default()
    }
}

fn by(route: &str, user_id: UserId, text: &str) -> pb::GenerateRequest {
    pb::GenerateRequest {
        model_id: route.to_owned(),
        max_tokens: 100,
        ..chat(user_id, text)
    }
}

/// The model that writes when the route is asked for.
async fn writer(service: &Service, request: pb::GenerateRequest) -> String {
    let reply = service.reply(request).await.unwrap();
    reply.finished.model_id
}

async fn story(service: &Service) -> String {
    writer(service, by("story", UserId::new(), "Hi")).await
}

async fn models(service: &Service) -> Vec<pb::Model> {
    let request = service.as_person(UserId::new(), pb::ListModelsRequest::default());
    let listed = service.models().list_models(request).await.unwrap();
    listed.into_inner().models
}

async fn explained(
    service: &Service,
    request: pb::ExplainRouteRequest,
) -> Result<Vec<(String, RouteVerdict)>, tonic::Status> {
    let request = service.as_person(UserId::new(), request);
    let answer = service.models().explain_route(request).await?.into_inner();
    let candidates = answer.decision.unwrap().candidates.into_iter();
    let each = candidates.map(|it| (it.model_id.clone(), it.verdict()));
    Ok(each.collect())
}

fn asked_for(route_id: &str) -> pb::ExplainRouteRequest {
    pb::ExplainRouteRequest {
        route_id: route_id.to_owned(),
        max_tokens: 100,
        ..pb::ExplainRouteRequest::default()
    }
}

#[tokio::test]
async fn routes_are_listed_behind_the_models_and_found_like_them() {
    let service = Service::start_with(two_models).await;
    let listed = models(&service).await;
    let ids: Vec<&str> = listed.iter().map(|model| &*model.id).collect();
    assert_eq!(ids, ["openai/big", "openai/small", "story", "auto"]);
    let story = &listed[2];
    assert_eq!(story.candidate_model_ids, ["openai/big", "openai/small"]);
    assert_eq!((&*story.display_name, &*story.provider), ("Story", ""));
    assert_eq!((story.window_tokens, story.available), (8192, true));
    assert_eq!(story.prompt_pico_usd_per_token, None);
    let request = pb::ResolveModelRequest {
        model_id: "story".to_owned(),
    };
    let found = service.inference().resolve_model(request).await.unwrap();
    assert_eq!(found.into_inner().model.as_ref(), Some(story));
    let request = pb::GetModelRequest {
        model_id: "auto".to_owned(),
    };
    let request = service.as_person(UserId::new(), request);
    let found = service.models().get_model(request).await.unwrap();
    assert_eq!(found.into_inner().model.as_ref(), Some(&listed[3]));
}

#[tokio::test]
async fn a_route_may_be_the_default() {
    let by_default = |config: &mut Config| {
        two_models(config);
        config.default_model = "story".to_owned();
    };
    let service = Service::start_with(by_default).await;
    let listed = models(&service).await;
    let default: Vec<&str> = (listed.iter().filter(|model| model.is_default))
        .map(|model| &*model.id)
        .collect();
    assert_eq!((default, &*listed[0].id), (vec!["story"], "story"));
    service.model.push(Reply::status(500, json!({})));
    assert_eq!(
        writer(&service, by("", UserId::new(), "Hi")).await,
        "openai/small"
    );
}

#[tokio::test]
async fn says_who_wrote_who_failed_and_who_was_left_out() {
    let service = Service::start_with(|config| {
        two_models(config);
        config.routes[0].candidates.push(candidate("openai/gone"));
        config.openai.discover = Some(true);
    });
    let (service, alice) = (service.await, UserId::new());
    service.model.push(Reply::status(503, json!({})));
    service.model.push(Reply::words("Good day"));
    let reply = service.reply(by("story", alice, "Hi")).await.unwrap();
    assert_eq!(reply.finished.model_id, "openai/small");
    let decision = reply.finished.route.unwrap();
    let each: Vec<_> = (decision.candidates.iter())
        .map(|it| (&*it.model_id, it.verdict(), &*it.failure_reason))
        .collect();
    use RouteVerdict::{Fits, Unknown};
    let expected = [
        ("openai/big", Fits, "PROVIDER_UNAVAILABLE"),
        ("openai/small", Fits, ""),
        ("openai/gone", Unknown, ""),
    ];
    assert_eq!(each, expected);
    let [entry] = service.usage_of(alice).await.try_into().unwrap();
    assert_eq!(entry.model_id, "openai/small");
    assert_eq!(entry.route, Some(decision));
}

#[tokio::test]
async fn explains_a_route_without_asking_a_model() {
    let service = Service::start_with(|config| {
        two_models(config);
        config.routes[0].candidates[0].languages = vec!["ja".to_owned()];
    });
    let service = service.await;
    use RouteVerdict::{ContextLength, Fits, Language, LastResort};
    let big = |verdict| ("openai/big".to_owned(), verdict);
    let small = |verdict| ("openai/small".to_owned(), verdict);
    let found = explained(&service, asked_for("story")).await.unwrap();
    assert_eq!(found, [big(Fits), small(Fits)]);
    let english = pb::ExplainRouteRequest {
        language: "en-GB".to_owned(),
        ..asked_for("story")
    };
    let found = explained(&service, english.clone()).await.unwrap();
    assert_eq!(found, [small(Fits), big(Language)]);
    let long = pb::ExplainRouteRequest {
        prompt_tokens: 5000,
        ..asked_for("story")
    };
    let found = explained(&service, long.clone()).await.unwrap();
    assert_eq!(found, [big(Fits), small(ContextLength)]);
    let both = pb::ExplainRouteRequest {
        prompt_tokens: 5000,
        ..english
    };
    let found = explained(&service, both).await.unwrap();
    assert_eq!(found, [small(LastResort), big(Language)]);
    let status = explained(&service, asked_for("tale")).await.unwrap_err();
    assert_eq!(reason_of(&status), Some(Reason::ModelUnknown));
    assert!(service.model.received().is_empty());
}

#[tokio::test]
async fn goes_by_the_language_of_the_last_message() {
    let service = Service::start_with(|config| {
        two_models(config);
        config.routes[0].candidates[1].languages = vec!["ja".to_owned()];
        config.routes[0].candidates.swap(0, 1);
    });
    let (service, alice) = (service.await, UserId::new());
    let japanese = by("story", alice, "こんにちは、お元気ですか");
    assert_eq!(writer(&service, japanese).await, "openai/small");
    let korean = by("story", alice, "안녕하세요, 잘 지내세요?");
    assert_eq!(writer(&service, korean).await, "openai/big");
    let told = pb::GenerateRequest {
        language: "pl".to_owned(),
        ..by("story", alice, "Hi")
    };
    assert_eq!(writer(&service, told).await, "openai/big");
}

#[tokio::test]
async fn refuses_where_all_models_are_left_out() {
    let service = Service::start_with(|config| {
        two_models(config);
        config.routes[0].max_completion_price_micro_usd = Some(1);
    });
    let service = service.await;
    let request = by("story", UserId::new(), "Hi");
    let status = service.reply(request).await.unwrap_err();
    assert_eq!(reason_of(&status), Some(Reason::RouteHasNoModel));
    assert!(status.message().contains("/api/v1/ai/routes/story:explain"));
    assert!(service.model.received().is_empty());
}

#[tokio::test]
async fn a_session_goes_on_with_the_model_that_wrote() {
    let service = Service::start_with(two_models).await;
    let (alice, id) = (UserId::new(), "ses_1");
    let in_session = |session_id: &str| pb::GenerateRequest {
        session_id: session_id.to_owned(),
        ..by("story", alice, "Hi")
    };
    service.model.push(Reply::status(503, json!({})));
    assert_eq!(writer(&service, in_session(id)).await, "openai/small");
    assert_eq!(writer(&service, in_session(id)).await, "openai/small");
    assert_eq!(writer(&service, in_session("ses_2")).await, "openai/big");
    assert_eq!(story(&service).await, "openai/big");
}

#[tokio::test]
async fn asks_for_a_shorter_prompt_where_only_a_smaller_model_is_left() {
    let service = Service::start_with(two_models).await;
    for _ in 0..3 {
        service.model.push(Reply::status(503, json!({})));
    }
    let long = by("story", UserId::new(), &"word ".repeat(2000));
    let status = service.reply(long).await.unwrap_err();
    assert_eq!(reason_of(&status), Some(Reason::ContextLength));
    let window = troupe_proto::error::fact_of(&status, "windowTokens");
    assert_eq!(window.as_deref(), Some("1000"));
}

#[tokio::test]
async fn asks_the_next_model_where_the_first_is_slow() {
    let service = Service::start_with(|config| {
        two_models(config);
        config.routes[0].next_after_ms = Some(50);
    });
    let service = service.await;
    service.model.push(Reply::words("never").hold_after(0));
    assert_eq!(story(&service).await, "openai/small");
    service.model.abandoned(1).await;
    // The last one is waited for as long as its provider allows.
    service.model.push(Reply::words("never").hold_after(0));
    service.model.push(Reply::words("Good day").hold_after(0));
    let waited = async {
        service.model.held(3).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        service.model.release();
        service.model.release();
    };
    let (writer, ()) = tokio::join!(story(&service), waited);
    assert_eq!(writer, "openai/small");
}

#[tokio::test]
async fn keeps_away_from_a_model_that_fails_until_it_does_well() {
    let service = Service::start_with(two_models).await;
    let mut witness = Witness::enter(&service.stage.host).await.unwrap();
    let asked = |model: &str| {
        let received = service.model.received();
        let of_it = received.iter().filter(|it| it.body["model"] == *model);
        of_it.count()
    };
    for _ in 0..2 {
        service.model.push(Reply::status(500, json!({})));
        assert_eq!(story(&service).await, "openai/small");
    }
    for _ in 0..3 {
        assert_eq!(story(&service).await, "openai/small");
    }
    assert_eq!(asked("big"), 2, "its breaker is open");
    let found = explained(&service, asked_for("story")).await.unwrap();
    assert_eq!(found[1], ("openai/big".to_owned(), RouteVerdict::Failing));
    let health = |models: &[pb::Model], id: &str| {
        let model = models.iter().find(|model| model.id == id);
        model.unwrap().health()
    };
    let listed = models(&service).await;
    assert_eq!(health(&listed, "openai/big"), pb::ModelHealth::Failing);
    assert_eq!(health(&listed, "openai/small"), pb::ModelHealth::Good);
    let store = service.stage.store().await.unwrap().unwrap();
    let now = service.stage.host.clock.now();
    let troubles = async || troupe_ai::troubles(&store, now).await.unwrap();
    until("it is written down", async || !troubles().await.is_empty()).await;
    let [trouble] = troubles().await.try_into().unwrap();
    assert_eq!(
        (&*trouble.model_id, &*trouble.cause),
        ("openai/big", "unavailable")
    );
    // The provider has another model that does well.
    assert!(
        witness
            .heard()
            .iter()
            .all(|heard| heard.read::<ProviderStateChanged>().is_none())
    );

    // Who names the model gets it, and finds out whether it answers again.
    service.stage.time().advance(Duration::from_secs(30));
    service.model.push(Reply::status(500, json!({})));
    assert_eq!(story(&service).await, "openai/small", "one call finds out");
    assert_eq!(
        (story(&service).await, asked("big")),
        ("openai/small".to_owned(), 3)
    );
    service.stage.time().advance(Duration::from_secs(30));
    assert_eq!(
        (story(&service).await, asked("big")),
        ("openai/big".to_owned(), 4)
    );
    until("it is struck out", async || troubles().await.is_empty()).await;
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    eventually(what, waiting).await;
}

#[tokio::test]
async fn tells_when_a_provider_goes_and_comes_back() {
    let service = Service::start().await;
    let mut witness = Witness::enter(&service.stage.host).await.unwrap();
    service.model.push(Reply::status(401, json!({})));
    service.reply(chat(UserId::new(), "Hi")).await.unwrap_err();
    let told: ProviderStateChanged = witness.hear_of().await;
    assert_eq!(
        (&*told.provider, told.state()),
        ("openai", ProviderState::Down)
    );
    // There is no other model: the least bad is tried, and does well.
    service.reply(chat(UserId::new(), "Hi")).await.unwrap();
    let told: ProviderStateChanged = witness.hear_of().await;
    assert_eq!(told.state(), ProviderState::Up);
}

#[tokio::test]
async fn refuses_a_prompt_of_a_form_that_no_model_takes() {
    let service = Service::start_with(two_models).await;
    let mut request = crate::platform_in_test::text(UserId::new(), "Once");
    request.model_id = "story".to_owned();
    let status = service.reply(request).await.unwrap_err();
    assert_eq!(reason_of(&status), Some(Reason::InvalidRequest));
}
