//! What every refusal says beside its reason: which request it was, and where its reason is explained.

use std::convert::Infallible;

use bytes::Bytes;
use http::HeaderValue;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use troupe_proto::error;

use crate::wire::{LENGTH, put_delimited, put_tag};

/// The page that explains reasons, each under its name.
pub(crate) const ERRORS_PAGE: &str = "/docs/errors";

/// The type of the detail that has the id.
pub(crate) const REQUEST_INFO: &str = "type.googleapis.com/google.rpc.RequestInfo";

/// The same status with the id of its request, and with a link to its reason if that is one of ours. What it has of them
/// already stays, and is not doubled. Details that nobody can read are left out.
pub(crate) fn explained(status: &Status, request_id: &HeaderValue) -> Status {
    let status = linked(status);
    if status.get_details_request_info().is_some() {
        return status;
    }
    let mut details = status.details().to_vec();
    put_request_info(&mut details, request_id);
    with_details(&status, details)
}

/// The same status with a link to its reason, if that is one of ours.
pub(crate) fn linked(status: &Status) -> Status {
    let told = status.check_error_details();
    let is_readable = told.is_ok();
    let has_link = told.is_ok_and(|told| told.help().is_some());
    let mut missing = ErrorDetails::new();
    if let Some(reason) = error::reason_of(status).filter(|_| !has_link) {
        let name = reason.name();
        let text = format!("what {name} means, and what to do about it");
        missing.add_help_link(text, format!("{ERRORS_PAGE}#{name}"));
    }
    if status.details().is_empty() || !is_readable {
        let whole = Status::with_error_details(status.code(), status.message(), missing);
        return with_details(status, whole.details().to_vec());
    }
    // A list of details and nothing else: appended to a message, it adds to the message's own list.
    let missing = Status::with_error_details(Code::Ok, "", missing);
    with_details(status, [status.details(), missing.details()].concat())
}

fn with_details(status: &Status, details: Vec<u8>) -> Status {
    Status::with_details_and_metadata(
        status.code(),
        status.message(),
        Bytes::from(details),
        status.metadata().clone(),
    )
}

/// Adds the id of a request to the details of an encoded `google.rpc.Status`.
pub(crate) fn put_request_info(details: &mut Vec<u8>, request_id: &HeaderValue) {
    let field = |out: &mut Vec<u8>, number, body: &dyn Fn(&mut Vec<u8>)| {
        put_tag(out, number, LENGTH);
        let Ok(()) = put_delimited(out, |out| {
            body(out);
            Ok::<_, Infallible>(())
        });
    };
    let id = request_id.as_bytes();
    let info = |out: &mut Vec<u8>| field(out, 1, &|out| out.extend_from_slice(id));
    let any = |out: &mut Vec<u8>| {
        field(out, 1, &|out| {
            out.extend_from_slice(REQUEST_INFO.as_bytes())
        });
        field(out, 2, &info);
    };
    field(details, 3, &any);
}

#[cfg(test)]
mod tests {
    use troupe_proto::Reason;

    use super::*;

    const ID: HeaderValue = HeaderValue::from_static("request-7");

    fn of(status: &Status) -> (String, Vec<String>) {
        let details = explained(status, &ID).check_error_details().unwrap();
        let links = details.help().map(|help| help.links.clone());
        let links = links.unwrap_or_default().into_iter().map(|link| link.url);
        let id = details.request_info().unwrap().request_id.clone();
        (id, links.collect())
    }

    #[test]
    fn a_refusal_names_its_request_and_leads_to_its_reason() {
        let status = error::invalid_field("text", "is empty");
        let link = "/docs/errors#INVALID_REQUEST".to_owned();
        assert_eq!(of(&status), ("request-7".into(), vec![link]));
        let explained = explained(&status, &ID);
        assert_eq!(explained.code(), status.code());
        assert_eq!(explained.message(), status.message());
        assert_eq!(error::reason_of(&explained), Some(Reason::InvalidRequest));
        assert!(explained.get_details_bad_request().is_some());
    }

    #[test]
    fn what_is_there_is_not_doubled() {
        let mut details = ErrorDetails::with_error_info("NOT_FOUND", error::DOMAIN, []);
        details.set_request_info("theirs", "");
        details.add_help_link("more", "https://example.org");
        let status = Status::with_error_details(Code::NotFound, "gone", details);
        assert_eq!(
            of(&status),
            ("theirs".into(), vec!["https://example.org".into()])
        );
        let twice = explained(&explained(&status, &ID), &ID);
        assert_eq!(twice.details(), status.details());
        let ours = error::status(Reason::NotFound, "gone");
        let once = explained(&ours, &ID);
        assert_eq!(explained(&once, &ID).details(), once.details());
    }

    #[test]
    fn a_status_of_others_names_its_request_alone() {
        let bare = Status::unknown("something");
        assert_eq!(of(&bare), ("request-7".into(), vec![]));
        let broken = Status::with_details(Code::Aborted, "odd", Bytes::from_static(&[0; 3]));
        assert_eq!(of(&broken), ("request-7".into(), vec![]));
        let theirs = ErrorDetails::with_error_info("NOT_FOUND", "example.org", []);
        let theirs = Status::with_error_details(Code::NotFound, "gone", theirs);
        assert_eq!(of(&theirs), ("request-7".into(), vec![]));
    }

    #[test]
    fn the_longest_id_is_told_whole() {
        let id = HeaderValue::from_str(&"x".repeat(128)).unwrap();
        let told = explained(&error::status(Reason::Internal, "odd"), &id);
        let told = told.get_details_request_info().unwrap().request_id;
        assert_eq!(told, "x".repeat(128));
    }
}
