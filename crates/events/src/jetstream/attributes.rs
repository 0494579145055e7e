//! An event as a message: the bytes are the message, the attributes of CloudEvents are headers (binary mode).

use async_nats::HeaderMap;
use platform::Timestamp;
use platform::trace::{Cause, TRACEPARENT};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use troupe_proto::event::service_of;

use crate::Envelope;

const ID: &str = "ce-id";
const TYPE: &str = "ce-type";
const TIME: &str = "ce-time";
/// The key.
const SUBJECT: &str = "ce-subject";
/// Extensions of ours: what the event is called, and the request that it goes back to.
const TOPIC: &str = "ce-topic";
const REQUEST_ID: &str = "ce-requestid";
/// There where an event is told again.
const RETOLD: &str = "ce-retold";

/// The headers of an event.
pub(super) fn headers(envelope: &Envelope) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("ce-specversion", "1.0");
    headers.insert(ID, envelope.id.to_string());
    let source = format!("/troupe/{}", service_of(&envelope.subject));
    headers.insert("ce-source", source);
    headers.insert(TYPE, envelope.type_name.as_str());
    headers.insert(TIME, written(envelope.time));
    headers.insert(SUBJECT, envelope.key.as_str());
    headers.insert(TOPIC, envelope.subject.as_str());
    headers.insert(REQUEST_ID, &*envelope.cause.request_id);
    headers.insert(TRACEPARENT, envelope.cause.trace.to_string());
    headers.insert("content-type", "application/protobuf");
    if envelope.is_retold {
        headers.insert(RETOLD, "true");
    }
    headers
}

/// The event of a message; `None` where it is none of ours.
pub(super) fn read(headers: &HeaderMap, payload: &[u8]) -> Option<Envelope> {
    let text = |name: &str| headers.get(name).map(|value| value.as_str());
    Some(Envelope {
        id: text(ID)?.parse().ok()?,
        type_name: text(TYPE)?.to_owned(),
        subject: text(TOPIC)?.to_owned(),
        key: text(SUBJECT)?.to_owned(),
        time: time(text(TIME)?)?,
        payload: payload.to_vec(),
        cause: Cause {
            request_id: text(REQUEST_ID)?.into(),
            trace: text(TRACEPARENT)?.parse().ok()?,
        },
        is_retold: text(RETOLD).is_some(),
    })
}

/// A time as CloudEvents writes it.
pub(super) fn written(time: Timestamp) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.micros()) * 1000);
    time.ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// Reads what [`written`] writes.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    timestamp(time)
}

/// A time of the server.
pub(super) fn timestamp(time: OffsetDateTime) -> Option<Timestamp> {
    let micros = i64::try_from(time.unix_timestamp_nanos() / 1000);
    micros.ok().map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::id::EventId;

    #[test]
    fn reads_what_it_writes() {
        let envelope = Envelope {
            id: EventId::new(),
            type_name: "troupe.events.v1.MessageWritten".to_owned(),
            subject: "roleplay.message.written".to_owned(),
            key: "ses_1".to_owned(),
            time: Timestamp::from_micros(1_800_000_000_123_456),
            payload: vec![1, 2, 3],
            cause: Cause::new(),
            is_retold: true,
        };
        let headers = headers(&envelope);
        let header = |name: &str| headers.get(name).map(|value| value.as_str().to_owned());
        assert_eq!(
            header("ce-time").as_deref(),
            Some("2027-01-15T08:00:00.123456Z")
        );
        assert_eq!(header("ce-source").as_deref(), Some("/troupe/roleplay"));
        assert_eq!(read(&headers, &envelope.payload), Some(envelope));
        assert_eq!(read(&HeaderMap::new(), &[]), None);
    }
}
