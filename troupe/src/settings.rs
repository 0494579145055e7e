//! The configuration of a process: a section of each crate.

use std::path::PathBuf;

use anyhow::Result;
use platform::Backends;
use platform::backends::{DatabaseConfig, NatsConfig, QdrantConfig, RedisConfig, S3Config};
use platform::lifecycle::Shutdown;
use platform::telemetry::ExportConfig;
use serde::Deserialize;

use crate::cli::Place;

/// The services that keep data, by the names that their stores carry.
pub(crate) const SERVICES: [&str; 3] = ["users", "roleplay", "ai"];

/// Everything that can be configured. `config.default.toml` documents it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// The folder of everything that is kept.
    pub(crate) data_dir: PathBuf,
    /// What is logged and how.
    pub(crate) log: platform::telemetry::Config,
    /// Where spans and metrics go.
    pub(crate) telemetry: ExportConfig,
    /// How the process stops.
    pub(crate) shutdown: Shutdown,
    /// The server of the relational store.
    pub(crate) database: DatabaseConfig,
    /// The server of budgets, caches and presence.
    pub(crate) redis: RedisConfig,
    /// The server of events.
    pub(crate) nats: NatsConfig,
    /// The server of vectors.
    pub(crate) qdrant: QdrantConfig,
    /// The store of files.
    pub(crate) s3: S3Config,
    /// Roles in processes of their own.
    pub(crate) mesh: mesh::Config,
    /// The edge.
    pub(crate) gateway: gateway::Config,
    /// Accounts and tokens.
    pub(crate) users: users::Config,
    /// Characters, sessions, replies.
    pub(crate) roleplay: roleplay::Config,
    /// Models.
    pub(crate) ai: ai::Config,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: platform::folders::data(),
            log: Default::default(),
            telemetry: Default::default(),
            shutdown: Default::default(),
            database: Default::default(),
            redis: Default::default(),
            nats: Default::default(),
            qdrant: Default::default(),
            s3: Default::default(),
            mesh: Default::default(),
            gateway: Default::default(),
            users: Default::default(),
            roleplay: Default::default(),
            ai: Default::default(),
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
        place.servers.apply(&mut settings);
        Ok(settings)
    }

    /// Refuses what can't work, before anything is opened.
    ///
    /// # Errors
    /// Names the key, and what to write instead.
    pub(crate) fn validate(&self) -> Result<()> {
        self.mesh.validate()?;
        self.telemetry.validate()?;
        self.shutdown.validate()?;
        self.gateway.validate()?;
        self.users.validate()?;
        self.roleplay.validate()?;
        self.ai.validate()?;
        Ok(())
    }

    /// The servers that take the place of embedded parts.
    pub(crate) fn backends(&self) -> Backends {
        Backends {
            database: self.database.clone(),
            redis: self.redis.clone(),
            nats: self.nats.clone(),
            qdrant: self.qdrant.clone(),
            s3: self.s3.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTED: &str = include_str!("../../config.default.toml");

    /// The keys of a section, as its type knows them; none where the key is no section.
    fn keys_of(section: &str) -> Option<Vec<String>> {
        let unknown = "nobody_reads_this = 1";
        let text = if section.is_empty() {
            unknown.to_owned()
        } else {
            format!("[{section}]\n{unknown}")
        };
        let error = toml::from_str::<Settings>(&text)
            .unwrap_err()
            .message()
            .to_owned();
        let (_, expected) = error.split_once("unknown field `nobody_reads_this`, expected ")?;
        Some(
            expected
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect(),
        )
    }

    fn undocumented(section: &str) -> Vec<String> {
        let mut missing = Vec::new();
        for key in keys_of(section).unwrap_or_default() {
            let path = if section.is_empty() {
                key.clone()
            } else {
                format!("{section}.{key}")
            };
            if keys_of(&path).is_some() {
                missing.extend(undocumented(&path));
            } else if !is_documented(section, &key) {
                missing.push(path);
            }
        }
        missing
    }

    /// Whether the section sets the key, or shows it in a comment because its default is to be absent.
    fn is_documented(section: &str, key: &str) -> bool {
        is_set(section, key) || is_in_comment(section, key)
    }

    fn is_set(section: &str, key: &str) -> bool {
        let document: toml::Value = toml::from_str(DOCUMENTED).unwrap();
        let mut value = &document;
        for part in section.split('.').filter(|part| !part.is_empty()) {
            let Some(inner) = value.get(part) else {
                return false;
            };
            value = inner;
        }
        value.get(key).is_some()
    }

    fn is_in_comment(section: &str, key: &str) -> bool {
        let mut current = "";
        let list = format!("# [[{section}.{key}]]");
        let setting = format!("# {key} = ");
        DOCUMENTED.lines().any(|line| {
            if let Some(name) = line.strip_prefix('[') {
                current = name.trim_end_matches(']');
            }
            line == list || current == section && line.starts_with(&setting)
        })
    }

    #[test]
    fn documents_every_key() {
        assert_eq!(undocumented(""), Vec::<String>::new());
    }

    #[test]
    fn documents_the_defaults() {
        let documented: Settings = toml::from_str(DOCUMENTED).unwrap();
        let default = Settings::default();
        assert_eq!(format!("{documented:#?}"), format!("{default:#?}"));
    }

    #[test]
    fn refuses_a_key_that_nobody_reads() {
        let error = toml::from_str::<Settings>("[gateway]\nlisen = '127.0.0.1:1'").unwrap_err();
        assert!(error.to_string().contains("lisen"), "{error}");
    }

    #[test]
    fn lets_the_command_line_win() {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("troupe.toml");
        std::fs::write(
            &config,
            "data_dir = '/from/file'\n[gateway]\nlisten = '127.0.0.1:1'",
        )
        .unwrap();
        let listen = "127.0.0.1:2".parse().ok();
        let place = Place {
            config: Some(config),
            data_dir: Some("/from/flag".into()),
            listen,
            ..Place::default()
        };
        let settings = Settings::load(&place).unwrap();
        assert_eq!(settings.data_dir, PathBuf::from("/from/flag"));
        assert_eq!(Some(settings.gateway.listen), listen);
    }
}
