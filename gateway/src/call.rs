//! Calls that the gateway makes anew out of whole requests: everything about them that doesn't depend on how their client
//! writes. gRPC and gRPC-Web pass through instead.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use http_body_util::Full;
use mesh::SessionStream;
use mesh::deadline::GRPC_TIMEOUT;
use tokio::time::{Instant, timeout_at};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::bounded::Bounded;
use crate::caching::keep_from_all;
use crate::catalog::Method;
use crate::gather::drain;
use crate::headers;
use crate::intake::{Room, Sender};
use crate::messages::Messages;
use crate::packing;
use crate::parts::Parts;
use crate::refusal::{Refusal, from_upstream, too_late};
use crate::stream::Begun;
use crate::timeout::{self, Times};
use crate::transcode::Plan;
use crate::visit::{AccessLog, Visit};

/// What a call comes to.
pub(crate) type Outcome = Result<Answered, Refusal>;

/// An answer: whole, or one that goes on, whose end is what the log waits for.
pub(crate) enum Answered {
    Whole(Response<Body>),
    Stream(Response<Box<Begun>>),
}

/// How a protocol writes requests and answers.
pub(crate) trait Writing: Sync {
    /// How the request is written, where the client spells its fields as JSON does.
    fn plan_in_json(&self) -> Option<&Plan>;

    /// The messages of a request, in the frames of gRPC. What arrives of the body takes room.
    fn frames(
        &self,
        body: Body,
        room: &mut Room,
    ) -> impl Future<Output = Result<Bytes, Refusal>> + Send;

    /// The answer of a method that gives one message.
    fn unary(
        &self,
        upstream: Response<Body>,
    ) -> impl Future<Output = Result<Response<Body>, Refusal>> + Send;

    /// The answer of a method that gives a stream.
    fn stream(
        &self,
        upstream: Response<Body>,
        deadline: Instant,
    ) -> impl Future<Output = Result<Response<Box<Begun>>, Refusal>> + Send;
}

/// One call on its way.
pub(crate) struct Call<'a> {
    pub(crate) front: &'a Arc<Parts>,
    pub(crate) visit: &'a Visit,
    pub(crate) method: &'a Arc<Method>,
    /// Those of the client.
    pub(crate) headers: &'a HeaderMap,
}

