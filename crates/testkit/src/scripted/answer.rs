//! OpenAI's side of the protocol: paths, events and errors.

use std::io;
use std::sync::Arc;

use async_stream::try_stream;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};

use super::reply::{Break, Kind, Part, Raw, Refusal, Reply, Stream, UsageOn};
use super::{Received, Shared, embedding, talk};

/// More than any prompt of a test.
const MAX_BODY_BYTES: usize = 64 << 20;

pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(complete))
        .route("/v1/completions", post(complete))
        .route("/v1/embeddings", post(embed))
        .fallback(other)
        .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(shared)
}

async fn models(State(shared): State<Arc<Shared>>) -> Response<Body> {
    match shared.script().models.clone() {
        Ok(models) => Json(models).into_response(),
        Err(status) => refuse(&Refusal {
            status,
            headers: Vec::new(),
            body: json!({"error": {"message": "refused", "type": "test", "param": null, "code": null}}),
        }),
    }
}

async fn complete(
    State(shared): State<Arc<Shared>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response<Body> {
    let Reply { kind } = shared.receive(received(&uri, &headers, &body));
    match kind {
        Kind::Refusal(refusal) => refuse(&refusal),
        Kind::Raw(raw) => give(shared, raw),
        Kind::Stream(stream) => {
            let events = events(shared, stream, body);
            let answer = Response::builder().header(CONTENT_TYPE, "text/event-stream");
            answer
                .body(Body::from_stream(events))
                .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
        }
    }
}

async fn embed(
    State(shared): State<Arc<Shared>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response<Body> {
    let queued = shared.receive_texts(received(&uri, &headers, &body));
    match queued.map(|reply| reply.kind) {
        Some(Kind::Refusal(refusal)) => refuse(&refusal),
        Some(Kind::Raw(raw)) => give(shared, raw),
        Some(Kind::Stream(_)) | None => Json(embedding::answer_to(&body)).into_response(),
    }
}

/// The paths of other dialects.
async fn other(
    State(shared): State<Arc<Shared>>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let path = uri.path();
    let is_embedding = path.ends_with("/embed") || path.ends_with("EmbedContents");
    let state = State(Arc::clone(&shared));
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return match method {
            Method::GET => models(state).await,
            _ => StatusCode::BAD_REQUEST.into_response(),
        };
    };
    if path.ends_with("/show") {
        let name = body["model"].as_str().unwrap_or_default();
        return match shared.script().details.get(name) {
            Some(details) => Json(details).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        };
    }
    match is_embedding {
        true => embed(state, OriginalUri(uri), headers, Json(body)).await,
        false => complete(state, OriginalUri(uri), headers, Json(body)).await,
    }
}

fn received(uri: &Uri, headers: &HeaderMap, body: &Value) -> Received {
    let names = [AUTHORIZATION.as_str(), "x-api-key", "x-goog-api-key"];
    let authorization = names
        .into_iter()
        .find_map(|name| headers.get(name)?.to_str().ok());
    Received {
        path: uri.path().to_owned(),
        query: uri.query().map(str::to_owned),
        authorization: authorization.map(str::to_owned),
        body: body.clone(),
    }
}

fn refuse(refusal: &Refusal) -> Response<Body> {
    let mut answer = Response::builder()
        .status(refusal.status)
        .header(CONTENT_TYPE, "application/json");
    for (name, value) in &refusal.headers {
        answer = answer.header(name, value);
    }
    let body = Body::from(refusal.body.to_string());
    answer
        .body(body)
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn give(shared: Arc<Shared>, raw: Raw) -> Response<Body> {
    let mut answer = Response::builder().status(raw.status);
    for (name, value) in &raw.headers {
        answer = answer.header(name, value);
    }
    let body = Body::from_stream(bytes(shared, raw.parts));
    answer
        .body(body)
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn bytes(shared: Arc<Shared>, parts: Vec<Part>) -> impl futures::Stream<Item = io::Result<Bytes>> {
    try_stream! {
        let mut watched = Watched { shared, ended: false };
        for part in parts {
            match part {
                Part::Bytes(bytes) => yield Bytes::from(bytes),
                Part::Hold => watched.shared.hold().await,
                Part::Cut => {
                    watched.ended = true;
                    // The server writes out what it has while it waits, and drops it when the body fails.
                    tokio::task::yield_now().await;
                    Err(io::Error::other("cut"))?;
                }
            }
        }
        watched.ended = true;
    }
}

/// Counts a reply as abandoned unless it came to its end.
struct Watched {
    shared: Arc<Shared>,
    ended: bool,
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.ended {
            self.shared
                .counts
                .send_modify(|counts| counts.abandoned += 1);
        }
    }
}

fn events(
    shared: Arc<Shared>,
    stream: Stream,
    body: Value,
) -> impl futures::Stream<Item = io::Result<Bytes>> {
    try_stream! {
        let mut watched = Watched { shared, ended: false };
        let form = Form::of(&body);
        if let Some(role) = form.role() {
            yield event(&role);
        }
        for sent in 0..=stream.tokens.len() {
            if stream.hold_after == Some(sent) {
                watched.shared.hold().await;
            }
            if let Some((after, end)) = &stream.break_after && *after == sent {
                watched.ended = true;
                match end {
                    Break::Error(error) => yield event(&json!({"error": error})),
                    Break::Cut => {
                        // The server writes out what it has while it waits, and drops it when the body fails.
                        tokio::task::yield_now().await;
                        Err(io::Error::other("cut"))?;
                    }
                }
                return;
            }
            if let Some(token) = stream.tokens.get(sent) {
                yield event(&form.delta(token));
            }
        }
        let usage = usage(&stream, &body);
        let on_finish = (stream.usage == UsageOn::FinishEvent).then_some(&usage);
        yield event(&form.finish(&stream.finish, on_finish));
        if stream.usage == UsageOn::LastEvent && body["stream_options"]["include_usage"] == true {
            yield event(&form.chunk(json!([]), Some(&usage)));
        }
        watched.ended = true;
        yield Bytes::from_static(b"data: [DONE]\n\n");
    }
}

fn usage(stream: &Stream, body: &Value) -> Value {
    let (prompt, completion) = (talk::prompt_tokens(body), stream.tokens.len());
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": stream.cached_tokens},
    })
}

