//! The engine in the process as a provider. Its model is fetched and loaded in the background; requests wait for it.

use std::path::PathBuf;
use std::sync::Arc;

use async_stream::try_stream;
use engine::weights::{self, Origin};
use engine::{Engine, Finish};
use futures::FutureExt;
use futures::future::BoxFuture;
use platform::{Clock, Timestamp};
use service::Host;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch::{self, Receiver, Sender};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::local_chat;
use crate::config::{LOCAL, LocalConfig};
use crate::domain::provider::{Sampling, TokenCounts};
use crate::domain::{
    Event, EventStream, FinishReason, Form, Model, Prices, Prompt, Provider, ProviderError,
    Request, TokenUsage,
};

/// The engine, once it is there.
#[derive(Debug)]
pub(crate) struct LocalEngine {
    config: LocalConfig,
    name: String,
    clock: Clock,
    state: Receiver<State>,
}

#[derive(Debug, Clone)]
enum State {
    /// What is being done, for people.
    Preparing(&'static str),
    Ready(Arc<Engine>),
    /// Why it can't be used, for people.
    Failed(String),
}

impl LocalEngine {
    /// Starts to fetch, if need be, and to load the model. Returns at once.
    pub(crate) fn start(config: &LocalConfig, host: &Host) -> Self {
        let (sender, state) = watch::channel(State::Preparing("the local model is being loaded"));
        let folder = host.data_dir.join("models");
        let prepared = prepare(config.clone(), folder, sender);
        let token = host.tasks.token().clone();
        host.tasks.spawn(token.run_until_cancelled_owned(prepared));
        Self {
            config: config.clone(),
            name: config.model_name(),
            clock: host.clock.clone(),
            state,
        }
    }
}

impl Provider for LocalEngine {
    fn name(&self) -> &str {
        LOCAL
    }

    fn settled(&self) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }

    fn models(&self) -> Vec<Model> {
        let state = self.state.borrow().clone();
        let (engine, unavailable) = match state {
            State::Preparing(what) => (None, Some(what.to_owned())),
            State::Ready(engine) => (Some(engine), None),
            State::Failed(why) => (None, Some(why)),
        };
        let engine = engine.as_deref();
        let window_tokens = engine.map_or(self.config.window_tokens, Engine::window);
        vec![Model {
            provider: LOCAL.into(),
            name: self.name.clone(),
            display_name: engine.map_or(&*self.name, Engine::name).to_owned(),
            window_tokens,
            max_reply_tokens: self.config.max_reply_tokens.min(window_tokens),
            form: match engine.and_then(Engine::chat_template) {
                Some(_) => Form::Chat,
                None => Form::Text,
            },
            prices: Some(Prices::default()),
            unavailable,
            exact_tokens: true,
        }]
    }

    fn generate(&self, request: Request, deadline: Instant) -> EventStream {
        let mut state = self.state.clone();
        let now = self.clock.now();
        Box::pin(try_stream! {
            let engine = timeout_at(deadline, ready(&mut state));
            let engine = engine.await.unwrap_or_else(|_elapsed| Err(too_slow()))?;
            // A long prompt takes milliseconds to be rendered and cut into tokens.
            let started = spawn_blocking(move || start(&engine, request, now)).await;
            let mut events = started.map_err(|_| stopped())??;
            yield Event::Started;
            loop {
                let event = timeout_at(deadline, events.recv()).await.map_err(|_elapsed| too_slow())?;
                let event = from_local(event.ok_or_else(stopped)?);
                let is_last = matches!(event, Event::Finished { .. });
                yield event;
                if is_last {
                    return;
                }
            }
        })
    }

    fn count_tokens(
        &self,
        _model: &str,
        texts: Vec<String>,
    ) -> BoxFuture<'_, Result<TokenCounts, ProviderError>> {
        let mut state = self.state.clone();
        async move {
            let engine = ready(&mut state).await?;
            let count = move || texts.iter().map(|text| engine.count_tokens(text)).collect();
            let counts: Vec<u32> = spawn_blocking(count).await.map_err(|_| stopped())?;
            let estimated = false;
            Ok(TokenCounts { counts, estimated })
        }
        .boxed()
    }
}

