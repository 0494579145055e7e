//! The other end of the conversation with Qdrant, which isn't Qdrant: its own messages over real gRPC, before a map. It says
//! whether our requests mean what they should, and lets the server go, fall silent and come back. How a real Qdrant takes
//! them is for the same suite to say where there is one.

mod state;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Body;
use axum::extract::{Request, State as Extract};
use axum::response::Response;
use platform::config::{SecretText, ServerUrl};
use prost::Message;
use tokio::runtime::{Builder, Runtime};
use tonic::Status;
use tonic::server::Grpc;
use tonic_prost::ProstCodec;
use troupe_vectors::QdrantConfig;

use self::state::State;

pub(super) const API_KEY: &str = "a key";

/// A server on a port of its own. Its collections outlive kills; all ends with this value.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    server: Arc<Mutex<Server>>,
}

#[derive(Debug)]
enum Server {
    Gone,
    /// It takes connections and never answers.
    Silent(#[expect(dead_code, reason = "it is held, not used")] TcpListener),
    Running(Option<Runtime>),
}

impl Peer {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::default(),
            server: Arc::new(Mutex::new(Server::Gone)),
        };
        peer.serve(listener);
        peer
    }

    pub(super) fn config(&self) -> QdrantConfig {
        QdrantConfig {
            url: ServerUrl::new(format!("http://{}", self.address)),
            api_key: SecretText::new(API_KEY),
            ..QdrantConfig::default()
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Ends the server with all its connections.
    pub(super) fn kill(&self) {
        *self.server.lock().unwrap() = Server::Gone;
    }

    /// Takes connections from now on, and never answers.
    pub(super) fn fall_silent(&self) {
        self.kill();
        let listener = TcpListener::bind(self.address).unwrap();
        *self.server.lock().unwrap() = Server::Silent(listener);
    }

    /// Comes back on the same port.
    pub(super) fn come_back(&self) {
        self.kill();
        self.serve(TcpListener::bind(self.address).unwrap());
    }

    fn serve(&self, listener: TcpListener) {
        let threads = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let router = axum::Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&self.state));
        threads.spawn(async move {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
        *self.server.lock().unwrap() = Server::Running(Some(threads));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Self::Running(threads) = self {
            // A runtime can't be dropped, and so waited for, within another.
            let threads = threads.take();
            std::thread::spawn(|| drop(threads)).join().unwrap();
        }
    }
}

async fn answer(Extract(state): Extract<Arc<Mutex<State>>>, request: Request) -> Response {
    match request.uri().path() {
        "/qdrant.Qdrant/HealthCheck" => unary(request, state, State::health_check).await,
        "/qdrant.Collections/List" => unary(request, state, State::list).await,
        "/qdrant.Collections/CollectionExists" => unary(request, state, State::exists).await,
        "/qdrant.Collections/Create" => unary(request, state, State::create).await,
        "/qdrant.Collections/Delete" => unary(request, state, State::delete_collection).await,
        "/qdrant.Points/CreateFieldIndex" => unary(request, state, State::create_index).await,
        "/qdrant.Points/Upsert" => unary(request, state, State::upsert).await,
        "/qdrant.Points/Query" => unary(request, state, State::query).await,
        "/qdrant.Points/Delete" => unary(request, state, State::delete).await,
        "/qdrant.Points/Count" => unary(request, state, State::count).await,
        _ => Status::unimplemented("").into_http::<Body>(),
    }
}

/// Decodes, calls, encodes, as Qdrant's generated server does.
async fn unary<Q, A>(
    request: Request,
    state: Arc<Mutex<State>>,
    method: fn(&mut State, Q) -> Result<A, Status>,
) -> Response
where
    Q: Message + Default + 'static,
    A: Message + Default + 'static,
{
    let service = tower::service_fn(move |request: tonic::Request<Q>| {
        let mut state = state.lock().unwrap();
        let answer = state
            .admit(request.metadata())
            .and_then(|()| method(&mut state, request.into_inner()))
            .map(tonic::Response::new);
        std::future::ready(answer)
    });
    let mut grpc = Grpc::new(ProstCodec::<A, Q>::default());
    grpc.unary(service, request).await.map(Body::new)
}
