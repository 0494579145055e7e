//! What an event is: a message with a type, a subject and a key, all from its contract.

use prost::{DecodeError, Message};

/// A message of `troupe.events`. The build implements it.
pub trait Event: Message + Default + Clone + PartialEq + 'static {
    /// The full name of the message, which is the type of the event.
    const TYPE: &'static str;
    /// Service, noun and verb, such as `roleplay.message.written`.
    const SUBJECT: &'static str;

    /// What the event is in order with: events of one key arrive as they were written.
    fn key(&self) -> &str;

    /// The service that the event is from.
    fn service() -> &'static str {
        service_of(Self::SUBJECT)
    }

    /// The bytes that travel.
    fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// Reads what [`Event::to_bytes`] writes, here or in another version.
    ///
    /// # Errors
    /// The bytes are no message of this type.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode(bytes)
    }
}

/// The service of a subject.
pub fn service_of(subject: &str) -> &str {
    subject.split('.').next().unwrap_or_default()
}

include!(concat!(env!("OUT_DIR"), "/events.rs"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::MessageWritten;

    #[test]
    fn an_event_knows_what_its_contract_says() {
        let event = MessageWritten {
            session_id: "ses_1".to_owned(),
            ..MessageWritten::default()
        };
        assert_eq!(MessageWritten::TYPE, "troupe.events.v1.MessageWritten");
        assert_eq!(MessageWritten::SUBJECT, "roleplay.message.written");
        assert_eq!(MessageWritten::service(), "roleplay");
        assert_eq!(event.key(), "ses_1");
        assert_eq!(MessageWritten::from_bytes(&event.to_bytes()), Ok(event));
    }
}
