use std::path::PathBuf;
use std::time::Duration;

use engine::weights::{self, ALL_MINILM_L6_V2, ALL_MINILM_L6_V2_URL, Origin};
use mesh::{Channel, Ctx, Role};
use platform::id::UserId;
use platform::trace::Cause;
use serde_json::{Value, json};
use testkit::scripted::{EMBEDDING_DIMENSIONS, Reply};
use tonic::Status;
use troupe_ai::Config;
use troupe_proto::Reason;
use troupe_proto::ai as pb;
use troupe_proto::ai::embedding_service_client::EmbeddingServiceClient;
use troupe_proto::error::{Code, reason_of};

use crate::platform_in_test::{ROLEPLAY, Service, model};
use crate::provider_failures::nobody_listens;

const MODEL: &str = "openai/embed-small";

async fn service() -> Service {
    Service::start_with(|config| config.embeddings.model = MODEL.to_owned()).await
}

fn request(texts: &[&str]) -> pb::EmbedRequest {
    pb::EmbedRequest {
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        purpose: pb::EmbeddingPurpose::Unspecified.into(),
    }
}

async fn embed(service: &Service, texts: &[&str]) -> Result<pb::EmbedResponse, Status> {
    let ctx = Ctx::of_job(ROLEPLAY, &Cause::new(), Duration::from_secs(60));
    let request = ctx.request(request(texts));
    let answer = service.embeddings().embed(request).await?;
    Ok(answer.into_inner())
}

async fn embedding_model(service: &Service) -> Result<pb::EmbeddingModel, Status> {
    let ctx = Ctx::of_job(ROLEPLAY, &Cause::new(), Duration::from_secs(60));
    let request = ctx.request(pb::GetEmbeddingModelRequest {});
    let answer = service.embeddings().get_embedding_model(request).await?;
    Ok(answer.into_inner().model.unwrap())
}

fn vectors(answer: pb::EmbedResponse) -> Vec<Vec<f32>> {
    let vectors = answer.embeddings.into_iter();
    vectors.map(|embedding| embedding.values).collect()
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(l, r)| l * r).sum()
}

/// An answer of the server with these vectors, by index.
fn answer(vectors: &[(usize, Value)]) -> Reply {
    let entry = |(index, vector): &(usize, Value)| json!({"index": index, "embedding": vector});
    let data: Vec<Value> = vectors.iter().map(entry).collect();
    Reply::status(200, json!({"object": "list", "data": data}))
}

fn refusal(status: u16, code: &str) -> Reply {
    let error =
        json!({"message": "the key sk-test is bad", "type": "", "param": null, "code": code});
    Reply::status(status, json!({"error": error}))
}

#[tokio::test]
async fn embeds_with_the_servers_model() {
    let service = service().await;
    let texts = [
        "Rain on the old roof",
        "The roof in the rain",
        "A quarter point",
    ];
    let response = embed(&service, &texts).await.unwrap();
    let model = pb::EmbeddingModel {
        id: MODEL.to_owned(),
        dimensions: EMBEDDING_DIMENSIONS as i32,
    };
    assert_eq!(response.model, Some(model.clone()));
    let [rain, roof, point] = vectors(response).try_into().unwrap();
    assert!((dot(&rain, &rain) - 1.0).abs() < 1e-5);
    assert!(dot(&rain, &roof) > dot(&rain, &point) + 0.3);

    let [received] = service.model.embedded().try_into().unwrap();
    assert_eq!(received.path, "/v1/embeddings");
    assert_eq!(received.authorization.as_deref(), Some("Bearer sk-test"));
    let body = json!({"model": "embed-small", "input": texts, "encoding_format": "float"});
    assert_eq!(received.body, body);
    // What is known is not asked for again.
    assert_eq!(embedding_model(&service).await.unwrap(), model);
    assert_eq!(service.model.embedded().len(), 1);
}

#[tokio::test]
async fn learns_how_many_numbers_a_vector_has() {
    let service = service().await;
    let model = embedding_model(&service).await.unwrap();
    assert_eq!(model.dimensions, EMBEDDING_DIMENSIONS as i32);
}

#[tokio::test]
async fn keeps_the_order_whatever_the_server_does() {
    let service = service().await;
    let swapped = [(1, json!([0, 2])), (0, json!([3, 4]))];
    service.model.push_embeddings(answer(&swapped));
    let found = vectors(embed(&service, &["a", "b"]).await.unwrap());
    assert_eq!(found, [[0.6, 0.8], [0.0, 1.0]]);
}

