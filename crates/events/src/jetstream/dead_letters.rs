//! The stream of dead letters: events with why they are there.

use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::stream::RawMessageErrorKind;
use async_nats::jetstream::{ErrorCode, stream::Stream};

use super::{Server, attributes, away};
use crate::Envelope;
use crate::inspect::DeadLetter;
use crate::runner::Death;
use crate::transport::SendError;

const PROBLEM: &str = "troupe-problem";
const TRIES: &str = "troupe-tries";
const TIME: &str = "troupe-dead-time";
/// More would not fit a header well.
const PROBLEM_CHARS: usize = 500;

impl Server {
    /// Puts an event aside that a consumer could not handle. By its place in the stream it is stored once, and a replay
    /// that fails again is stored again.
    pub(super) async fn bury(
        &self,
        consumer: &str,
        envelope: &Envelope,
        death: &Death,
        sequence: u64,
    ) -> Result<(), SendError> {
        self.check_connected()?;
        let mut headers = attributes::headers(envelope);
        headers.insert(PROBLEM, one_line(&death.problem));
        headers.insert(TRIES, death.tries.to_string());
        headers.insert(TIME, attributes::written(death.time));
        let message = PublishMessage::build()
            .headers(headers)
            .message_id(format!("{} {sequence}", envelope.id))
            .payload(envelope.payload.clone().into());
        let ack = self
            .context
            .send_publish(self.dead_subject(consumer), message);
        ack.await.map_err(away)?.await.map_err(away)?;
        Ok(())
    }

    /// All dead letters, oldest first, each with its place in their stream.
    pub(crate) async fn dead_letters(&self) -> Result<Vec<(u64, DeadLetter, Envelope)>, SendError> {
        let stream = self.stream(self.dead_config()).await?;
        let mut letters = Vec::new();
        let mut next = 1;
        while let Some(message) = next_message(&stream, &self.dead_subject(">"), next).await? {
            next = message.sequence + 1;
            let sequence = message.sequence;
            if let Some((letter, envelope)) = self.letter(message) {
                letters.push((sequence, letter, envelope));
            }
        }
        Ok(letters)
    }

    fn letter(&self, message: StreamMessage) -> Option<(DeadLetter, Envelope)> {
        let envelope = attributes::read(&message.headers, &message.payload)?;
        let header = |name: &str| message.headers.get(name).map(|value| value.as_str());
        let consumer = message.subject.strip_prefix(&self.dead_subject(""))?;
        let letter = DeadLetter {
            consumer: consumer.to_owned(),
            event_id: envelope.id,
            subject: envelope.subject.clone(),
            key: envelope.key.clone(),
            time: envelope.time,
            problem: header(PROBLEM)?.to_owned(),
            tries: header(TRIES)?.parse().ok()?,
            dead_time: attributes::time(header(TIME)?)?,
            is_asked_for: false,
        };
        Some((letter, envelope))
    }

    /// Gives a dead letter to its consumer again. Should this fail in the middle, both are there; the inbox knows.
    pub(crate) async fn replay(
        &self,
        sequence: u64,
        consumer: &str,
        envelope: &Envelope,
    ) -> Result<(), SendError> {
        let message = PublishMessage::build()
            .headers(attributes::headers(envelope))
            .message_id(format!("replay {} {sequence}", envelope.id))
            .payload(envelope.payload.clone().into());
        let subject = self.replay_subject(consumer);
        let ack = self.context.send_publish(subject, message);
        ack.await.map_err(away)?.await.map_err(away)?;
        let stream = self.stream(self.dead_config()).await?;
        let deleted = stream.delete_message(sequence);
        deleted.await.map(drop).map_err(away)
    }
}

async fn next_message(
    stream: &Stream,
    subject: &str,
    sequence: u64,
) -> Result<Option<StreamMessage>, SendError> {
    match stream
        .get_first_raw_message_by_subject(subject, sequence)
        .await
    {
        Ok(message) => Ok(Some(message)),
        Err(error) => match error.kind() {
            RawMessageErrorKind::NoMessageFound => Ok(None),
            RawMessageErrorKind::JetStream(cause)
                if cause.error_code() == ErrorCode::NO_MESSAGE_FOUND =>
            {
                Ok(None)
            }
            _ => Err(away(error)),
        },
    }
}

fn one_line(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(PROBLEM_CHARS).collect()
}
