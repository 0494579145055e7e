//! The ai service as roleplay uses it: which model, how many tokens, and the text that a model writes.

use std::collections::HashMap;
use std::time::Duration;

use mesh::{Channel, Ctx};
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use tonic::{Status, Streaming};
use troupe_proto::ai::inference_service_client::InferenceServiceClient;
use troupe_proto::types::{ChatRole, FinishReason, TokenUsage};
use troupe_proto::{Reason, ai as pb, error};

use super::promised;
use crate::domain::generation::{Finish, Usage};
use crate::domain::ids::{GenerationId, SessionId, UserId};
use crate::domain::prompt::{ChatMessage, Form, Prompt};
use crate::domain::role::Role;
use crate::domain::session::ReplySettings;

/// Texts whose tokens are remembered, some hundred long chats, and for how long after their last turn.
const REMEMBERED_COUNTS: u64 = 100_000;
const REMEMBERED_FOR: Duration = Duration::from_secs(5 * 60);
/// Most texts that one call counts, and bytes after which it counts no more of them.
const MAX_COUNTED: usize = 20_000;
const MAX_COUNTED_BYTES: usize = 8 << 20;

/// The models.
#[derive(Clone)]
pub(crate) struct Models {
    client: InferenceServiceClient<Channel>,
    /// Tokens by the hash of model and text, with whether they are estimated: a turn counts only what is new.
    counts: Cache<[u8; 32], (u32, bool)>,
}

/// A model as the prompt's compiler needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Model {
    /// Its id.
    pub(crate) id: String,
    /// Prompt and reply together.
    pub(crate) window_tokens: u32,
    /// Most tokens of a reply; 0 for unknown.
    pub(crate) max_reply_tokens: u32,
    /// The form of its prompts.
    pub(crate) form: Form,
    /// Why it can't be used now, if it can't.
    pub(crate) unavailable: Option<String>,
}

/// How many tokens texts have.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    tokens: HashMap<String, u32>,
    /// True if any of them is estimated.
    pub(crate) estimated: bool,
}

impl Counts {
    /// The tokens of a text; of one that wasn't counted, as many as it surely has not more than.
    pub(crate) fn of(&self, text: &str) -> u32 {
        let most = || u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.tokens.get(text).copied().unwrap_or_else(most)
    }
}

/// What a model is to write.
#[derive(Debug, Clone)]
pub(crate) struct Inference {
    /// Under which it is recorded and charged.
    pub(crate) generation_id: GenerationId,
    /// On whose behalf.
    pub(crate) user_id: UserId,
    /// The session, so that a route goes on with the model that has its prompt in a cache.
    pub(crate) session_id: Option<SessionId>,
    /// The model, or the route that chooses one.
    pub(crate) model_id: String,
    /// The prompt.
    pub(crate) prompt: Prompt,
    /// How many bytes of it the next prompts are likely to begin with too.
    pub(crate) stable_bytes: usize,
    /// How to sample, and further texts that end it.
    pub(crate) settings: ReplySettings,
    /// Tokens of the prompt, as they were counted.
    pub(crate) prompt_tokens: u32,
    /// Most tokens.
    pub(crate) max_tokens: u32,
}

/// What a model does.
#[derive(Debug)]
pub(crate) enum Written {
    /// It wrote text.
    Delta(String),
    /// It came to an end.
    Finished(End),
    /// It took this, and fails next.
    Spent(Usage),
}

/// The end that a model came to.
#[derive(Debug)]
pub(crate) struct End {
    /// Why; none where a filter of the provider ended it.
    pub(crate) finish: Option<Finish>,
    /// What it took.
    pub(crate) usage: Option<Usage>,
    /// The model that wrote, which a route may have chosen.
    pub(crate) model_id: String,
}

impl Models {
    /// The models behind a channel to the ai service.
    pub(crate) fn new(channel: Channel) -> Self {
        let counts = Cache::builder()
            .max_capacity(REMEMBERED_COUNTS)
            .time_to_idle(REMEMBERED_FOR);
        Self {
            client: InferenceServiceClient::new(channel),
            counts: counts.build(),
        }
    }

    /// The model of an id; of the empty id, the default one.
    pub(crate) async fn resolve(&self, ctx: &Ctx, model_id: &str) -> Result<Model, Status> {
        let request = pb::ResolveModelRequest {
            model_id: model_id.to_owned(),
        };
        let answer = self
            .client
            .clone()
            .resolve_model(ctx.request(request))
            .await?;
        let model = promised(answer.into_inner().model, "the model")?;
        let form = match model.form() {
            pb::PromptForm::Text => Form::Text,
            pb::PromptForm::Chat | pb::PromptForm::Unspecified => Form::Chat,
        };
        Ok(Model {
            id: model.id,
            window_tokens: u32::try_from(model.window_tokens).unwrap_or(0),
            max_reply_tokens: u32::try_from(model.max_reply_tokens).unwrap_or(0),
            form,
            unavailable: (!model.available).then_some(model.unavailable_reason),
        })
    }

