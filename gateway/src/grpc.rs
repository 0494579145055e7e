//! gRPC passes through without being decoded: the path finds the upstream, the policy lets the call in, and frames and
//! trailers go by as they are.

use std::sync::Arc;

use http::{Request, Response, Version};
use http_body_util::Full;
use mesh::admission::unknown_method;
use mesh::body::Filtered;
use mesh::deadline::GRPC_TIMEOUT;
use tokio::time::{Instant, sleep_until};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::bounded::Bounded;
use crate::catalog::Method;
use crate::explained::explained;
use crate::gather::announced_size;
use crate::headers;
use crate::intake::Sender;
use crate::parts::Parts;
use crate::refusal::{from_upstream, too_large, too_late};
use crate::tail::Tail;
use crate::timeout::{self, Times};
use crate::visit::{AccessLog, Visit};
use crate::web::BrokenText;
use crate::wire::FRAME_HEADER;

/// Passes a call on. A refusal is an answer of gRPC: its status stands in the headers.
pub(crate) async fn pass(
    parts: Arc<Parts>,
    visit: Visit,
    request: Request<Body>,
    mut log: AccessLog,
) -> Response<Body> {
    log.status(http::StatusCode::OK);
    match call(&parts, &visit, request, &mut log).await {
        Ok(begun) => {
            if let Some(status) = Status::from_header_map(begun.answer.headers()) {
                visit.answered(&status);
            }
            finish(begun, &visit, log)
        }
        Err(status) => {
            visit.answered(&status);
            log.code(status.code());
            explained(&status, &visit.request_id).into_http()
        }
    }
}

/// An answer that has begun.
struct Begun {
    answer: Response<Body>,
    method: Arc<Method>,
    deadline: Instant,
    broken: BrokenText,
}

async fn call(
    parts: &Parts,
    visit: &Visit,
    request: Request<Body>,
    log: &mut AccessLog,
) -> Result<Begun, Status> {
    let method = parts
        .catalog
        .method(request.uri().path(), &parts.limits)
        .ok_or_else(unknown_method)?;
    log.route(&method.path);
    visit.notices.of(method.farewell.as_ref());
    let admission = &parts.admission;
    let (payer, person) = admission
        .admit(&method.policy, request.headers(), visit)
        .await?;
    let stream = admission.stream(&method, person, request.headers());
    let times = Times::of_call(request.headers(), method.policy.timeout)?;
    let max_bytes = method.policy.max_request_bytes;
    if !method.client_streaming && announced_size(request.headers()) > max_bytes + FRAME_HEADER {
        return Err(too_large(max_bytes));
    }
    let (mut head, body) = request.into_parts();
    let broken: BrokenText = head.extensions.remove().unwrap_or_default();
    let mut room = parts.intake.room(Sender::new(visit.client, &payer));
    if method.client_streaming {
        room.hold_head(&head.headers)?;
    }
    let (body, refused) = Bounded::new(body, max_bytes, room);
    let (body, _room) = if method.client_streaming {
        visit.pause();
        (Body::new(body), None)
    } else {
        // The service needs all of it before it does anything.
        let arriving = visit.arriving(body.message(&head.headers));
        let message = times.until_here(arriving).await??;
        let (message, room) = message.map_err(|error| broken.status().unwrap_or(error))?;
        (Body::new(Full::new(message)), Some(room))
    };
    let deadline = times.deadline();
    let cookie = visit.cookie(&method.policy, &head.headers);
    headers::clean_grpc_request(&mut head.headers);
    head.headers.insert(GRPC_TIMEOUT, timeout::left(deadline));
    visit.put(&mut head.headers);
    if let Some(cookie) = cookie {
        head.headers.insert(mesh::context::COOKIE, cookie);
    }
    head.uri = method.uri.clone();
    head.version = Version::HTTP_2;
    head.extensions.clear();
    let request = Request::from_parts(head, body);
    let answer = tokio::time::timeout_at(deadline, method.call(request, stream)).await;
    // Whoever the call broke at, it was for what the client sent.
    if let Some(status) = refused.take().or_else(|| broken.status()) {
        return Err(status);
    }
    Ok(Begun {
        answer: answer.map_err(|_| too_late())??,
        method,
        deadline,
        broken,
    })
}

/// Prepares an answer that has begun for the client.
fn finish(begun: Begun, visit: &Visit, mut log: AccessLog) -> Response<Body> {
    let Begun {
        mut answer,
        method,
        deadline,
        broken,
    } = begun;
    headers::clean_grpc_answer(answer.headers_mut());
    if answer.status() != http::StatusCode::OK {
        let what = format!("HTTP status {}", answer.status().as_u16());
        let status = method.unreachable(&Status::unknown(what));
        return explained(&status, &visit.request_id).into_http();
    }
    if let Some(status) = Status::from_header_map(answer.headers()) {
        let code = status.code();
        let status = from_upstream(status);
        log.code(status.code());
        if code == Code::Ok {
            return answer;
        }
        let status = explained(&status, &visit.request_id);
        if status.code() != code || status.add_header(answer.headers_mut()).is_err() {
            return status.into_http();
        }
        return answer;
    }
    let tail = Tail {
        method,
        deadline: Box::pin(sleep_until(deadline)),
        log,
        broken,
        request_id: visit.request_id.clone(),
    };
    answer.map(|body| Body::new(Filtered::new(body, tail)))
}
