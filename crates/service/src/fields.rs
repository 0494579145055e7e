//! Reads the fields of requests: ids, and texts that a database can keep.
//!
//! Each takes the name of the field, as the contract has it, and refuses what it can't read with INVALID_ARGUMENT.

use std::fmt::Display;
use std::str::FromStr;

use tonic::Status;
use troupe_proto::error::invalid_field;

/// An id.
///
/// # Errors
/// It isn't one of its kind.
pub fn id<T: FromStr<Err: Display>>(field: &str, text: &str) -> Result<T, Status> {
    text.parse()
        .map_err(|error: T::Err| invalid_field(field, error.to_string()))
}

/// An id, or nothing where the text is empty.
///
/// # Errors
/// As those of [`id`].
pub fn optional_id<T: FromStr<Err: Display>>(field: &str, text: &str) -> Result<Option<T>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    id(field, text).map(Some)
}

/// A text without NUL, which not every database keeps.
///
/// # Errors
/// It has one.
pub fn text(field: &str, text: String) -> Result<String, Status> {
    if text.contains('\0') {
        return Err(invalid_field(
            field,
            "must not contain NUL characters: remove them",
        ));
    }
    Ok(text)
}
