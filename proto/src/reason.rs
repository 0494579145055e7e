//! The catalogue of reasons: what the contract says about each, apart from its name.

use http::StatusCode;
use tonic::Code;

use crate::error::http_status;
pub use crate::troupe::errors::v1::Retry;
use crate::{Reason, google};

/// What the contract says about a reason (`troupe.errors.v1.policy`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonPolicy {
    /// The reason.
    pub reason: Reason,
    /// The code of every refusal for it.
    pub code: Code,
    /// Whether the same request may succeed another time.
    pub retry: Retry,
    /// When calls are refused for it, as Markdown.
    pub when: &'static str,
    /// What a person or a program can do about it, as Markdown.
    pub remedy: &'static str,
    /// Keys that the metadata of its `ErrorInfo` may have.
    pub metadata: &'static [&'static str],
    /// Whether every method may refuse for it. Policies of methods name the other ones.
    pub is_common: bool,
    /// 0 where it is the code's.
    own_http_status: u16,
}

impl ReasonPolicy {
    /// The code as gRPC names it: `INVALID_ARGUMENT`.
    pub fn code_name(&self) -> &'static str {
        google::rpc::Code::try_from(self.code as i32).map_or("UNKNOWN", |code| code.as_str_name())
    }

    /// The HTTP status of a refusal for it, unless the gateway knows a closer one.
    pub fn http_status(&self) -> StatusCode {
        StatusCode::from_u16(self.own_http_status).unwrap_or_else(|_| http_status(self.code))
    }
}

/// Every reason but the unspecified one, in the order of their numbers.
pub static REASONS: &[ReasonPolicy] = include!(concat!(env!("OUT_DIR"), "/reasons.rs"));

impl Reason {
    /// What the contract says about it; nothing about the unspecified one.
    pub fn policy(self) -> Option<&'static ReasonPolicy> {
        let found = REASONS.binary_search_by_key(&(self as i32), |policy| policy.reason as i32);
        found.ok().and_then(|index| REASONS.get(index))
    }

    /// The code of every refusal for it.
    pub fn code(self) -> Code {
        self.policy().map_or(Code::Unknown, |policy| policy.code)
    }

    /// Whether the same request may succeed another time.
    pub fn retry(self) -> Retry {
        self.policy()
            .map_or(Retry::Unspecified, |policy| policy.retry)
    }

    /// As `ErrorInfo` carries it: `NOT_FOUND` for `REASON_NOT_FOUND`.
    pub fn name(self) -> &'static str {
        self.as_str_name().trim_start_matches("REASON_")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_the_code_of_the_contract() {
        assert_eq!(Reason::GenerationRunning.code(), Code::Aborted);
        assert_eq!(Reason::GenerationRunning.retry(), Retry::Later);
        assert_eq!(Reason::RequestTooLarge.code(), Code::ResourceExhausted);
        let too_large = Reason::RequestTooLarge.policy().unwrap();
        assert_eq!(too_large.http_status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(Reason::Unspecified.policy(), None);
    }

    #[test]
    fn every_reason_but_none_is_in_the_catalogue_once() {
        for pair in REASONS.windows(2) {
            assert!((pair[0].reason as i32) < pair[1].reason as i32);
        }
        for policy in REASONS {
            assert_eq!(policy.reason.policy(), Some(policy));
            assert!(Reason::from_str_name(policy.reason.as_str_name()).is_some());
        }
    }
}
