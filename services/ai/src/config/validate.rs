//! What makes a configuration unusable, and what to write instead.

use platform::config::{Error, encoding_problem};
use service::Section;
use url::Url;

use super::{
    AUTO, Config, Form, KeyConfig, Kind, LOCAL, LocalConfig, ModelConfig, OPENAI, OPTIONAL_FIELDS,
    ServerConfig,
};

/// How long a server's name may be: with it, models' ids have 200 bytes.
const MAX_NAME_BYTES: usize = 32;
/// How long a server's own name for a model may be.
const MAX_MODEL_BYTES: usize = 190;
/// A key's calls of the last minute are remembered one by one.
const MAX_CALLS_PER_MINUTE: u32 = 100_000;
/// Most keys of a server.
const MAX_KEYS: usize = 100;
/// What Gemini's filters can let through.
const THRESHOLDS: &[&str] = &[
    "OFF",
    "BLOCK_NONE",
    "BLOCK_ONLY_HIGH",
    "BLOCK_MEDIUM_AND_ABOVE",
    "BLOCK_LOW_AND_ABOVE",
];

impl Section for Config {
    fn validate(&self) -> Result<(), Error> {
        self.validate_servers()?;
        self.local.validate()?;
        if !self.local_enabled() && self.servers().next().is_none() {
            let problem = "leaves no model: enable the local one, or set ai.openai.base_url or a server in ai.servers";
            return Err(invalid("ai.local.enabled", problem));
        }
        self.validate_embeddings()?;
        self.breakers.validate()?;
        self.validate_routes()?;
        self.validate_default()
    }
}

impl Config {
    fn validate_servers(&self) -> Result<(), Error> {
        if !matches!(self.openai.kind, Kind::OpenAi | Kind::OpenAiResponses) {
            let problem = "must be openai or openai-responses: name other servers in ai.servers";
            return Err(invalid("ai.openai.kind", problem));
        }
        for name in self.servers.keys() {
            let is_taken = name == LOCAL || name == OPENAI && !self.openai.base_url.is_empty();
            if is_taken {
                return Err(invalid(
                    "ai.servers",
                    format!("{name} is the name of another: choose one more"),
                ));
            }
            if !is_name(name) {
                let problem = format!(
                    "{name:?} is no name: take at most {MAX_NAME_BYTES} small letters, digits, - and _, a letter first"
                );
                return Err(invalid("ai.servers", problem));
            }
        }
        // A wrong setting of ai.openai is told even if there is no server.
        self.openai.validate("ai.openai")?;
        for (name, server) in &self.servers {
            server.validate(&format!("ai.servers.{name}"))?;
        }
        Ok(())
    }

    fn validate_default(&self) -> Result<(), Error> {
        let (key, id) = ("ai.default_model", &self.default_model);
        if id.is_empty() {
            return self.validate_implied_default();
        }
        let mut servers = self.servers();
        let has_none = servers.all(|(_, it)| it.has_a_wide_list() && it.models.is_empty());
        if id == AUTO
            && !self.routes.iter().any(|it| it.id == AUTO)
            && has_none
            && !self.local_enabled()
        {
            let problem =
                "is a route that has no model here: list the models of a server, or name one";
            return Err(invalid(key, problem));
        }
        if self.has_route(id) || self.may_have(id) {
            return Ok(());
        }
        if matches!(id.split_once('/'), Some((_, "")) | None) {
            let problem = "must be the name of a server, or `local`, then `/` and the model's name, or the id of a route";
            return Err(invalid(key, problem));
        }
        let local = format!("`local/{}`", self.local.model_name());
        let problem = format!(
            "names a model that isn't configured: the local one is {local}, `openai/` needs \
             ai.openai.base_url, another name a server in ai.servers; and where a server's models are listed, it must be one of these"
        );
        Err(invalid(key, problem))
    }

    /// Whether a provider that is configured may have the model of an id.
    pub(super) fn may_have(&self, id: &str) -> bool {
        match id.split_once('/') {
            Some((LOCAL, name)) => self.local_enabled() && name == self.local.model_name(),
            Some((server, name)) => {
                let server = self.server(server).filter(|_| !name.is_empty());
                server.is_some_and(|server| server.may_have(name))
            }
            None => false,
        }
    }

    /// The first of several servers is no default, nor is the first of a provider's whole list.
    fn validate_implied_default(&self) -> Result<(), Error> {
        let mut servers = self.servers();
        let (first, more) = (servers.next(), servers.count());
        let problem = match first {
            Some(_) if more > 0 => "must be set where there are several servers",
            Some((_, server)) if server.has_a_wide_list() && server.models.is_empty() => {
                "must be set for this server, unless its models are listed"
            }
            _ => return Ok(()),
        };
        Err(invalid("ai.default_model", problem))
    }
}

/// Whether a server can have a name: it stands in models' ids and in the names of variables, which have no case.
fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
    };
    name.len() <= MAX_NAME_BYTES
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(is_part)
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

