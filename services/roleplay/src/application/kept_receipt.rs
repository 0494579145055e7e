//! Receipts as they are stored beside their generations.

use serde::{Deserialize, Serialize};

use super::Error;
use super::compile_prompt::CompiledPrompt;
use crate::domain::prompt::{Form, Receipt};
use crate::domain::session::{ReplySettings, Session};

/// What is kept of a prompt, as JSON: the receipt, and how the reply was asked for.
#[derive(Serialize)]
struct StoredReceipt<'r> {
    #[serde(flatten)]
    receipt: &'r Receipt,
    estimated: bool,
    character_id: Option<String>,
    persona_id: Option<String>,
    form: Form,
    sampling: &'r ReplySettings,
}

/// What is read of it.
#[derive(Deserialize)]
pub(crate) struct KeptReceipt {
    /// Where each part of the prompt came from.
    #[serde(flatten)]
    pub(crate) receipt: Receipt,
    /// True if tokens were estimated.
    #[serde(default)]
    pub(crate) estimated: bool,
    /// How the reply was asked for.
    #[serde(default, rename = "sampling")]
    pub(crate) settings: ReplySettings,
}

impl CompiledPrompt {
    /// The receipt as JSON.
    pub(super) fn receipt_json(&self, session: &Session) -> Result<String, Error> {
        let stored = StoredReceipt {
            receipt: &self.receipt,
            estimated: self.estimated,
            character_id: session.character_id.map(|id| id.to_string()),
            persona_id: session.me.persona_id.map(|id| id.to_string()),
            form: self.receipt.settings.form,
            sampling: &session.settings,
        };
        Ok(serde_json::to_string(&stored)?)
    }
}