fn event(data: &Value) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

/// Chat and text completions differ in how a choice carries its text.
struct Form {
    is_chat: bool,
    model: Value,
}

impl Form {
    fn of(body: &Value) -> Self {
        Self {
            is_chat: body.get("messages").is_some(),
            model: body["model"].clone(),
        }
    }

    /// Chat begins with an event that says whose message it is.
    fn role(&self) -> Option<Value> {
        let delta = json!({"role": "assistant", "content": ""});
        let choices = json!([{"index": 0, "delta": delta, "finish_reason": null}]);
        self.is_chat.then(|| self.chunk(choices, None))
    }

    fn delta(&self, text: &str) -> Value {
        let choice = if self.is_chat {
            json!({"index": 0, "delta": {"content": text}, "finish_reason": null})
        } else {
            json!({"index": 0, "text": text, "finish_reason": null})
        };
        self.chunk(json!([choice]), None)
    }

    fn finish(&self, reason: &str, usage: Option<&Value>) -> Value {
        let choice = if self.is_chat {
            json!({"index": 0, "delta": {}, "finish_reason": reason})
        } else {
            json!({"index": 0, "text": "", "finish_reason": reason})
        };
        self.chunk(json!([choice]), usage)
    }

    fn chunk(&self, choices: Value, usage: Option<&Value>) -> Value {
        let object = if self.is_chat {
            "chat.completion.chunk"
        } else {
            "text_completion"
        };
        json!({
            "id": "cmpl-scripted",
            "object": object,
            "created": 0,
            "model": self.model,
            "choices": choices,
            "usage": usage,
        })
    }
}
