//! Etags: what tells the states of a thing apart, so that nobody changes a state that they didn't see.

use std::time::Duration;

use platform::Timestamp;
use sha2::{Digest, Sha256};

/// The shortest time between two changes of a thing.
const TICK: Duration = Duration::from_micros(1);

/// The etag of a thing that last changed at this time.
#[must_use]
pub fn etag(update_time: Timestamp) -> String {
    format!("{:x}", update_time.micros())
}

/// Bytes of a hash that an etag has: no two states of one thing are likely to share them.
const HASH_BYTES: usize = 12;

/// The etag of a thing whose whole state was hashed.
#[must_use]
pub fn hash_etag(state: Sha256) -> String {
    use std::fmt::Write;
    let mut etag = String::new();
    for byte in state.finalize().iter().take(HASH_BYTES) {
        // Writing to a text doesn't fail.
        let _ = write!(etag, "{byte:02x}");
    }
    etag
}

/// When a thing changes that is changed now and was before at `last`: no two of its changes are of one time.
#[must_use]
pub fn change_time(now: Timestamp, last: Timestamp) -> Timestamp {
    now.max(last + TICK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_has_an_etag_of_its_own() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let earlier = Timestamp::from_micros(5);
        assert_eq!(change_time(now, earlier), now);
        for last in [now, now + TICK] {
            let next = change_time(now, last);
            assert_ne!(etag(next), etag(last));
            assert!(next > last);
        }
    }
}
