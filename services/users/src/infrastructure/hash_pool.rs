//! Hashes passwords with argon2id, a bounded number at a time: a hash takes 19 MiB and a core for tens of milliseconds.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use platform::Tasks;
use platform::patience::Turns;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::config::PasswordConfig;

/// When a client whose password wasn't checked is to come back: neither at once, nor so late that nobody waits for it.
const RETRY_AFTER: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(5);

/// Hashes and verifies passwords on blocking threads.
#[derive(Debug)]
pub(crate) struct HashPool {
    argon2: Argon2<'static>,
    /// Verified against where there is no account, so that the answer takes as long.
    decoy: Arc<str>,
    running: Turns,
    places: Arc<Semaphore>,
    capacity: usize,
    parallel: usize,
    last_micros: Arc<AtomicU64>,
    tasks: Tasks,
}

/// Why a password could not be hashed or verified.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum HashError {
    /// Every place in the queue is taken.
    #[error("as many passwords as possible are being checked: try again soon")]
    Full { retry_after: Duration },
    /// The turn didn't come in time, or wouldn't.
    #[error(
        "the password waited too long to be checked, because others come first: try again soon"
    )]
    Late { retry_after: Duration },
    /// The parameters or the stored hash are no good.
    #[error("hashing failed: {0}")]
    Broken(String),
}

impl HashPool {
    pub(crate) fn new(config: &PasswordConfig, tasks: &Tasks) -> Result<Self, HashError> {
        let params = Params::new(config.memory_kib, config.iterations, 1, None).map_err(broken)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let started = Instant::now();
        let decoy = hash(&argon2, "nobody's password")?;
        let parallel = config.parallel();
        let capacity = parallel.saturating_add(config.queue);
        Ok(Self {
            argon2,
            decoy: decoy.into(),
            running: Turns::new(parallel),
            places: Arc::new(Semaphore::new(capacity)),
            capacity,
            parallel,
            last_micros: Arc::new(AtomicU64::new(micros_since(started))),
            tasks: tasks.clone(),
        })
    }

    /// A PHC string for a password, with a salt of its own.
    pub(crate) async fn hash(&self, password: String) -> Result<String, HashError> {
        self.run(move |argon2| hash(argon2, &password)).await?
    }

    /// Whether a password is the one that was hashed. Without a hash the answer is no, and takes as long.
    pub(crate) async fn verify(
        &self,
        password: String,
        stored: Option<String>,
    ) -> Result<bool, HashError> {
        let is_known = stored.is_some();
        let stored = stored.map_or_else(|| self.decoy.clone(), Into::into);
        let matches = self
            .run(move |argon2| verify(argon2, &password, &stored))
            .await??;
        Ok(matches && is_known)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'_>) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let places = self.places.clone();
        let place = places.try_acquire_owned().map_err(|_| HashError::Full {
            retry_after: self.retry_after(),
        })?;
        let Some(running) = self.turn().await else {
            drop(place);
            return Err(HashError::Late {
                retry_after: self.retry_after(),
            });
        };
        let argon2 = self.argon2.clone();
        let last_micros = self.last_micros.clone();
        let hashing = self.tasks.spawn_blocking(move || {
            // Held by the work itself: a caller that goes away doesn't make room before the work is done.
            let _held = (place, running);
            let started = Instant::now();
            let result = work(&argon2);
            last_micros.store(micros_since(started), Ordering::Relaxed);
            result
        });
        hashing.await.map_err(broken)
    }

    /// Waits for a turn, unless that would be in vain: then it is told at once.
    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        match self.time_to_wait() > self.running.patience() {
            true => None,
            false => self.running.next().await.ok(),
        }
    }

    /// How long the hash that came last waits for its turn, at the pace of the last one that ended.
    fn time_to_wait(&self) -> Duration {
        let before = self.taken().saturating_sub(1) / self.parallel;
        // The first of those before it have begun already.
        self.times_last(before.saturating_sub(1))
    }

    /// How long the hashes take that run and wait now, within bounds.
    fn retry_after(&self) -> Duration {
        let time = self.times_last(self.taken().div_ceil(self.parallel));
        time.clamp(*RETRY_AFTER.start(), *RETRY_AFTER.end())
    }

    /// How many hashes run and wait.
    fn taken(&self) -> usize {
        self.capacity - self.places.available_permits()
    }

    fn times_last(&self, rounds: usize) -> Duration {
        let last = Duration::from_micros(self.last_micros.load(Ordering::Relaxed));
        last.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX))
    }
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<String, HashError> {
    let hash = argon2.hash_password(password.as_bytes()).map_err(broken)?;
    Ok(hash.to_string())
}

fn verify(argon2: &Argon2<'_>, password: &str, stored: &str) -> Result<bool, HashError> {
    let stored = PasswordHash::new(stored).map_err(broken)?;
    match argon2.verify_password(password.as_bytes(), &stored) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(broken(error)),
    }
}

fn micros_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn broken(error: impl std::fmt::Display) -> HashError {
    HashError::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    use platform::patience;

    use super::*;

    fn pool(parallel: usize, queue: usize) -> HashPool {
        let mut config = PasswordConfig::cheap_for_tests();
        (config.parallel, config.queue) = (parallel, queue);
        HashPool::new(&config, &Tasks::new()).unwrap()
    }

    #[tokio::test]
    async fn verifies_what_it_hashed_and_nothing_else() {
        let pool = pool(1, 4);
        let hash = pool.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
        let stored = || Some(hash.clone());
        assert!(pool.verify("correct horse".into(), stored()).await.unwrap());
        assert!(!pool.verify("correct house".into(), stored()).await.unwrap());
        assert!(!pool.verify("nobody's password".into(), None).await.unwrap());
        assert!(
            pool.verify("x".into(), Some("garbage".into()))
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn refuses_what_finds_no_place_and_says_when_to_come_back() {
        let pool = pool(1, 1);
        let held = pool.running.next().await.unwrap();
        let password = || "correct horse".to_owned();
        let waiting = futures::future::join3(pool.hash(password()), pool.hash(password()), async {
            let refused = pool.hash(password()).await.unwrap_err();
            drop(held);
            refused
        });
        let (first, second, refused) = waiting.await;
        assert!(first.is_ok() && second.is_ok());
        assert!(refused.to_string().contains("as many passwords"));
        let HashError::Full { retry_after } = refused else {
            panic!("{refused}");
        };
        assert!(RETRY_AFTER.contains(&retry_after), "{retry_after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_waited_too_long_is_told_so_and_comes_back_when_those_that_wait_are_done() {
        let pool = pool(2, 64);
        let _held = (pool.running.next().await, pool.running.next().await);
        let refused = async |hash_millis: u64, others: u32| {
            let last = hash_millis * 1000;
            pool.last_micros.store(last, Ordering::Relaxed);
            let _others = pool.places.clone().try_acquire_many_owned(others).unwrap();
            let hash = pool.hash("correct horse".into());
            let refused = patience::of_call(hash).await.unwrap_err();
            assert!(refused.to_string().contains("waited too long"), "{refused}");
            let HashError::Late { retry_after } = refused else {
                panic!("{refused}");
            };
            retry_after
        };
        for (hash_millis, others, millis) in [
            (50, 0, 1_000),
            (50, 10, 1_000),
            (1_200, 4, 2_400),
            (1_200, 5, 3_600),
            (1_200, 60, 5_000),
        ] {
            let retry_after = refused(hash_millis, others).await;
            assert_eq!(retry_after, Duration::from_millis(millis), "{others}");
        }
    }
}
