//! Where the users service keeps things and what it computes with: tables and queries, signing keys, the pool that
//! hashes passwords, counts of failed logins, and the feed of revocations.

pub(crate) mod access_feed;
pub(crate) mod hash_pool;
pub(crate) mod login_backoff;
pub(crate) mod network;
pub(crate) mod queries;
pub(crate) mod refresh_secret;
pub(crate) mod signing_keys;
pub(crate) mod tables;
