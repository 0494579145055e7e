//! The real servers, brought up as tests bring them up.

use anyhow::{Context, Result};
use testkit::servers::{Nats, Postgres, Redis, S3};

/// One of each, on this machine.
pub(super) struct Servers {
    postgres: Postgres,
    redis: Redis,
    nats: Nats,
    s3: S3,
}

impl Servers {
    /// Starts all of them.
    pub(super) async fn start() -> Result<Self> {
        eprintln!("bench: starting PostgreSQL, Redis, NATS and an S3 store");
        Ok(Self {
            postgres: Postgres::start_durable().await?,
            redis: Redis::start().await?,
            nats: Nats::start(None).await?,
            s3: S3::start(None).await?,
        })
    }

    /// What tells a platform of that name to use them, with nothing in them that is another's.
    pub(super) fn variables(&self, name: &str) -> Result<Vec<(&'static str, String)>> {
        let s3 = self.s3.config();
        let secret = s3.secret_access_key.reveal();
        let secret = secret.context("the S3 store has no key")?.to_owned();
        Ok(vec![
            ("TROUPE__DATABASE__URL", self.postgres.new_database()?),
            ("TROUPE__REDIS__URL", self.redis.url().to_owned()),
            ("TROUPE__REDIS__PREFIX", name.to_owned()),
            ("TROUPE__NATS__URL", self.nats.url().to_owned()),
            ("TROUPE__NATS__PREFIX", name.to_owned()),
            ("TROUPE__S3__PREFIX", name.to_owned()),
            ("TROUPE__S3__BUCKET", s3.bucket),
            ("TROUPE__S3__ENDPOINT", s3.endpoint),
            ("TROUPE__S3__ACCESS_KEY_ID", s3.access_key_id),
            ("TROUPE__S3__SECRET_ACCESS_KEY", secret),
        ])
    }
}
