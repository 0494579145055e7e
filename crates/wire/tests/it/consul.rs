//! An agent of Consul, as far as a client of its HTTP API for services can tell.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, RawQuery, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use http::StatusCode;
use platform::Tasks;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

/// A running agent.
pub(crate) struct Consul {
    pub(crate) address: SocketAddr,
    agent: Arc<Agent>,
}

struct Agent {
    instances: Mutex<BTreeMap<String, Instance>>,
    index: watch::Sender<u64>,
    is_refusing: watch::Sender<bool>,
    refused: Notify,
}

struct Instance {
    service: Value,
    is_passing: bool,
}

impl Consul {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let agent = Arc::new(Agent {
            instances: Mutex::default(),
            index: watch::Sender::new(7),
            is_refusing: watch::Sender::new(false),
            refused: Notify::new(),
        });
        let routes = Router::new()
            .route("/v1/health/service/{name}", get(health))
            .route("/v1/agent/service/register", put(register))
            .route("/v1/agent/service/deregister/{id}", put(deregister))
            .route("/v1/agent/check/{verb}/{id}", put(check))
            .layer(middleware::from_fn_with_state(Arc::clone(&agent), refuse))
            .with_state(Arc::clone(&agent));
        Tasks::new().spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, agent }
    }

    /// Loses everything, as an agent that is started anew.
    pub(crate) fn forget(&self) {
        self.agent.instances.lock().unwrap().clear();
        self.agent.changed();
    }

    /// Answers nothing any more.
    pub(crate) fn refuse(&self) {
        self.agent.is_refusing.send_replace(true);
    }

    /// Completes once a query was refused.
    pub(crate) async fn refused(&self) {
        self.agent.refused.notified().await;
    }
}

impl Agent {
    fn changed(&self) {
        self.index.send_modify(|index| *index += 1);
    }
}

async fn refuse(State(agent): State<Arc<Agent>>, request: Request, next: Next) -> Response {
    let is_query = request.method() == http::Method::GET;
    let mut is_refusing = agent.is_refusing.subscribe();
    tokio::select! {
        biased;
        _ = is_refusing.wait_for(|it| *it) => {
            if is_query {
                agent.refused.notify_one();
            }
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        answer = next.run(request) => answer,
    }
}

/// A blocking query: where nothing has happened since `index`, it waits.
async fn health(
    State(agent): State<Arc<Agent>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap();
    let query: HashMap<&str, &str> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .collect();
    assert_eq!(query["passing"], "1");
    let seen: u64 = query["index"].parse().unwrap();
    let wait: u64 = query["wait"].strip_suffix('s').unwrap().parse().unwrap();
    if seen > 0 {
        let mut index = agent.index.subscribe();
        let changed = index.wait_for(|index| *index != seen);
        let _changed_or_time = tokio::time::timeout(Duration::from_secs(wait), changed).await;
    }
    let index = *agent.index.borrow();
    let instances = agent.instances.lock().unwrap();
    let has_tag = |instance: &Instance| match query.get("tag") {
        Some(tag) => instance.service["Tags"]
            .as_array()
            .unwrap()
            .contains(&json!(tag)),
        None => true,
    };
    let found: Vec<Value> = instances
        .values()
        .filter(|it| it.service["Service"] == *name && it.is_passing && has_tag(it))
        .map(|it| json!({"Node": {"Node": "n", "Address": "127.0.0.9"}, "Service": it.service}))
        .collect();
    ([("x-consul-index", index.to_string())], Json(found)).into_response()
}

async fn register(State(agent): State<Arc<Agent>>, Json(asked): Json<Value>) -> StatusCode {
    assert_eq!(asked["Check"]["TTL"], "6s");
    let id = asked["ID"].as_str().unwrap().to_owned();
    let service = json!({
        "ID": id,
        "Service": asked["Name"],
        "Tags": asked["Tags"],
        "Address": asked["Address"],
        "Port": asked["Port"],
    });
    let is_passing = asked["Check"]["Status"] == "passing";
    let instance = Instance {
        service,
        is_passing,
    };
    agent.instances.lock().unwrap().insert(id, instance);
    agent.changed();
    StatusCode::OK
}

async fn deregister(State(agent): State<Arc<Agent>>, Path(id): Path<String>) -> StatusCode {
    let known = agent.instances.lock().unwrap().remove(&id);
    agent.changed();
    known.map_or(StatusCode::NOT_FOUND, |_| StatusCode::OK)
}

async fn check(
    State(agent): State<Arc<Agent>>,
    Path((verb, id)): Path<(String, String)>,
) -> StatusCode {
    let mut instances = agent.instances.lock().unwrap();
    let id = id.strip_prefix("service:").unwrap();
    let Some(instance) = instances.get_mut(id) else {
        return StatusCode::NOT_FOUND;
    };
    let is_passing = verb == "pass";
    if instance.is_passing != is_passing {
        instance.is_passing = is_passing;
        agent.changed();
    }
    StatusCode::OK
}
