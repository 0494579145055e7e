//! Calls in JSON: an HTTP request in, a gRPC call to the upstream, an HTTP answer back.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method as Verb, Request, Response, StatusCode, Version, request};
use http_body::Body as _;
use http_body_util::Full;
use mesh::SessionStream;
use mesh::deadline::GRPC_TIMEOUT;
use tokio::time::{Instant, timeout_at};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::caching::keep_from_all;
use crate::catalog::{Binding, Method};
use crate::content::Content;
use crate::gather::{announced_size, gather};
use crate::headers;
use crate::intake::{Room, Sender};
use crate::messages::{Messages, broken_answer};
use crate::parts::Parts;
use crate::refusal::{Refusal, from_upstream, invalid, too_late};
use crate::route::{Found, Lookup};
use crate::stream::{Begun, Form, Writing};
use crate::timeout::{self, Times};
use crate::transcode::{
    Answer, BodyForm, EncodeError, Incoming, put_answer, raw_content, request_frames,
};
use crate::visit::{AccessLog, Visit};

type Outcome = Result<Answered, Refusal>;

/// Answers a request by the bindings of the catalog.
pub(crate) async fn answer(
    front: &Arc<Parts>,
    visit: &Visit,
    request: Request<Body>,
) -> Response<Body> {
    let mut log = AccessLog::start("json", request.method().clone(), visit);
    let answer = match call(front, visit, request, &mut log).await {
        Ok(Answered::Whole(answer)) => answer,
        Ok(Answered::Stream(answer)) => {
            log.status(answer.status());
            return answer.map(|begun| Body::new(begun.body(log)));
        }
        Err(refusal) => {
            log.code(refusal.status.code());
            refusal.into_answer(&front.catalog.schema)
        }
    };
    log.status(answer.status());
    answer
}

/// An answer: whole, or one that goes on, whose end is what the log waits for.
enum Answered {
    Whole(Response<Body>),
    Stream(Response<Box<Begun>>),
}

/// One call on its way.
struct Call<'a> {
    front: &'a Arc<Parts>,
    found: Found<'a>,
    binding: &'a Binding,
    parts: &'a request::Parts,
}

async fn call(
    front: &Arc<Parts>,
    visit: &Visit,
    request: Request<Body>,
    log: &mut AccessLog,
) -> Outcome {
    let (parts, body) = request.into_parts();
    let found = match front.catalog.find(&parts.method, parts.uri.path()) {
        Lookup::Found(found) => found,
        Lookup::WrongMethod(allowed) => return Err(Refusal::wrong_method(&allowed)),
        Lookup::Nothing => return Err(Refusal::no_route()),
    };
    let binding = front.catalog.binding(found.route);
    log.route(&binding.template);
    let policy = &binding.method.policy;
    let admission = &front.admission;
    let (payer, person) = admission
        .admit(policy, &parts.headers, visit.client)
        .await?;
    let stream = admission.stream(&binding.method, person, &parts.headers);
    // Kept to the end: what has arrived is decoded and passed on meanwhile.
    let mut room = front.intake.room(Sender::new(visit.client, &payer));
    let times = Times::of_call(&parts.headers, policy.timeout)?;
    let call = Call {
        front,
        found,
        binding,
        parts: &parts,
    };
    let arriving = visit.arriving(call.frames(body, &mut room));
    let frames = times.until_here(arriving).await???;
    let deadline = times.deadline();
    let upstream = async {
        let request = call.upstream_request(visit, deadline, frames);
        let answer = send(&binding.method, request, stream)
            .await
            .inspect_err(|refusal| visit.answered(&refusal.status))?;
        if binding.method.server_streaming {
            visit.begun();
        }
        match binding.method.server_streaming {
            true => call.stream(answer, deadline).await.map(Answered::Stream),
            false => call
                .unary(answer)
                .await
                .map(Answered::Whole)
                .inspect_err(|refusal| visit.answered(&refusal.status)),
        }
    };
    let answer = timeout_at(deadline, upstream)
        .await
        .unwrap_or_else(|_| Err(too_late().into()))?;
    Ok(match answer {
        Answered::Whole(answer) if parts.method == Verb::HEAD => {
            Answered::Whole(answer.map(|_| Body::empty()))
        }
        Answered::Stream(answer) if parts.method == Verb::HEAD => {
            Answered::Whole(answer.map(|_| Body::empty()))
        }
        answer => answer,
    })
}

/// Makes a call, and looks whether what came is an answer.
async fn send(
    method: &Method,
    request: Request<Body>,
    stream: Option<SessionStream>,
) -> Result<Response<Body>, Refusal> {
    let answer = method.call(request, stream).await?;
    match Status::from_header_map(answer.headers()) {
        Some(status) if status.code() != Code::Ok => Err(from_upstream(status).into()),
        None if answer.status() != StatusCode::OK => {
            let what = format!("has the HTTP status {}", answer.status().as_u16());
            Err(method.unreachable(&Status::unknown(what)).into())
        }
        _ => Ok(answer),
    }
}

