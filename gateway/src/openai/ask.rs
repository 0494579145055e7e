//! One request on its way: read, translated, called, and answered whole or as a stream.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http_body::Body as _;
use mesh::SessionStream;
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};
use tonic::Status;
use tonic::body::Body;

use super::Facade;
use super::asked::Asked;
use super::chunks::Chunks;
use super::options::Options;
use super::reply::{Head, Reply, Step};
use super::{chat, responses, text};
use crate::call::{Answered, Call, Outcome, set_type, stream_answer};
use crate::catalog::Method;
use crate::connect::envelope::around;
use crate::content::Content;
use crate::gather::gather;
use crate::intake::Room;
use crate::messages::{Messages, broken_answer};
use crate::refusal::{Refusal, invalid, too_late};
use crate::stream::Begun;
use crate::timeout::Times;
use crate::transcode;

/// In which form a generation is asked for and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/completions`.
    Text,
    /// `/v1/responses`.
    Response,
}

impl Form {
    /// Its path.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Text => "/v1/completions",
            Self::Response => "/v1/responses",
        }
    }
}

/// A request.
pub(super) struct Ask<'a> {
    pub(super) facade: &'a Facade,
    /// By the method whose policy holds for it.
    pub(super) call: Call<'a>,
}

/// A request that was let in, and is here.
pub(super) struct Arrived {
    pub(super) body: Bytes,
    /// What ends a stream with its caller's login session.
    stream: Option<SessionStream>,
    pub(super) deadline: Instant,
    /// Kept until the request is passed on.
    _room: Room,
}

impl Ask<'_> {
    /// Lets the request in, and waits for its body.
    pub(super) async fn arrived(&self, mut body: Body) -> Result<Arrived, Refusal> {
        let (call, headers) = (&self.call, self.call.headers);
        let (mut room, stream) = call.enter(&mut body).await?;
        let policy = &call.method.policy;
        let times = Times::of_call(headers, policy.timeout)?;
        let reading = async {
            let content = Content::of(headers, &transcode::Body::Whole, body.is_end_stream())?;
            let max_body = content.max_body(policy.max_request_bytes);
            let body = gather(body, headers, max_body, &mut room).await?;
            content.unpack(body).map(|(_, body)| body)
        };
        let body = times.until_here(call.visit.arriving(reading)).await???;
        Ok(Arrived {
            body,
            stream,
            deadline: times.deadline(),
            _room: room,
        })
    }

    /// The answer of a method that gives one message.
    pub(super) async fn one<T: Message + Default>(
        &self,
        method: &Arc<Method>,
        request: &impl Message,
        deadline: Instant,
    ) -> Result<T, Refusal> {
        let call = self.call.of(method);
        let asking = async {
            let (headers, body) = call
                .ask(frame(request)?, deadline, None)
                .await?
                .into_parts();
            let mut messages = call.messages(&headers.headers, body);
            let message = messages.only().await?;
            decoded::<T>(&message).map_err(Refusal::from)
        };
        timeout_at(deadline, asking)
            .await
            .unwrap_or_else(|_| Err(too_late().into()))
    }

    /// An answer in JSON.
    pub(super) async fn answer(&self, value: &impl Serialize) -> Result<Response<Body>, Refusal> {
        let text = serde_json::to_vec(value);
        let text = text.map_err(|error| broken_answer(&error.to_string()))?;
        let mut answer = Response::new(Bytes::from(text));
        set_type(answer.headers_mut(), b"application/json");
        Ok(self.call.packed(answer).await)
    }

    /// Lets a model write.
    pub(super) async fn generation(&self, form: Form, body: Body) -> Outcome {
        let arrived = self.arrived(body).await?;
        let options: Options = parsed(&arrived.body)?;
        options.check()?;
        let told = match form {
            Form::Chat => chat::told(&arrived.body)?,
            Form::Text => text::told(&arrived.body)?,
            Form::Response => responses::told(&arrived.body)?,
        };
        let asked = Asked::new(&options, told, self.call.headers, self.facade)?;
        let head = Head::new(form, &options, self.facade.clock.now());
        let call = self.call.of(asked.method(self.facade)?);
        let frames = asked.frame()?;
        let (deadline, session) = (arrived.deadline, arrived.stream);
        let writing = async {
            let answer = call.ask(frames, deadline, session).await?;
            call.visit.begun();
            let (upstream, body) = answer.into_parts();
            let mut messages = call.messages(&upstream.headers, body);
            let first = next(&asked, &mut messages).await?;
            Ok::<_, Refusal>((messages, first))
        };
        let writing = timeout_at(deadline, writing).await;
        let writing = writing.unwrap_or_else(|_| Err(too_late().into()));
        let (mut messages, first) = writing.map_err(|refusal| asked.refused(refusal))?;
        if options.stream() {
            let begun = Begun {
                scribe: Box::new(Chunks::new(head, asked.source())),
                messages,
                first: Some(Some(Ok(first))),
                silence: self.call.front.limits.heartbeat(),
                deadline,
            };
            let answer = stream_answer(http::HeaderMap::new(), b"text/event-stream", begun);
            return Ok(Answered::Stream(answer));
        }
        let whole = timeout_at(deadline, whole(&asked, first, &mut messages)).await;
        let reply = whole.unwrap_or_else(|_| Err(too_late()))?;
        let answer = match form {
            Form::Chat => chat::whole(&head, &reply),
            Form::Text => text::whole(&head, &reply),
            Form::Response => responses::whole(&head, &reply),
        };
        self.answer(&answer).await.map(Answered::Whole)
    }
}

/// The first message that says something of the reply: until then a failure has an HTTP status of its own.
async fn next(asked: &Asked, messages: &mut Messages) -> Result<Bytes, Status> {
    while let Some(message) = messages.next().await {
        let message = message?;
        match asked.source().step(&message)? {
            Step::Begun => {}
            Step::Text(_) | Step::Finished(_) => return Ok(message),
        }
    }
    Err(broken_answer("ended without a reply"))
}

/// All of a reply.
async fn whole(asked: &Asked, first: Bytes, messages: &mut Messages) -> Result<Reply, Status> {
    let mut reply = Reply::default();
    let mut message = Some(Ok(first));
    while let Some(next) = message {
        match asked.source().step(&next?)? {
            Step::Begun => {}
            Step::Text(text) => reply.text.push_str(&text),
            Step::Finished(finished) => reply.finished = Some(finished),
        }
        message = messages.next().await;
    }
    match reply.finished {
        Some(_) => Ok(reply),
        None => Err(broken_answer("ended without a reply")),
    }
}

/// A message as a frame of gRPC.
pub(super) fn frame(message: &impl Message) -> Result<Bytes, Status> {
    around(&message.encode_to_vec())
}

/// A message of an upstream.
pub(super) fn decoded<T: Message + Default>(message: &[u8]) -> Result<T, Status> {
    T::decode(message).map_err(|error| broken_answer(&error.to_string()))
}

/// The body of a request. What it has beside is left out.
pub(super) fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Status> {
    serde_json::from_slice(body).map_err(|error| {
        invalid(format!(
            "the body is no such JSON as this path takes: {error}"
        ))
    })
}
