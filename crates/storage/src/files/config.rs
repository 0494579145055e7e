//! A bucket of an S3-compatible store.

use platform::config::{Error, SecretText, ServerUrl, address, variable_of_others};
use serde::Deserialize;

/// A bucket of an S3-compatible store.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct S3Config {
    /// The bucket. Empty: files are kept in the data folder.
    pub bucket: String,
    /// Where the store answers, such as `https://s3.example`. Empty: Amazon's, of the region.
    #[serde(deserialize_with = "address")]
    pub endpoint: String,
    /// The region.
    pub region: String,
    /// Where the keys come from.
    pub credentials: S3Credentials,
    /// Who calls. With the key that belongs to it empty too: `AWS_ACCESS_KEY_ID` and its companions.
    pub access_key_id: String,
    /// The key that belongs to it.
    pub secret_access_key: SecretText,
    /// What all names of files begin with.
    pub prefix: String,
}

/// Where the keys of the store come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum S3Credentials {
    /// From the settings, or from the variables that Amazon's programs read.
    #[default]
    Keys,
    /// From the machine: those variables, a web identity, a container's address, or the address of metadata.
    Machine,
    /// There are none: the bucket is open.
    Anonymous,
}

impl Default for S3Config {
    fn default() -> Self {
        Self {
            bucket: String::new(),
            endpoint: String::new(),
            region: "us-east-1".to_owned(),
            credentials: S3Credentials::Keys,
            access_key_id: String::new(),
            secret_access_key: SecretText::default(),
            prefix: "troupe".to_owned(),
        }
    }
}

/// Keys of the store.
pub(crate) struct S3Keys {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    /// What belongs to keys that are good for some hours.
    pub(crate) session_token: Option<String>,
}

impl S3Config {
    /// Refuses a bucket for which there are no keys, and an endpoint that is none.
    ///
    /// # Errors
    /// Says which setting is missing or wrong.
    pub fn validate(&self) -> Result<(), Error> {
        let endpoint = ServerUrl::new(&*self.endpoint);
        endpoint.validate("s3.endpoint")?;
        endpoint.validate_scheme("s3.endpoint", &["http", "https"], "https://s3.example")?;
        if !self.is_named() {
            return self.refuse_rest();
        }
        match self.credentials {
            S3Credentials::Keys => self.keys().map(drop),
            S3Credentials::Machine | S3Credentials::Anonymous => Ok(()),
        }
    }

    /// Whether a bucket is named.
    pub fn is_named(&self) -> bool {
        !self.bucket.trim().is_empty()
    }

    /// Refuses what says nothing without a bucket: who wrote it takes pictures to be kept there.
    fn refuse_rest(&self) -> Result<(), Error> {
        let default = Self::default();
        let set = [
            ("s3.endpoint", self.endpoint != default.endpoint),
            ("s3.region", self.region.trim() != default.region),
            ("s3.credentials", self.credentials != default.credentials),
            ("s3.access_key_id", !self.access_key_id.trim().is_empty()),
            (
                "s3.secret_access_key",
                self.secret_access_key.reveal().is_some(),
            ),
        ];
        let Some((key, _)) = set.into_iter().find(|(_, is_set)| *is_set) else {
            return Ok(());
        };
        let problem = format!(
            "is missing, and {key} is set: name the bucket that pictures are kept in, or remove {key} to keep them in the \
             data folder"
        );
        Err(Error::Invalid {
            key: "s3.bucket",
            problem,
        })
    }

    /// The keys of the settings, or else of the variables that Amazon's programs read.
    pub(crate) fn keys(&self) -> Result<S3Keys, Error> {
        let invalid = |key, problem: &str| Error::Invalid {
            key,
            problem: problem.to_owned(),
        };
        let id = Some(self.access_key_id.trim()).filter(|id| !id.is_empty());
        match (id, self.secret_access_key.reveal()) {
            (Some(id), Some(secret)) => Ok(S3Keys {
                access_key_id: id.to_owned(),
                secret_access_key: secret.to_owned(),
                session_token: None,
            }),
            (Some(_), None) => Err(invalid(
                "s3.secret_access_key",
                "is missing: s3.access_key_id needs the key that belongs to it",
            )),
            (None, Some(_)) => Err(invalid(
                "s3.access_key_id",
                "is missing: s3.secret_access_key needs the id that it belongs to",
            )),
            (None, None) => of_variables().ok_or_else(|| {
                invalid(
                    "s3.access_key_id",
                    "and s3.secret_access_key are missing: set them, or s3.credentials to \"machine\" where the machine \
                     has credentials of its own, or to \"anonymous\" for an open bucket",
                )
            }),
        }
    }
}

fn of_variables() -> Option<S3Keys> {
    Some(S3Keys {
        access_key_id: variable_of_others("AWS_ACCESS_KEY_ID")?,
        secret_access_key: variable_of_others("AWS_SECRET_ACCESS_KEY")?,
        session_token: variable_of_others("AWS_SESSION_TOKEN"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_needs_keys_unless_something_else_is_chosen() {
        let problem_of = |id: &str, secret: &str, credentials| {
            let config = S3Config {
                bucket: "files".to_owned(),
                access_key_id: id.to_owned(),
                secret_access_key: SecretText::new(secret),
                credentials,
                ..S3Config::default()
            };
            config.validate().map_err(|error| error.to_string())
        };
        problem_of("id\n", "key\n", S3Credentials::Keys).unwrap();
        let error = problem_of("id", "", S3Credentials::Keys).unwrap_err();
        assert!(error.contains("s3.secret_access_key"), "{error}");
        let error = problem_of("", "hunter2", S3Credentials::Keys).unwrap_err();
        assert!(
            error.contains("s3.access_key_id") && !error.contains("hunter2"),
            "{error}"
        );
        problem_of("", "", S3Credentials::Anonymous).unwrap();
        problem_of("", "", S3Credentials::Machine).unwrap();
        S3Config::default().validate().unwrap();
    }

    #[test]
    fn whatever_is_set_needs_a_bucket() {
        let none = S3Config::default;
        for (key, config) in [
            (
                "s3.endpoint",
                S3Config {
                    endpoint: "https://s3.example".to_owned(),
                    ..none()
                },
            ),
            (
                "s3.region",
                S3Config {
                    region: "eu-west-1".to_owned(),
                    ..none()
                },
            ),
            (
                "s3.credentials",
                S3Config {
                    credentials: S3Credentials::Machine,
                    ..none()
                },
            ),
            (
                "s3.access_key_id",
                S3Config {
                    access_key_id: "ann".to_owned(),
                    bucket: " ".to_owned(),
                    ..none()
                },
            ),
            (
                "s3.secret_access_key",
                S3Config {
                    secret_access_key: SecretText::new("hunter2"),
                    ..none()
                },
            ),
        ] {
            let error = config.validate().unwrap_err().to_string();
            assert!(
                error.contains("s3.bucket") && error.contains(key),
                "{error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
        none().validate().unwrap();
    }

    #[test]
    fn an_endpoint_needs_a_scheme_and_a_host() {
        for endpoint in [
            "s3.example",
            "127.0.0.1:1",
            "http://",
            "http://a b",
            "ftp://a",
        ] {
            let config = S3Config {
                endpoint: endpoint.to_owned(),
                ..S3Config::default()
            };
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains("s3.endpoint"), "{endpoint}: {error}");
        }
    }
}
