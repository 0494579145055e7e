//! Budgets as they are configured: what isn't given stays as it is by default, also half of a budget.

use redis::limits::Rate;
use serde::Deserialize;

use super::Rates;

/// What the configuration says of budgets.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Given {
    read: GivenRate,
    write: GivenRate,
    credentials: GivenRate,
    generate: GivenRate,
    unclassified: GivenRate,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GivenRate {
    per_second: Option<f64>,
    burst: Option<u32>,
}

impl GivenRate {
    fn over(self, default: Rate) -> Rate {
        Rate {
            per_second: self.per_second.unwrap_or(default.per_second),
            burst: self.burst.unwrap_or(default.burst),
        }
    }
}

impl From<Given> for Rates {
    fn from(given: Given) -> Self {
        let default = Self::default();
        Self {
            read: given.read.over(default.read),
            write: given.write.over(default.write),
            credentials: given.credentials.over(default.credentials),
            generate: given.generate.over(default.generate),
            unclassified: given.unclassified.over(default.unclassified),
        }
    }
}
