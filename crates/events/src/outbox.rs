//! Where a service writes its events: into the transaction of the change that they tell of.

use std::sync::Arc;

use platform::Clock;
use platform::id::EventId;
use platform::trace::Cause;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};
use storage::database::after_commit;
use tokio::sync::Notify;
use troupe_proto::Event;

use super::tables::outbox::{ActiveModel, Entity};

/// The outbox of a service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    pub(super) service: &'static str,
    pub(super) clock: Clock,
    /// Whoever sends what stands here.
    pub(super) wake: Arc<Notify>,
}

impl Outbox {
    /// Writes an event. It is told if and only if the transaction is committed. Of one key, events are told in the order
    /// of these calls, so make the call after the change, when the transaction has the row that others wait for.
    ///
    /// # Errors
    /// The row can't be written, or the event is another service's.
    pub async fn add<E: Event>(
        &self,
        tx: &impl ConnectionTrait,
        event: &E,
        cause: &Cause,
    ) -> Result<EventId, DbErr> {
        if E::service() != self.service {
            let (event, service) = (E::TYPE, self.service);
            return Err(DbErr::Custom(format!("{event} is no event of {service}")));
        }
        let id = EventId::new();
        let row = ActiveModel {
            seq: NotSet,
            event_id: Set(id),
            type_name: Set(E::TYPE.to_owned()),
            subject: Set(E::SUBJECT.to_owned()),
            key: Set(event.key().to_owned()),
            time: Set(self.clock.now()),
            payload: Set(event.to_bytes()),
            request_id: Set(cause.request_id.to_string()),
            traceparent: Set(cause.trace.to_string()),
            sent_time: Set(None),
        };
        Entity::insert(row).exec_without_returning(tx).await?;
        let wake = Arc::clone(&self.wake);
        after_commit(move || wake.notify_one());
        Ok(id)
    }
}
