//! Routes: names under which several models are asked for.

use std::collections::BTreeSet;
use std::time::Duration;

use platform::config::Error;
use serde::Deserialize;

use super::Config;
use super::validate::invalid;
use crate::domain::Preference;
use crate::domain::route::{Candidate, Route, Rules};

/// The route that is there without a configuration, of all models.
pub const AUTO: &str = "auto";
const MOST_CANDIDATES: usize = 16;
const MOST_ROUTES: usize = 64;

/// A route: a request that names it goes to one of its models.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteConfig {
    /// What sessions name it by: small letters, digits, `-` and `_`. `auto` takes the place of the route of all models.
    pub id: String,
    /// Name for people. Empty: the id.
    pub display_name: String,
    /// The models, the preferred one first.
    pub candidates: Vec<CandidateConfig>,
    /// Which of the models that fit comes first: `listed`, `price` or `latency`.
    pub order: Preference,
    /// Models with a smaller window are left out.
    pub min_window_tokens: u32,
    /// Models whose replies are shorter are left out.
    pub min_reply_tokens: u32,
    /// The most that a million prompt tokens may cost, in micro-USD; models of unknown price are left out then.
    pub max_prompt_price_micro_usd: Option<i64>,
    /// The most that a million generated tokens may cost, in micro-USD; models of unknown price are left out then.
    pub max_completion_price_micro_usd: Option<i64>,
    /// Models whose first text took longer lately come behind the others, in milliseconds.
    pub slowest_first_token_ms: Option<u64>,
    /// Models that wrote fewer tokens a second lately come behind the others.
    pub fewest_tokens_per_sec: Option<u32>,
    /// After how many milliseconds without text the next model is asked. Absent: when the provider's own timeout is over.
    pub next_after_ms: Option<u64>,
    /// How long a session goes on with the model that wrote last, and has its prompt in a cache, in seconds. 0: not at all.
    pub sticky_secs: u64,
}

/// A model of a route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CandidateConfig {
    /// Its id.
    pub model: String,
    /// The tiers of people that may have it. Empty: all.
    pub tiers: Vec<String>,
    /// The languages that it is for, as BCP 47 writes them, such as `ja`. Empty: all.
    pub languages: Vec<String>,
}

impl Default for RouteConfig {
    fn default() -> Self {
        Self {
            id: String::new(),
            display_name: String::new(),
            candidates: Vec::new(),
            order: Preference::Listed,
            min_window_tokens: 0,
            min_reply_tokens: 0,
            max_prompt_price_micro_usd: None,
            max_completion_price_micro_usd: None,
            slowest_first_token_ms: None,
            fewest_tokens_per_sec: None,
            next_after_ms: None,
            sticky_secs: 300,
        }
    }
}

impl RouteConfig {
    fn automatic() -> Self {
        Self {
            id: AUTO.to_owned(),
            display_name: "Automatic".to_owned(),
            ..Self::default()
        }
    }

    fn to_route(&self) -> Route {
        let name = Some(&self.display_name).filter(|name| !name.is_empty());
        let candidates = self.candidates.iter().map(|it| Candidate {
            model_id: it.model.clone(),
            tiers: it.tiers.clone(),
            languages: it.languages.clone(),
        });
        Route {
            id: self.id.as_str().into(),
            display_name: name.unwrap_or(&self.id).clone(),
            candidates: candidates.collect(),
            rules: Rules {
                order: self.order,
                min_window_tokens: self.min_window_tokens,
                min_reply_tokens: self.min_reply_tokens,
                max_prompt_price: self.max_prompt_price_micro_usd,
                max_completion_price: self.max_completion_price_micro_usd,
                slowest_first_token: self.slowest_first_token_ms.map(Duration::from_millis),
                fewest_tokens_per_sec: self.fewest_tokens_per_sec,
                next_after: self.next_after_ms.map(Duration::from_millis),
                sticky_for: Duration::from_secs(self.sticky_secs),
            },
        }
    }

    fn invalid(&self, problem: &str) -> Error {
        invalid("ai.routes", format!("{}: {problem}", self.id))
    }

    fn validate(&self, config: &Config) -> Result<(), Error> {
        let is_good = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_');
        if self.id.is_empty() || self.id.len() > 64 || !self.id.chars().all(is_good) {
            let problem = format!(
                "must each have an id of at most 64 small letters, digits, `-` and `_`: {:?} is none",
                self.id
            );
            return Err(invalid("ai.routes", problem));
        }
        if !(1..=MOST_CANDIDATES).contains(&self.candidates.len()) {
            return Err(self.invalid("must have 1 to 16 candidates"));
        }
        let mut seen = BTreeSet::new();
        for it in &self.candidates {
            if !seen.insert(&it.model) {
                return Err(self.invalid(&format!("has the candidate {:?} twice", it.model)));
            }
            if !config.may_have(&it.model) {
                let problem = format!(
                    "has the candidate {:?}, which is no model of a configured provider",
                    it.model
                );
                return Err(self.invalid(&problem));
            }
        }
        let tier = &config.default_tier;
        if !(self.candidates.iter()).any(|it| it.tiers.is_empty() || it.tiers.contains(tier)) {
            let problem = format!("has no candidate for the tier {tier:?} (ai.default_tier)");
            return Err(self.invalid(&problem));
        }
        let prices = [
            self.max_prompt_price_micro_usd,
            self.max_completion_price_micro_usd,
        ];
        if prices.into_iter().flatten().any(i64::is_negative) {
            return Err(self.invalid("a price must not be negative"));
        }
        if self.next_after_ms == Some(0) || self.slowest_first_token_ms == Some(0) {
            return Err(self.invalid("times must be at least 1 ms; leave them out for none"));
        }
        Ok(())
    }
}

impl Config {
    /// The routes, and `auto` where no other has its name.
    pub(crate) fn all_routes(&self) -> Vec<Route> {
        let mut routes: Vec<Route> = self.routes.iter().map(RouteConfig::to_route).collect();
        if !routes.iter().any(|route| &*route.id == AUTO) {
            routes.push(RouteConfig::automatic().to_route());
        }
        routes
    }

    /// Whether an id is a route's.
    pub(super) fn has_route(&self, id: &str) -> bool {
        id == AUTO || self.routes.iter().any(|route| route.id == id)
    }

    pub(super) fn validate_routes(&self) -> Result<(), Error> {
        if self.default_tier.is_empty() {
            return Err(invalid("ai.default_tier", "must not be empty"));
        }
        if self.routes.len() > MOST_ROUTES {
            return Err(invalid("ai.routes", "must be at most 64"));
        }
        let mut seen = BTreeSet::new();
        for route in &self.routes {
            route.validate(self)?;
            if !seen.insert(&route.id) {
                return Err(route.invalid("is there twice"));
            }
        }
        Ok(())
    }
}
