//! Who is where: members of rooms, for as long as they keep saying so.
//!
//! Each process knows those who came in through itself. With Redis it knows those of all processes; while Redis is away,
//! its own again. A heartbeat brings a member back who was forgotten, so that nothing is lost for longer than one.

mod memory;
mod redis;

use std::time::Duration;

use self::memory::MemoryRooms;
use self::redis::RedisRooms;
use crate::{Clock, Redis};

/// The rooms, and who is in them.
#[derive(Debug)]
pub struct Presence {
    local: MemoryRooms,
    shared: Option<RedisRooms>,
}

impl Presence {
    /// Rooms of this process. Members are gone when nothing was heard of them for `ttl`.
    pub fn in_memory(clock: Clock, ttl: Duration) -> Self {
        Self {
            local: MemoryRooms::new(clock, ttl),
            shared: None,
        }
    }

    /// Rooms that all processes with the same name and Redis share.
    pub fn shared(redis: &Redis, name: &str, clock: Clock, ttl: Duration) -> Self {
        Self {
            shared: Some(RedisRooms::new(redis.clone(), name, ttl)),
            ..Self::in_memory(clock, ttl)
        }
    }

    /// Lets a member into a room. True if they weren't there.
    pub async fn enter(&self, room: &str, member: &str) -> bool {
        let is_new = self.local.enter(room, member);
        match &self.shared {
            Some(shared) => shared.enter(room, member).await.unwrap_or(is_new),
            None => is_new,
        }
    }

    /// Says that a member is still there. True if they had been forgotten, and are back now.
    pub async fn heartbeat(&self, room: &str, member: &str) -> bool {
        self.enter(room, member).await
    }

    /// Lets a member out of a room. True if they were there.
    pub async fn leave(&self, room: &str, member: &str) -> bool {
        let was_there = self.local.leave(room, member);
        match &self.shared {
            Some(shared) => shared.leave(room, member).await.unwrap_or(was_there),
            None => was_there,
        }
    }

    /// The members of a room, in alphabetical order.
    pub async fn members(&self, room: &str) -> Vec<String> {
        if let Some(shared) = &self.shared
            && let Ok(mut members) = shared.members(room).await
        {
            members.sort_unstable();
            return members;
        }
        self.local.members(room)
    }

    /// How many members a room has.
    pub async fn count(&self, room: &str) -> usize {
        if let Some(shared) = &self.shared
            && let Ok(count) = shared.count(room).await
        {
            return count;
        }
        self.local.members(room).len()
    }
}
