//! Reads the fields of requests: ids, and texts that a database can keep.

use std::fmt::Display;
use std::str::FromStr;

use tonic::Status;
use troupe_proto::error::invalid_field;

/// An id.
pub(super) fn id<T: FromStr<Err: Display>>(field: &str, text: &str) -> Result<T, Status> {
    text.parse()
        .map_err(|error: T::Err| invalid_field(field, error.to_string()))
}

/// An id, or nothing where the text is empty.
pub(super) fn optional_id<T: FromStr<Err: Display>>(
    field: &str,
    text: &str,
) -> Result<Option<T>, Status> {
    if text.is_empty() {
        Ok(None)
    } else {
        id(field, text).map(Some)
    }
}

/// A text without NUL, which not every database keeps.
pub(super) fn text(field: &str, text: String) -> Result<String, Status> {
    if text.contains('\0') {
        return Err(invalid_field(
            field,
            "must not contain NUL characters: remove them",
        ));
    }
    Ok(text)
}
