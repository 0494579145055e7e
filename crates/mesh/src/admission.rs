//! Who may call a method of which audience, by the access token that came along: the same at the gateway and before a service.

use http::{HeaderMap, header};
use tonic::Status;
use troupe_proto::policy::Audience;
use troupe_proto::{Reason, error};

use crate::context::Person;
use crate::token::Verifier;

/// The person who calls a method that people may call; `None` where it asks for nobody.
///
/// # Errors
/// The access token is missing or no good, or the person mayn't; a method of no people is unknown to them.
pub fn admit(
    audience: Audience,
    headers: &HeaderMap,
    verifier: &Verifier,
) -> Result<Option<Person>, Status> {
    match audience {
        Audience::Public => Ok(None),
        Audience::User => person(headers, verifier).map(Some),
        Audience::Admin => {
            let person = person(headers, verifier)?;
            if person.is_admin {
                return Ok(Some(person));
            }
            let message = "only admins may do this";
            let reason = Reason::PermissionDenied;
            Err(error::status(reason, message))
        }
        Audience::Service | Audience::Unspecified => Err(unknown_method()),
    }
}

/// The person whose access token the headers have.
///
/// # Errors
/// It is missing, or no good.
pub fn person(headers: &HeaderMap, verifier: &Verifier) -> Result<Person, Status> {
    if !headers.contains_key(header::AUTHORIZATION) {
        let message =
            "this needs an access token: log in, and send `authorization: Bearer <token>`";
        let reason = Reason::TokenMissing;
        return Err(error::status(reason, message));
    }
    match bearer(headers) {
        Some(token) => verifier.verify(token),
        None => {
            let message = "the authorization header must be `Bearer <token>`";
            let reason = Reason::TokenInvalid;
            Err(error::status(reason, message))
        }
    }
}

/// The token in the headers, whether it is good or not.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The answer to methods that aren't there, or are none of the caller's business.
pub fn unknown_method() -> Status {
    let message = "there is no such method; /docs of the gateway lists those that there are";
    error::status(Reason::UnknownMethod, message)
}
