//! The server of events, if one is named, and what is on its way.

use ::events::{InspectError, Lag};

use super::finding::Finding;
use crate::events;
use crate::settings::Settings;

const SUBJECT: &str = "events";
/// Waiting longer than this isn't on the way any more.
const LATE_SECS: u64 = 60;

/// Looks at the server and at the outboxes.
pub(super) async fn examine(settings: &Settings) -> Finding {
    let carrier = match settings.nats.url.is_named() {
        true => format!("NATS at {}", settings.nats.url),
        false => "dispatched in the process".to_owned(),
    };
    let inspector = match events::open(settings).await {
        Ok(inspector) => inspector,
        Err(error) => return failed(&carrier, &error),
    };
    let carrier = match inspector.server_version() {
        Some(version) => format!("{carrier}, version {version}"),
        None => carrier,
    };
    match inspector.lag().await {
        Ok(lag) => judge(&carrier, &lag),
        Err(error) => Finding::broken(SUBJECT, format!("{carrier}: {error}"))
            .advise("check that it has JetStream, and room on its disk"),
    }
}

fn failed(carrier: &str, error: &anyhow::Error) -> Finding {
    let finding = Finding::broken(SUBJECT, format!("{carrier}: {error:#}"));
    let advice = match error.downcast_ref::<InspectError>() {
        Some(InspectError::Unreached(unreached)) => unreached
            .advice()
            .unwrap_or("start it, or correct nats.url (--nats-url or TROUPE__NATS__URL)"),
        Some(InspectError::Server(_) | InspectError::Address(_)) => {
            "correct nats.url (--nats-url or TROUPE__NATS__URL)"
        }
        Some(InspectError::Refused(_)) => {
            "correct the user and password, or the token, in nats.url (--nats-url or TROUPE__NATS__URL)"
        }
        _ => return finding.advise("correct the database first"),
    };
    finding.advise(format!(
        "{advice}; until then events wait in the outboxes and nothing is lost"
    ))
}

fn judge(carrier: &str, lag: &Lag) -> Finding {
    let unsent: u64 = lag.outboxes.iter().map(|outbox| outbox.unsent).sum();
    let oldest = lag.outboxes.iter().filter_map(|outbox| outbox.oldest_secs);
    let oldest = oldest.max().unwrap_or(0);
    let waiting: u64 = lag.consumers.iter().map(|consumer| consumer.pending).sum();
    let dead = lag.dead_letters;
    let text = format!("{carrier}; {unsent} unsent, {waiting} pending, {dead} dead letters");
    if oldest > LATE_SECS {
        return Finding::missing(
            SUBJECT,
            format!("{text}; the oldest has waited for {oldest} s"),
        )
        .advise("see `troupe events lag`; if the platform runs, its log says what is away");
    }
    match dead {
        0 => Finding::good(SUBJECT, text),
        _ => Finding::missing(SUBJECT, text)
            .advise("see `troupe events dead-letters list`; replay them once the cause is gone"),
    }
}

#[cfg(test)]
mod tests {
    use ::events::OutboxLag;

    use super::super::finding::State;
    use super::*;

    fn lag(oldest_secs: Option<u64>, dead_letters: usize) -> Lag {
        Lag {
            outboxes: vec![OutboxLag {
                service: "roleplay".to_owned(),
                unsent: 1,
                oldest_secs,
            }],
            consumers: Vec::new(),
            dead_letters,
        }
    }

    #[test]
    fn finds_what_waits_too_long_and_what_is_dead() {
        assert_eq!(judge("here", &lag(Some(3), 0)).state, State::Good);
        assert_eq!(judge("here", &lag(Some(300), 0)).state, State::Missing);
        assert_eq!(judge("here", &lag(None, 2)).state, State::Missing);
    }
}
