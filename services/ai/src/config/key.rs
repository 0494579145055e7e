//! Keys of servers, with how much each of them takes.

use std::fmt;

use http::HeaderValue;
use http::header::InvalidHeaderValue;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A key that doesn't show in logs.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ApiKey(String);

/// A key, and how much it takes. Written as a text, it has the weight 1 and no limits.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyConfig {
    /// The key.
    pub key: ApiKey,
    /// How large its share of the calls is, beside the weights of the others.
    pub weight: u32,
    /// Most calls at once. Absent: any number.
    pub concurrent_calls: Option<u32>,
    /// Most calls in a minute. Absent: any number.
    pub calls_per_minute: Option<u32>,
}

impl ApiKey {
    /// Takes a key as the provider gave it out.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// The value of the header that carries it, behind the name of a scheme; `None` for the empty key.
    pub(crate) fn header(&self, scheme: &str) -> Option<Result<HeaderValue, InvalidHeaderValue>> {
        let key = self.0.trim();
        (!key.is_empty()).then(|| {
            let mut value = HeaderValue::try_from(format!("{scheme}{key}"))?;
            value.set_sensitive(true);
            Ok(value)
        })
    }

    /// Takes the key out of a text that may quote it.
    pub(crate) fn strike_out(&self, text: &str) -> String {
        match self.0.trim() {
            "" => text.to_owned(),
            key => text.replace(key, "[key]"),
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

impl From<ApiKey> for KeyConfig {
    fn from(key: ApiKey) -> Self {
        Self {
            key,
            weight: 1,
            concurrent_calls: None,
            calls_per_minute: None,
        }
    }
}

/// A key as a table has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    key: ApiKey,
    #[serde(default = "one")]
    weight: u32,
    concurrent_calls: Option<u32>,
    calls_per_minute: Option<u32>,
}

fn one() -> u32 {
    1
}

impl<'de> Deserialize<'de> for KeyConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = KeyConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key as text, or { key = \"…\", weight = 1 }")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<KeyConfig, E> {
        Ok(ApiKey::new(key).into())
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<KeyConfig, M::Error> {
        let table = Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(KeyConfig {
            key: table.key,
            weight: table.weight,
            concurrent_calls: table.concurrent_calls,
            calls_per_minute: table.calls_per_minute,
        })
    }
}