#[tokio::test]
async fn sends_many_texts_in_several_requests() {
    let service = service().await;
    let texts: Vec<String> = (0..70).map(|number| format!("text {number}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let together = vectors(embed(&service, &texts).await.unwrap());
    let sizes: Vec<usize> = service.model.embedded().iter().map(texts_in).collect();
    assert_eq!(sizes, [32, 32, 6]);
    for index in [0, 31, 32, 69] {
        let alone = vectors(embed(&service, &texts[index..=index]).await.unwrap());
        assert_eq!(alone, together[index..=index]);
    }
}

fn texts_in(received: &testkit::scripted::Received) -> usize {
    received.body["input"].as_array().unwrap().len()
}

#[tokio::test]
async fn refuses_answers_that_are_no_vectors_for_the_texts() {
    let service = service().await;
    let good = json!([1, 0]);
    let bad = [
        answer(&[(0, good.clone())]),
        answer(&[(0, good.clone()), (0, good.clone())]),
        answer(&[(0, good.clone()), (2, good.clone())]),
        answer(&[(0, good.clone()), (1, json!([1, 0, 0]))]),
        answer(&[(0, good.clone()), (1, json!([0, 0]))]),
        answer(&[(0, good.clone()), (1, json!([]))]),
        answer(&[(0, good.clone()), (1, json!("AACAPwAAAAA="))]),
        Reply::status(200, json!({"object": "list"})),
    ];
    for reply in bad {
        service.model.push_embeddings(reply.clone());
        let status = embed(&service, &["a", "b"]).await.unwrap_err();
        assert_eq!(
            reason_of(&status),
            Some(Reason::ProviderRejected),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn refuses_vectors_of_another_size_than_before() {
    let service = service().await;
    embed(&service, &["a"]).await.unwrap();
    service.model.push_embeddings(answer(&[(0, json!([1, 0]))]));
    let status = embed(&service, &["a"]).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(reason_of(&status), Some(Reason::ProviderRejected));
}

#[tokio::test]
async fn tells_the_kinds_of_refusal_apart_and_repeats_none() {
    let service = service().await;
    let table = [
        (
            refusal(401, "invalid_api_key"),
            Code::FailedPrecondition,
            Reason::ProviderAccount,
        ),
        (
            refusal(429, "insufficient_quota"),
            Code::FailedPrecondition,
            Reason::ProviderAccount,
        ),
        (
            refusal(404, "model_not_found"),
            Code::FailedPrecondition,
            Reason::ProviderRejected,
        ),
        (
            refusal(200, "invalid_api_key"),
            Code::FailedPrecondition,
            Reason::ProviderAccount,
        ),
        (
            refusal(302, ""),
            Code::FailedPrecondition,
            Reason::ProviderRejected,
        ),
    ];
    for (index, (reply, code, reason)) in table.into_iter().enumerate() {
        service.model.push_embeddings(reply.clone());
        let status = embed(&service, &["a"]).await.unwrap_err();
        assert_eq!(
            (status.code(), reason_of(&status)),
            (code, Some(reason)),
            "{reply:?}"
        );
        assert!(!status.message().contains("sk-test"), "{status:?}");
        assert_eq!(service.model.embedded().len(), index + 1, "{reply:?}");
    }
}

#[tokio::test]
async fn tries_again_what_may_pass() {
    let service = service().await;
    for status in [429, 500, 502, 503, 529] {
        let asked = service.model.embedded().len();
        service.model.push_embeddings(refusal(status, ""));
        service.model.push_embeddings(refusal(status, ""));
        embed(&service, &["a"]).await.unwrap();
        assert_eq!(service.model.embedded().len(), asked + 3, "{status}");
    }
    for _ in 0..3 {
        service.model.push_embeddings(refusal(503, ""));
    }
    let status = embed(&service, &["a"]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn leaves_out_what_goes_beyond_the_servers_window() {
    let service = service().await;
    let too_long = [
        refusal(400, "context_length_exceeded"),
        Reply::status(
            500,
            json!({"error": {"code": 500, "message": "input is too large to process", "type": "server_error"}}),
        ),
    ];
    for reply in too_long {
        service.model.push_embeddings(reply);
    }
    embed(&service, &["short", &"long ".repeat(100)])
        .await
        .unwrap();
    let received = service.model.embedded();
    let lengths: Vec<usize> = received
        .iter()
        .map(|received| received.body["input"][1].as_str().unwrap().len())
        .collect();
    assert_eq!(lengths, [500, 250, 125]);
    assert_eq!(received[2].body["input"][0], "short");
}

#[tokio::test]
async fn says_that_the_server_is_away() {
    let service = Service::start_with(|config| {
        config.embeddings.model = MODEL.to_owned();
        config.openai.base_url = nobody_listens();
    })
    .await;
    for status in [
        embed(&service, &["a"]).await.unwrap_err(),
        embedding_model(&service).await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(reason_of(&status), Some(Reason::ProviderUnavailable));
    }
}

#[tokio::test]
async fn embeds_for_no_person_and_for_no_other_role() {
    let service = service().await;
    let mut as_person = EmbeddingServiceClient::new(Channel::for_clients(service.server()));
    let asked = service.as_person(UserId::new(), request(&["a"]));
    let status = as_person.embed(asked).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let asked = service.as_person(UserId::new(), pb::GetEmbeddingModelRequest {});
    let status = as_person.get_embedding_model(asked).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let users = Channel::in_process(service.server(), Role::Users);
    let mut as_users = EmbeddingServiceClient::new(users);
    let status = as_users.embed(request(&["a"])).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(service.model.embedded().is_empty());
}

#[tokio::test]
async fn refuses_no_texts_and_empty_ones() {
    let service = service().await;
    for texts in [&[][..], &["a", ""], &["a"; 257]] {
        let status = embed(&service, texts).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
    }
    assert!(service.model.embedded().is_empty());
}

#[tokio::test]
async fn says_why_the_local_embedding_model_can_not_be_used() {
    let mut config = Config::default();
    config.local.path = Some("/nowhere/tiny.gguf".into());
    config.embeddings.path = Some("/nowhere/embedder".into());
    let service = Service::start_at(model().await, &config).await;
    for status in [
        embed(&service, &["a"]).await.unwrap_err(),
        embedding_model(&service).await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(reason_of(&status), Some(Reason::ProviderUnavailable));
    }
}

/// The model's folder, fetched if it isn't there yet.
#[expect(
    clippy::disallowed_methods,
    reason = "the variable says how a test runs, which no setting does"
)]
async fn local_model() -> PathBuf {
    let folder = std::env::var_os("TROUPE_TEST_MODELS");
    let folder = folder.map_or_else(|| "/var/tmp/troupe-models".into(), PathBuf::from);
    let folder = folder.join(ALL_MINILM_L6_V2.name);
    let origin = Origin {
        url: ALL_MINILM_L6_V2_URL,
        ..Origin::default()
    };
    weights::fetch(&folder, ALL_MINILM_L6_V2, origin)
        .await
        .unwrap();
    folder
}

async fn local_service(queue: usize) -> Service {
    let folder = local_model().await;
    Service::start_with(|config| {
        config.embeddings.model = "local/minilm".to_owned();
        config.embeddings.path = Some(folder);
        config.embeddings.queue = queue;
    })
    .await
}

#[tokio::test]
async fn embeds_with_the_local_model() {
    let service = local_service(1).await;
    let texts: Vec<String> = (0..20).map(|number| format!("Chapter {number}")).collect();
    let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    texts.push("The cat sits on the mat.");
    texts.push("A kitten is sitting on a rug.");
    let response = embed(&service, &texts).await.unwrap();
    let model = pb::EmbeddingModel {
        id: "local/minilm".to_owned(),
        dimensions: 384,
    };
    assert_eq!(response.model, Some(model.clone()));
    assert_eq!(embedding_model(&service).await.unwrap(), model);
    let together = vectors(response);
    assert!((dot(&together[20], &together[21]) - 0.6789).abs() < 1e-3);
    assert!(dot(&together[20], &together[0]) < 0.3);
    for (index, text) in texts.iter().enumerate() {
        let alone = vectors(embed(&service, &[text]).await.unwrap());
        assert_eq!(alone, together[index..=index], "{text}");
    }
    assert!(service.model.embedded().is_empty());
}

#[tokio::test]
async fn refuses_calls_beyond_the_local_models_queue() {
    let service = local_service(1).await;
    let texts = ["word"; 256];
    // All three come before the model can have embedded the first one's texts.
    let answers = tokio::join!(
        embed(&service, &texts),
        embed(&service, &texts),
        embed(&service, &texts),
    );
    let refused = [answers.0, answers.1, answers.2]
        .into_iter()
        .filter_map(Result::err);
    let codes: Vec<Code> = refused.map(|status| status.code()).collect();
    assert_eq!(codes, [Code::Unavailable]);
    // Who was refused may come again.
    embed(&service, &["word"]).await.unwrap();
}

#[tokio::test]
async fn gives_up_on_the_local_model_at_the_deadline() {
    let service = local_service(0).await;
    let ctx = Ctx::of_job(ROLEPLAY, &Cause::new(), Duration::from_millis(1));
    let asked = ctx.request(request(&["word"; 256]));
    let status = service.embeddings().embed(asked).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    // The place is free again.
    embed(&service, &["word"]).await.unwrap();
}
