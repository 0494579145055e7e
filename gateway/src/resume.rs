//! `Last-Event-ID`: what a client that connects again got last, and what that is in a contract: an `offset`.

use http::HeaderMap;
use tonic::Status;

use crate::refusal::invalid;
use crate::schema::Kind;
use crate::transcode::Plan;

/// The header, as `EventSource` sends it by itself.
const HEADER: &str = "last-event-id";
/// As long as the largest offset is.
const MAX_LEN: usize = 20;

/// The offset after the last event that a client got, where the stream has offsets.
///
/// # Errors
/// It is an id that no event of a stream has. From the beginning, the client would get twice what it has. `EventSource` sends
/// nothing but ids that it was given, so that a stream which it could go on with is never refused.
pub(crate) fn last_offset<'h>(
    plan: &Plan,
    headers: &'h HeaderMap,
) -> Result<Option<&'h str>, Status> {
    let (Some((_, kind)), Some(id)) = (plan.offset, headers.get(HEADER)) else {
        return Ok(None);
    };
    if id.is_empty() {
        return Ok(None);
    }
    match id.to_str().ok().filter(|id| is_offset(id, kind)) {
        Some(id) => Ok(Some(id)),
        None => Err(invalid(format!(
            "the header {HEADER} must have the id of an event of this stream: leave it out to begin anew"
        ))),
    }
}

/// True for digits that a field of this kind can hold.
fn is_offset(id: &str, kind: Kind) -> bool {
    let is_number = (1..=MAX_LEN).contains(&id.len()) && id.bytes().all(|it| it.is_ascii_digit());
    let fits = match kind {
        Kind::Int32 => id.parse::<i32>().is_ok(),
        Kind::Uint32 => id.parse::<u32>().is_ok(),
        Kind::Int64 => id.parse::<i64>().is_ok(),
        _ => id.parse::<u64>().is_ok(),
    };
    is_number && fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_digits_and_nothing_else() {
        for (id, kind) in [
            ("0", Kind::Int32),
            ("2147483647", Kind::Int32),
            ("4294967295", Kind::Uint32),
            ("9223372036854775807", Kind::Int64),
            ("18446744073709551615", Kind::Uint64),
        ] {
            assert!(is_offset(id, kind), "{id}");
            let next = format!("{}", id.parse::<u128>().unwrap() + 1);
            assert_eq!(is_offset(&next, kind), id == "0", "{next}");
        }
        for odd in [
            "",
            "-1",
            "+1",
            "1.0",
            "1e3",
            "0x1",
            "1 ",
            "a",
            "١",
            "018446744073709551615",
        ] {
            assert!(!is_offset(odd, Kind::Uint64), "{odd:?}");
        }
    }
}
