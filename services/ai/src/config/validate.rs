//! What makes a configuration unusable, and what to write instead.

use platform::config::{Error, encoding_problem};
use url::Url;

use super::{AUTO, Config, LOCAL, LocalConfig, ModelConfig, OPENAI, OPTIONAL_FIELDS, OpenAiConfig};
use service::Section;

impl Section for Config {
    fn validate(&self) -> Result<(), Error> {
        self.openai.validate()?;
        self.local.validate()?;
        if !self.local_enabled() && !self.openai.is_configured() {
            let problem = "leaves no model: enable the local one, or set ai.openai.base_url";
            return Err(invalid("ai.local.enabled", problem));
        }
        self.validate_embeddings()?;
        self.breakers.validate()?;
        self.validate_routes()?;
        self.validate_default()
    }
}

impl Config {
    fn validate_default(&self) -> Result<(), Error> {
        let (key, id) = ("ai.default_model", &self.default_model);
        if id.is_empty() || id == AUTO && self.routes.iter().all(|route| route.id != AUTO) {
            return self.validate_implied_default();
        }
        if self.has_route(id) || self.may_have(id) {
            return Ok(());
        }
        if !matches!(id.split_once('/'), Some((LOCAL | OPENAI, name)) if !name.is_empty()) {
            let problem =
                "must be `local/` or `openai/` and the model's name, or the id of a route";
            return Err(invalid(key, problem));
        }
        let local = format!("`local/{}`", self.local.model_name());
        let problem = format!(
            "names a model that isn't configured: the local one is {local}, and `openai/` needs \
             ai.openai.base_url and, where ai.openai.models are listed, one of these"
        );
        Err(invalid(key, problem))
    }

    /// Whether a provider that is configured may have the model of an id.
    pub(super) fn may_have(&self, id: &str) -> bool {
        match id.split_once('/') {
            Some((LOCAL, name)) => self.local_enabled() && name == self.local.model_name(),
            Some((OPENAI, name)) => {
                !name.is_empty() && self.openai.is_configured() && self.openai.may_have(name)
            }
            _ => false,
        }
    }

    /// OpenAI's own list holds much that isn't a language model, so that its first entry is no default.
    fn validate_implied_default(&self) -> Result<(), Error> {
        let openai = &self.openai;
        if openai.is_openai() && openai.models.is_empty() {
            let problem = "must be set for OpenAI, unless ai.openai.models is";
            return Err(invalid("ai.default_model", problem));
        }
        Ok(())
    }
}

impl LocalConfig {
    fn validate(&self) -> Result<(), Error> {
        let at_least_one = [
            ("ai.local.window_tokens", self.window_tokens as usize),
            ("ai.local.max_reply_tokens", self.max_reply_tokens as usize),
            ("ai.local.slots", self.slots),
            ("ai.local.threads", self.threads.unwrap_or(1)),
        ];
        for (key, value) in at_least_one {
            if value == 0 {
                return Err(invalid(key, "must be at least 1"));
            }
        }
        check_encoding("ai.local.url", &self.url)
    }
}

impl OpenAiConfig {
    fn validate(&self) -> Result<(), Error> {
        if self.is_configured() {
            self.validate_url()?;
        }
        if !matches!(self.api_key.header(), None | Some(Ok(_))) {
            let problem = "holds characters that a header can't: copy the key again";
            return Err(invalid("ai.openai.api_key", problem));
        }
        let timeouts = [
            ("ai.openai.connect_timeout_ms", self.connect_timeout_ms),
            (
                "ai.openai.first_token_timeout_ms",
                self.first_token_timeout_ms,
            ),
            ("ai.openai.idle_timeout_ms", self.idle_timeout_ms),
        ];
        for (key, millis) in timeouts {
            if millis == 0 {
                return Err(invalid(key, "must be at least 1"));
            }
        }
        self.models.iter().try_for_each(ModelConfig::validate)
    }

    fn validate_url(&self) -> Result<(), Error> {
        let key = "ai.openai.base_url";
        check_encoding(key, &self.base_url)?;
        let url = Url::parse(&self.base_url).map_err(|error| {
            let example = "write it such as `http://127.0.0.1:8080/v1`";
            invalid(key, format!("is not a URL ({error}): {example}"))
        })?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(invalid(
                key,
                "must begin with `http://` or `https://` and a host",
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid(
                key,
                "must not have a password: use ai.openai.api_key",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid(key, "must end with the path, such as `/v1`"));
        }
        Ok(())
    }
}

impl ModelConfig {
    fn validate(&self) -> Result<(), Error> {
        let key = "ai.openai.models";
        let name = &self.id;
        if name.is_empty() || name.len() > 190 {
            return Err(invalid(key, "must each have an id, of at most 190 bytes"));
        }
        if self.window_tokens == Some(0) || self.max_reply_tokens == Some(0) {
            return Err(invalid(key, format!("{name}: tokens must be at least 1")));
        }
        let prices = [
            self.prompt_price_micro_usd,
            self.cached_price_micro_usd,
            self.completion_price_micro_usd,
        ];
        if prices.into_iter().flatten().any(i64::is_negative) {
            return Err(invalid(
                key,
                format!("{name}: a price must not be negative"),
            ));
        }
        let priced = prices.iter().any(Option::is_some);
        if priced && (prices[0].is_none() || prices[2].is_none()) {
            let problem = "set both the prompt's and the completion's price, or neither";
            return Err(invalid(key, format!("{name}: {problem}")));
        }
        let fields = self.leave_out.iter().flatten();
        let mut unknown = fields.filter(|field| !OPTIONAL_FIELDS.contains(&&***field));
        if let Some(field) = unknown.next() {
            let known = OPTIONAL_FIELDS.join(", ");
            let problem = format!(
                "{name}: leave_out names {field:?}, which can't be left out; these can: {known}"
            );
            return Err(invalid(key, problem));
        }
        Ok(())
    }
}

/// Refuses an address whose encoded characters can't be decoded.
pub(super) fn check_encoding(key: &'static str, url: &str) -> Result<(), Error> {
    encoding_problem(url).map_or(Ok(()), |problem| Err(invalid(key, problem)))
}

pub(super) fn invalid(key: &'static str, problem: impl Into<String>) -> Error {
    Error::Invalid {
        key,
        problem: problem.into(),
    }
}
