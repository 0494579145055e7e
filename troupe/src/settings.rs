//! The configuration of a process: a section of each crate.

use std::path::PathBuf;

use anyhow::Result;
use events::NatsConfig;
use platform::config::ServerUrl;
use platform::lifecycle::Shutdown;
use platform::telemetry::ExportConfig;
use redis::RedisConfig;
use serde::Deserialize;
use service::{Backends, Section, Service};
use storage::{DatabaseConfig, S3Config};
use vectors::QdrantConfig;

use crate::place::{Place, Servers};
use crate::services::services;

macro_rules! settings {
    ($($(#[$doc:meta])* $section:ident: $service:ty,)*) => {
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
            /// The server of budgets.
            pub(crate) redis: RedisConfig,
            /// The server of events.
            pub(crate) nats: NatsConfig,
            /// The server of vectors.
            pub(crate) qdrant: QdrantConfig,
            /// The store of files.
            pub(crate) s3: S3Config,
            /// Roles in processes of their own.
            pub(crate) mesh: wire::Config,
            /// The edge.
            pub(crate) gateway: gateway::Config,
            $($(#[$doc])* pub(crate) $section: <$service as Service>::Config,)*
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
                    $($section: Default::default(),)*
                }
            }
        }

        impl Settings {
            fn validate_services(&self) -> Result<(), platform::config::Error> {
                $(self.$section.validate()?;)*
                Ok(())
            }
        }
    };
}
services!(settings);

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
        settings.take(&place.servers);
        Ok(settings)
    }

    /// Takes the servers that the command line names.
    fn take(&mut self, servers: &Servers) {
        let named = [
            (&servers.database_url, &mut self.database.url),
            (&servers.redis_url, &mut self.redis.url),
            (&servers.nats_url, &mut self.nats.url),
            (&servers.qdrant_url, &mut self.qdrant.url),
        ];
        for (flag, url) in named {
            if let Some(named) = flag {
                *url = ServerUrl::new(named);
            }
        }
        if let Some(bucket) = &servers.s3_bucket {
            self.s3.bucket.clone_from(bucket);
        }
    }

    /// Refuses what can't work, before anything is opened.
    ///
    /// # Errors
    /// Names the key, and what to write instead.
    pub(crate) fn validate(&self) -> Result<()> {
        self.mesh.validate()?;
        self.telemetry.validate()?;
        self.shutdown.validate()?;
        self.backends().validate()?;
        self.gateway.validate()?;
        self.validate_services()?;
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
    use platform::config::SecretText;

    use super::*;

    const DOCUMENTED: &str = include_str!("../../config.default.toml");

    fn undocumented() -> Vec<String> {
        let keys = platform::config::keys::<Settings>().into_iter();
        keys.filter(|path| {
            let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
            !is_documented(section, key)
        })
        .collect()
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
        let (table, setting) = (format!("# [{section}.{key}."), format!("# {key} = "));
        DOCUMENTED.lines().any(|line| {
            if let Some(name) = line.strip_prefix('[') {
                current = name.trim_end_matches(']');
            }
            line == list
                || line.starts_with(&table)
                || current == section && line.starts_with(&setting)
        })
    }

    #[test]
    fn documents_every_key() {
        assert!(platform::config::keys::<Settings>().len() > 100);
        assert_eq!(undocumented(), Vec::<String>::new());
    }

    #[test]
    fn documents_the_defaults() {
        let documented: Settings = toml::from_str(DOCUMENTED).unwrap();
        let default = Settings::default();
        assert_eq!(format!("{documented:#?}"), format!("{default:#?}"));
    }

    /// What a comment shows as the value of a setting that is absent by default.
    fn shown(key: &str) -> Option<toml::Value> {
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        let mut current = "";
        let line = DOCUMENTED.lines().find_map(|line| {
            if let Some(name) = line.strip_prefix('[') {
                current = name.trim_end_matches(']');
            }
            let setting = line.strip_prefix("# ").filter(|_| current == section)?;
            setting
                .starts_with(&format!("{name} = "))
                .then_some(setting)
        })?;
        toml::from_str::<toml::Table>(line).ok()?.remove(name)
    }

    fn find(key: &str) -> Option<toml::Value> {
        let document: toml::Value = toml::from_str(DOCUMENTED).unwrap();
        let found = key
            .split('.')
            .try_fold(&document, |value, part| value.get(part));
        found.cloned().or_else(|| shown(key))
    }

    /// Another value of the same kind.
    fn another(key: &str, value: &toml::Value) -> toml::Value {
        use toml::Value::{Array, Boolean, Float, Integer, String};
        match value {
            Integer(number) => Integer(number + 1),
            Float(number) => Float(number / 2.0 + 0.125),
            Boolean(flag) => Boolean(!flag),
            Array(_) if key == "gateway.trusted_proxies" => {
                Array(vec!["10.0.0.0/8".into(), "2001:db8::1".into()])
            }
            Array(_) => Array(vec!["007".into(), "1e5".into()]),
            String(text) if text.parse::<std::net::SocketAddr>().is_ok() => "127.0.0.9:9".into(),
            String(text) if text.parse::<std::net::IpAddr>().is_ok() => "10.0.0.9".into(),
            String(text) if text == "auto" => "json".into(),
            String(text) if text == "openai" => "openai-responses".into(),
            String(text) if text == "chat" => "text".into(),
            String(text) if text == "f16" => "f32".into(),
            String(text) if text == "keys" => "anonymous".into(),
            String(text) if key == "database.durability" && text == "power" => "process".into(),
            _ => "12345678901234567890".into(),
        }
    }

    /// The text of a variable that sets a value.
    fn as_variable(value: &toml::Value) -> String {
        match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Array(values) => {
                let parts: Vec<&str> = values.iter().filter_map(toml::Value::as_str).collect();
                parts.join(",")
            }
            value => value.to_string(),
        }
    }

    fn with_variable(key: &str, text: &str) -> Result<Settings> {
        let name = format!("TROUPE__{}", key.replace('.', "__").to_uppercase());
        Ok(platform::config::load_from(
            None,
            vec![(name, text.to_owned())],
        )?)
    }

    fn with_file(key: &str, value: &toml::Value) -> Settings {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("troupe.toml");
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        let header = match section {
            "" => String::new(),
            section => format!("[{section}]\n"),
        };
        std::fs::write(&file, format!("{header}{name} = {value}\n")).unwrap();
        platform::config::load_from(Some(&file), Vec::new()).unwrap()
    }

    #[test]
    fn every_setting_can_be_a_variable() {
        let default = format!("{:?}", Settings::default());
        for key in platform::config::keys::<Settings>() {
            if key == "ai.openai.models" {
                // It is shown as tables of their own.
                let models = "[{ id = \"007\", window_tokens = 4096, names = false }]";
                let model = &with_variable(&key, models).unwrap().ai.openai.models[0];
                assert_eq!(
                    (model.id.as_str(), model.window_tokens),
                    ("007", Some(4096))
                );
                continue;
            }
            if key == "ai.routes" {
                let routes = "[{ id = \"story\", candidates = [{ model = \"007\" }] }]";
                let route = &with_variable(&key, routes).unwrap().ai.routes[0];
                assert_eq!((route.id.as_str(), route.candidates.len()), ("story", 1));
                continue;
            }
            if key == "ai.servers" {
                let names = [
                    ("ai.servers.a.kind", "cohere"),
                    ("ai.servers.a.keys", "007,1e5"),
                ];
                for (key, text) in names {
                    with_variable(key, text).unwrap();
                }
                let keys = "[{ key = \"007\", weight = 2 }]";
                let servers = with_variable("ai.servers.a.keys", keys).unwrap().ai.servers;
                assert_eq!(servers["a"].keys[0].weight, 2);
                continue;
            }
            let value = find(&key).unwrap_or_else(|| panic!("{key} has no example"));
            let value = another(&key, &value);
            let set = with_variable(&key, &as_variable(&value)).unwrap();
            let (set, wanted) = (format!("{set:?}"), format!("{:?}", with_file(&key, &value)));
            assert_eq!(set, wanted, "{key}");
            let is_secret = key.ends_with("_key");
            assert_eq!(set == default, is_secret, "{key}");
        }
    }

    #[test]
    fn secrets_stay_as_they_are() {
        for secret in ["007", "1e5", "12345678901234567890", "true", "null", "0x10"] {
            let qdrant = with_variable("qdrant.api_key", secret).unwrap().qdrant;
            assert_eq!(qdrant.api_key.reveal(), Some(secret));
            let s3 = with_variable("s3.secret_access_key", secret).unwrap().s3;
            assert_eq!(s3.secret_access_key.reveal(), Some(secret));
            let s3 = with_variable("s3.access_key_id", secret).unwrap().s3;
            assert_eq!(s3.access_key_id, secret);
            let openai = with_variable("ai.openai.api_key", secret)
                .unwrap()
                .ai
                .openai;
            let headers = openai.headers(&openai.api_key).unwrap();
            let header = headers["authorization"].to_str().unwrap();
            assert_eq!(header, format!("Bearer {secret}"));
            let keys = with_variable("ai.servers.a.keys", secret)
                .unwrap()
                .ai
                .servers["a"]
                .all_keys();
            assert_eq!(keys[0].key, ai::config::ApiKey::new(secret));
        }
    }

    #[test]
    fn white_space_and_slashes_around_addresses_are_taken_off() {
        let written = |key, text: &str| {
            let mut settings = with_variable(key, &format!(" {text}/\r\n")).unwrap();
            if !settings.s3.endpoint.is_empty() {
                // An endpoint alone says nothing.
                settings.s3.bucket = "files".to_owned();
                settings.s3.access_key_id = "ann".to_owned();
                settings.s3.secret_access_key = SecretText::new("secret");
            }
            settings.validate().unwrap();
            settings
        };
        let url = "postgres://ann:p%2Fw@h/db";
        assert_eq!(written("database.url", url).database.url.reveal(), url);
        assert_eq!(
            written("redis.url", "redis://h").redis.url.reveal(),
            "redis://h"
        );
        assert_eq!(
            written("nats.url", "nats://h").nats.url.reveal(),
            "nats://h"
        );
        let (http, api) = ("http://h:1", "http://h:1/v1");
        assert_eq!(written("qdrant.url", http).qdrant.url.reveal(), http);
        assert_eq!(written("s3.endpoint", http).s3.endpoint, http);
        assert_eq!(written("telemetry.otlp", http).telemetry.otlp, http);
        assert_eq!(written("ai.openai.base_url", api).ai.openai.base_url, api);
        assert_eq!(written("ai.local.url", api).ai.local.url, api);
        assert_eq!(written("ai.embeddings.url", api).ai.embeddings.url, api);
        let cors = written("gateway.cors.allowed_origins", "http://a/, http://b")
            .gateway
            .cors;
        assert_eq!(cors.allowed_origins, ["http://a", "http://b"]);
        let gateway = written("gateway.upstreams", "a.B=http://h:1").gateway;
        assert_eq!(gateway.upstream_uris().unwrap()["a.B"], "http://h:1/");
        written("gateway.trusted_proxies", "10.0.0.0/8");
        written("mesh.peers.ai", "10.0.0.1:1/, dns://ai:1/ ,consul://h:1/ai");
        written("mesh.register.ai", "consul://h:1/ai");
        for key in ["gateway.listen", "mesh.listen.ai", "telemetry.admin"] {
            with_variable(key, " 127.0.0.1:1\n").unwrap();
            let error = with_variable(key, "127.0.0.1:1/").unwrap_err().to_string();
            assert!(error.contains("TROUPE__"), "{error}");
        }
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