    /// How many tokens the texts have for a model.
    pub(crate) async fn count(
        &self,
        ctx: &Ctx,
        model_id: &str,
        texts: &[String],
    ) -> Result<Counts, Status> {
        let mut counts = Counts::default();
        let mut missing = Vec::new();
        for text in texts {
            match self.counts.get(&key(model_id, text)) {
                Some((tokens, estimated)) => {
                    counts.estimated |= estimated;
                    counts.tokens.insert(text.clone(), tokens);
                }
                None => missing.push(text.clone()),
            }
        }
        while !missing.is_empty() {
            let mut bytes = 0;
            let fitting = missing.iter().take(MAX_COUNTED).take_while(|text| {
                let fits = bytes < MAX_COUNTED_BYTES;
                bytes += text.len();
                fits
            });
            let rest = missing.split_off(fitting.count());
            let part = std::mem::replace(&mut missing, rest);
            self.count_anew(ctx, model_id, part, &mut counts).await?;
        }
        Ok(counts)
    }

    async fn count_anew(
        &self,
        ctx: &Ctx,
        model_id: &str,
        texts: Vec<String>,
        counts: &mut Counts,
    ) -> Result<(), Status> {
        let request = pb::CountTokensRequest {
            model_id: model_id.to_owned(),
            texts: texts.clone(),
        };
        let answer = self
            .client
            .clone()
            .count_tokens(ctx.request(request))
            .await?
            .into_inner();
        counts.estimated |= answer.estimated;
        for (text, tokens) in texts.into_iter().zip(answer.counts) {
            self.counts
                .insert(key(model_id, &text), (tokens, answer.estimated));
            counts.tokens.insert(text, tokens);
        }
        Ok(())
    }

    /// Lets a model write. Dropping the answer stops it.
    pub(crate) async fn generate(
        &self,
        ctx: &Ctx,
        inference: Inference,
    ) -> Result<Writing, Status> {
        let request = ctx.request(request(inference));
        let stream = self.client.clone().generate(request).await?.into_inner();
        Ok(Writing(stream))
    }
}

/// A model at work.
pub(crate) struct Writing(Streaming<pb::GenerateResponse>);

impl Writing {
    /// What the model does next; none when the stream is over.
    pub(crate) async fn next(&mut self) -> Result<Option<Written>, Status> {
        use pb::generate_response::Event;
        while let Some(message) = self.0.message().await? {
            match message.event {
                Some(Event::Delta(delta)) => return Ok(Some(Written::Delta(delta.text))),
                Some(Event::Finished(finished)) => {
                    // Read to its end, or the call would show as one that was broken off.
                    if let Err(status) = self.0.message().await {
                        tracing::debug!(code = ?status.code(), "a reply came, and its end didn't");
                    }
                    return Ok(Some(end(finished)));
                }
                Some(Event::Spent(spent)) => return Ok(Some(Written::Spent(spent.into()))),
                None => {}
            }
        }
        Ok(None)
    }
}

/// What a model's work ends with that came to no end.
pub(crate) fn broke_off() -> Status {
    let message = "the model stopped before the reply was complete";
    error::status(Reason::ProviderUnavailable, message)
}

fn end(finished: pb::Finished) -> Written {
    let finish = match finished.reason() {
        FinishReason::Length => Some(Finish::Length),
        FinishReason::ContentFilter => None,
        FinishReason::Stop | FinishReason::Unspecified => Some(Finish::Stop),
    };
    let usage = finished.usage.map(Usage::from);
    Written::Finished(End {
        finish,
        usage,
        model_id: finished.model_id,
    })
}

impl From<TokenUsage> for Usage {
    fn from(usage: TokenUsage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            cached_tokens: usage.cached_tokens,
            completion_tokens: usage.completion_tokens,
            cost_pico_usd: usage.cost_pico_usd,
            estimated: usage.estimated,
        }
    }
}

fn key(model_id: &str, text: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(model_id.as_bytes());
    hash.update([0]);
    hash.update(text.as_bytes());
    hash.finalize().into()
}

fn request(inference: Inference) -> pb::GenerateRequest {
    use pb::generate_request::Prompt as Form;
    let Inference { settings, .. } = inference;
    let mut stop = settings.stop;
    let prompt = match inference.prompt {
        Prompt::Chat {
            messages,
            stop: ends,
            ..
        } => {
            stop.splice(0..0, ends);
            Form::Chat(pb::ChatPrompt {
                messages: messages.into_iter().map(chat_message).collect(),
            })
        }
        Prompt::Text { prompt, stop: ends } => {
            stop.splice(0..0, ends);
            Form::Text(pb::TextPrompt { text: prompt })
        }
    };
    pb::GenerateRequest {
        generation_id: inference.generation_id.to_string(),
        user_id: inference.user_id.to_string(),
        model_id: inference.model_id,
        prompt: Some(prompt),
        sampling: Some(pb::Sampling {
            temperature: settings.temperature,
            top_p: settings.top_p,
            top_k: settings.top_k,
            min_p: settings.min_p,
            repetition_penalty: settings.repetition_penalty,
            seed: settings.seed,
        }),
        max_tokens: i32::try_from(inference.max_tokens).unwrap_or(i32::MAX),
        stop,
        session_id: inference
            .session_id
            .map(|id| id.to_string())
            .unwrap_or_default(),
        // The prompt gives it away, if anything does.
        language: String::new(),
        stable_bytes: i32::try_from(inference.stable_bytes).unwrap_or(0),
    }
}

impl From<Role> for ChatRole {
    fn from(role: Role) -> Self {
        match role {
            Role::System => Self::System,
            Role::User => Self::User,
            Role::Assistant => Self::Assistant,
        }
    }
}

fn chat_message(message: ChatMessage) -> pb::ChatMessage {
    pb::ChatMessage {
        role: ChatRole::from(message.role).into(),
        content: message.content,
        name: message.name.unwrap_or_default(),
    }
}
