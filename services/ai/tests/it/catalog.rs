use platform::id::UserId;
use serde_json::json;
use testkit::scripted::Handle;
use troupe_ai::Config;
use troupe_ai::config::ModelConfig;
use troupe_proto::ai as pb;
use troupe_proto::error::Code;

use crate::platform_in_test::{Service, chat, config, model};
use crate::provider_failures::nobody_listens;

/// The models that are listed, without the routes.
async fn models_of(service: &Service) -> Vec<pb::Model> {
    let request = service.as_person(UserId::new(), pb::ListModelsRequest::default());
    let listed = service.models().list_models(request).await.unwrap();
    let mut models = listed.into_inner().models;
    models.retain(|model| model.candidate_model_ids.is_empty());
    models
}

fn ids(models: &[pb::Model]) -> Vec<&str> {
    models.iter().map(|model| model.id.as_str()).collect()
}

fn discovering(server: &Handle) -> Config {
    let mut config = config(server);
    config.openai.models.clear();
    config
}

#[tokio::test]
async fn lists_a_configured_model_with_its_price() {
    let service = Service::start().await;
    let expected = pb::Model {
        id: "openai/scripted".to_owned(),
        provider: "openai".to_owned(),
        display_name: "scripted".to_owned(),
        window_tokens: 8192,
        max_reply_tokens: 4096,
        form: pb::PromptForm::Chat.into(),
        prompt_pico_usd_per_token: Some(1_000_000),
        completion_pico_usd_per_token: Some(5_000_000),
        cached_pico_usd_per_token: Some(100_000),
        cache_write_pico_usd_per_token: Some(1_000_000),
        reasoning_pico_usd_per_token: Some(5_000_000),
        is_default: true,
        available: true,
        unavailable_reason: String::new(),
        exact_tokens: false,
        candidate_model_ids: Vec::new(),
        health: pb::ModelHealth::Good.into(),
    };
    assert_eq!(models_of(&service).await, [expected]);
}

#[tokio::test]
async fn finds_the_servers_models_and_takes_the_first_for_default() {
    let server = model().await;
    server.set_models(vec![
        json!({"id": "org/big", "max_model_len": 32768}),
        json!({"id": "small", "context_length": 2048}),
    ]);
    let service = Service::start_at(server.clone(), &discovering(&server)).await;
    let models = models_of(&service).await;
    assert_eq!(ids(&models), ["openai/org/big", "openai/small"]);
    assert_eq!(
        (models[0].window_tokens, models[1].window_tokens),
        (32_768, 2048)
    );
    assert!(models[0].is_default && !models[1].is_default);
    assert_eq!(models[0].prompt_pico_usd_per_token, None);

    let reply = service.reply(chat(UserId::new(), "Hi")).await.unwrap();
    assert_eq!(reply.finished.model_id, "openai/org/big");
}

#[tokio::test]
async fn lists_the_default_model_first() {
    let server = model().await;
    server.set_models(vec![json!({"id": "a"}), json!({"id": "b"})]);
    let mut config = discovering(&server);
    config.default_model = "openai/b".to_owned();
    let service = Service::start_at(server, &config).await;
    assert_eq!(ids(&models_of(&service).await), ["openai/b", "openai/a"]);
}

