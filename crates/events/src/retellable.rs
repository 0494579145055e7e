//! Events that can be told again, each time with the same id: by it a consumer knows what it had.

use platform::Timestamp;
use platform::id::EventId;
use sha2::{Digest, Sha256};
use troupe_proto::Event;

/// An event of something that stands in a row. Its id is made of what it is of and of when that happened, so that who tells it
/// again must say the same of both.
#[derive(Debug, Clone, PartialEq)]
pub struct Retellable<E> {
    /// What happened.
    pub event: E,
    /// The id of the thing that it happened to. Of a thing, no two events of a type are of one time.
    pub of: String,
    /// When it happened, as the row has it.
    pub time: Timestamp,
}

/// A [`Retellable`] of any type, to be told again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retold {
    pub(super) id: EventId,
    pub(super) service: &'static str,
    pub(super) type_name: &'static str,
    pub(super) subject: &'static str,
    pub(super) key: String,
    pub(super) time: Timestamp,
    pub(super) payload: Vec<u8>,
}

impl<E: Event> Retellable<E> {
    /// The id that it has whenever it is told.
    pub fn id(&self) -> EventId {
        let mut hash = Sha256::new();
        for part in [E::TYPE, &self.of] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hash.update(self.time.micros().to_be_bytes());
        let hash: [u8; 32] = hash.finalize().into();
        let mut start = [0; 10];
        start.copy_from_slice(&hash[..10]);
        let millis = u64::try_from(self.time.micros() / 1000).unwrap_or(0);
        EventId::of_hash(millis, start)
    }
}

impl<E: Event> From<Retellable<E>> for Retold {
    fn from(told: Retellable<E>) -> Self {
        Self {
            id: told.id(),
            service: E::service(),
            type_name: E::TYPE,
            subject: E::SUBJECT,
            key: told.event.key().to_owned(),
            time: told.time,
            payload: told.event.to_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use troupe_proto::events::{SessionCreated, SessionDeleted};

    use super::*;

    fn told<E: Event>(of: &str, micros: i64) -> EventId {
        Retellable {
            event: E::default(),
            of: of.to_owned(),
            time: Timestamp::from_micros(micros),
        }
        .id()
    }

    #[test]
    fn an_id_says_what_happened_to_which_thing_and_when() {
        let id = told::<SessionCreated>("ses_1", 1_800_000_000_000_000);
        assert_eq!(id, told::<SessionCreated>("ses_1", 1_800_000_000_000_000));
        assert_ne!(id, told::<SessionDeleted>("ses_1", 1_800_000_000_000_000));
        assert_ne!(id, told::<SessionCreated>("ses_2", 1_800_000_000_000_000));
        assert_ne!(id, told::<SessionCreated>("ses_1", 1_800_000_000_000_001));
        // For good: another id would be told as another event.
        assert_eq!(id.to_string(), "evt_01mcc5rm00hs2af77gnj2rykz3");
    }
}
