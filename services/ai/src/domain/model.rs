//! A language model as the catalogue shows it.

use std::sync::Arc;

use serde::Deserialize;

use super::Prices;

/// The form of a model's prompts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Messages with roles.
    #[default]
    Chat,
    /// One text to complete.
    Text,
}

/// A model that a provider offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Model {
    /// The provider's name, the part of the id before the first slash.
    pub(crate) provider: Arc<str>,
    /// The provider's own name for the model, the rest of the id.
    pub(crate) name: String,
    /// Name for people.
    pub(crate) display_name: String,
    /// Tokens that prompt and reply may have together.
    pub(crate) window_tokens: u32,
    /// Most tokens of a reply.
    pub(crate) max_reply_tokens: u32,
    pub(crate) form: Form,
    /// Absent if no price is known.
    pub(crate) prices: Option<Prices>,
    /// Why it can't be used now, for people; absent if it can.
    pub(crate) unavailable: Option<String>,
    /// Whether token counts are the model's own rather than estimates.
    pub(crate) exact_tokens: bool,
}

impl Model {
    /// The id: provider, slash, the provider's name for it.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.provider, self.name)
    }
}
