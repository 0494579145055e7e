//! What can be had again, kept for a while: in the memory of the process, or shared between processes through Redis.
//!
//! Where Redis is away nothing is found and nothing is kept: a stand-in in each process would answer with what another
//! process removed. So a cache must be something that its owner can do without.

use std::time::{Duration, Instant};

use fred::interfaces::KeysInterface;
use fred::types::Expiration;
use moka::Expiry;

use crate::redis::{Redis, Unavailable};

/// Bytes by key, each with a time to live. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cache(Store);

#[derive(Debug, Clone)]
enum Store {
    Memory(moka::sync::Cache<String, Entry>),
    Redis { redis: Redis, name: String },
}

#[derive(Debug, Clone)]
struct Entry {
    bytes: Vec<u8>,
    ttl: Duration,
}

/// Each entry lives as long as whoever put it said.
struct OwnTtl;

impl Expiry<String, Entry> for OwnTtl {
    fn expire_after_create(&self, _: &String, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.ttl)
    }

    fn expire_after_update(
        &self,
        _: &String,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }
}

impl Cache {
    /// A cache in memory, which forgets what is used least once it holds more than so many bytes.
    pub fn in_memory(max_bytes: u64) -> Self {
        let weight = |key: &String, entry: &Entry| {
            u32::try_from(key.len() + entry.bytes.len()).unwrap_or(u32::MAX)
        };
        let cache = moka::sync::Cache::builder()
            .max_capacity(max_bytes)
            .weigher(weight)
            .expire_after(OwnTtl);
        Self(Store::Memory(cache.build()))
    }

    /// A cache that all processes with the same name and Redis share. What it holds is bounded there.
    pub fn shared(redis: &Redis, name: &str) -> Self {
        let (redis, name) = (redis.clone(), name.to_owned());
        Self(Store::Redis { redis, name })
    }

    /// What was put under a key, unless its time is over.
    pub async fn get(&self, key: &str) -> Option<Vec<u8>> {
        match &self.0 {
            Store::Memory(cache) => cache.get(key).map(|entry| entry.bytes),
            Store::Redis { redis, name } => {
                let key = full_key(redis, name, key);
                let found = redis.ask(|connection| async move { connection.get(key).await });
                found.await.unwrap_or_default()
            }
        }
    }

    /// Puts bytes under a key for a while, in the place of what is there.
    pub async fn put(&self, key: &str, bytes: Vec<u8>, ttl: Duration) {
        match &self.0 {
            Store::Memory(cache) => cache.insert(key.to_owned(), Entry { bytes, ttl }),
            Store::Redis { redis, name } => {
                let key = full_key(redis, name, key);
                let ttl_ms = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX).max(1);
                let put = redis.ask(|connection| async move {
                    let expires = Some(Expiration::PX(ttl_ms));
                    connection
                        .set::<(), _, _>(key, bytes.as_slice(), expires, None, false)
                        .await
                });
                // Who gets it later finds nothing, and has it made again.
                let _ = put.await;
            }
        }
    }

    /// Removes what is under a key.
    ///
    /// # Errors
    /// Redis is away: others may find the entry until its time is over.
    pub async fn remove(&self, key: &str) -> Result<(), Unavailable> {
        match &self.0 {
            Store::Memory(cache) => cache.invalidate(key),
            Store::Redis { redis, name } => {
                let key = full_key(redis, name, key);
                let remove = |connection: fred::clients::WithOptions<fred::clients::Client>| async move {
                    connection.del::<(), _>(key).await
                };
                redis.ask(remove).await?;
            }
        }
        Ok(())
    }
}

fn full_key(redis: &Redis, name: &str, key: &str) -> String {
    redis.key(format_args!("cache:{name}:{key}"))
}
