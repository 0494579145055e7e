//! Completions that people ask for themselves.

use platform::id::UserId;
use serde_json::json;
use testkit::scripted::{EMBEDDING_DIMENSIONS, Reply};
use tonic::{Status, Streaming};
use troupe_ai::config::Form;
use troupe_proto::Reason;
use troupe_proto::ai as pb;
use troupe_proto::ai::complete_request::Prompt;
use troupe_proto::ai::complete_response::Event;
use troupe_proto::ai::embedding_service_client::EmbeddingServiceClient;
use troupe_proto::ai::inference_service_client::InferenceServiceClient;
use troupe_proto::error::reason_of;
use troupe_proto::types::{ChatRole, FinishReason};

use crate::platform_in_test::Service;

fn chat(text: &str) -> pb::CompleteRequest {
    let message = |role: ChatRole, content: &str| pb::ChatMessage {
        role: role.into(),
        content: content.to_owned(),
        name: String::new(),
    };
    pb::CompleteRequest {
        prompt: Some(Prompt::Chat(pb::ChatPrompt {
            messages: vec![
                message(ChatRole::System, "Be brief."),
                message(ChatRole::User, text),
            ],
        })),
        ..pb::CompleteRequest::default()
    }
}

fn text(text: &str) -> pb::CompleteRequest {
    pb::CompleteRequest {
        prompt: Some(Prompt::Text(pb::TextPrompt {
            text: text.to_owned(),
        })),
        ..pb::CompleteRequest::default()
    }
}

async fn complete(
    service: &Service,
    user: UserId,
    request: pb::CompleteRequest,
) -> Result<Streaming<pb::CompleteResponse>, Status> {
    let mut client = InferenceServiceClient::new(service.stage.nobody().channel);
    let answer = client.complete(service.as_person(user, request)).await?;
    Ok(answer.into_inner())
}

/// Reads to the end.
async fn read(
    mut answer: Streaming<pb::CompleteResponse>,
) -> Result<(String, pb::Finished), Status> {
    let mut text = String::new();
    loop {
        let part = answer.message().await?.expect("it ends with its end");
        match part.event.unwrap() {
            Event::Delta(delta) => text += &delta.text,
            Event::Finished(finished) => return Ok((text, finished)),
        }
    }
}

#[tokio::test]
async fn a_person_gets_a_completion_and_its_usage_is_theirs() {
    let service = Service::start().await;
    let alice = UserId::new();
    service.model.push(Reply::words("Good evening."));
    let mut request = chat("Hello");
    request.max_tokens = Some(1_000_000);
    let answer = complete(&service, alice, request).await.unwrap();
    let (text, finished) = read(answer).await.unwrap();
    assert_eq!(text, "Good evening.");
    assert_eq!(finished.reason(), FinishReason::Stop);
    assert_eq!(finished.model_id, "openai/scripted");
    let usage = service.usage_of(alice).await;
    assert_eq!(usage.len(), 1);
    assert_eq!(usage[0].usage, finished.usage);
}

#[tokio::test]
async fn prompts_are_written_in_the_form_of_the_model() {
    let service = Service::start_with(|config| config.openai.form = Form::Text).await;
    service.model.push(Reply::words("Aye."));
    let answer = complete(&service, UserId::new(), chat("Hello"))
        .await
        .unwrap();
    read(answer).await.unwrap();
    let sent = service.model.received().pop().unwrap();
    assert_eq!(sent.body["prompt"], "Be brief.\n\nUser: Hello\nAssistant:");
    assert_eq!(sent.body["stop"], json!(["\nUser:"]));
    let service = Service::start().await;
    service.model.push(Reply::words("upon a time"));
    let answer = complete(&service, UserId::new(), text("Once"))
        .await
        .unwrap();
    read(answer).await.unwrap();
    let sent = service.model.received().pop().unwrap();
    assert_eq!(
        sent.body["messages"],
        json!([{ "role": "user", "content": "Once" }])
    );
}

#[tokio::test]
async fn refuses_what_there_is_not() {
    let service = Service::start().await;
    let mut unknown = chat("Hello");
    unknown.model_id = "nowhere/none".to_owned();
    let cases = [
        (unknown, Reason::ModelUnknown),
        (pb::CompleteRequest::default(), Reason::InvalidRequest),
    ];
    for (request, reason) in cases {
        let refused = complete(&service, UserId::new(), request).await;
        assert_eq!(reason_of(&refused.err().unwrap()), Some(reason));
    }
}

#[tokio::test]
async fn a_person_gets_vectors_of_the_model_that_embeds() {
    let model = "openai/embed-small";
    let service = Service::start_with(|config| config.embeddings.model = model.to_owned()).await;
    let embed = async |id: &str, texts: &[&str]| {
        let request = pb::EmbedTextsRequest {
            embedding_model_id: id.to_owned(),
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        };
        let mut client = EmbeddingServiceClient::new(service.stage.nobody().channel);
        let request = service.as_person(UserId::new(), request);
        client.embed_texts(request).await.map(|it| it.into_inner())
    };
    for id in ["", model] {
        let answer = embed(id, &["Rain on the old roof", "Sun"]).await.unwrap();
        assert_eq!(answer.embeddings.len(), 2);
        assert_eq!(answer.embeddings[0].values.len(), EMBEDDING_DIMENSIONS);
        assert_eq!(
            (answer.model.unwrap().id.as_str(), answer.prompt_tokens),
            (model, 6)
        );
    }
    let refused = embed("text-embedding-3-small", &["Sun"])
        .await
        .err()
        .unwrap();
    assert_eq!(reason_of(&refused), Some(Reason::ModelUnknown));
    assert!(refused.message().contains(model));
    assert_eq!(
        embed("", &[]).await.unwrap(),
        pb::EmbedTextsResponse::default()
    );
}
