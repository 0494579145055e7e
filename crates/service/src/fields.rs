//! Reads the fields of requests: ids, times, and texts that a database can keep.
//!
//! Each takes the name of the field, as the contract has it, and refuses what it can't read with INVALID_ARGUMENT.

use std::fmt::Display;
use std::str::FromStr;

use platform::Timestamp;
use tonic::Status;
use troupe_proto::error::invalid_field;

/// Seconds since 1970 of the years 1 to 9999.
const YEARS: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;

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

/// Ids, each once, in their order.
///
/// # Errors
/// As those of [`id`].
pub fn ids<T>(field: &str, texts: &[String]) -> Result<Vec<T>, Status>
where
    T: FromStr<Err: Display> + PartialEq,
{
    let mut ids = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let id = id(&format!("{field}[{index}]"), text)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
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

/// A time, rounded up to what is stored: what was at an earlier time was before it, and nothing else.
///
/// # Errors
/// It is outside of the years that a timestamp may have.
pub fn time(
    field: &str,
    time: Option<prost_types::Timestamp>,
) -> Result<Option<Timestamp>, Status> {
    let Some(time) = time else {
        return Ok(None);
    };
    if !YEARS.contains(&time.seconds) || !(0..1_000_000_000).contains(&time.nanos) {
        let description = "must be a time from the year 1 to the year 9999";
        return Err(invalid_field(field, description));
    }
    let micros = time.seconds * 1_000_000 + (i64::from(time.nanos) + 999) / 1_000;
    Ok(Some(Timestamp::from_micros(micros)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(seconds: i64, nanos: i32) -> Option<i64> {
        let given = prost_types::Timestamp { seconds, nanos };
        let read = time("start_time", Some(given)).ok()?;
        read.map(Timestamp::micros)
    }

    #[test]
    fn ids_are_read_once_each_and_the_wrong_one_is_named() {
        let texts = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let read = ids::<u32>("user_ids", &texts(&["7", "3", "7"]));
        assert_eq!(read.unwrap(), [7, 3]);
        let refused = ids::<u32>("user_ids", &texts(&["7", "x"])).unwrap_err();
        assert!(refused.message().starts_with("user_ids[1] "), "{refused}");
    }

    #[test]
    fn times_are_rounded_up_to_a_microsecond() {
        assert_eq!(read(2, 0), Some(2_000_000));
        assert_eq!(read(2, 1_000), Some(2_000_001));
        assert_eq!(read(2, 1_001), Some(2_000_002));
        assert_eq!(read(-1, 999_999_999), Some(0));
        assert_eq!(time("start_time", None).unwrap(), None);
    }

    #[test]
    fn refuses_times_that_no_timestamp_may_have() {
        assert!(read(YEARS.start, 0).is_some() && read(YEARS.end - 1, 0).is_some());
        let odd = [
            (YEARS.start - 1, 0),
            (YEARS.end, 0),
            (i64::MAX, 0),
            (0, -1),
            (0, 1_000_000_000),
        ];
        for (seconds, nanos) in odd {
            assert_eq!(read(seconds, nanos), None);
        }
    }
}
