//! Rooms in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::{Clock, Timestamp};

#[derive(Debug)]
pub(super) struct MemoryRooms {
    clock: Clock,
    ttl: Duration,
    rooms: Mutex<Rooms>,
}

#[derive(Debug, Default)]
struct Rooms {
    /// When each member of each room is gone.
    expiries: HashMap<String, BTreeMap<String, Timestamp>>,
    /// When rooms that nobody asks for are swept next.
    next_sweep: Timestamp,
}

impl MemoryRooms {
    pub(super) fn new(clock: Clock, ttl: Duration) -> Self {
        Self {
            clock,
            ttl,
            rooms: Mutex::default(),
        }
    }

    pub(super) fn enter(&self, room: &str, member: &str) -> bool {
        let now = self.clock.now();
        let expiry = now + self.ttl;
        let mut rooms = self.lock();
        rooms.sweep(now, self.ttl);
        let members = rooms.expiries.entry(room.to_owned()).or_default();
        let before = members.insert(member.to_owned(), expiry);
        before.is_none_or(|before| before <= now)
    }

    pub(super) fn leave(&self, room: &str, member: &str) -> bool {
        let now = self.clock.now();
        let mut rooms = self.lock();
        let Some(members) = rooms.expiries.get_mut(room) else {
            return false;
        };
        let before = members.remove(member);
        if members.is_empty() {
            rooms.expiries.remove(room);
        }
        before.is_some_and(|before| before > now)
    }

    pub(super) fn members(&self, room: &str) -> Vec<String> {
        let now = self.clock.now();
        let rooms = self.lock();
        let members = rooms.expiries.get(room).into_iter().flatten();
        let present = members.filter(|(_, expiry)| **expiry > now);
        present.map(|(member, _)| member.clone()).collect()
    }

    /// The rooms are whole at every moment, so a panic elsewhere doesn't spoil them.
    fn lock(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rooms {
    fn sweep(&mut self, now: Timestamp, every: Duration) {
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now + every;
        self.expiries.retain(|_, members| {
            members.retain(|_, expiry| *expiry > now);
            !members.is_empty()
        });
    }
}