impl Call<'_> {
    async fn frames(&self, body: Body, room: &mut Room) -> Result<Bytes, Refusal> {
        let plan = &self.binding.plan;
        let policy = &self.binding.method.policy;
        let headers = &self.parts.headers;
        if matches!(plan.body, crate::transcode::Body::None) && announced_size(headers) > 0 {
            return Err(invalid("the method takes no body").into());
        }
        let content = Content::of(headers, &plan.body, body.is_end_stream())?;
        let max_body = content.max_body(policy.max_request_bytes);
        let body = gather(body, headers, max_body, room).await;
        let body = body.map_err(|refusal| content.limited(refusal, policy.max_request_bytes))?;
        let (content_type, body) = content.unpack(body)?;
        let incoming = Incoming {
            found: &self.found,
            query: self.parts.uri.query(),
            body: &body,
            content_type: &content_type,
            form: match self.binding.method.client_streaming {
                true => BodyForm::Stream,
                false => BodyForm::Single,
            },
            ignore_unknown: self.front.json.ignore_unknown_fields,
        };
        let frames = request_frames(&self.front.catalog.schema, plan, &incoming)?;
        let is_stream = self.binding.method.client_streaming;
        if !is_stream && frames.len() > policy.max_request_bytes + crate::wire::FRAME_HEADER {
            return Err(Refusal::too_large(policy.max_request_bytes));
        }
        Ok(frames.into())
    }

    fn upstream_request(&self, visit: &Visit, deadline: Instant, frames: Bytes) -> Request<Body> {
        let mut metadata = headers::metadata(&self.parts.headers);
        metadata.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/grpc"),
        );
        metadata.insert(header::TE, HeaderValue::from_static("trailers"));
        metadata.insert(GRPC_TIMEOUT, timeout::left(deadline));
        visit.put(&mut metadata);
        let mut request = Request::new(Body::new(Full::new(frames)));
        *request.method_mut() = Verb::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = self.binding.method.uri.clone();
        *request.headers_mut() = metadata;
        request
    }

    fn messages(&self, headers: &HeaderMap, body: Body) -> Messages {
        let max_bytes = self.front.limits.response_bytes;
        Messages::new(self.binding.method.clone(), headers, body, max_bytes)
    }

    async fn unary(&self, upstream: Response<Body>) -> Result<Response<Body>, Refusal> {
        let (upstream, body) = upstream.into_parts();
        let mut messages = self.messages(&upstream.headers, body);
        let message = match messages.next().await {
            Some(message) => message?,
            None => return Err(broken_answer("has no message").into()),
        };
        match messages.next().await {
            None => {}
            Some(Ok(_)) => return Err(broken_answer("has several messages").into()),
            Some(Err(status)) => return Err(status.into()),
        }
        let mut answer = self
            .content(&message)
            .map_err(|error| broken_answer(&error.to_string()))?;
        headers::extend_answer(answer.headers_mut(), &upstream.headers);
        if let Some(trailers) = messages.trailers() {
            headers::extend_answer(answer.headers_mut(), trailers);
        }
        Ok(answer)
    }

    fn content(&self, message: &Bytes) -> Result<Response<Body>, EncodeError> {
        let (schema, plan) = (&self.front.catalog.schema, &self.binding.plan);
        if let Some(content) = raw_content(schema, plan, message)? {
            let mut answer = Response::new(Body::new(Full::new(message.slice_ref(content.data))));
            set_type(answer.headers_mut(), content.content_type);
            return Ok(answer);
        }
        let mut text = Vec::with_capacity(message.len() * 2 + 64);
        put_answer(
            schema,
            plan,
            self.front.json.print_defaults,
            message,
            &mut text,
        )?;
        let mut answer = Response::new(Body::new(Full::new(Bytes::from(text))));
        set_type(answer.headers_mut(), b"application/json");
        Ok(answer)
    }

    async fn stream(
        &self,
        upstream: Response<Body>,
        deadline: Instant,
    ) -> Result<Response<Box<Begun>>, Refusal> {
        let (upstream, body) = upstream.into_parts();
        let plan = &self.binding.plan;
        let form = match plan.answer {
            Answer::Raw | Answer::RawField(_) => Form::Raw,
            _ => Form::accepted(&self.parts.headers),
        };
        let mut messages = self.messages(&upstream.headers, body);
        let silence = self.front.limits.heartbeat();
        // The HTTP status waits for the first message, so that a call that fails at once has its own; an event stream
        // waits no longer than its heartbeat.
        let first = match form {
            Form::Events => tokio::time::timeout(silence, messages.next()).await.ok(),
            _ => Some(messages.next().await),
        };
        let first = match first {
            Some(Some(Err(status))) => return Err(status.into()),
            other => other,
        };
        let mut answer_headers = HeaderMap::new();
        headers::extend_answer(&mut answer_headers, &upstream.headers);
        let content_type = match &first {
            Some(Some(Ok(message))) if form == Form::Raw => {
                let content = raw_content(&self.front.catalog.schema, plan, message)
                    .map_err(|error| broken_answer(&error.to_string()))?;
                content
                    .map(|content| content.content_type)
                    .unwrap_or_default()
            }
            _ => form.content_type().as_bytes(),
        };
        set_type(&mut answer_headers, content_type);
        keep_from_all(&mut answer_headers);
        // Tells nginx and its like to pass each event on at once.
        answer_headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        let writing = Writing {
            catalog: self.front.catalog.clone(),
            route: self.found.route,
            print_defaults: self.front.json.print_defaults,
            form,
        };
        let mut answer = Response::new(Box::new(Begun {
            writing,
            messages,
            first,
            silence,
            deadline,
        }));
        *answer.headers_mut() = answer_headers;
        Ok(answer)
    }
}

fn set_type(headers: &mut HeaderMap, content_type: &[u8]) {
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
