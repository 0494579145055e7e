//! The refresh token in a page's cookie. The gateway knows which pages may have one, and how it travels.

use mesh::context::{COOKIE, SET_COOKIE};
use platform::Timestamp;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Request, Response};
use troupe_proto::users as pb;

use crate::application::Error;

/// The refresh token in the cookie of the page that calls; empty if it has none.
///
/// # Errors
/// The caller may not keep one.
pub(super) fn of<T>(request: &Request<T>) -> Result<&str, Error> {
    let value = request.metadata().get(COOKIE).ok_or(Error::CookieRefused)?;
    // What isn't text is no token of ours.
    Ok(value.to_str().unwrap_or_default())
}

/// Moves the refresh token of a pair into the cookie, for as long as it is good.
pub(super) fn keep<T>(answer: &mut Response<T>, pair: &mut pb::TokenPair, now: Timestamp) {
    let token = std::mem::take(&mut pair.refresh_token);
    let expires = pair.refresh_expire_time.as_ref();
    let secs = expires.map_or(0, |at| at.seconds.saturating_sub(now.secs()));
    set(answer, &token, secs.max(0));
}

/// Deletes the cookie.
pub(super) fn delete<T>(answer: &mut Response<T>) {
    set(answer, "", 0);
}

fn set<T>(answer: &mut Response<T>, token: &str, secs: i64) {
    let cookie: Result<MetadataValue<Ascii>, _> = format!("{token}; Max-Age={secs}").parse();
    // Tokens are ASCII.
    if let Ok(mut cookie) = cookie {
        cookie.set_sensitive(true);
        answer.metadata_mut().insert(SET_COOKIE, cookie);
    }
}
