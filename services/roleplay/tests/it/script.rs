//! An ai service whose model writes what the test says, when the test says it. It counts words as tokens.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::Stream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status};
use troupe_proto::ai as pb;
use troupe_proto::ai::inference_service_server::InferenceService;
use troupe_proto::types::{FinishReason, TokenUsage};
use troupe_proto::{Reason, error};

/// A model that takes messages with roles, and is the default.
pub(crate) const CHAT_MODEL: &str = "scripted/chat";
/// A model that completes text.
pub(crate) const TEXT_MODEL: &str = "scripted/text";
/// A model whose window holds next to nothing.
pub(crate) const TINY_MODEL: &str = "scripted/tiny";
/// A model that can't be used now.
pub(crate) const BROKEN_MODEL: &str = "scripted/broken";

/// What a hanging test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The service.
#[derive(Clone)]
pub(crate) struct Script(Arc<Inner>);

struct Inner {
    calls: UnboundedSender<Call>,
    /// What every call is answered with at once; none to let the test answer.
    reply: Mutex<Option<String>>,
    /// What the next call is refused with.
    refusal: Mutex<Option<Status>>,
    counted: AtomicUsize,
}

/// A generation that the model was asked for. Dropping it breaks the answer off.
pub(crate) struct Call {
    pub(crate) request: pb::GenerateRequest,
    answer: UnboundedSender<Result<pb::GenerateResponse, Status>>,
}

impl Script {
    /// A model, and the calls that it gets.
    pub(crate) fn new() -> (Self, UnboundedReceiver<Call>) {
        let (calls, received) = unbounded_channel();
        let inner = Inner {
            calls,
            reply: Mutex::default(),
            refusal: Mutex::default(),
            counted: AtomicUsize::new(0),
        };
        (Self(Arc::new(inner)), received)
    }

    /// From now on every call is answered at once.
    pub(crate) fn always_reply(&self, text: &str) {
        *self.0.reply.lock().unwrap() = Some(text.to_owned());
    }

    /// The next call is refused.
    pub(crate) fn refuse_next(&self, status: Status) {
        *self.0.refusal.lock().unwrap() = Some(status);
    }

    /// How many texts were counted so far.
    pub(crate) fn counted(&self) -> usize {
        self.0.counted.load(Ordering::SeqCst)
    }
}

impl Call {
    /// The model writes.
    pub(crate) fn say(&self, text: &str) {
        let delta = pb::Delta {
            text: text.to_owned(),
        };
        self.send(Ok(pb::generate_response::Event::Delta(delta)));
    }

    /// The model comes to an end.
    pub(crate) fn finish(self) {
        self.finish_with(FinishReason::Stop);
    }

    pub(crate) fn finish_with(self, reason: FinishReason) {
        let usage = TokenUsage {
            prompt_tokens: 100,
            cached_tokens: 60,
            completion_tokens: 7,
            cost_pico_usd: 5,
            ..TokenUsage::default()
        };
        let finished = pb::Finished {
            reason: reason.into(),
            usage: Some(usage),
            model_id: self.request.model_id.clone(),
            route: None,
        };
        self.send(Ok(pb::generate_response::Event::Finished(finished)));
    }

    /// What the model took, before it fails.
    pub(crate) fn spend(&self, usage: TokenUsage) {
        self.send(Ok(pb::generate_response::Event::Spent(usage)));
    }

    /// The model fails.
    pub(crate) fn fail(self, status: Status) {
        self.send(Err(status));
    }

    /// Waits until nobody listens any more.
    pub(crate) async fn dropped(&self) {
        tokio::time::timeout(PATIENCE, self.answer.closed())
            .await
            .expect("the model was never stopped");
    }

    /// The messages of a prompt that has some.
    pub(crate) fn messages(&self) -> Vec<pb::ChatMessage> {
        match &self.request.prompt {
            Some(pb::generate_request::Prompt::Chat(chat)) => chat.messages.clone(),
            _ => Vec::new(),
        }
    }