impl Call<'_> {
    /// Lets the call in, and makes it.
    pub(crate) async fn make(&self, writing: &impl Writing, mut body: Body) -> Outcome {
        let policy = &self.method.policy;
        // The room is kept to the end: what has arrived is decoded and passed on meanwhile.
        let (mut room, stream) = self.enter(&mut body).await?;
        let times = Times::of_call(self.headers, policy.timeout)?;
        let arriving = self.visit.arriving(writing.frames(body, &mut room));
        let frames = times.until_here(arriving).await???;
        let deadline = times.deadline();
        let upstream = async {
            let answer = self.ask(frames, deadline, stream).await?;
            if self.method.server_streaming {
                self.visit.begun();
                return writing.stream(answer, deadline).await.map(Answered::Stream);
            }
            let answer = writing.unary(answer).await;
            answer
                .map(Answered::Whole)
                .inspect_err(|refusal| self.visit.answered(&refusal.status))
        };
        let answer = timeout_at(deadline, upstream)
            .await
            .unwrap_or_else(|_| Err(too_late().into()));
        match writing.plan_in_json() {
            Some(plan) => answer.map_err(|it| it.in_json(&self.front.catalog.schema, plan)),
            None => answer,
        }
    }

    /// Lets the call in, or answers who isn't let in once their body is here. Returns the room for the body, and what ends a stream.
    pub(crate) async fn enter(
        &self,
        body: &mut Body,
    ) -> Result<(Room, Option<SessionStream>), Refusal> {
        match self.admit().await {
            Ok(admitted) => Ok(admitted),
            Err(refused) => {
                if !self.visit.arrival.has_streams {
                    drain(self.headers, body).await;
                }
                Err(refused.into())
            }
        }
    }

    /// Sends whole messages on that are in the frames of gRPC.
    pub(crate) async fn ask(
        &self,
        frames: Bytes,
        deadline: Instant,
        stream: Option<SessionStream>,
    ) -> Result<Response<Body>, Refusal> {
        let request = self.upstream_request(deadline, Body::new(Full::new(frames)));
        self.send(request, stream).await
    }

    /// The same call of another method, to which it leads.
    pub(crate) fn of<'b>(&'b self, method: &'b Arc<Method>) -> Call<'b> {
        Call { method, ..*self }
    }

    /// Lets a call in whose client goes on to send messages, in the frames of gRPC, and passes them on as they come.
    pub(crate) async fn pass(&self, writing: &impl Writing, body: Body) -> Outcome {
        let policy = &self.method.policy;
        let (mut room, stream) = self.admit().await?;
        let deadline = Times::of_call(self.headers, policy.timeout)?.deadline();
        room.hold_head(self.headers)?;
        let (body, refused) = Bounded::new(body, policy.max_request_bytes, room);
        self.visit.pause();
        let upstream = async {
            let request = self.upstream_request(deadline, Body::new(body));
            let answer = self.send(request, stream).await?;
            self.visit.begun();
            writing.stream(answer, deadline).await.map(Answered::Stream)
        };
        let answer = timeout_at(deadline, upstream).await;
        match refused.take() {
            // Whoever the call broke at, it was for what the client sent.
            Some(status) => Err(status.into()),
            None => answer.unwrap_or_else(|_| Err(too_late().into())),
        }
    }

    /// Lets the call in. Returns the room for its body, and what ends its stream.
    async fn admit(&self) -> Result<(Room, Option<SessionStream>), Status> {
        self.visit.notices.of(self.method.farewell.as_ref());
        let admission = &self.front.admission;
        let admitted = admission.admit(&self.method.policy, self.headers, self.visit);
        let (payer, person) = admitted.await?;
        let stream = admission.stream(self.method, person, self.headers);
        let sender = Sender::new(self.visit.client, &payer);
        Ok((self.front.intake.room(sender), stream))
    }

    /// Sends a request on, and looks whether what came is an answer.
    async fn send(
        &self,
        request: Request<Body>,
        stream: Option<SessionStream>,
    ) -> Result<Response<Body>, Refusal> {
        let answer = self.method.call(request, stream).await;
        let answer = answer.and_then(|answer| match Status::from_header_map(answer.headers()) {
            Some(status) if status.code() != Code::Ok => Err(from_upstream(status)),
            None if answer.status() != StatusCode::OK => {
                let what = format!("has the HTTP status {}", answer.status().as_u16());
                Err(self.method.unreachable(&Status::unknown(what)))
            }
            _ => Ok(answer),
        });
        answer
            .inspect_err(|status| self.visit.answered(status))
            .map_err(Refusal::from)
    }

    fn upstream_request(&self, deadline: Instant, body: Body) -> Request<Body> {
        let mut metadata = headers::metadata(self.headers);
        metadata.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/grpc"),
        );
        metadata.insert(header::TE, HeaderValue::from_static("trailers"));
        metadata.insert(GRPC_TIMEOUT, timeout::left(deadline));
        self.visit.put(&mut metadata);
        if let Some(cookie) = self.visit.cookie(&self.method.policy, self.headers) {
            metadata.insert(mesh::context::COOKIE, cookie);
        }
        let mut request = Request::new(body);
        *request.method_mut() = http::Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = self.method.uri.clone();
        *request.headers_mut() = metadata;
        request
    }

    /// The answer with one message, compressed where that pays and the client wants it.
    pub(crate) async fn packed(&self, answer: Response<Bytes>) -> Response<Body> {
        match self.front.json.compress {
            true => packing::packed(self.method, self.headers, answer).await,
            false => packing::whole(answer),
        }
    }

    /// The messages of an answer with these headers.
    pub(crate) fn messages(&self, headers: &HeaderMap, body: Body) -> Messages {
        let max_bytes = self.front.limits.response_bytes;
        Messages::new(self.method.clone(), headers, body, max_bytes)
    }
}

/// What a call came to as an answer, whose end is logged.
pub(crate) fn told(
    outcome: Outcome,
    mut log: AccessLog,
    request_id: &HeaderValue,
    refuse: impl FnOnce(Refusal) -> Response<Body>,
) -> Response<Body> {
    let answer = match outcome {
        Ok(Answered::Whole(answer)) => answer,
        Ok(Answered::Stream(answer)) => {
            log.status(answer.status());
            return answer.map(|begun| Body::new(begun.body(log)));
        }
        Err(refusal) => {
            log.code(refusal.status.code());
            refuse(refusal.explained(request_id))
        }
    };
    log.status(answer.status());
    answer
}

/// A stream's answer, under the metadata of the upstream.
pub(crate) fn stream_answer(
    metadata: HeaderMap,
    content_type: &[u8],
    begun: Begun,
) -> Response<Box<Begun>> {
    let mut answer = Response::new(Box::new(begun));
    let answer_headers = answer.headers_mut();
    *answer_headers = metadata;
    set_type(answer_headers, content_type);
    keep_from_all(answer_headers);
    // Tells nginx and its like to pass each event on at once.
    answer_headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    answer
}

/// Names the type of an answer, which nobody is to guess.
pub(crate) fn set_type(headers: &mut HeaderMap, content_type: &[u8]) {
    let value = HeaderValue::from_bytes(content_type)
        .ok()
        .filter(|value| !value.is_empty() && value.to_str().is_ok());
    let value = value.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_TYPE, value);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
}
