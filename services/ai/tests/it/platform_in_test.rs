//! The service as tests drive it: real stack, real database, real HTTP to the model server.

use std::time::Duration;

use ai::config::{ApiKey, ModelConfig};
use ai::{Ai, Config};
use mesh::{Channel, Ctx, Role, Server};
use platform::id::{GenerationId, UserId};
use platform::trace::Cause;
use testkit::scripted::{self, Handle};
use testkit::{Setup, Stage};
use tonic::{Request, Status, Streaming};
use troupe_ai as ai;
use troupe_proto::ai as pb;
use troupe_proto::ai::embedding_service_client::EmbeddingServiceClient;
use troupe_proto::ai::generate_request::Prompt;
use troupe_proto::ai::generate_response::Event;
use troupe_proto::ai::inference_service_client::InferenceServiceClient;
use troupe_proto::ai::model_service_client::ModelServiceClient;
use troupe_proto::ai::usage_service_client::UsageServiceClient;
use troupe_proto::types::{ChatRole, TokenUsage};

pub(crate) const ROLEPLAY: Role = Role::Roleplay;

/// The service, and what it stands on.
pub(crate) struct Service {
    pub(crate) model: Handle,
    pub(crate) stage: Stage,
}

/// A configuration with the scripted server and one model of known price.
pub(crate) fn config(model: &Handle) -> Config {
    let mut config = Config::default();
    config.openai.base_url = model.base_url();
    config.openai.api_key = ApiKey::new("sk-test");
    config.openai.retry_pause_ms = 1;
    config.openai.models = vec![ModelConfig {
        id: "scripted".to_owned(),
        prompt_price_micro_usd: Some(1_000_000),
        cached_price_micro_usd: Some(100_000),
        completion_price_micro_usd: Some(5_000_000),
        ..ModelConfig::default()
    }];
    config
}

pub(crate) async fn model() -> Handle {
    scripted::serve("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap()
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let model = model().await;
        let mut config = config(&model);
        change(&mut config);
        Self::start_at(model, &config).await
    }

    pub(crate) async fn start_at(model: Handle, config: &Config) -> Self {
        let setup = Setup::new().await.unwrap();
        let stage = setup.start::<Ai>(config).await.unwrap();
        Self { model, stage }
    }

    pub(crate) fn inference(&self) -> InferenceServiceClient<Channel> {
        InferenceServiceClient::new(self.stage.as_role(ROLEPLAY))
    }

    pub(crate) fn embeddings(&self) -> EmbeddingServiceClient<Channel> {
        EmbeddingServiceClient::new(self.stage.as_role(ROLEPLAY))
    }

    pub(crate) fn models(&self) -> ModelServiceClient<Channel> {
        ModelServiceClient::new(self.stage.nobody().channel)
    }

    pub(crate) fn usage(&self) -> UsageServiceClient<Channel> {
        UsageServiceClient::new(self.stage.nobody().channel)
    }

    pub(crate) fn server(&self) -> &Server {
        &self.stage.server
    }

    /// A request as the person's client would make it.
    pub(crate) fn as_person<T>(&self, user_id: UserId, message: T) -> Request<T> {
        self.stage.person_of(user_id).unwrap().ask(message)
    }

    pub(crate) async fn generate(
        &self,
        request: pb::GenerateRequest,
    ) -> Result<Streaming<pb::GenerateResponse>, Status> {
        let ctx = Ctx::of_job(ROLEPLAY, &Cause::new(), Duration::from_secs(60));
        let answer = self.inference().generate(ctx.request(request)).await?;
        Ok(answer.into_inner())
    }

    /// Generates to the end.
    pub(crate) async fn reply(&self, request: pb::GenerateRequest) -> Result<Reply, Status> {
        let mut stream = self.generate(request).await?;
        let mut text = String::new();
        loop {
            let answer = stream
                .message()
                .await?
                .expect("the end comes before the end of the stream");
            match answer.event {
                Some(Event::Delta(delta)) => text += &delta.text,
                // The failure follows.
                Some(Event::Spent(_)) => {}
                Some(Event::Finished(finished)) => {
                    assert!(stream.message().await?.is_none(), "nothing follows the end");
                    return Ok(Reply { text, finished });
                }
                None => panic!("an event without content"),
            }
        }
    }

    /// Generates until it fails: the text until then, what it took, and the failure.
    pub(crate) async fn failure(&self, request: pb::GenerateRequest) -> Failure {
        let mut stream = self.generate(request).await.unwrap();
        let (mut text, mut spent) = (String::new(), None);
        loop {
            match stream.message().await {
                Ok(Some(answer)) => match answer.event {
                    Some(Event::Delta(delta)) => text += &delta.text,
                    Some(Event::Spent(usage)) => spent = Some(usage),
                    other => panic!("no failure: {text:?}, {other:?}"),
                },
                Ok(None) => panic!("the stream ended without a failure"),
                Err(status) => {
                    return Failure {
                        text,
                        spent,
                        status,
                    };
                }
            }
        }
    }

    /// A person's usage, newest first.
    pub(crate) async fn usage_of(&self, user_id: UserId) -> Vec<pb::UsageEntry> {
        let request = self.as_person(user_id, pb::ListUsageRequest::default());
        self.usage()
            .list_usage(request)
            .await
            .unwrap()
            .into_inner()
            .usage_entries
    }

    /// Ends the service's tasks, so that all that was to be recorded is.
    pub(crate) async fn settle(&self) {
        assert!(
            self.stage
                .host
                .tasks
                .shut_down(Duration::from_secs(30))
                .await
        );
    }
}

/// A whole reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) text: String,
    pub(crate) finished: pb::Finished,
}

impl Reply {
    pub(crate) fn usage(&self) -> TokenUsage {
        self.finished.usage.unwrap()
    }
}

/// A reply that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) text: String,
    pub(crate) spent: Option<TokenUsage>,
    pub(crate) status: Status,
}

/// A chat with one message of the person.
pub(crate) fn chat(user_id: UserId, text: &str) -> pb::GenerateRequest {
    let message = pb::ChatMessage {
        role: ChatRole::User.into(),
        content: text.to_owned(),
        name: String::new(),
    };
    request(
        user_id,
        Prompt::Chat(pb::ChatPrompt {
            messages: vec![message],
        }),
    )
}

/// A text to complete.
pub(crate) fn text(user_id: UserId, text: &str) -> pb::GenerateRequest {
    request(
        user_id,
        Prompt::Text(pb::TextPrompt {
            text: text.to_owned(),
        }),
    )
}

fn request(user_id: UserId, prompt: Prompt) -> pb::GenerateRequest {
    pb::GenerateRequest {
        generation_id: GenerationId::new().to_string(),
        user_id: user_id.to_string(),
        model_id: String::new(),
        prompt: Some(prompt),
        sampling: None,
        max_tokens: 256,
        stop: Vec::new(),
        session_id: String::new(),
        language: String::new(),
        stable_bytes: 0,
    }
}

/// The text of the next delta.
pub(crate) async fn next_text(stream: &mut Streaming<pb::GenerateResponse>) -> String {
    match stream
        .message()
        .await
        .unwrap()
        .and_then(|answer| answer.event)
    {
        Some(Event::Delta(delta)) => delta.text,
        other => panic!("no delta: {other:?}"),
    }
}
