//! Rooms in Redis: each a sorted set of members by the server's time at which they are gone.

use std::time::Duration;

use fred::types::{FromValue, Value};

use crate::redis::{Redis, Script, Unavailable};

static ENTER: Script = Script::new(include_str!("enter.lua"));
static LEAVE: Script = Script::new(include_str!("leave.lua"));
static MEMBERS: Script = Script::new(include_str!("members.lua"));
static COUNT: Script = Script::new(include_str!("count.lua"));

#[derive(Debug)]
pub(super) struct RedisRooms {
    redis: Redis,
    name: String,
    ttl_ms: u64,
}

impl RedisRooms {
    pub(super) fn new(redis: Redis, name: &str, ttl: Duration) -> Self {
        Self {
            redis,
            name: name.to_owned(),
            ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1),
        }
    }

    pub(super) async fn enter(&self, room: &str, member: &str) -> Result<bool, Unavailable> {
        let arguments = vec![member.into(), self.ttl_ms.to_string().into()];
        self.run(&ENTER, room, arguments).await
    }

    pub(super) async fn leave(&self, room: &str, member: &str) -> Result<bool, Unavailable> {
        self.run(&LEAVE, room, vec![member.into()]).await
    }

    pub(super) async fn members(&self, room: &str) -> Result<Vec<String>, Unavailable> {
        self.run(&MEMBERS, room, Vec::new()).await
    }

    pub(super) async fn count(&self, room: &str) -> Result<usize, Unavailable> {
        self.run(&COUNT, room, Vec::new()).await
    }

    async fn run<T: FromValue>(
        &self,
        script: &Script,
        room: &str,
        arguments: Vec<Value>,
    ) -> Result<T, Unavailable> {
        let key = self
            .redis
            .key(format_args!("presence:{}:{room}", self.name));
        self.redis.run(script, vec![key], arguments).await
    }
}
