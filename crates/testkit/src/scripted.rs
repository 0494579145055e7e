//! A model server for tests and benches: speaks OpenAI's chat and text completions with streaming, and embeddings, and
//! says what it is told to say. At any other path it gives the raw answers and the refusals that are queued, so that it stands in for
//! servers of every dialect. Nothing in it depends on time or chance: pauses end when the test says so.
//!
//! ```no_run
//! # use troupe_testkit as testkit;
//! # async fn example() -> std::io::Result<()> {
//! use testkit::scripted::{self, Reply};
//!
//! let model = scripted::serve("127.0.0.1:0".parse().unwrap()).await?;
//! model.push(Reply::words("Good evening, traveller.").hold_after(2));
//! // Point TROUPE__AI__OPENAI__BASE_URL at model.base_url(), send a message, and wait:
//! model.held(1).await;
//! model.release();
//! # Ok(()) }
//! ```

mod answer;
mod embedding;
mod reply;
mod talk;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::serve::ListenerExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub use embedding::EMBEDDING_DIMENSIONS;
pub use reply::{Reply, UsageOn};

/// Starts a server at `address`; port 0 takes a free one. It runs until the last handle is dropped.
pub async fn serve(address: SocketAddr) -> io::Result<Handle> {
    let listener = TcpListener::bind(address).await?;
    let shared = Arc::new(Shared::new(listener.local_addr()?));
    let listener = listener.tap_io(|connection| {
        // Without it each small event waits for the acknowledgement of the one before.
        let _ = connection.set_nodelay(true);
    });
    let mut server = JoinSet::new();
    let routes = answer::routes(Arc::clone(&shared));
    server.spawn(async move { axum::serve(listener, routes).await });
    Ok(Handle {
        shared,
        _server: Arc::new(server),
    })
}

/// Steers a server and watches what reaches it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    _server: Arc<JoinSet<io::Result<()>>>,
}

/// A completion, or embeddings, that were asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The path, such as `/v1/chat/completions`.
    pub path: String,
    /// What follows the path, such as `alt=sse`.
    pub query: Option<String>,
    /// The header that has the key: `Authorization`, or the one of Anthropic or Gemini.
    pub authorization: Option<String>,
    /// The body.
    pub body: Value,
}

/// What the handle and the server's connections share.
#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    script: Mutex<Script>,
    counts: watch::Sender<Counts>,
    /// A permit lets one held reply go on.
    releases: Semaphore,
}

#[derive(Debug)]
struct Script {
    queue: VecDeque<Reply>,
    /// Where absent, the server makes up a reply from what was said.
    always: Option<Reply>,
    /// Answers to requests for embeddings; where there is none, they are made up from the texts.
    embeddings: VecDeque<Reply>,
    models: Result<Value, u16>,
    /// What an Ollama would say of a model.
    details: Value,
    received: Vec<Received>,
    embedded: Vec<Received>,
    /// Whether requests are only counted.
    is_forgetful: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    received: usize,
    held: usize,
    abandoned: usize,
}

impl Handle {
    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Where the server is, without any path.
    pub fn root_url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// The base URL for clients, with the version.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.shared.address)
    }

    /// Queues the reply to the next completion that no reply is queued for yet. With nothing queued, the server makes up
    /// a reply from the last user message.
    pub fn push(&self, reply: Reply) {
        self.shared.script().queue.push_back(reply);
    }

    /// Gives this reply from now on whenever none is queued.
    pub fn always(&self, reply: Reply) {
        self.shared.script().always = Some(reply);
    }

    /// Queues an answer with a status to the next request for embeddings that none is queued for yet. With nothing queued, the
    /// server makes up vectors from the texts' words.
    pub fn push_embeddings(&self, reply: Reply) {
        self.shared.script().embeddings.push_back(reply);
    }

    /// The entries that `GET /models` lists from now on.
    pub fn set_models(&self, models: Vec<Value>) {
        self.set_model_list(json!({"object": "list", "data": models}));
    }

    /// What `GET /models` answers from now on.
    pub fn set_model_list(&self, list: Value) {
        self.shared.script().models = Ok(list);
    }

    /// What `POST /api/show` says from now on of each model, by their names.
    pub fn set_details(&self, details: Value) {
        self.shared.script().details = details;
    }

    /// Refuses `GET /models` with this status from now on.
    pub fn refuse_models(&self, status: u16) {
        self.shared.script().models = Err(status);
    }

    /// Keeps no request from now on, for tests that make very many.
    pub fn forget_requests(&self) {
        self.shared.script().is_forgetful = true;
    }

    /// The completions that were asked for until now.
    pub fn received(&self) -> Vec<Received> {
        self.shared.script().received.clone()
    }

    /// The requests for embeddings until now.
    pub fn embedded(&self) -> Vec<Received> {
        self.shared.script().embedded.clone()
    }

    /// Lets one reply go on that is held, or that will be.
    pub fn release(&self) {
        self.shared.releases.add_permits(1);
    }

    /// Completes when so many completions have been asked for in all.
    pub async fn asked(&self, times: usize) {
        self.reached(|counts| counts.received >= times).await;
    }

    /// Completes when so many replies have come to their hold in all.
    pub async fn held(&self, times: usize) {
        self.reached(|counts| counts.held >= times).await;
    }

    /// Completes when so many replies in all have lost their client before their end.
    pub async fn abandoned(&self, times: usize) {
        self.reached(|counts| counts.abandoned >= times).await;
    }

    async fn reached(&self, condition: impl Fn(&Counts) -> bool) {
        let mut counts = self.shared.counts.subscribe();
        // The sender lives as long as this handle.
        let _ = counts.wait_for(|counts| condition(counts)).await;
    }
}

impl Shared {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            script: Mutex::new(Script {
                queue: VecDeque::new(),
                always: None,
                embeddings: VecDeque::new(),
                models: Ok(json!({
                    "object": "list",
                    "data": [{"id": "scripted", "object": "model", "owned_by": "testkit"}],
                })),
                details: Value::Null,
                received: Vec::new(),
                embedded: Vec::new(),
                is_forgetful: false,
            }),
            counts: watch::Sender::new(Counts::default()),
            releases: Semaphore::new(0),
        }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a request and finds the reply to it.
    fn receive(&self, received: Received) -> Reply {
        let mut script = self.script();
        let number = script.received.len() + 1;
        let next = script.queue.pop_front().or_else(|| script.always.clone());
        let reply = next.unwrap_or_else(|| talk::reply_to(&received.body, number));
        if !script.is_forgetful {
            script.received.push(received);
        }
        drop(script);
        self.counts.send_modify(|counts| counts.received += 1);
        reply
    }

    /// Takes note of a request for embeddings; gives the answer that is queued.
    fn receive_texts(&self, received: Received) -> Option<Reply> {
        let mut script = self.script();
        if !script.is_forgetful {
            script.embedded.push(received);
        }
        script.embeddings.pop_front()
    }

    /// Waits for a release.
    async fn hold(&self) {
        self.counts.send_modify(|counts| counts.held += 1);
        // The semaphore is never closed.
        if let Ok(permit) = self.releases.acquire().await {
            permit.forget();
        }
    }
}
