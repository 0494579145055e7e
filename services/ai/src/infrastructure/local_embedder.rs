//! The encoder in the process as an embedder. It is fetched and loaded once somebody asks for it; calls wait for it.
//!
//! It must not slow down replies: it computes for one call at a time, on few threads that come last, and calls take
//! turns after every few texts, so that a single text doesn't wait for hundreds of another call.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::Encoder;
use engine::weights::{self, ALL_MINILM_L6_V2, Origin};
use futures::FutureExt;
use futures::future::BoxFuture;
use platform::Tasks;
use service::Host;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use crate::config::EmbeddingsConfig;
use crate::domain::embedder::{Embedded, Purpose};
use crate::domain::{Embedder, ProviderError};

/// Texts that a call embeds before another has its turn.
const TURN_TEXTS: usize = 8;
/// How long a failure is told to all who ask before the next try.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);
/// Numbers in a vector of the model that is fetched, known before it is there.
const FETCHED_DIMENSIONS: usize = 384;

/// The encoder, once it is there.
#[derive(Debug)]
pub(crate) struct LocalEmbedder {
    config: EmbeddingsConfig,
    python: PathBuf,
    folder: PathBuf,
    tasks: Tasks,
    state: watch::Sender<State>,
    /// A permit for each call that computes or waits.
    places: Semaphore,
    /// The permit of the call that computes.
    turns: Arc<Semaphore>,
}

#[derive(Debug, Clone)]
enum State {
    /// Nobody has asked for it.
    Asleep,
    Preparing,
    Ready(Arc<Encoder>),
    /// Why it can't be used, for people, and since when.
    Failed(String, Instant),
}

impl LocalEmbedder {
    /// The encoder of a configuration; `python` has the pip that fetches it where the hub can't be reached. Neither reads nor
    /// fetches anything yet.
    pub(crate) fn new(config: &EmbeddingsConfig, python: PathBuf, host: &Host) -> Self {
        let fetched = || host.data_dir.join("models").join(ALL_MINILM_L6_V2.name);
        Self {
            python,
            folder: config.path.clone().unwrap_or_else(fetched),
            tasks: host.tasks.clone(),
            state: watch::Sender::new(State::Asleep),
            places: Semaphore::new(1 + config.queue),
            turns: Arc::new(Semaphore::new(1)),
            config: config.clone(),
        }
    }

    /// Starts to fetch, if need be, and to load the model, unless that is done or has just failed. Returns at once.
    fn wake(&self) {
        let wakes = self.state.send_if_modified(|state| {
            let wakes = match state {
                State::Asleep => true,
                State::Preparing | State::Ready(_) => false,
                State::Failed(_, since) => since.elapsed() >= PAUSE_AFTER_FAILURE,
            };
            if wakes {
                *state = State::Preparing;
            }
            wakes
        });
        if !wakes {
            return;
        }
        let (state, token) = (self.state.clone(), self.tasks.token().clone());
        let prepared = prepare(
            self.config.clone(),
            self.python.clone(),
            self.folder.clone(),
        );
        self.tasks.spawn(async move {
            let outcome = token.run_until_cancelled_owned(prepared).await;
            let outcome = outcome.unwrap_or_else(|| Err("Troupe is shutting down".to_owned()));
            state.send_replace(match outcome {
                Ok(encoder) => State::Ready(Arc::new(encoder)),
                Err(cause) => State::Failed(cause, Instant::now()),
            });
        });
    }

    /// The encoder, once it is ready.
    async fn encoder(&self) -> Result<Arc<Encoder>, ProviderError> {
        self.wake();
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| matches!(state, State::Ready(_) | State::Failed(..)));
        match settled.await.as_deref() {
            Ok(State::Ready(encoder)) => Ok(Arc::clone(encoder)),
            Ok(State::Failed(cause, _)) => Err(ProviderError::Unavailable {
                cause: cause.clone(),
            }),
            _ => Err(stopped()),
        }
    }

    async fn embed_in_turns(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, ProviderError> {
        let place = self.places.try_acquire();
        let _place = place.map_err(|_full| ProviderError::Overloaded { retry_after: None })?;
        let encoder = self.encoder().await?;
        let mut vectors = Vec::with_capacity(texts.len());
        let mut texts = texts.into_iter();
        loop {
            let some: Vec<String> = texts.by_ref().take(TURN_TEXTS).collect();
            if some.is_empty() {
                return Ok(vectors);
            }
            let turn = Arc::clone(&self.turns).acquire_owned().await;
            let turn = turn.map_err(|_closed| stopped())?;
            let encoder = Arc::clone(&encoder);
            let computed = spawn_blocking(move || {
                let vectors = encoder.embed(&some);
                // Not before: a call that is dropped in the middle still computes.
                drop(turn);
                vectors
            });
            vectors.extend(computed.await.map_err(|_| stopped())?);
        }
    }
}

impl Embedder for LocalEmbedder {
    fn model_id(&self) -> &str {
        &self.config.model
    }

    fn dimensions(&self, deadline: Instant) -> BoxFuture<'_, Result<usize, ProviderError>> {
        async move {
            if self.config.path.is_none() {
                // Whoever asks is about to embed: the model is fetched meanwhile.
                self.wake();
                return Ok(FETCHED_DIMENSIONS);
            }
            let encoder = timeout_at(deadline, self.encoder()).await;
            Ok(encoder.unwrap_or_else(|_| Err(too_slow()))?.dimensions())
        }
        .boxed()
    }

    fn embed(
        &self,
        texts: Vec<String>,
        _purpose: Purpose,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<Embedded, ProviderError>> {
        async move {
            let vectors = timeout_at(deadline, self.embed_in_turns(texts)).await;
            let vectors = vectors.unwrap_or_else(|_elapsed| Err(too_slow()))?;
            let tokens = None;
            Ok(Embedded { vectors, tokens })
        }
        .boxed()
    }
}

/// Fetches the model unless a folder is named, and loads it; else says for people why it can't be used.
async fn prepare(
    config: EmbeddingsConfig,
    python: PathBuf,
    folder: PathBuf,
) -> Result<Encoder, String> {
    if config.path.is_none() {
        let origin = Origin {
            url: &config.url,
            python: &python,
        };
        let fetched = weights::fetch(&folder, ALL_MINILM_L6_V2, origin).await;
        fetched.map_err(|error| unusable(&error, error.without_path()))?;
    }
    let loaded = spawn_blocking(move || Encoder::load(&folder, config.threads)).await;
    let encoder = loaded.map_err(|error| unusable(&error, "its loading stopped".to_owned()))?;
    let encoder = encoder.map_err(|error| unusable(&error, error.without_path()))?;
    tracing::info!(model.id = config.model, "local embedding model is ready");
    Ok(encoder)
}

/// Logs all of it, and returns what callers are told, which is no path of this machine.
fn unusable(error: &dyn std::error::Error, told: String) -> String {
    let cause = error.source().map(ToString::to_string);
    tracing::error!(%error, cause, "local embedding model can't be used");
    told
}

fn too_slow() -> ProviderError {
    ProviderError::Timeout {
        waited_for: "the local embedding model did not finish by the call's deadline",
    }
}

fn stopped() -> ProviderError {
    ProviderError::Unavailable {
        cause: "the local embedding model has stopped".to_owned(),
    }
}
