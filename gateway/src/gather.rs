//! Reads the body of a request whole, within bounds of size, time, and the room that there is for bodies.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};
use tonic::Status;
use tonic::body::Body;

use crate::intake::{Intake, Room, SMALL};
use crate::refusal::{Refusal, invalid};

/// How long a body may take to come before the headers of its request are counted too, or before nobody waits for it who refuses
/// it. Most are here at once, and cost nothing.
const MOMENT: Duration = Duration::from_millis(250);

/// Reads a body of at most `max_bytes` into `room`. One that announces that it is larger is refused unread.
pub(crate) async fn gather(
    mut body: Body,
    headers: &HeaderMap,
    max_bytes: usize,
    room: &mut Room,
) -> Result<Bytes, Refusal> {
    let announced = announced_size(headers);
    if announced > max_bytes {
        return Err(Refusal::too_large(max_bytes));
    }
    let intake = room.intake();
    let keep = |_: &mut Body, part: Part| {
        if part.len > max_bytes {
            return Err(Refusal::too_large(max_bytes));
        }
        match part.state {
            State::Whole => {}
            State::Growing => room.hold(part.len, announced)?,
            State::Awaited => room.hold_head(headers)?,
        }
        Ok(())
    };
    read_to_end(&mut body, &intake, keep).await
}

/// Reads the small body of a request that is refused: HTTP/1.1 closes a connection whose request wasn't read, a new one costs more
/// than this, and who is sending the next one on it may not learn why. A body that doesn't come isn't waited for long.
pub(crate) async fn drain(headers: &HeaderMap, body: &mut Body) {
    if announced_size(headers) > SMALL {
        return;
    }
    let rest = async {
        let mut len = 0;
        while let Some(Ok(frame)) = body.frame().await {
            len += frame.data_ref().map_or(0, Bytes::len);
            if len > SMALL {
                break;
            }
        }
    };
    _ = tokio::time::timeout(MOMENT, rest).await;
}

/// What is there of a body, before the last part of it is kept.
pub(crate) struct Part {
    /// Bytes so far, that part among them.
    pub(crate) len: usize,
    /// How the body stands.
    pub(crate) state: State,
}

/// How a body stands.
pub(crate) enum State {
    /// It came in one part.
    Whole,
    /// A part came, of several.
    Growing,
    /// It hasn't ended for a moment.
    Awaited,
}

/// Reads all of a body in the time that bodies have to arrive, as long as `keep` takes its parts.
pub(crate) async fn read_to_end<B>(
    body: &mut B,
    intake: &Intake,
    mut keep: impl FnMut(&mut B, Part) -> Result<(), Refusal>,
) -> Result<Bytes, Refusal>
where
    B: http_body::Body<Data = Bytes, Error = Status> + Unpin,
{
    let started = Instant::now();
    let mut moment = Some(started + MOMENT);
    let mut due = started + intake.patience();
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    loop {
        let so_far = first.len() + all.len();
        let Ok(frame) = timeout_at(moment.unwrap_or(due).min(due), body.frame()).await else {
            if moment.take().is_none() {
                return Err(Refusal::body_too_late());
            }
            let state = State::Awaited;
            keep(body, Part { len: so_far, state })?;
            continue;
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| invalid("the body of the request broke off"))?;
        let Ok(chunk) = frame.into_data() else {
            continue;
        };
        let len = so_far + chunk.len();
        // What came fast gives time to what comes after it, and no time to be silent.
        due = (due + intake.time_of(chunk.len())).min(Instant::now() + intake.patience());
        let is_all = so_far == 0 && body.is_end_stream();
        let state = if is_all { State::Whole } else { State::Growing };
        keep(body, Part { len, state })?;
        if is_all {
            return Ok(chunk);
        }
        if so_far == 0 {
            first = chunk;
            continue;
        }
        // It grows with what comes, as the room does that was taken for it, and not to what was announced.
        all.extend_from_slice(&std::mem::take(&mut first));
        all.extend_from_slice(&chunk);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// The size that a request says its body has; 0 where it doesn't.
pub(crate) fn announced_size(headers: &HeaderMap) -> usize {
    let value = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    value.and_then(|text| text.parse().ok()).unwrap_or(0)
}
