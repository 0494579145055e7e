//! What is known of the server's models: the configuration first, then what the server says. Pure.

mod list;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::quirk::Quirk;
use crate::config::{Kind, MaxTokensField, ModelConfig, ServerConfig};
use crate::domain::{Model, Prices};
use crate::infrastructure::dialect::{Dialect, Traits};
use crate::infrastructure::roles::RoleRules;

use list::number;
pub(super) use list::read;
pub use list::{Listed, listed, listing_url};

const DEFAULT_WINDOW_TOKENS: u32 = 8192;
const DEFAULT_MAX_REPLY_TOKENS: u32 = 4096;
/// What all of Anthropic's models take.
const ANTHROPIC_WINDOW_TOKENS: u32 = 200_000;
/// A window takes memory at Ollama, which makes room for it when a model is loaded.
const MOST_OLLAMA_TOKENS: u32 = 8192;

/// The server's models as they are known at a time.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// The server's name.
    provider: Arc<str>,
    models: Vec<Model>,
    /// What the server said when it was last asked with success.
    found: Vec<Found>,
    /// Whether the server was asked, with success or not.
    settled: bool,
    /// Whether it ever answered.
    answered: bool,
    problem: Option<String>,
}

/// A model as the server tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    id: String,
    display_name: Option<String>,
    window_tokens: Option<u32>,
    max_reply_tokens: Option<u32>,
    is_llama_cpp: bool,
    /// Older llama.cpp tells here the window that the model was trained for, and elsewhere the one it runs with.
    wants_props: bool,
}

impl Listing {
    /// What is known before the server is asked.
    pub(super) fn initial(provider: impl Into<Arc<str>>, config: &ServerConfig) -> Self {
        let mut listing = Self {
            provider: provider.into(),
            ..Self::default()
        };
        listing.models = listing.merged(config);
        listing
    }

    /// What is known after the server was asked once more: its models, or why there is no answer.
    pub(super) fn updated(
        &self,
        config: &ServerConfig,
        answer: Result<Vec<Found>, String>,
    ) -> Self {
        let (found, answered, problem) = match answer {
            Ok(found) => (found, true, None),
            Err(problem) => (self.found.clone(), self.answered, Some(problem)),
        };
        let mut listing = Self {
            provider: Arc::clone(&self.provider),
            models: Vec::new(),
            found,
            settled: true,
            answered,
            problem,
        };
        listing.models = listing.merged(config);
        listing
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// Why the server can't be used now, for people.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Whether the server can be used and names no models.
    pub(super) fn lists_none(&self) -> bool {
        self.answered && self.models.is_empty()
    }

    pub(super) fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.iter()
    }

    /// The model of this name. As long as a server that is to be asked has not answered, and where it lists none, it may have
    /// any.
    pub(super) fn find(&self, config: &ServerConfig, name: &str) -> Option<Model> {
        let known = self.models.iter().find(|model| model.name == name);
        let names_none = !self.answered || self.found.is_empty();
        let may_have = config.discovers() && self.settled && names_none;
        known
            .cloned()
            .or_else(|| may_have.then(|| self.model(config, &unlisted(name), None)))
    }

    /// What the server takes for a model: by the configuration, or else by what it refused, or else what others take.
    pub(super) fn traits(
        &self,
        config: &ServerConfig,
        name: &str,
        quirks: &BTreeSet<Quirk>,
    ) -> Traits {
        let is_openai = config.is_openai();
        let is_llama_cpp = self.found.iter().any(|found| found.is_llama_cpp);
        let unlisted = ModelConfig::default();
        let model = config
            .models
            .iter()
            .find(|model| model.id == name)
            .unwrap_or(&unlisted);
        let refuses = |quirk: Quirk| quirks.contains(&quirk);
        let no_system = !model.system_role.unwrap_or(!refuses(Quirk::NoSystemRole));
        Traits {
            is_openai,
            streams: model.stream.unwrap_or(!refuses(Quirk::NoStream)),
            max_tokens_field: model
                .max_tokens_field
                .unwrap_or(limit_field(is_openai, quirks)),
            names: model.names.unwrap_or(!is_openai),
            extended_sampling: model.extended_sampling.unwrap_or(!is_openai),
            continue_flag: model.continue_final_message || refuses(Quirk::ContinueFlag),
            echoes: model.echoes_final_message.unwrap_or(is_llama_cpp),
            roles: RoleRules {
                alternating: model
                    .strict_roles
                    .unwrap_or(refuses(Quirk::AlternatingRoles))
                    || no_system,
                no_system,
                last_user: !model.prefill.unwrap_or(!refuses(Quirk::LastUser)),
            },
            refused: match &model.leave_out {
                Some(fields) => fields.iter().cloned().collect(),
                None => quirks.iter().filter_map(Quirk::field).collect(),
            },
            thinking_tokens: model.thinking_tokens,
            safety_threshold: config.safety_threshold.clone(),
        }
    }

