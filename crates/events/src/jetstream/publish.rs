//! From outboxes to the stream.

use std::sync::Arc;

use async_nats::jetstream::message::PublishMessage;
use futures::future::BoxFuture;
use platform::Timestamp;
use platform::id::EventId;
use sea_orm::DbErr;
use storage::Database;

use super::{Server, attributes, away};
use crate::transport::{SendError, Transport};
use crate::{Envelope, queries};

/// Rows that are taken back at once.
const PORTION: u64 = 500;

/// Publishes events. An event is sent once the server says that the stream has it; an answer that doesn't come says
/// nothing, so the event is published again, and stored once.
pub(crate) struct Publisher {
    pub(crate) server: Arc<Server>,
}

impl Transport for Publisher {
    fn system(&self) -> &'static str {
        "nats"
    }

    fn send(&self, envelope: Envelope) -> BoxFuture<'static, Result<(), SendError>> {
        let server = Arc::clone(&self.server);
        Box::pin(async move {
            let sent = server.publish(envelope).await;
            sent.map_err(|error| server.of_connection(error))
        })
    }

    fn may_lose(&self) -> bool {
        true
    }

    /// The stream has them, and may bring them for a week.
    fn gone(&self, _: &[EventId]) {}

    fn check<'a>(
        &'a self,
        service: &'static str,
        db: &'a Database,
    ) -> BoxFuture<'a, Result<bool, SendError>> {
        Box::pin(async move {
            let checked = self.server.check(service, db).await;
            checked.map_err(|error| self.server.of_connection(error))
        })
    }
}

impl Server {
    async fn publish(&self, envelope: Envelope) -> Result<(), SendError> {
        self.check_connected()?;
        let message = PublishMessage::build()
            .headers(attributes::headers(&envelope))
            .message_id(message_id(&envelope))
            .expected_stream(self.events_stream())
            .payload(envelope.payload.into());
        let subject = self.event_subject(&envelope.subject);
        let ack = self.context.send_publish(subject, message);
        ack.await.map_err(away)?.await.map_err(away)?;
        Ok(())
    }

    /// Takes back that events were sent if the stream is another than the one they were sent to.
    async fn check(&self, service: &'static str, db: &Database) -> Result<bool, SendError> {
        let created = attributes::timestamp(self.settle().await?.created).unwrap_or_default();
        let mark = format!("stream {} {service}", self.events_stream());
        let known = queries::find_mark(db.read(), &mark).await?;
        if known == Some(created) {
            return Ok(false);
        }
        if known.is_some() {
            tracing::warn!(
                service,
                "the stream of events is a new one: filling it again"
            );
            take_back(db).await?;
        }
        remember(db, &mark, created).await?;
        Ok(known.is_some())
    }
}

/// By which the server knows what it has. What is told again mustn't be lost behind its first telling, which consumers that
/// came between don't take.
fn message_id(envelope: &Envelope) -> String {
    match envelope.is_retold {
        true => format!("again {}", envelope.id),
        false => envelope.id.to_string(),
    }
}

async fn take_back(db: &Database) -> Result<(), DbErr> {
    loop {
        let portion =
            db.transaction(|tx| Box::pin(async move { queries::unmark_sent(tx, PORTION).await }));
        if !portion.await? {
            return Ok(());
        }
    }
}

async fn remember(db: &Database, mark: &str, created: Timestamp) -> Result<(), DbErr> {
    let store =
        db.transaction(|tx| Box::pin(async move { queries::set_mark(tx, mark, created).await }));
    store.await
}
