//! Today's date, as templates write it into the system message.

use minijinja::{Error as Fault, ErrorKind};
use time::OffsetDateTime;
use time::format_description::parse_strftime_owned;

/// `now`, in seconds since 1970-01-01 UTC, as `format` of C's `strftime` says.
///
/// # Errors
/// There is something in the format that `strftime` doesn't know, or no calendar has that day.
pub(super) fn written(now: i64, format: &str) -> Result<String, Fault> {
    let failed = |error: &dyn std::fmt::Display| {
        Fault::new(ErrorKind::InvalidOperation, format!("no date: {error}"))
    };
    let items = parse_strftime_owned(format).map_err(|error| failed(&error))?;
    let now = OffsetDateTime::from_unix_timestamp(now).map_err(|error| failed(&error))?;
    now.format(&items).map_err(|error| failed(&error))
}
