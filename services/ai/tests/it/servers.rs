//! Servers by name: their models, their keys, their embeddings, and what is written down of them.

use std::time::Duration;

use mesh::Ctx;
use platform::id::UserId;
use platform::trace::Cause;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement};
use serde_json::{Value, json};
use testkit::scripted::{Handle, Reply};
use tonic_types::StatusExt;
use troupe_ai::Config;
use troupe_ai::config::{ApiKey, KeyConfig, Kind};
use troupe_proto::Reason;
use troupe_proto::ai as pb;
use troupe_proto::error::reason_of;

use crate::dialects::{DIALECTS, Dialect};
use crate::platform_in_test::{ROLEPLAY, Service, chat, model};

fn dialect(kind: Kind) -> &'static Dialect {
    DIALECTS
        .iter()
        .find(|dialect| dialect.kind == kind)
        .unwrap()
}

/// A server of a dialect that lists its models.
async fn discovering(kind: Kind, list: Value) -> (Handle, Config) {
    let server = model().await;
    server.set_model_list(list);
    let mut config = dialect(kind).config(&server);
    config.servers.get_mut("it").unwrap().models.clear();
    (server, config)
}

async fn listed(kind: Kind, list: Value, details: Value) -> Vec<(String, i32, i32)> {
    let (server, mut config) = discovering(kind, list).await;
    server.set_details(details);
    config.default_model = "it/b".to_owned();
    let service = Service::start_at(server, &config).await;
    let request = service.as_person(UserId::new(), pb::ListModelsRequest::default());
    let answer = service.models().list_models(request).await.unwrap();
    let models = answer.into_inner().models.into_iter();
    models
        .filter(|model| model.candidate_model_ids.is_empty())
        .map(|model| (model.id, model.window_tokens, model.max_reply_tokens))
        .collect()
}

#[tokio::test]
async fn lists_the_models_of_every_dialect() {
    let anthropic = json!({"data": [
        {"type": "model", "id": "b", "display_name": "Bee", "created_at": "2026-02-04T00:00:00Z", "max_input_tokens": 1_000_000},
        {"type": "model", "id": "a", "display_name": "Ay", "created_at": "2025-10-15T00:00:00Z"},
    ], "has_more": false, "first_id": "b", "last_id": "a"});
    let found = listed(Kind::Anthropic, anthropic, Value::Null).await;
    let expected = [
        ("it/b".to_owned(), 1_000_000, 4096),
        ("it/a".to_owned(), 200_000, 4096),
    ];
    assert_eq!(found, expected);
    let gemini = json!({"models": [
        {"name": "models/b", "displayName": "Bee", "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens"]},
        {"name": "models/e", "inputTokenLimit": 2048, "supportedGenerationMethods": ["embedContent"]},
    ]});
    let found = listed(Kind::Gemini, gemini, Value::Null).await;
    assert_eq!(found, [("it/b".to_owned(), 1_048_576, 65_536)]);
    let cohere = json!({"models": [
        {"name": "b", "endpoints": ["generate", "chat"], "context_length": 256_000},
        {"name": "e", "endpoints": ["embed", "classify"], "context_length": 512},
    ]});
    let found = listed(Kind::Cohere, cohere, Value::Null).await;
    assert_eq!(found, [("it/b".to_owned(), 256_000, 4096)]);
}