impl ServerConfig {
    /// Checks a server whose settings begin with `at`.
    fn validate(&self, at: &str) -> Result<(), Error> {
        if !self.base_url.is_empty() {
            self.validate_url(at)?;
        }
        self.validate_keys(at)?;
        let timeouts = [
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("first_token_timeout_ms", self.first_token_timeout_ms),
            ("idle_timeout_ms", self.idle_timeout_ms),
        ];
        for (key, millis) in timeouts {
            if millis == 0 {
                return Err(of_server(at, key, "must be at least 1"));
            }
        }
        let threshold = &*self.safety_threshold;
        if !threshold.is_empty() && !THRESHOLDS.contains(&threshold) {
            let problem = format!("must be one of {}", THRESHOLDS.join(", "));
            return Err(of_server(at, "safety_threshold", problem));
        }
        let forms = self.models.iter().filter_map(|model| model.form);
        let has_texts = forms.chain([self.form]).any(|form| form == Form::Text);
        if has_texts && !self.kind.completes_texts() {
            let problem = "must be chat: servers of this kind complete no texts";
            return Err(of_server(at, "form", problem));
        }
        self.models.iter().try_for_each(|model| model.validate(at))
    }

    fn validate_url(&self, at: &str) -> Result<(), Error> {
        let failed = |problem: String| of_server(at, "base_url", problem);
        if let Some(problem) = encoding_problem(&self.base_url) {
            return Err(failed(problem.to_owned()));
        }
        let url = Url::parse(&self.base_url).map_err(|error| {
            let example = "write it such as `http://127.0.0.1:8080/v1`";
            failed(format!("is not a URL ({error}): {example}"))
        })?;
        let problem = if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            "must begin with `http://` or `https://` and a host".to_owned()
        } else if !url.username().is_empty() || url.password().is_some() {
            format!("must not have a password: use {at}.api_key")
        } else if url.query().is_some() || url.fragment().is_some() {
            "must end with the path, such as `/v1`".to_owned()
        } else {
            return Ok(());
        };
        Err(failed(problem))
    }

    fn validate_keys(&self, at: &str) -> Result<(), Error> {
        let is_usable = |key: &KeyConfig| self.headers(&key.key).is_ok();
        if !is_usable(&self.api_key.clone().into()) {
            let problem = "holds characters that a header can't: copy the key again";
            return Err(of_server(at, "api_key", problem));
        }
        if self.keys.len() > MAX_KEYS {
            let problem = format!("has more than {MAX_KEYS} keys: leave some out");
            return Err(of_server(at, "keys", problem));
        }
        for (index, key) in self.keys.iter().enumerate() {
            let problem = if key.key.is_empty() {
                "is empty: write the key or leave it out"
            } else if !is_usable(key) {
                "holds characters that a header can't: copy the key again"
            } else if key.weight == 0 {
                "has the weight 0: write at least 1, or leave the key out"
            } else if key.concurrent_calls == Some(0) {
                "takes no calls at once: write at least 1, or leave concurrent_calls out"
            } else if !(1..=MAX_CALLS_PER_MINUTE).contains(&key.calls_per_minute.unwrap_or(1)) {
                "must take 1 to 100000 calls a minute, or leave calls_per_minute out"
            } else {
                continue;
            };
            // By its place: keys are secret.
            return Err(of_server(
                at,
                "keys",
                format!("key {} {problem}", index + 1),
            ));
        }
        Ok(())
    }
}

impl ModelConfig {
    fn validate(&self, at: &str) -> Result<(), Error> {
        let failed = |problem: String| of_server(at, "models", problem);
        let name = &self.id;
        if name.is_empty() || name.len() > MAX_MODEL_BYTES {
            let problem = format!("must each have an id, of at most {MAX_MODEL_BYTES} bytes");
            return Err(failed(problem));
        }
        if self.window_tokens == Some(0) || self.max_reply_tokens == Some(0) {
            return Err(failed(format!("{name}: tokens must be at least 1")));
        }
        let main = [self.prompt_price_micro_usd, self.completion_price_micro_usd];
        let all = [
            self.cached_price_micro_usd,
            self.cache_write_price_micro_usd,
            self.reasoning_price_micro_usd,
        ];
        let mut all = all.into_iter().chain(main).flatten().peekable();
        let is_priced = all.peek().is_some();
        if all.any(i64::is_negative) {
            return Err(failed(format!("{name}: a price must not be negative")));
        }
        if is_priced && main.contains(&None) {
            let problem = "set both the prompt's and the completion's price, or neither";
            return Err(failed(format!("{name}: {problem}")));
        }
        let fields = self.leave_out.iter().flatten();
        let mut unknown = fields.filter(|field| !OPTIONAL_FIELDS.contains(&&***field));
        if let Some(field) = unknown.next() {
            let known = OPTIONAL_FIELDS.join(", ");
            let problem = format!(
                "{name}: leave_out names {field:?}, which can't be left out; these can: {known}"
            );
            return Err(failed(problem));
        }
        Ok(())
    }
}

/// A wrong setting of a server.
fn of_server(at: &str, key: &str, problem: impl Into<String>) -> Error {
    Error::InvalidEntry {
        key: format!("{at}.{key}"),
        problem: problem.into(),
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
