//! What the users service does: a file for each use case. Here times, ids and transactions are decided.

mod end_lapsed_sessions;
mod end_login_session;
mod error;
mod forget_sessions;
mod history;
mod in_flight;
mod login;
mod note_token_use;
mod refresh_token;
mod register;
mod share_revocations;
mod token_pair;
mod update_profile;
mod watch_access;

use events::Outbox;
use platform::id::AccessTokenId;
use platform::{Clock, Tasks, Timestamp};
use storage::Database;
use storage::secret::Secret;

use crate::domain::lifetimes::Lifetimes;
use crate::infrastructure::access_feed::AccessFeed;
use crate::infrastructure::hash_pool::HashPool;
use crate::infrastructure::login_backoff::LoginBackoff;
use crate::infrastructure::signing_keys::{PublicKey, SigningKeys};

pub(crate) use error::Error;
pub(crate) use history::Chronicle;
pub(crate) use token_pair::TokenPair;
pub(crate) use watch_access::AccessChange;

/// The accounts, and what acts on them.
#[derive(Debug)]
pub(crate) struct Accounts {
    db: Database,
    outbox: Outbox,
    clock: Clock,
    tasks: Tasks,
    hashing: HashPool,
    refused_words: Vec<String>,
    keys: SigningKeys,
    refresh_key: Secret,
    feed: AccessFeed,
    lifetimes: Lifetimes,
    backoff: LoginBackoff,
    refreshes: in_flight::InFlight,
    noted_uses: moka::sync::Cache<AccessTokenId, ()>,
}

/// What [`Accounts`] is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) db: Database,
    pub(crate) outbox: Outbox,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    pub(crate) hashing: HashPool,
    /// Words that no password may hold.
    pub(crate) refused_words: Vec<String>,
    pub(crate) keys: SigningKeys,
    /// What the texts of refresh tokens are made with.
    pub(crate) refresh_key: Secret,
    pub(crate) feed: AccessFeed,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) backoff: LoginBackoff,
}

impl Accounts {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            db: parts.db,
            outbox: parts.outbox,
            clock: parts.clock,
            tasks: parts.tasks,
            hashing: parts.hashing,
            refused_words: parts.refused_words,
            keys: parts.keys,
            refresh_key: parts.refresh_key,
            feed: parts.feed,
            lifetimes: parts.lifetimes,
            backoff: parts.backoff,
            refreshes: in_flight::InFlight::default(),
            noted_uses: note_token_use::cache(),
        }
    }

    /// The store, for plain reads.
    pub(crate) fn db(&self) -> &Database {
        &self.db
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The keys that verify access tokens.
    pub(crate) fn public_keys(&self) -> &[PublicKey] {
        self.keys.public()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use service::Host;

    use super::*;
    use crate::migrations::Migrator;
    use crate::{Config, PasswordConfig};

    /// Accounts on a database of their own, in a folder that goes with the test.
    pub(super) async fn accounts() -> (Arc<Accounts>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::new(folder.path());
        let db = Database::open::<Migrator>(&host.storage(), "users")
            .await
            .unwrap();
        let outbox = host.events.register("users", &db, &host.clock).unwrap();
        let (clock, tasks) = (host.clock, host.tasks);
        let parts = Parts {
            hashing: HashPool::new(&PasswordConfig::cheap_for_tests(), &tasks).unwrap(),
            refused_words: Vec::new(),
            keys: SigningKeys::load_or_create(&db, clock.now()).await.unwrap(),
            refresh_key: Secret::generate(),
            feed: AccessFeed::new(),
            lifetimes: Config::default().lifetimes(),
            backoff: LoginBackoff::new(None),
            db,
            outbox,
            clock,
            tasks,
        };
        (Arc::new(Accounts::new(parts)), folder)
    }
}