#[tokio::test]
async fn lists_models_page_by_page() {
    let server = model().await;
    server.set_models(["a", "b", "c"].map(|id| json!({"id": id})).to_vec());
    let service = Service::start_at(server.clone(), &discovering(&server)).await;
    let (alice, mut found, mut token) = (UserId::new(), Vec::new(), String::new());
    loop {
        let request = pb::ListModelsRequest {
            page_size: 2,
            page_token: token,
        };
        let request = service.as_person(alice, request);
        let page = service.models().list_models(request).await;
        let page = page.unwrap().into_inner();
        assert!(page.models.len() <= 2);
        found.extend(page.models);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let expected = ["openai/a", "openai/b", "openai/c", "auto"];
    assert_eq!(ids(&found), expected);
}

#[tokio::test]
async fn says_why_a_model_can_not_be_used() {
    let gone = |config: &mut Config| config.openai.base_url = nobody_listens();
    let service = Service::start_with(gone).await;
    let [model] = models_of(&service).await.try_into().unwrap();
    assert!(!model.available);
    assert!(
        model.unavailable_reason.contains("can't connect"),
        "{model:?}"
    );

    let server = self::model().await;
    server.refuse_models(401);
    let service = Service::start_at(server.clone(), &config(&server)).await;
    let [model] = models_of(&service).await.try_into().unwrap();
    assert!(
        model
            .unavailable_reason
            .contains("TROUPE__AI__OPENAI__API_KEY"),
        "{model:?}"
    );
}

#[tokio::test]
async fn does_without_a_list_where_models_are_configured() {
    let server = model().await;
    server.refuse_models(404);
    let service = Service::start_at(server.clone(), &config(&server)).await;
    assert!(models_of(&service).await[0].available);
}

#[tokio::test]
async fn says_that_no_model_is_known_yet() {
    let server = model().await;
    server.refuse_models(500);
    let service = Service::start_at(server.clone(), &discovering(&server)).await;
    assert!(models_of(&service).await.is_empty());
    let status = service.reply(chat(UserId::new(), "Hi")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("HTTP status") || status.message().contains("refused"));
}

#[tokio::test]
async fn reads_one_model_whose_id_holds_slashes() {
    let slashed = |config: &mut Config| {
        config.openai.models.push(ModelConfig {
            id: "org/model".to_owned(),
            ..ModelConfig::default()
        });
    };
    let service = Service::start_with(slashed).await;
    let get = |id: &str| {
        service.as_person(
            UserId::new(),
            pb::GetModelRequest {
                model_id: id.to_owned(),
            },
        )
    };
    // A path keeps the slashes of a part that may span several segments as they were encoded.
    for id in [
        "openai/org/model",
        "openai%2Forg%2Fmodel",
        "openai/org%2fmodel",
    ] {
        let found = service.models().get_model(get(id)).await.unwrap();
        let model = found.into_inner().model.unwrap();
        assert_eq!(
            (model.display_name.as_str(), model.is_default),
            ("org/model", false),
            "{id}"
        );
    }
    let status = service
        .models()
        .get_model(get("openai/none"))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn resolves_the_default_model_and_estimates_tokens() {
    let service = Service::start().await;
    let request = pb::ResolveModelRequest {
        model_id: String::new(),
    };
    let found = service.inference().resolve_model(request).await.unwrap();
    assert_eq!(found.into_inner().model.unwrap().id, "openai/scripted");
    let texts = ["", "12345678", "日本語"].map(str::to_owned).to_vec();
    let request = pb::CountTokensRequest {
        model_id: String::new(),
        texts,
    };
    let counted = service
        .inference()
        .count_tokens(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!((counted.counts, counted.estimated), (vec![0, 2, 2], true));
}

#[tokio::test]
async fn takes_requests_larger_than_grpcs_usual_limit() {
    let service = Service::start().await;
    let request = pb::CountTokensRequest {
        model_id: String::new(),
        texts: vec!["a".repeat(15 << 20)],
    };
    let counted = service
        .inference()
        .count_tokens(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(counted.counts, [15 << 18]);
}

#[tokio::test]
async fn reads_a_list_that_is_not_openais() {
    for list in [
        json!([{"id": "a", "object": "model"}, {"id": "b"}]),
        json!({"data": null, "models": [{"name": "a"}, {"name": "b"}]}),
        json!({"data": ["a", "b"]}),
    ] {
        let server = model().await;
        server.set_model_list(list.clone());
        let service = Service::start_at(server.clone(), &discovering(&server)).await;
        assert_eq!(
            ids(&models_of(&service).await),
            ["openai/a", "openai/b"],
            "{list}"
        );
    }
}

#[tokio::test]
async fn offers_and_chooses_no_model_that_can_not_chat() {
    let server = model().await;
    let listed = [
        "text-embedding-3-small",
        "nomic-embed-text:latest",
        "gpt-5-mini",
    ];
    server.set_models(listed.map(|id| json!({"id": id})).to_vec());
    let service = Service::start_at(server.clone(), &discovering(&server)).await;
    let [found] = models_of(&service).await.try_into().unwrap();
    assert_eq!((&*found.id, found.is_default), ("openai/gpt-5-mini", true));
    service.reply(chat(UserId::new(), "Hi")).await.unwrap();
    assert_eq!(server.received()[0].body["model"], "gpt-5-mini");
}

#[tokio::test]
async fn uses_a_server_without_a_list_by_name() {
    for status in [404, 405] {
        let server = model().await;
        server.refuse_models(status);
        let service = Service::start_at(server.clone(), &discovering(&server)).await;
        let named = pb::GenerateRequest {
            model_id: "openai/anything".to_owned(),
            ..chat(UserId::new(), "Hi")
        };
        service.reply(named).await.unwrap();
        assert_eq!(server.received()[0].body["model"], "anything");
        let status = service.reply(chat(UserId::new(), "Hi")).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.message().contains("ai.default_model"), "{status:?}");
    }
}
