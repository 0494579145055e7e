//! The one shape of errors: `google.rpc.Status` with an `ErrorInfo` whose reason is [`Reason`], and, where they apply,
//! `BadRequest` and `RetryInfo`. A status carries what the caller may know; causes go to the log.

use std::collections::HashMap;
use std::time::Duration;

use tonic::Status;
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

pub use tonic::Code;

use crate::Reason;

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "troupe.dev";

/// What an error of a service is to its caller.
pub trait Classify: std::error::Error {
    /// The status code.
    fn code(&self) -> Code;
    /// The reason, for programs.
    fn reason(&self) -> Reason;
    /// The text for people. Unless a service says otherwise, faults of ours stay unexplained.
    fn public_message(&self) -> String {
        explained(self)
    }
    /// When to try again, where that is known.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
    /// Facts for programs, such as the id of the thing in the way.
    fn metadata(&self) -> HashMap<String, String> {
        HashMap::new()
    }
    /// The fields of the request that are at fault.
    fn violations(&self) -> Vec<FieldViolation> {
        Vec::new()
    }
    /// The status that the caller gets.
    fn to_status(&self) -> Status {
        let mut details =
            ErrorDetails::with_error_info(reason_name(self.reason()), DOMAIN, self.metadata());
        if let Some(delay) = self.retry_after() {
            details.set_retry_info(Some(delay));
        }
        let violations = self.violations();
        if !violations.is_empty() {
            details.set_bad_request(violations);
        }
        Status::with_error_details(self.code(), self.public_message(), details)
    }
}

/// What people are told of a fault of ours.
pub const UNEXPLAINED: &str =
    "something went wrong on our side; the request id finds it in the log";

/// What an error says of itself to people, unless it is a fault of ours.
pub fn explained<E: Classify + ?Sized>(error: &E) -> String {
    match error.code() {
        Code::Internal | Code::Unknown => UNEXPLAINED.to_owned(),
        _ => error.to_string(),
    }
}

/// A reason as `ErrorInfo` carries it: `NOT_FOUND` for `REASON_NOT_FOUND`.
pub fn reason_name(reason: Reason) -> &'static str {
    reason.as_str_name().trim_start_matches("REASON_")
}

/// A status with a reason and a text for people.
pub fn status(code: Code, reason: Reason, message: impl Into<String>) -> Status {
    Status::with_error_details(code, message, info(reason))
}

/// A status that says when to try again.
pub fn retry_later(
    code: Code,
    reason: Reason,
    message: impl Into<String>,
    delay: Duration,
) -> Status {
    let mut details = info(reason);
    details.set_retry_info(Some(delay));
    Status::with_error_details(code, message, details)
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
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// `INVALID_ARGUMENT` for one field.
pub fn invalid_field(field: impl Into<String>, description: impl Into<String>) -> Status {
    invalid_fields(vec![FieldViolation::new(field, description)])
}

/// Bytes that are not the message that the method takes.
pub(crate) fn malformed(cause: prost::DecodeError) -> Status {
    status(
        Code::InvalidArgument,
        Reason::InvalidRequest,
        format!("the request is not the method's message: {cause}"),
    )
}

/// The reason that a status carries, if it is one of ours.
pub fn reason_of(status: &Status) -> Option<Reason> {
    let info = status.get_details_error_info()?;
    Reason::from_str_name(&format!("REASON_{}", info.reason))
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
    ErrorDetails::with_error_info(reason_name(reason), DOMAIN, HashMap::new())
}
