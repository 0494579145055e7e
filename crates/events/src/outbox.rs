//! Where a service writes its events: into the transaction of the change that they tell of.

use std::sync::Arc;

use platform::Clock;
use platform::id::EventId;
use platform::trace::Cause;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{DbErr, EntityTrait};
use storage::database::{Transaction, after_commit};
use tokio::sync::Notify;
use troupe_proto::Event;

use super::tables::outbox::{ActiveModel, Entity};
use super::{Retellable, Retold};

/// Events that one statement writes: a server takes so many values.
const AT_ONCE: usize = 500;

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
    pub fn add<E: Event>(
        &self,
        tx: &Transaction<'_>,
        event: &E,
        cause: &Cause,
    ) -> Result<EventId, DbErr> {
        let event = Retold {
            id: EventId::new(),
            service: E::service(),
            type_name: E::TYPE,
            subject: E::SUBJECT,
            key: event.key().to_owned(),
            time: self.clock.now(),
            payload: event.to_bytes(),
        };
        let id = event.id;
        let row = self.row(event, cause, false)?;
        self.insert(tx, vec![row]);
        Ok(id)
    }

    /// Writes an event that can be told again, as [`Outbox::add`] does, with the id and the time that it will have then.
    ///
    /// # Errors
    /// As those of [`Outbox::add`].
    pub fn add_retellable<E: Event>(
        &self,
        tx: &Transaction<'_>,
        told: Retellable<E>,
        cause: &Cause,
    ) -> Result<EventId, DbErr> {
        let id = told.id();
        let row = self.row(told.into(), cause, false)?;
        self.insert(tx, vec![row]);
        Ok(id)
    }

    /// Writes events as [`Outbox::add_retellable`] does, in their order and in few statements.
    ///
    /// # Errors
    /// As those of [`Outbox::add`].
    pub fn add_retellables(
        &self,
        tx: &Transaction<'_>,
        told: impl IntoIterator<Item = Retold>,
        cause: &Cause,
    ) -> Result<(), DbErr> {
        let rows = told.into_iter().map(|told| self.row(told, cause, false));
        let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
        for some in rows.chunks(AT_ONCE) {
            self.insert(tx, some.to_vec());
        }
        Ok(())
    }

    /// Writes events that were told before.
    pub(super) fn add_again(
        &self,
        tx: &Transaction<'_>,
        events: &[Retold],
        cause: &Cause,
    ) -> Result<(), DbErr> {
        for some in events.chunks(AT_ONCE) {
            let rows = some.iter().map(|told| self.row(told.clone(), cause, true));
            self.insert(tx, rows.collect::<Result<_, _>>()?);
        }
        Ok(())
    }

    fn insert(&self, tx: &Transaction<'_>, rows: Vec<ActiveModel>) {
        if !rows.is_empty() {
            tx.put_off(Entity::insert_many(rows));
            self.wake_on_commit();
        }
    }

    fn row(&self, event: Retold, cause: &Cause, is_retold: bool) -> Result<ActiveModel, DbErr> {
        if event.service != self.service {
            let (event, service) = (event.type_name, self.service);
            return Err(DbErr::Custom(format!("{event} is no event of {service}")));
        }
        Ok(ActiveModel {
            seq: NotSet,
            event_id: Set(event.id),
            type_name: Set(event.type_name.to_owned()),
            subject: Set(event.subject.to_owned()),
            key: Set(event.key),
            time: Set(event.time),
            payload: Set(event.payload),
            request_id: Set(cause.request_id.to_string()),
            traceparent: Set(cause.trace.to_string()),
            sent_time: Set(None),
            is_retold: Set(is_retold),
        })
    }

    fn wake_on_commit(&self) {
        let wake = Arc::clone(&self.wake);
        after_commit(move || wake.notify_one());
    }
}
