//! Calls in JSON: an HTTP request in, a gRPC call to the upstream, an HTTP answer back.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{HeaderMap, IF_MATCH};
use http::{Method as Verb, Request, Response, request};
use http_body::Body as _;
use tokio::time::Instant;
use tonic::body::Body;

use crate::call::{Answered, Call, Outcome, Writing, set_type, stream_answer, told};
use crate::catalog::Binding;
use crate::content::Content;
use crate::gather::{announced_size, gather};
use crate::headers;
use crate::idempotency;
use crate::intake::Room;
use crate::messages::broken_answer;
use crate::parts::Parts;
use crate::precondition;
use crate::refusal::{Refusal, invalid};
use crate::resume;
use crate::route::{Found, Lookup};
use crate::stream::{Begun, Form, Style};
use crate::transcode::{
    Answer, BodyForm, EncodeError, Incoming, Plan, put_answer, raw_content, request_frames,
};
use crate::unchanged::spared;
use crate::visit::{AccessLog, Visit};

/// Answers a request by the bindings of the catalog.
pub(crate) async fn answer(
    front: &Arc<Parts>,
    visit: &Visit,
    request: Request<Body>,
) -> Response<Body> {
    let mut log = AccessLog::start("json", request.method().clone(), visit);
    let is_conditional = request.headers().contains_key(IF_MATCH);
    let outcome = call(front, visit, request, &mut log).await;
    told(outcome, log, &visit.request_id, |refusal| {
        let refusal = precondition::refused(refusal, is_conditional);
        refusal.into_answer(&front.catalog.schema)
    })
}

/// How one binding writes.
struct Bound<'a> {
    call: &'a Call<'a>,
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
    let call = Call {
        front,
        visit,
        method: &binding.method,
        headers: &parts.headers,
    };
    let bound = Bound {
        call: &call,
        found,
        binding,
        parts: &parts,
    };
    let answer = match call.make(&bound, body).await? {
        Answered::Whole(answer) if [Verb::GET, Verb::HEAD].contains(&parts.method) => {
            Answered::Whole(spared(&parts.headers, answer))
        }
        answer => answer,
    };
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

impl Writing for Bound<'_> {
    fn plan_in_json(&self) -> Option<&Plan> {
        Some(&self.binding.plan)
    }

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
            ignore_unknown: self.call.front.json.ignore_unknown_fields,
            request_id: idempotency::key(plan, headers)?,
            last_offset: match self.binding.method.server_streaming {
                true => resume::last_offset(plan, headers)?,
                false => None,
            },
            etag: precondition::etag(plan, self.binding.method.reads, headers)?,
        };
        let frames = request_frames(&self.call.front.catalog.schema, plan, &incoming)?;
        let is_stream = self.binding.method.client_streaming;
        if !is_stream && frames.len() > policy.max_request_bytes + crate::wire::FRAME_HEADER {
            return Err(Refusal::too_large(policy.max_request_bytes));
        }
        Ok(frames.into())
    }

    async fn unary(&self, upstream: Response<Body>) -> Result<Response<Body>, Refusal> {
        let (upstream, body) = upstream.into_parts();
        let mut messages = self.call.messages(&upstream.headers, body);
        let message = messages.only().await?;
        let mut answer = self
            .content(&message)
            .map_err(|error| broken_answer(&error.to_string()))?;
        headers::extend_answer(answer.headers_mut(), &upstream.headers);
        if let Some(trailers) = messages.trailers() {
            headers::extend_answer(answer.headers_mut(), trailers);
        }
        if let Some(etag) = self.binding.plan.etag {
            let etag = etag.read(&message);
            let etag = etag.map_err(|error| broken_answer(&error.to_string()))?;
            precondition::show(etag, answer.headers_mut());
        }
        Ok(self.call.packed(answer).await)
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
        let mut messages = self.call.messages(&upstream.headers, body);
        let silence = self.call.front.limits.heartbeat();
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
                let content = raw_content(&self.call.front.catalog.schema, plan, message)
                    .map_err(|error| broken_answer(&error.to_string()))?;
                content
                    .map(|content| content.content_type)
                    .unwrap_or_default()
            }
            _ => form.content_type().as_bytes(),
        };
        let style = Style {
            catalog: self.call.front.catalog.clone(),
            plan: self.binding.plan.clone(),
            print_defaults: self.call.front.json.print_defaults,
            form,
            request_id: self.call.visit.request_id.clone(),
        };
        let content_type = content_type.to_vec();
        let begun = Begun {
            scribe: style.scribe(),
            messages,
            first,
            silence,
            deadline,
        };
        Ok(stream_answer(answer_headers, &content_type, begun))
    }
}

impl Bound<'_> {
    fn content(&self, message: &Bytes) -> Result<Response<Bytes>, EncodeError> {
        let (schema, plan) = (&self.call.front.catalog.schema, &self.binding.plan);
        if let Some(content) = raw_content(schema, plan, message)? {
            let mut answer = Response::new(message.slice_ref(content.data));
            set_type(answer.headers_mut(), content.content_type);
            return Ok(answer);
        }
        let mut text = Vec::with_capacity(message.len() * 2 + 64);
        put_answer(
            schema,
            plan,
            self.call.front.json.print_defaults,
            message,
            &mut text,
        )?;
        let mut answer = Response::new(Bytes::from(text));
        set_type(answer.headers_mut(), b"application/json");
        Ok(answer)
    }
}
