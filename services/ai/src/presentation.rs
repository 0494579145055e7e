//! The generated traits: convert, call, convert.

mod completion;
mod embeddings;
mod inference;
mod models;
mod routes;
mod usage;

pub(crate) use embeddings::EmbeddingApi;
pub(crate) use inference::InferenceApi;
pub(crate) use models::ModelApi;
pub(crate) use usage::UsageApi;

use troupe_proto::ai as pb;
use troupe_proto::types::TokenUsage;

use crate::application::routing::Listed;
use crate::domain::breaker::Condition;
use crate::domain::{self, Form};

/// The widest integer of the contract's 32-bit fields.
fn to_i32(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// What was used, in the contract's words.
fn used(tokens: &domain::TokenUsage, cost_pico_usd: i64, estimated: bool) -> TokenUsage {
    TokenUsage {
        prompt_tokens: to_i32(tokens.prompt),
        cached_tokens: to_i32(tokens.cached),
        completion_tokens: to_i32(tokens.completion),
        cost_pico_usd,
        estimated,
        cache_written_tokens: Some(to_i32(tokens.cache_written)),
        reasoning_tokens: Some(to_i32(tokens.reasoning)),
    }
}

impl From<Listed> for pb::Model {
    fn from(listed: Listed) -> Self {
        let (model, route) = (listed.model, listed.route);
        // What a route costs depends on whom it chooses.
        let prices = model.prices.filter(|_| route.is_none());
        let form = match model.form {
            Form::Chat => pb::PromptForm::Chat,
            Form::Text => pb::PromptForm::Text,
        };
        let health = match listed.condition {
            Condition::Up => pb::ModelHealth::Good,
            Condition::Tried => pb::ModelHealth::Tried,
            Condition::Down => pb::ModelHealth::Failing,
        };
        let (id, provider, display_name) = match route {
            Some(route) => {
                let display_name = route.display_name.clone();
                (route.id.to_string(), String::new(), display_name)
            }
            None => (model.id(), model.provider.to_string(), model.display_name),
        };
        Self {
            id,
            provider,
            display_name,
            window_tokens: to_i32(model.window_tokens),
            max_reply_tokens: to_i32(model.max_reply_tokens),
            form: form.into(),
            prompt_pico_usd_per_token: prices.map(|prices| prices.prompt),
            completion_pico_usd_per_token: prices.map(|prices| prices.completion),
            cached_pico_usd_per_token: prices.map(|prices| prices.cached),
            cache_write_pico_usd_per_token: prices.map(|prices| prices.cache_written),
            reasoning_pico_usd_per_token: prices.map(|prices| prices.reasoning),
            is_default: listed.is_default,
            available: model.unavailable.is_none(),
            unavailable_reason: model.unavailable.unwrap_or_default(),
            exact_tokens: model.exact_tokens,
            candidate_model_ids: listed.candidates,
            health: health.into(),
        }
    }
}
