//! What may be registered once, and is refused the second time: two relays of one outbox would each hand its events out, and
//! two consumers of one name would take each other's.

/// What can't be registered. It is a mistake in the program, so the process doesn't start with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The service has an outbox.
    #[error("the outbox of {0} is registered twice: register it once and clone it")]
    Outbox(&'static str),
    /// There is a consumer of this name.
    #[error("the consumer {0} is registered twice: give each a name of its own")]
    Consumer(&'static str),
    /// One of the handlers would never be called.
    #[error("the consumer {consumer} has two handlers of {event}")]
    Handler {
        /// Its name.
        consumer: &'static str,
        /// The type of the event.
        event: &'static str,
    },
    /// Those in batches would overtake the others.
    #[error(
        "the consumer {0} handles some events alone and others in batches: give each a consumer of its own"
    )]
    Mixed(&'static str),
    /// Nobody would carry its events.
    #[error("{0} is registered after events have started")]
    Late(&'static str),
}