    fn merged(&self, config: &ServerConfig) -> Vec<Model> {
        let of_id = |id: &str| self.found.iter().find(|found| found.id == id);
        let configured = config.models.iter();
        let mut models: Vec<Model> = configured
            .map(|model| self.model(config, model, of_id(&model.id)))
            .collect();
        if config.discovers() {
            let is_new = |found: &&Found| !config.models.iter().any(|model| model.id == found.id);
            let new = self.found.iter().filter(is_new);
            models.extend(new.map(|found| self.model(config, &unlisted(&found.id), Some(found))));
        }
        models
    }

    fn model(&self, config: &ServerConfig, model: &ModelConfig, found: Option<&Found>) -> Model {
        let window_tokens = model
            .window_tokens
            .or_else(|| {
                found?
                    .window_tokens
                    .map(|window| of_kind(config.kind, window))
            })
            .unwrap_or(match config.kind {
                Kind::Anthropic => ANTHROPIC_WINDOW_TOKENS,
                _ => DEFAULT_WINDOW_TOKENS,
            });
        let max_reply_tokens = model
            .max_reply_tokens
            .or_else(|| found?.max_reply_tokens)
            .unwrap_or(DEFAULT_MAX_REPLY_TOKENS);
        let display_name = Some(model.display_name.clone()).filter(|name| !name.is_empty());
        Model {
            provider: Arc::clone(&self.provider),
            name: model.id.clone(),
            display_name: display_name
                .or_else(|| found?.display_name.clone())
                .unwrap_or_else(|| model.id.clone()),
            window_tokens,
            max_reply_tokens: max_reply_tokens.min(window_tokens),
            form: model.form.unwrap_or(config.form),
            prices: prices(model),
            unavailable: self.problem.clone(),
            exact_tokens: false,
        }
    }
}

fn limit_field(is_openai: bool, quirks: &BTreeSet<Quirk>) -> MaxTokensField {
    match is_openai || quirks.contains(&Quirk::MaxCompletionTokens) {
        true if !quirks.contains(&Quirk::MaxTokens) => MaxTokensField::MaxCompletionTokens,
        _ => MaxTokensField::MaxTokens,
    }
}

impl Found {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Takes over what a server says of the model alone: the longest window.
    pub(crate) fn take_window(&mut self, window: Option<u32>) {
        self.window_tokens = window.or(self.window_tokens);
    }
}

/// The names as requests have them.
pub(super) fn named(found: Vec<Found>, dialect: &dyn Dialect) -> Vec<Found> {
    let name = |found: Found| Found {
        id: dialect.model_name(&found.id),
        ..found
    };
    found.into_iter().map(name).collect()
}

/// As much of a window as is used unless the configuration says more.
fn of_kind(kind: Kind, window: u32) -> u32 {
    match kind {
        Kind::Ollama => window.min(MOST_OLLAMA_TOKENS),
        _ => window,
    }
}

/// Takes over the window that llama.cpp runs with, from its `/props`.
pub(super) fn take_props(found: &mut [Found], props: &Value) {
    let settings = props.get("default_generation_settings");
    let window = settings.and_then(|settings| number(settings, "n_ctx"));
    for model in found.iter_mut().filter(|model| model.wants_props) {
        model.window_tokens = window.or(model.window_tokens);
    }
}

/// Whether [`take_props`] would know more.
pub(super) fn wants_props(found: &[Found]) -> bool {
    found.iter().any(|model| model.wants_props)
}

fn unlisted(id: &str) -> ModelConfig {
    ModelConfig {
        id: id.to_owned(),
        ..ModelConfig::default()
    }
}

fn prices(model: &ModelConfig) -> Option<Prices> {
    let (prompt, completion) = (
        model.prompt_price_micro_usd?,
        model.completion_price_micro_usd?,
    );
    Some(Prices {
        prompt,
        cached: model.cached_price_micro_usd.unwrap_or(prompt),
        cache_written: model.cache_write_price_micro_usd.unwrap_or(prompt),
        completion,
        reasoning: model.reasoning_price_micro_usd.unwrap_or(completion),
    })
}

#[cfg(test)]
mod tests;