/// Fetches the weights unless a file is named, and loads them. The outcome is the last state sent.
async fn prepare(config: LocalConfig, folder: PathBuf, state: Sender<State>) {
    let options = config.options();
    let path = match config.path {
        Some(path) => path,
        None => {
            state.send_replace(State::Preparing("the local model is being fetched"));
            let origin = Origin {
                url: &config.url,
                python: &config.python,
            };
            match weights::fetch(&folder, weights::GEMMA_3_270M, origin).await {
                Ok(path) => path,
                Err(error) => return failed(&state, &error, error.without_path()),
            }
        }
    };
    state.send_replace(State::Preparing("the local model is being loaded"));
    match spawn_blocking(move || Engine::load(&path, options)).await {
        Ok(Ok(engine)) => {
            tracing::info!(model.name = engine.name(), "local model is ready");
            state.send_replace(State::Ready(Arc::new(engine)));
        }
        Ok(Err(error)) => failed(&state, &error, error.without_path()),
        Err(error) => failed(&state, &error, "its loading stopped".to_owned()),
    }
}

/// The log has all of it; whoever may ask for models is told no path of this machine.
fn failed(state: &Sender<State>, error: &dyn std::error::Error, told: String) {
    let cause = error.source().map(ToString::to_string);
    tracing::error!(%error, cause, "local model can't be used");
    state.send_replace(State::Failed(told));
}

/// The engine, once it is ready.
async fn ready(state: &mut Receiver<State>) -> Result<Arc<Engine>, ProviderError> {
    let settled = state.wait_for(|state| !matches!(state, State::Preparing(_)));
    match settled.await.as_deref() {
        Ok(State::Ready(engine)) => Ok(Arc::clone(engine)),
        Ok(State::Failed(cause)) => Err(ProviderError::Unavailable {
            cause: cause.clone(),
        }),
        Ok(State::Preparing(_)) | Err(_) => Err(stopped()),
    }
}

fn start(
    engine: &Engine,
    request: Request,
    now: Timestamp,
) -> Result<UnboundedReceiver<engine::Event>, ProviderError> {
    let request = engine::Request {
        prompt: to_local_prompt(engine, &request.prompt, now)?,
        max_tokens: request.max_tokens,
        sampling: to_local_sampling(request.sampling),
        stop: request.stop,
    };
    engine.generate(request).map_err(failure)
}

/// The prompt as the model was taught to read it.
fn to_local_prompt(
    engine: &Engine,
    prompt: &Prompt,
    now: Timestamp,
) -> Result<engine::Prompt, ProviderError> {
    let messages = match prompt {
        Prompt::Text(text) => return Ok(text.as_str().into()),
        Prompt::Chat(messages) => messages,
    };
    let Some(template) = engine.chat_template() else {
        let cause = "the local model takes a text to complete".to_owned();
        return Err(ProviderError::Rejected { cause });
    };
    local_chat::render(template, messages, now.secs()).map_err(failure)
}

fn to_local_sampling(asked: Sampling) -> engine::Sampling {
    let default = engine::Sampling::default();
    engine::Sampling {
        temperature: asked.temperature.unwrap_or(default.temperature),
        top_p: asked.top_p.unwrap_or(default.top_p),
        top_k: asked
            .top_k
            .map_or(default.top_k, |k| u32::try_from(k).unwrap_or(0)),
        min_p: asked.min_p.unwrap_or(default.min_p),
        repetition_penalty: asked
            .repetition_penalty
            .unwrap_or(default.repetition_penalty),
        // A fixed seed would make every swipe the same.
        seed: asked.seed.map_or_else(rand::random, i64::cast_unsigned),
    }
}

fn from_local(event: engine::Event) -> Event {
    match event {
        engine::Event::Delta(text) => Event::Delta(text),
        engine::Event::Finished {
            reason,
            prompt_tokens,
            cached_tokens,
            completion_tokens,
        } => Event::Finished {
            reason: match reason {
                Finish::Stop => FinishReason::Stop,
                Finish::Length => FinishReason::Length,
            },
            usage: Some(TokenUsage {
                prompt: prompt_tokens,
                cached: cached_tokens,
                completion: completion_tokens,
                ..TokenUsage::default()
            }),
        },
    }
}

fn failure(error: engine::Error) -> ProviderError {
    let cause = error.to_string();
    match error {
        engine::Error::ContextLength { tokens, window } => ProviderError::ContextLength {
            tokens: Some(tokens),
            window: Some(window),
        },
        engine::Error::Busy { .. } => ProviderError::Overloaded { retry_after: None },
        engine::Error::Sampling { .. } | engine::Error::Template { .. } => {
            ProviderError::Rejected { cause }
        }
        _ => ProviderError::Unavailable { cause },
    }
}

fn too_slow() -> ProviderError {
    ProviderError::Timeout {
        waited_for: "the local model did not finish by the call's deadline",
    }
}

fn stopped() -> ProviderError {
    ProviderError::Interrupted {
        cause: "the local model has stopped".to_owned(),
    }
}
