//! What operators can set.

use std::time::Duration;

use platform::config::Error;
use serde::Deserialize;
use service::Section;

use crate::domain::lifetimes::Lifetimes;
use crate::domain::password::{self, LEAST_WORD};

/// Verifiers forget a revocation after a day, so no access token may live longer.
const LONGEST_ACCESS_TOKEN_SECS: u64 = 12 * 3600;
/// So long a thief's use of a spent refresh token may stay without effect.
const LONGEST_REFRESH_GRACE_SECS: u64 = 60;
/// The weakest argon2id that OWASP recommends with two passes.
const LEAST_MEMORY_KIB: u32 = 19_456;
const LEAST_ITERATIONS: u32 = 2;

/// Configuration of the users service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How long an access token is good for; at most 43,200.
    pub access_token_secs: u64,
    /// How long a refresh token is good for unless it is used.
    pub refresh_token_secs: u64,
    /// How long a spent refresh token may come again, as from a second tab, without ending its login session while the pair
    /// that it gave is in use; at most 60.
    pub refresh_grace_secs: u64,
    /// How long a login session lasts at most, however often it renews its tokens.
    pub login_session_secs: u64,
    /// How passwords are hashed.
    pub password: PasswordConfig,
}

/// The cost of hashing passwords with argon2id, and how many are hashed at a time.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordConfig {
    /// Memory of one hash in KiB; at least 19,456.
    pub memory_kib: u32,
    /// Passes over the memory; at least 2.
    pub iterations: u32,
    /// Hashes computed at the same time; 0 means one for each core.
    pub parallel: usize,
    /// Hashes that wait for their turn; more are refused at once.
    pub queue: usize,
    /// Words that no password may hold, in whatever letters: the platform's name.
    pub refused_words: Vec<String>,
    #[serde(skip)]
    may_be_weak: bool,
}

impl Default for Config {
    fn default() -> Self {
        const DAY: u64 = 24 * 3600;
        Self {
            access_token_secs: 30 * 60,
            refresh_token_secs: 30 * DAY,
            refresh_grace_secs: 10,
            login_session_secs: 90 * DAY,
            password: PasswordConfig::default(),
        }
    }
}

impl Default for PasswordConfig {
    fn default() -> Self {
        Self {
            memory_kib: LEAST_MEMORY_KIB,
            iterations: LEAST_ITERATIONS,
            parallel: 0,
            queue: 64,
            refused_words: vec!["troupe".to_owned()],
            may_be_weak: false,
        }
    }
}

impl Section for Config {
    fn validate(&self) -> Result<(), Error> {
        require(
            (1..=LONGEST_ACCESS_TOKEN_SECS).contains(&self.access_token_secs),
            "users.access_token_secs",
            format!("must be between 1 and {LONGEST_ACCESS_TOKEN_SECS}"),
        )?;
        require(
            self.refresh_token_secs >= self.access_token_secs,
            "users.refresh_token_secs",
            "must be at least users.access_token_secs".to_owned(),
        )?;
        require(
            self.refresh_grace_secs <= LONGEST_REFRESH_GRACE_SECS,
            "users.refresh_grace_secs",
            format!("must be at most {LONGEST_REFRESH_GRACE_SECS}, or thieves have time"),
        )?;
        require(
            self.login_session_secs >= self.refresh_token_secs,
            "users.login_session_secs",
            "must be at least users.refresh_token_secs".to_owned(),
        )?;
        self.password.validate()
    }
}

impl Config {
    pub(crate) fn lifetimes(&self) -> Lifetimes {
        Lifetimes {
            access_token: Duration::from_secs(self.access_token_secs),
            refresh_token: Duration::from_secs(self.refresh_token_secs),
            login_session: Duration::from_secs(self.login_session_secs),
            refresh_grace: Duration::from_secs(self.refresh_grace_secs),
        }
    }
}

impl PasswordConfig {
    /// A cost that protects nobody and lets tests be quick. No file and no variable can set it.
    pub fn cheap_for_tests() -> Self {
        Self {
            memory_kib: 8,
            iterations: 1,
            may_be_weak: true,
            ..Self::default()
        }
    }

    /// Hashes computed at the same time.
    pub(crate) fn parallel(&self) -> usize {
        match self.parallel {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            set => set,
        }
    }

    fn validate(&self) -> Result<(), Error> {
        require(
            self.may_be_weak || self.memory_kib >= LEAST_MEMORY_KIB,
            "users.password.memory_kib",
            format!("must be at least {LEAST_MEMORY_KIB}, or stolen hashes are cheap to guess"),
        )?;
        require(
            self.may_be_weak || self.iterations >= LEAST_ITERATIONS,
            "users.password.iterations",
            format!("must be at least {LEAST_ITERATIONS}, or stolen hashes are cheap to guess"),
        )?;
        let is_long = |word: &String| password::fold(word).chars().count() >= LEAST_WORD;
        require(
            self.refused_words.iter().all(is_long),
            "users.password.refused_words",
            format!("must hold words of {LEAST_WORD} characters or more, or too much is refused"),
        )
    }
}

fn require(holds: bool, key: &'static str, problem: String) -> Result<(), Error> {
    match holds {
        true => Ok(()),
        false => Err(Error::Invalid { key, problem }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_defaults_and_refuses_cheap_hashes() {
        assert!(Config::default().validate().is_ok());
        let mut config = Config::default();
        config.password.memory_kib = 8;
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains("users.password.memory_kib"), "{error}");
    }

    #[test]
    fn refuses_words_that_would_refuse_too_much() {
        let mut config = Config::default();
        config.password.refused_words = vec!["ab c".to_owned()];
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains("users.password.refused_words"), "{error}");
    }

    #[test]
    fn no_file_can_allow_cheap_hashes() {
        let text = r#"{"password": {"may_be_weak": true}}"#;
        assert!(serde_json::from_str::<Config>(text).is_err());
    }

    #[test]
    fn refuses_a_grace_that_gives_thieves_time() {
        for (secs, is_taken) in [(0, true), (60, true), (61, false)] {
            let config = Config {
                refresh_grace_secs: secs,
                ..Config::default()
            };
            assert_eq!(config.validate().is_ok(), is_taken, "{secs}");
        }
    }

    #[test]
    fn refuses_lifetimes_that_contradict_each_other() {
        for (access, refresh, session) in [(0, 10, 10), (60, 59, 100), (60, 600, 599)] {
            let config = Config {
                access_token_secs: access,
                refresh_token_secs: refresh,
                login_session_secs: session,
                ..Config::default()
            };
            assert!(config.validate().is_err(), "{access} {refresh} {session}");
        }
    }
}
