//! The configuration of a process: a section of each crate.

use std::path::PathBuf;

use anyhow::Result;
use serde::Deserialize;

use crate::cli::Place;

/// Everything that can be configured. `config.default.toml` documents it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// The folder of everything that is kept.
    pub(crate) data_dir: PathBuf,
    /// What is logged and how.
    pub(crate) log: platform::telemetry::Config,
    /// The edge.
    pub(crate) gateway: gateway::Config,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: platform::folders::data(),
            log: Default::default(),
            gateway: Default::default(),
        }
    }
}

impl Settings {
    /// Defaults, then the file, then the environment, then the command line.
    ///
    /// # Errors
    /// Names the key that has no place, or whose value can't be used.
    pub(crate) fn load(place: &Place) -> Result<Self> {
        let mut settings: Self = platform::config::load(place.config.as_deref())?;
        if let Some(folder) = &place.data_dir {
            settings.data_dir.clone_from(folder);
        }
        if let Some(address) = place.listen {
            settings.gateway.listen = address;
        }
        Ok(settings)
    }
}
