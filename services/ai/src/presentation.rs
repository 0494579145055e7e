//! The generated traits: convert, call, convert.

mod embeddings;
mod inference;
mod models;
mod usage;

pub(crate) use embeddings::EmbeddingApi;
pub(crate) use inference::InferenceApi;
pub(crate) use models::ModelApi;
pub(crate) use usage::UsageApi;

use troupe_proto::ai as pb;

use crate::application::catalog::Choice;
use crate::domain::Form;

/// The widest integer of the contract's 32-bit fields.
fn to_i32(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

impl From<Choice> for pb::Model {
    fn from(choice: Choice) -> Self {
        let model = choice.model;
        let prices = model.prices;
        let form = match model.form {
            Form::Chat => pb::PromptForm::Chat,
            Form::Text => pb::PromptForm::Text,
        };
        Self {
            id: model.id(),
            provider: model.provider.to_string(),
            window_tokens: to_i32(model.window_tokens),
            max_reply_tokens: to_i32(model.max_reply_tokens),
            form: form.into(),
            prompt_pico_usd_per_token: prices.map(|prices| prices.prompt),
            completion_pico_usd_per_token: prices.map(|prices| prices.completion),
            cached_pico_usd_per_token: prices.map(|prices| prices.cached),
            cache_write_pico_usd_per_token: prices.map(|prices| prices.cache_written),
            reasoning_pico_usd_per_token: prices.map(|prices| prices.reasoning),
            is_default: choice.is_default,
            available: model.unavailable.is_none(),
            unavailable_reason: model.unavailable.unwrap_or_default(),
            exact_tokens: model.exact_tokens,
            display_name: model.display_name,
        }
    }
}