#[tokio::test]
async fn asks_ollama_what_its_models_can() {
    let tags = json!({"models": [
        {"name": "b", "model": "b", "size": 7, "details": {"family": "llama"}},
        {"name": "small", "model": "small", "details": {}},
        {"name": "turns-texts-into-numbers", "details": {}},
    ]});
    let details = json!({
        "b": {"capabilities": ["completion", "tools"], "model_info": {"llama.context_length": 131_072}},
        "small": {"capabilities": ["completion"], "model_info": {"tiny.context_length": 2048}},
        "turns-texts-into-numbers": {"capabilities": ["embedding"]},
    });
    let found = listed(Kind::Ollama, tags, details).await;
    let expected = [
        ("it/b".to_owned(), 8192, 4096),
        ("it/small".to_owned(), 2048, 2048),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn several_servers_serve_side_by_side() {
    let (first, second) = (model().await, model().await);
    let (one, other) = (dialect(Kind::Anthropic), dialect(Kind::Gemini));
    let mut config = one.config(&first);
    let named = other.config(&second).servers.remove("it").unwrap();
    config.servers.insert("google".to_owned(), named);
    config.default_model = "it/tiny".to_owned();
    let service = Service::start_at(first.clone(), &config).await;
    first.push(one.raw(one.fine_day("")));
    second.push(other.raw(other.fine_day("")));
    for (model_id, provider) in [("", "it/tiny"), ("google/tiny", "google/tiny")] {
        let mut request = chat(UserId::new(), "Hi");
        request.model_id = model_id.to_owned();
        let reply = service.reply(request).await.unwrap();
        assert_eq!(
            (&*reply.text, &*reply.finished.model_id),
            ("Fine day", provider)
        );
    }
    assert_eq!((first.received().len(), second.received().len()), (1, 1));
}

/// A service with several keys, and the server.
async fn with_keys(keys: &[(&str, u32)]) -> (Service, &'static Dialect) {
    let it = dialect(Kind::Anthropic);
    let server = model().await;
    server.refuse_models(404);
    let mut config = it.config(&server);
    let settings = config.servers.get_mut("it").unwrap();
    settings.api_key = ApiKey::default();
    let key = |(key, weight): &(&str, u32)| KeyConfig {
        weight: *weight,
        ..ApiKey::new(*key).into()
    };
    settings.keys = keys.iter().map(key).collect();
    (Service::start_at(server, &config).await, it)
}

fn keys_used(service: &Service) -> Vec<String> {
    let received = service.model.received().into_iter();
    received
        .filter_map(|received| received.authorization)
        .collect()
}

#[tokio::test]
async fn goes_on_with_the_next_key_before_the_first_text() {
    let refusals = [
        (401, "authentication_error", "invalid x-api-key"),
        (402, "billing_error", "no credit"),
        (429, "rate_limit_error", "slow"),
    ];
    for (status, kind, words) in refusals {
        let (service, it) = with_keys(&[("first", 1_000_000), ("second", 1)]).await;
        service
            .model
            .push(it.refusal(status, kind, words).header("retry-after", "60"));
        for _ in 0..2 {
            service.model.push(it.raw(it.fine_day("")));
            let reply = service.reply(chat(UserId::new(), "Hi")).await.unwrap();
            assert_eq!(reply.text, "Fine day");
        }
        assert_eq!(
            keys_used(&service),
            ["first", "second", "second"],
            "{status}"
        );
    }
}

#[tokio::test]
async fn says_when_all_keys_rest() {
    let (service, it) = with_keys(&[("first", 1_000_000), ("second", 1)]).await;
    for secs in ["60", "45"] {
        let limited = it.refusal(429, "rate_limit_error", "slow");
        service.model.push(limited.header("retry-after", secs));
    }
    let status = service.reply(chat(UserId::new(), "Hi")).await.unwrap_err();
    assert_eq!(reason_of(&status), Some(Reason::ProviderRateLimited));
    assert_eq!(keys_used(&service), ["first", "second"]);
    assert!(!format!("{status:?}").contains("second"), "{status:?}");
}

#[tokio::test]
async fn says_when_to_come_back_as_each_provider_does() {
    let (google, claude) = (dialect(Kind::Gemini), dialect(Kind::Anthropic));
    let quota = |id: &str| {
        json!([{"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED", "details": [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": id}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "46s"},
        ]}}])
    };
    let limited = claude.refusal(429, "rate_limit_error", "slow");
    let resets = limited.header("date", "Mon, 30 Nov 2026 12:00:00 GMT");
    let resets = resets.header("anthropic-ratelimit-requests-remaining", "0");
    let resets = resets.header("anthropic-ratelimit-requests-reset", "2026-11-30T12:00:50Z");
    for (it, answer, secs) in [
        (
            google,
            Reply::status(429, quota("GenerateRequestsPerMinutePerProject")),
            46,
        ),
        (
            google,
            Reply::status(429, quota("GenerateRequestsPerDayPerProject")),
            3600,
        ),
        (claude, resets, 50),
        (
            claude,
            claude
                .refusal(529, "overloaded_error", "Overloaded")
                .header("retry-after", "40"),
            40,
        ),
    ] {
        let server = model().await;
        let service = Service::start_at(server.clone(), &it.config(&server)).await;
        server.push(answer);
        let status = service.reply(chat(UserId::new(), "Hi")).await.unwrap_err();
        let told = status.get_details_retry_info().unwrap().retry_delay;
        assert_eq!(told, Some(Duration::from_secs(secs)), "{:?}", it.kind);
        // None of them is waited for.
        assert_eq!(server.received().len(), 1, "{:?}", it.kind);
    }
}

#[tokio::test]
async fn keeps_calls_within_the_limits_of_a_key() {
    let (server, it) = (model().await, dialect(Kind::Ollama));
    let mut config = it.config(&server);
    let settings = config.servers.get_mut("it").unwrap();
    settings.keys = vec![KeyConfig {
        concurrent_calls: Some(1),
        ..std::mem::take(&mut settings.api_key).into()
    }];
    let service = Service::start_at(server, &config).await;
    let held = format!("{}{}", it.begin, it.text("Fine "));
    service.model.push(
        it.raw(held)
            .then_hold()
            .then(format!("{}{}", it.text("day"), it.end(0))),
    );
    service.model.push(it.raw(it.fine_day("")));
    let both = async {
        tokio::join!(
            service.reply(chat(UserId::new(), "a")),
            service.reply(chat(UserId::new(), "b"))
        )
    };
    let steered = async {
        service.model.held(1).await;
        // The other one waits at our side.
        assert_eq!(service.model.received().len(), 1);
        service.model.release();
    };
    let ((one, other), ()) = tokio::join!(both, steered);
    assert_eq!(
        (one.unwrap().text, other.unwrap().text),
        ("Fine day".to_owned(), "Fine day".to_owned())
    );
}

#[tokio::test]
async fn keeps_and_charges_for_what_is_stable() {
    let it = dialect(Kind::Anthropic);
    let server = model().await;
    let service = Service::start_at(server.clone(), &it.config(&server)).await;
    server.push(it.raw(it.fine_day("")));
    let alice = UserId::new();
    let mut request = chat(alice, "Hello there");
    request.stable_bytes = 5;
    let usage = service.reply(request).await.unwrap().usage();
    let content = &server.received()[0].body["messages"][0]["content"];
    let expected = json!([
        {"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": " there"},
    ]);
    assert_eq!(content, &expected);
    // Seven new tokens, five kept, eight had from before; five of text, four of thoughts.
    let cost = 7 * 1_000_000 + 5 * 1_250_000 + 8 * 100_000 + 5 * 5_000_000 + 4 * 4_000_000;
    assert_eq!(usage.cost_pico_usd, cost);
    let [entry] = service.usage_of(alice).await.try_into().unwrap();
    assert_eq!(entry.usage, Some(usage));
    assert_eq!(
        (usage.cache_written_tokens, usage.reasoning_tokens),
        (Some(5), Some(4))
    );
}

#[tokio::test]
async fn does_without_what_a_model_of_anthropics_refuses() {
    let it = dialect(Kind::Anthropic);
    let server = model().await;
    let service = Service::start_at(server.clone(), &it.config(&server)).await;
    let refused = |words| it.refusal(400, "invalid_request_error", words);
    server.push(refused(
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
    ));
    server.push(refused("`temperature` is deprecated for this model."));
    server.push(refused("This model does not support assistant message prefill. The conversation must end with a user message."));
    server.push(it.raw(it.fine_day("")));
    let mut request = chat(UserId::new(), "Hi");
    request.sampling = Some(pb::Sampling {
        temperature: Some(0.5),
        top_p: Some(0.5),
        ..pb::Sampling::default()
    });
    let Some(pb::generate_request::Prompt::Chat(prompt)) = &mut request.prompt else {
        panic!("a chat")
    };
    let mut open = prompt.messages[0].clone();
    open.set_role(troupe_proto::types::ChatRole::Assistant);
    prompt.messages.push(open);
    service.reply(request).await.unwrap();
    let bodies: Vec<Value> = server.received().into_iter().map(|it| it.body).collect();
    let has = |at: usize, field: &str| bodies[at].get(field).is_some();
    assert!(has(1, "temperature") && !has(1, "top_p") && !has(2, "temperature"));
    assert_eq!(bodies[3]["messages"].as_array().unwrap().len(), 3);
}

/// A row of the ledger of embeddings.
#[derive(Debug, FromQueryResult)]
struct Row {
    model_id: String,
    tokens: i64,
    cost_pico_usd: i64,
    estimated: bool,
}

#[tokio::test]
async fn embeds_in_every_dialect_and_writes_down_what_it_took() {
    let answers = [
        (
            Kind::OpenAi,
            json!({"data": [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [3, 4]}], "usage": {"prompt_tokens": 6}}),
            Some(6),
        ),
        (
            Kind::Gemini,
            json!({"embeddings": [{"values": [3, 4]}, {"values": [0, 2]}]}),
            None,
        ),
        (
            Kind::Cohere,
            json!({"embeddings": {"float": [[3, 4], [0, 2]]}, "meta": {"billed_units": {"input_tokens": 6}}}),
            Some(6),
        ),
        (
            Kind::Ollama,
            json!({"embeddings": [[3, 4], [0, 2]], "prompt_eval_count": 6}),
            Some(6),
        ),
    ];
    for (kind, answer, tokens) in answers {
        let server = model().await;
        let mut config = dialect(kind).config(&server);
        config.embeddings.model = "it/vectors".to_owned();
        config.embeddings.price_micro_usd = Some(20_000);
        let service = Service::start_at(server.clone(), &config).await;
        server.push_embeddings(Reply::status(200, answer));
        let ctx = Ctx::of_job(ROLEPLAY, &Cause::new(), Duration::from_secs(60));
        let request = ctx.request(pb::EmbedRequest {
            texts: vec!["12345678".to_owned(), "1234".to_owned()],
            purpose: pb::EmbeddingPurpose::Query.into(),
        });
        let answer = service
            .embeddings()
            .embed(request)
            .await
            .unwrap()
            .into_inner();
        let vectors: Vec<_> = answer.embeddings.into_iter().map(|it| it.values).collect();
        assert_eq!(vectors, [[0.6, 0.8], [0.0, 1.0]], "{kind:?}");
        service.settle().await;
        let store = service.stage.store().await.unwrap().unwrap();
        let rows = store.read();
        let select =
            Statement::from_string(rows.get_database_backend(), "select * from embeddings");
        let [row] = Row::find_by_statement(select)
            .all(rows)
            .await
            .unwrap()
            .try_into()
            .unwrap();
        assert_eq!(
            (&*row.model_id, row.estimated),
            ("it/vectors", tokens.is_none())
        );
        let counted = tokens.unwrap_or(3);
        assert_eq!(
            (row.tokens, row.cost_pico_usd),
            (counted, counted * 20_000),
            "{kind:?}"
        );
    }
}
