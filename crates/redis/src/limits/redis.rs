//! Buckets in Redis: a key each, decided about by one script with the server's own time.

use std::time::Duration;

use super::{Left, Rate, Refused};
use crate::{Redis, Script, Unavailable};

/// The generic cell rate algorithm: a bucket is the time at which it will be full again.
static TAKE: Script = Script::new(include_str!("take.lua"));

#[derive(Debug)]
pub(super) struct RedisBuckets {
    redis: Redis,
    name: String,
    rate: Rate,
}

impl RedisBuckets {
    pub(super) fn new(redis: Redis, name: &str, rate: Rate) -> Self {
        let name = name.to_owned();
        Self { redis, name, rate }
    }

    pub(super) async fn take(
        &self,
        key: String,
        cost: u32,
    ) -> Result<Result<Left, Refused>, Unavailable> {
        let key = self.redis.key(format_args!("limit:{}:{key}", self.name));
        let token_micros = self.rate.period().as_secs_f64() * 1e6;
        let arguments = vec![
            token_micros.into(),
            (token_micros * f64::from(self.rate.burst.max(1))).into(),
            self.rate.cost(cost).into(),
        ];
        let (wait, full_in): (u64, u64) = self.redis.run(&TAKE, vec![key], arguments).await?;
        let left = self.rate.left(Duration::from_micros(full_in));
        Ok(match wait {
            0 => Ok(left),
            wait => Err(Refused::new(Duration::from_micros(wait), left)),
        })
    }
}
