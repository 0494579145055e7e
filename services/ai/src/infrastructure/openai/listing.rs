//! What is known of the server's models: the configuration first, then what the server says. Pure.

mod list;

use std::collections::BTreeSet;

use serde_json::Value;

use super::quirk::Quirk;
use super::wire::Traits;
use crate::config::{MaxTokensField, ModelConfig, OPENAI, OpenAiConfig};
use crate::domain::{Model, Prices};
use crate::infrastructure::roles::RoleRules;

use list::number;
pub(super) use list::read;
pub use list::{Listed, listed};

const DEFAULT_WINDOW_TOKENS: u32 = 8192;
const DEFAULT_MAX_REPLY_TOKENS: u32 = 4096;
/// What to do where a server doesn't tell its models.
const NO_LIST: &str = "the model server lists no model that can chat: name one in ai.default_model, such as `openai/NAME`, or list its models \
     under [[ai.openai.models]]";

/// The server's models as they are known at a time.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
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
pub(super) struct Found {
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
    pub(super) fn initial(config: &OpenAiConfig) -> Self {
        let mut listing = Self::default();
        listing.models = listing.merged(config);
        listing
    }

    /// What is known after the server was asked once more: its models, or why there is no answer.
    pub(super) fn updated(
        &self,
        config: &OpenAiConfig,
        answer: Result<Vec<Found>, String>,
    ) -> Self {
        let (found, answered, problem) = match answer {
            Ok(found) => (found, true, None),
            Err(problem) => (self.found.clone(), self.answered, Some(problem)),
        };
        let mut listing = Self {
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

    /// What to set where a server that can be used names no models.
    pub(super) fn advice(&self) -> Option<&str> {
        (self.answered && self.models.is_empty()).then_some(NO_LIST)
    }

    pub(super) fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.iter()
    }

    /// The model of this name. As long as a server that is to be asked has not answered, and where it lists none, it may have
    /// any.
    pub(super) fn find(&self, config: &OpenAiConfig, name: &str) -> Option<Model> {
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
        config: &OpenAiConfig,
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
        }
    }

    fn merged(&self, config: &OpenAiConfig) -> Vec<Model> {
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

    fn model(&self, config: &OpenAiConfig, model: &ModelConfig, found: Option<&Found>) -> Model {
        let window_tokens = model
            .window_tokens
            .or_else(|| found?.window_tokens)
            .unwrap_or(DEFAULT_WINDOW_TOKENS);
        let max_reply_tokens = model
            .max_reply_tokens
            .or_else(|| found?.max_reply_tokens)
            .unwrap_or(DEFAULT_MAX_REPLY_TOKENS);
        let display_name = Some(model.display_name.clone()).filter(|name| !name.is_empty());
        Model {
            provider: OPENAI.into(),
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
        completion,
    })
}

#[cfg(test)]
mod tests;
