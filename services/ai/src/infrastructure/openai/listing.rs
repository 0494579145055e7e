//! What is known of the server's models: the configuration first, then what the server says. Pure.

use serde_json::Value;

use super::wire::Traits;
use crate::config::{MaxTokensField, ModelConfig, OPENAI, OpenAiConfig};
use crate::domain::{Model, Prices};

const DEFAULT_WINDOW_TOKENS: u32 = 8192;
const DEFAULT_MAX_REPLY_TOKENS: u32 = 4096;
/// Ids longer than the contract allows can't be named, and no more models than this are listed.
const MAX_ID_BYTES: usize = 190;
const MAX_MODELS: usize = 1000;

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

    pub(super) fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.iter()
    }

    /// The model of this name. As long as a server that is to be asked has not answered, it may have any.
    pub(super) fn find(&self, config: &OpenAiConfig, name: &str) -> Option<Model> {
        let known = self.models.iter().find(|model| model.name == name);
        let may_have = config.discovers() && self.settled && !self.answered;
        known
            .cloned()
            .or_else(|| may_have.then(|| self.model(config, &unlisted(name), None)))
    }

    /// What the server takes for a model.
    pub(super) fn traits(&self, config: &OpenAiConfig, name: &str) -> Traits {
        let is_openai = config.is_openai();
        let is_llama_cpp = self.found.iter().any(|found| found.is_llama_cpp);
        let model = config.models.iter().find(|model| model.id == name);
        let field = if is_openai {
            MaxTokensField::MaxCompletionTokens
        } else {
            MaxTokensField::MaxTokens
        };
        Traits {
            is_openai,
            max_tokens_field: model.and_then(|m| m.max_tokens_field).unwrap_or(field),
            names: model.and_then(|m| m.names).unwrap_or(!is_openai),
            extended_sampling: model
                .and_then(|m| m.extended_sampling)
                .unwrap_or(!is_openai),
            continue_flag: model.is_some_and(|m| m.continue_final_message),
            echoes: model
                .and_then(|m| m.echoes_final_message)
                .unwrap_or(is_llama_cpp),
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
            provider: OPENAI,
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

/// Reads an answer of `/models`; what can't be a model is left out.
pub(super) fn read(answer: &Value) -> Vec<Found> {
    let list = answer.get("data").and_then(Value::as_array);
    let found = list.into_iter().flatten().filter_map(read_model);
    found.take(MAX_MODELS).collect()
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

fn read_model(model: &Value) -> Option<Found> {
    let id = model.get("id")?.as_str()?;
    if id.is_empty() || id.len() > MAX_ID_BYTES {
        return None;
    }
    let meta = model.get("meta");
    let trained_for = meta.and_then(|meta| number(meta, "n_ctx_train"));
    let runs_with = meta.and_then(|meta| number(meta, "n_ctx"));
    let top_provider = model.get("top_provider");
    Some(Found {
        id: id.to_owned(),
        display_name: model
            .get("name")
            .and_then(Value::as_str)
            .or(file_stem(id))
            .map(str::to_owned),
        window_tokens: number(model, "max_model_len")
            .or_else(|| number(model, "context_length"))
            .or(runs_with)
            .or(trained_for),
        max_reply_tokens: top_provider.and_then(|p| number(p, "max_completion_tokens")),
        is_llama_cpp: trained_for.is_some(),
        wants_props: trained_for.is_some() && runs_with.is_none(),
    })
}

/// The name of a model that llama.cpp calls by the path of its file.
fn file_stem(id: &str) -> Option<&str> {
    id.strip_suffix(".gguf")?.rsplit('/').next()
}

fn number(value: &Value, key: &str) -> Option<u32> {
    let number = value.get(key)?.as_u64()?;
    u32::try_from(number).ok().filter(|number| *number > 0)
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
