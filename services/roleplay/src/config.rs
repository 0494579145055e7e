//! How the service runs.

use platform::config::Error;
use serde::Deserialize;
use service::Section;

use crate::application::MemoryConfig;

/// How the service runs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Seconds that a generation may take.
    pub generation_limit_secs: u64,
    /// Seconds that running generations go on after shutdown began. What runs then is ended with its text kept.
    pub generation_grace_secs: u64,
    /// How many generations of a person may run or wait at a time; at least 1.
    pub generations_per_person: u32,
    /// How many replies may wait in a session until the one before them has ended.
    pub waiting_per_session: u32,
    /// How many scenarios a person may have.
    pub scenarios_per_person: u32,
    /// How many links to characters and scenarios a person may have.
    pub share_links_per_person: u32,
    /// What sessions remember.
    pub memory: MemoryConfig,
    /// How characters and scenarios are shared.
    pub sharing: SharingConfig,
}

/// How characters and scenarios are shared.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SharingConfig {
    /// Whether they can be listed, for everybody with an account.
    pub listing: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            generation_limit_secs: 600,
            generation_grace_secs: 20,
            generations_per_person: 4,
            waiting_per_session: 64,
            scenarios_per_person: 1_000,
            share_links_per_person: 1_000,
            memory: MemoryConfig::default(),
            sharing: SharingConfig::default(),
        }
    }
}

impl Section for Config {
    fn validate(&self) -> Result<(), Error> {
        if self.generations_per_person > 0 {
            return Ok(());
        }
        let problem = "must be at least 1, or nobody gets a reply".to_owned();
        let key = "roleplay.generations_per_person";
        Err(Error::Invalid { key, problem })
    }
}
