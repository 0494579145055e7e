//! Counts failed logins: in memory and bounded, or in Redis for all replicas. While Redis is away each replica goes on with
//! counts of its own. What counts, and how long an attempt waits, is said in [`crate::domain::backoff`] and
//! [`crate::domain::strangers`].
//!
//! An attempt under way counts as a failure, or many at once would outrun the count. So that a household or an office whose
//! people log in together isn't refused for that, an attempt that comes too early is held while others from its network are under
//! way here: if they succeed, it needn't wait any more.

mod crowd;
mod memory;
mod shared;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use platform::Timestamp;
use redis::Redis;
use sha2::{Digest, Sha256};

use self::crowd::{Crowds, Stay};
use self::memory::MemoryCounts;
use self::shared::RedisCounts;
use super::network::Network;

/// The counts.
#[derive(Debug)]
pub(crate) struct LoginBackoff {
    local: MemoryCounts,
    shared: Option<RedisCounts>,
    crowds: Crowds,
}

/// An attempt to log in. Counted as a failure unless it turns out otherwise.
#[derive(Debug)]
pub(crate) struct Attempt {
    place: Place,
    /// Ends once the attempt is taken back where it is to be.
    _stay: Stay,
}

/// Where an attempt is counted: also there it is taken back.
#[derive(Debug)]
enum Place {
    Memory(memory::Attempt),
    Redis(shared::Attempt),
}

/// An attempt that comes too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooEarly {
    pub(crate) wait: Duration,
    /// True for the first attempt of each wait.
    pub(crate) is_first: bool,
}

/// What an attempt is counted for.
#[derive(Debug, Clone)]
enum Keys {
    /// An account, from a network where its owner logged in before.
    Known(String),
    /// An address that somebody tries to log in with, whether or not it has an account.
    Stranger {
        account: String,
        /// The same, from one network.
        place: String,
        around: Option<Around>,
    },
}

/// Where an attempt comes from.
#[derive(Debug, Clone)]
struct Around {
    /// The account, from the wider network.
    wider: String,
    /// The network, whatever account it tries.
    network: String,
}

impl LoginBackoff {
    /// No counts yet, or those in Redis.
    pub(crate) fn new(redis: Option<&Redis>) -> Self {
        Self {
            local: MemoryCounts::new(),
            shared: redis.map(RedisCounts::new),
            crowds: Crowds::new(),
        }
    }

    /// Lets an attempt begin, or says how long it has to wait. From a network that the account's owner is known to use,
    /// only failures on this account from there count; from any other, what strangers failed before.
    pub(crate) async fn begin(
        &self,
        email_key: &str,
        network: Option<Network>,
        is_known_network: bool,
        now: Timestamp,
    ) -> Result<Attempt, TooEarly> {
        let keys = Keys::of(email_key, network, is_known_network);
        let (mut visit, began) = (self.crowds.visit(network), Instant::now());
        let mut refused = match self.count(&keys, now).await {
            Ok(place) => return Ok(visit.stays(place)),
            Err(early) => early,
        };
        while visit.next_end().await {
            match self.count(&keys, now + began.elapsed()).await {
                Ok(place) => return Ok(visit.stays(place)),
                Err(early) => {
                    let is_first = refused.is_first || early.is_first;
                    refused = TooEarly { is_first, ..early };
                }
            }
        }
        Err(refused)
    }

    /// Counts an attempt that needn't wait.
    async fn count(&self, keys: &Keys, now: Timestamp) -> Result<Place, TooEarly> {
        if let Some(shared) = &self.shared
            && let Ok(begun) = shared.begin(keys, now).await
        {
            return begun.map(Place::Redis);
        }
        self.local.begin(keys, now).map(Place::Memory)
    }
}

impl Attempt {
    /// The password was right: what failed from there on this account is forgotten.
    pub(crate) async fn succeeded(self) {
        match self.place {
            Place::Memory(attempt) => attempt.succeeded(),
            Place::Redis(attempt) => attempt.succeeded().await,
        }
    }

    /// The password wasn't looked at.
    pub(crate) async fn undo(self) {
        match self.place {
            Place::Memory(attempt) => attempt.undo(),
            Place::Redis(attempt) => attempt.undo().await,
        }
    }
}

impl Keys {
    /// The address is hashed: it is nobody's business in a list of keys.
    fn of(email_key: &str, network: Option<Network>, is_known_network: bool) -> Self {
        let hash = Sha256::digest(email_key);
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let account = format!("account:{hash}");
        match network {
            Some(known) if is_known_network => Self::Known(format!("{account}:from:{known}")),
            Some(network) => Self::Stranger {
                place: format!("{account}:at:{network}"),
                around: Some(Around {
                    wider: format!("{account}:around:{}", network.wider()),
                    network: format!("network:{network}"),
                }),
                account,
            },
            None => Self::Stranger {
                place: format!("{account}:at:nowhere"),
                around: None,
                account,
            },
        }
    }
}
