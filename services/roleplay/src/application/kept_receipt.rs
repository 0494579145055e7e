//! Receipts as they are stored beside their generations.

use serde::{Deserialize, Serialize};

use super::Error;
use super::compile_prompt::CompiledPrompt;
use crate::domain::prompt::{Form, Kind, Receipt};
use crate::domain::session::{ReplySettings, Session};
use crate::domain::turn::Call;

/// What is kept of a prompt, as JSON: the receipt, and how the reply was asked for.
#[derive(Serialize)]
struct StoredReceipt<'r> {
    #[serde(flatten)]
    receipt: &'r Receipt,
    estimated: bool,
    character_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speaker: Option<KeptSpeaker>,
    persona_id: Option<String>,
    form: Form,
    sampling: &'r ReplySettings,
}

/// Who speaks, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeptSpeaker {
    /// The character.
    pub(crate) id: String,
    /// What it is called.
    pub(crate) name: String,
    /// Why it is its turn.
    pub(crate) call: Call,
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
    /// Who speaks; none where the person does, and in receipts from before there could be several characters.
    #[serde(default)]
    pub(crate) speaker: Option<KeptSpeaker>,
}

impl CompiledPrompt {
    /// The receipt as JSON.
    pub(super) fn receipt_json(&self, session: &Session) -> Result<String, Error> {
        let stored = StoredReceipt {
            receipt: &self.receipt,
            estimated: self.estimated,
            character_id: session.character_id.map(|id| id.to_string()),
            speaker: self.kept_speaker(),
            persona_id: session.me.persona_id.map(|id| id.to_string()),
            form: self.receipt.settings.form,
            sampling: &session.settings,
        };
        Ok(serde_json::to_string(&stored)?)
    }

    /// Who speaks, and why; nobody where the person does.
    pub(crate) fn kept_speaker(&self) -> Option<KeptSpeaker> {
        let speaker = KeptSpeaker {
            id: self.speaker.character_id.to_string(),
            name: self.speaker_name.clone(),
            call: self.speaker.call,
        };
        Some(speaker).filter(|_| self.receipt.kind != Kind::Impersonate)
    }
}
