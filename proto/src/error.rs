//! The one shape of errors: `google.rpc.Status` with an `ErrorInfo` whose reason is [`Reason`], and, where they apply,
//! `BadRequest` and `RetryInfo`. A status carries what the caller may know; causes go to the log.

use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

use tonic::Status;
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

pub use tonic::Code;

use crate::Reason;

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "troupe.dev";

/// What an error of a service is to its caller.
pub trait Classify: std::error::Error {
    /// Its reason and what else the caller may know of it.
    fn class(&self) -> Class;
}

/// What a caller may know of an error. Its text is the error's own, but that faults of ours stay unexplained.
#[derive(Debug, Clone)]
#[must_use]
pub struct Class {
    /// The reason, for programs. The contract says which code it has.
    pub reason: Reason,
    text: Option<String>,
    retry_after: Option<Duration>,
    facts: HashMap<String, String>,
    violations: Vec<FieldViolation>,
}

impl Class {
    /// An error for this reason.
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            text: None,
            retry_after: None,
            facts: HashMap::new(),
            violations: Vec::new(),
        }
    }

    /// A fault of ours.
    pub fn internal() -> Self {
        Self::new(Reason::Internal)
    }

    /// The status code, which is the reason's.
    pub fn code(&self) -> Code {
        self.reason.code()
    }

    /// With this text for people in place of the error's own.
    pub fn saying(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// With when to try again, where that is known.
    pub fn retry_after(mut self, delay: impl Into<Option<Duration>>) -> Self {
        self.retry_after = delay.into();
        self
    }

    /// With a fact for programs, such as the id of the thing in the way. The contract has its name among the reason's metadata.
    pub fn fact(mut self, name: &str, value: impl Display) -> Self {
        self.facts.insert(name.to_owned(), value.to_string());
        self
    }

    /// With a field of the request that is at fault.
    pub fn violation(mut self, field: impl Into<String>, problem: impl Into<String>) -> Self {
        self.violations.push(FieldViolation::new(field, problem));
        self
    }

    /// The status that the caller gets of `error`.
    pub fn status_of(self, error: &dyn Display) -> Status {
        let code = self.code();
        let reason = self.reason.name();
        let mut details = ErrorDetails::with_error_info(reason, DOMAIN, self.facts);
        if self.retry_after.is_some() {
            details.set_retry_info(self.retry_after);
        }
        if !self.violations.is_empty() {
            details.set_bad_request(self.violations);
        }
        let text = self.text.unwrap_or_else(|| match code {
            Code::Internal | Code::Unknown => UNEXPLAINED.to_owned(),
            _ => error.to_string(),
        });
        Status::with_error_details(code, text, details)
    }
}

/// What people are told of a fault of ours.
pub const UNEXPLAINED: &str =
    "something went wrong on our side; the request id finds it in the log";

/// A status with a reason, the reason's code and a text for people.
pub fn status(reason: Reason, message: impl Into<String>) -> Status {
    Status::with_error_details(reason.code(), message, info(reason))
}

/// A status that says when to try again.
pub fn retry_later(reason: Reason, message: impl Into<String>, delay: Duration) -> Status {
    let mut details = info(reason);
    details.set_retry_info(Some(delay));
    Status::with_error_details(reason.code(), message, details)
}

/// `INVALID_ARGUMENT` that names each field at fault.
pub fn invalid_fields(violations: Vec<FieldViolation>) -> Status {
    let message = match violations.as_slice() {
        [only] => format!("{} {}", only.field, only.description),
        many => {
            let fields: Vec<&str> = many.iter().map(|v| v.field.as_str()).collect();
            format!(
                "{} fields break their rules: {}",
                many.len(),
                fields.join(", ")
            )
        }
    };
    let mut details = info(Reason::InvalidRequest);
    details.set_bad_request(violations);
    Status::with_error_details(Reason::InvalidRequest.code(), message, details)
}

/// `INVALID_ARGUMENT` for one field.
pub fn invalid_field(field: impl Into<String>, description: impl Into<String>) -> Status {
    invalid_fields(vec![FieldViolation::new(field, description)])
}

/// A status with a reason that lies in one field.
pub fn field_at_fault(reason: Reason, field: &str, description: &str) -> Status {
    let class = Class::new(reason).violation(field, description);
    class.status_of(&format_args!("{field} {description}"))
}

/// Bytes that are not the message that the method takes.
pub(crate) fn malformed(cause: prost::DecodeError) -> Status {
    status(
        Reason::InvalidRequest,
        format!("the request is not the method's message: {cause}"),
    )
}

/// The reason that a status carries, if it is one of ours.
pub fn reason_of(status: &Status) -> Option<Reason> {
    let info = status.get_details_error_info()?;
    if info.domain != DOMAIN {
        return None;
    }
    Reason::from_str_name(&format!("REASON_{}", info.reason))
}

/// A fact that a status of ours carries for programs, by its name.
pub fn fact_of(status: &Status, name: &str) -> Option<String> {
    let mut info = status.get_details_error_info()?;
    info.metadata.remove(name).filter(|_| info.domain == DOMAIN)
}

/// The HTTP status of a refusal: that of its reason, if it is one of ours, else that of its code.
pub fn http_status_of(status: &Status) -> http::StatusCode {
    let policy = reason_of(status).and_then(Reason::policy);
    match policy.filter(|policy| policy.code == status.code()) {
        Some(policy) => policy.http_status(),
        None => http_status(status.code()),
    }
}

/// The HTTP status of a gRPC code, by `google.rpc.Code`.
pub fn http_status(code: Code) -> http::StatusCode {
    use http::StatusCode as Http;
    match code {
        Code::Ok => Http::OK,
        Code::Cancelled => Http::from_u16(499).unwrap_or(Http::BAD_REQUEST),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => Http::BAD_REQUEST,
        Code::DeadlineExceeded => Http::GATEWAY_TIMEOUT,
        Code::NotFound => Http::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => Http::CONFLICT,
        Code::PermissionDenied => Http::FORBIDDEN,
        Code::ResourceExhausted => Http::TOO_MANY_REQUESTS,
        Code::Unimplemented => Http::NOT_IMPLEMENTED,
        Code::Unavailable => Http::SERVICE_UNAVAILABLE,
        Code::Unauthenticated => Http::UNAUTHORIZED,
        Code::Unknown | Code::Internal | Code::DataLoss => Http::INTERNAL_SERVER_ERROR,
    }
}

fn info(reason: Reason) -> ErrorDetails {
    ErrorDetails::with_error_info(reason.name(), DOMAIN, HashMap::new())
}
