//! The leases of processes on their generations: which processes are alive, by their heartbeats. ADR 6 has the reasons.
//!
//! A process that runs generations counts its beats in the database. Nobody's clock is compared with another's: a process is
//! taken for gone once its count stood still for [`LEASE`] by the clock of the one who looks, who must have looked all the
//! time. So a database that was away gives everybody the whole time again, and whoever lives has beaten by then.

use std::collections::HashMap;
use std::time::Duration;

use super::ids::HolderId;

/// Time between the heartbeats of a process, and between its looks at the others.
pub const BEAT: Duration = Duration::from_millis(500);
/// The lease: after this long without a heartbeat, a process has lost its generations. Five seconds are ten beats: a process that
/// is only slow keeps them, and a dead one's end within the ten seconds that we promise.
pub const LEASE: Duration = Duration::from_secs(5);
/// After a longer pause between two looks, the observer starts to count again: it was away itself, or the database was.
const LONGEST_GAP: Duration = Duration::from_secs(2);

/// A process that runs generations, and how often it has beaten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its id.
    pub id: HolderId,
    /// Its beats so far.
    pub beats: i64,
}

/// What one process saw of the others.
#[derive(Debug, Default)]
pub struct Sightings {
    last_look: Option<Duration>,
    /// Each count, and when it was first seen.
    seen: HashMap<HolderId, (i64, Duration)>,
}

impl Sightings {
    /// Takes note of all holders at a time of the own clock. Returns those that are gone.
    pub fn look(&mut self, now: Duration, holders: &[Holder]) -> Vec<Holder> {
        let is_unbroken = |last: Duration| now.saturating_sub(last) <= LONGEST_GAP;
        let before = match self.last_look.is_some_and(is_unbroken) {
            true => std::mem::take(&mut self.seen),
            false => HashMap::new(),
        };
        self.last_look = Some(now);
        let since = |holder: &Holder| match before.get(&holder.id) {
            Some((beats, since)) if *beats == holder.beats => *since,
            _ => now,
        };
        let seen = holders.iter().map(|h| (h.id, (h.beats, since(h))));
        self.seen = seen.collect();
        let is_gone = |holder: &&Holder| now.saturating_sub(since(holder)) >= LEASE;
        holders.iter().filter(is_gone).copied().collect()
    }

    /// The database was out of sight: what was seen before says nothing.
    pub fn lose_sight(&mut self) {
        self.last_look = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(id: HolderId, beats: i64) -> Holder {
        Holder { id, beats }
    }

    /// Looks each second from one second to another, at a holder that stands still. The second at which it is gone.
    fn gone_at(sightings: &mut Sightings, still: Holder, from: u64, to: u64) -> Option<u64> {
        (from..to).find(|second| {
            let gone = sightings.look(Duration::from_secs(*second), &[still]);
            gone == [still]
        })
    }

    #[test]
    fn takes_one_for_gone_that_stands_still_for_a_lease() {
        let (mut sightings, one) = (Sightings::default(), holder(HolderId::new(), 7));
        assert_eq!(gone_at(&mut sightings, one, 3, 20), Some(8));
    }

    #[test]
    fn takes_none_for_gone_that_beats_now_and_then() {
        let (mut sightings, id) = (Sightings::default(), HolderId::new());
        for second in 0..60 {
            let beats = i64::try_from(second / 4).unwrap();
            let gone = sightings.look(Duration::from_secs(second), &[holder(id, beats)]);
            assert_eq!(gone, []);
        }
    }

    #[test]
    fn begins_anew_after_it_lost_sight() {
        let (mut sightings, one) = (Sightings::default(), holder(HolderId::new(), 7));
        assert_eq!(gone_at(&mut sightings, one, 0, 4), None);
        sightings.lose_sight();
        assert_eq!(gone_at(&mut sightings, one, 5, 20), Some(10));
    }

    #[test]
    fn begins_anew_after_it_stood_still_itself() {
        let (mut sightings, one) = (Sightings::default(), holder(HolderId::new(), 7));
        assert_eq!(gone_at(&mut sightings, one, 0, 4), None);
        assert_eq!(gone_at(&mut sightings, one, 30, 40), Some(35));
    }
}
