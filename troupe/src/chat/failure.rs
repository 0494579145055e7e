//! What a person reads when a call fails: what happened and what to do, never how a status looks inside.

use tonic::{Code, Status};
use tonic_types::StatusExt;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;

/// The failure of a call, for people.
pub(crate) fn explain(status: &Status) -> String {
    let mut text = match status.message() {
        "" => format!("the server answered {}", status.code()),
        message => message.to_owned(),
    };
    if let Some(hint) = hint(status) {
        text.push_str("; ");
        text.push_str(hint);
    }
    let delay = status
        .get_details_retry_info()
        .and_then(|info| info.retry_delay);
    if let Some(delay) = delay {
        let seconds = delay.as_secs_f64().ceil();
        text.push_str(&format!(" (try again in {seconds} s)"));
    }
    text
}

fn hint(status: &Status) -> Option<&'static str> {
    match reason_of(status) {
        Some(Reason::GenerationRunning) => Some("/cancel ends the reply that is being written"),
        Some(Reason::TooManyRepliesWaiting) => Some("/cancel ends the one that is being written"),
        Some(Reason::ModelUnknown) => Some("/model lists the available ones"),
        Some(Reason::ProviderUnavailable | Reason::ProviderTimeout | Reason::ProviderAccount) => {
            Some("`troupe doctor` says more")
        }
        None if is_lost(status) => Some("is the platform running? `troupe up` starts one"),
        _ => None,
    }
}

/// Whether the connection broke, as opposed to the server refusing: what was going on can be taken up again.
pub(crate) fn is_lost(status: &Status) -> bool {
    let by_transport = matches!(
        status.code(),
        Code::Unavailable
            | Code::Unknown
            | Code::Internal
            | Code::Cancelled
            | Code::DeadlineExceeded
    );
    by_transport && reason_of(status).is_none_or(|reason| reason == Reason::DeadlineExceeded)
        || reason_of(status) == Some(Reason::Unavailable)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use troupe_proto::error;

    use super::*;

    #[test]
    fn says_what_happened_and_what_to_do() {
        let running = "a reply is being generated";
        let status = error::status(Reason::GenerationRunning, running);
        let text = explain(&status);
        assert!(
            text.starts_with(running) && text.contains("/cancel"),
            "{text}"
        );
        let delay = Duration::from_millis(1500);
        let status = error::retry_later(Reason::RateLimited, "slow down", delay);
        assert_eq!(explain(&status), "slow down (try again in 2 s)");
    }

    #[test]
    fn tells_a_broken_connection_from_a_refusal() {
        assert!(is_lost(&Status::unavailable("connection refused")));
        assert!(is_lost(&Status::unknown("h2 protocol error")));
        assert!(!is_lost(&error::status(Reason::NotFound, "gone")));
        assert!(!is_lost(&error::status(
            Reason::Internal,
            "a fault of ours"
        )));
    }
}