    /// The prompt, whatever its form, as one text.
    pub(crate) fn prompt(&self) -> String {
        match self.request.prompt.clone().unwrap() {
            pb::generate_request::Prompt::Text(prompt) => prompt.text,
            pb::generate_request::Prompt::Chat(prompt) => {
                let lines = prompt
                    .messages
                    .iter()
                    .map(|m| format!("{}: {}", m.role().as_str_name(), m.content));
                lines.collect::<Vec<_>>().join("\n")
            }
        }
    }

    fn send(&self, event: Result<pb::generate_response::Event, Status>) {
        // Nobody may listen any more; then that is what the test is about.
        let _ = self
            .answer
            .send(event.map(|event| pb::GenerateResponse { event: Some(event) }));
    }
}

pub(crate) fn provider_down() -> Status {
    error::status(Reason::ProviderUnavailable, "the provider is down")
}

#[tonic::async_trait]
impl InferenceService for Script {
    type GenerateStream = Pin<Box<dyn Stream<Item = Result<pb::GenerateResponse, Status>> + Send>>;
    type CompleteStream = Pin<Box<dyn Stream<Item = Result<pb::CompleteResponse, Status>> + Send>>;

    async fn generate(
        &self,
        request: Request<pb::GenerateRequest>,
    ) -> Result<Response<Self::GenerateStream>, Status> {
        if let Some(status) = self.0.refusal.lock().unwrap().take() {
            return Err(status);
        }
        let (answer, events) = unbounded_channel();
        let call = Call {
            request: request.into_inner(),
            answer,
        };
        match self.0.reply.lock().unwrap().clone() {
            Some(reply) => {
                call.say(&reply);
                call.finish();
            }
            None => self
                .0
                .calls
                .send(call)
                .map_err(|_| Status::internal("the test is over"))?,
        }
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(
            events,
        ))))
    }

    async fn complete(
        &self,
        _: Request<pb::CompleteRequest>,
    ) -> Result<Response<Self::CompleteStream>, Status> {
        Err(Status::unimplemented("roleplay asks for no such thing"))
    }

    async fn count_tokens(
        &self,
        request: Request<pb::CountTokensRequest>,
    ) -> Result<Response<pb::CountTokensResponse>, Status> {
        let texts = request.into_inner().texts;
        self.0.counted.fetch_add(texts.len(), Ordering::SeqCst);
        let words = |text: &String| u32::try_from(text.split_whitespace().count()).unwrap();
        let counts = texts.iter().map(words).collect();
        Ok(Response::new(pb::CountTokensResponse {
            counts,
            estimated: false,
        }))
    }

    async fn resolve_model(
        &self,
        request: Request<pb::ResolveModelRequest>,
    ) -> Result<Response<pb::ResolveModelResponse>, Status> {
        let id = request.into_inner().model_id;
        let (id, window_tokens, form) = match id.as_str() {
            "" | CHAT_MODEL => (CHAT_MODEL, 4_096, pb::PromptForm::Chat),
            TEXT_MODEL => (TEXT_MODEL, 4_096, pb::PromptForm::Text),
            TINY_MODEL => (TINY_MODEL, 16, pb::PromptForm::Chat),
            BROKEN_MODEL => (BROKEN_MODEL, 4_096, pb::PromptForm::Chat),
            _ => {
                return Err(error::status(
                    Reason::ModelUnknown,
                    "there is no such model",
                ));
            }
        };
        let model = pb::Model {
            id: id.to_owned(),
            window_tokens,
            max_reply_tokens: 1_000,
            form: form.into(),
            available: id != BROKEN_MODEL,
            unavailable_reason: "no key is configured".to_owned(),
            ..pb::Model::default()
        };
        Ok(Response::new(pb::ResolveModelResponse {
            model: Some(model),
        }))
    }
}
