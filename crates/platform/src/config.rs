//! Configuration: defaults in the types, then a TOML file, then the environment (`TROUPE__GATEWAY__LISTEN`), each
//! overriding the one before. Only this module reads the environment.

use std::path::Path;

use config::{Environment, File, FileFormat};
use serde::de::DeserializeOwned;

/// Prefix of the environment variables; two underscores separate the parts.
pub const ENV_PREFIX: &str = "TROUPE";

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A source can't be read, or a value has no place or the wrong type.
    #[error("configuration: {0}")]
    Load(#[from] config::ConfigError),
    /// A value makes no sense.
    #[error("configuration: {key}: {problem}")]
    Invalid {
        /// The key, dotted.
        key: &'static str,
        /// What is wrong, and what to write instead.
        problem: String,
    },
}

/// Reads a configuration. A file that is named and isn't there is an error.
pub fn load<T: DeserializeOwned>(file: Option<&Path>) -> Result<T, Error> {
    load_from(file, Environment::with_prefix(ENV_PREFIX))
}

/// The dotted keys that the environment sets, such as `gateway.listen`, sorted.
pub fn keys_in_environment() -> Vec<String> {
    let prefix = format!("{ENV_PREFIX}__");
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut keys: Vec<String> = names
        .filter_map(|name| {
            Some(
                name.strip_prefix(&prefix)?
                    .replace("__", ".")
                    .to_lowercase(),
            )
        })
        .collect();
    keys.sort();
    keys
}

/// Whether a TOML file sets a dotted key.
pub fn file_has(file: &Path, key: &str) -> bool {
    let source = File::from(file).format(FileFormat::Toml);
    let read = config::Config::builder().add_source(source).build();
    read.is_ok_and(|values| values.get::<config::Value>(key).is_ok())
}

fn load_from<T: DeserializeOwned>(
    file: Option<&Path>,
    environment: Environment,
) -> Result<T, Error> {
    let mut builder = config::Config::builder();
    if let Some(path) = file {
        builder = builder.add_source(File::from(path).format(FileFormat::Toml));
    }
    let environment = environment
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true);
    Ok(builder.add_source(environment).build()?.try_deserialize()?)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, default)]
    struct Sample {
        name: String,
        inner: Inner,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, default)]
    struct Inner {
        max_size: u32,
    }

    impl Default for Sample {
        fn default() -> Self {
            Self {
                name: "default".into(),
                inner: Inner::default(),
            }
        }
    }

    fn with_env(file: Option<&Path>, vars: &[(&str, &str)]) -> Result<Sample, Error> {
        let vars: HashMap<String, String> = vars
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        load_from(
            file,
            Environment::with_prefix(ENV_PREFIX).source(Some(vars)),
        )
    }

    #[test]
    fn takes_defaults_then_the_file_then_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("troupe.toml");
        std::fs::write(&path, "name = 'file'\n[inner]\nmax_size = 1\n").unwrap();
        assert_eq!(with_env(None, &[]).unwrap(), Sample::default());
        assert_eq!(with_env(Some(&path), &[]).unwrap().inner.max_size, 1);
        let sample = with_env(Some(&path), &[("TROUPE__INNER__MAX_SIZE", "7")]).unwrap();
        assert_eq!(
            sample,
            Sample {
                name: "file".into(),
                inner: Inner { max_size: 7 }
            }
        );
    }

    #[test]
    fn refuses_a_key_that_nobody_reads() {
        let error = with_env(None, &[("TROUPE__INNER__MAXSIZE", "7")]).unwrap_err();
        assert!(error.to_string().contains("maxsize"), "{error}");
    }
}
