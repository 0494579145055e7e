//! Receipts as they are stored beside their generations.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::compile_prompt::CompiledPrompt;
use super::plot::Shared;
use super::{Chats, Error};
use crate::domain::ids::UserId;
use crate::domain::prompt::{Form, Prompt, Receipt};
use crate::domain::session::{ReplySettings, Session};

/// What is kept of a prompt, as JSON: the receipt, and how the reply was asked for.
#[derive(Serialize)]
struct StoredReceipt<'r> {
    #[serde(flatten)]
    receipt: &'r Receipt,
    estimated: bool,
    character_id: Option<String>,
    persona_id: Option<String>,
    card_owner_id: Option<String>,
    scenario_id: Option<String>,
    scenario_owner_id: Option<String>,
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
    #[serde(default)]
    character_id: Option<String>,
    /// Whose the card was; none in receipts from before there were any but one's own. So with the scenario's.
    #[serde(default)]
    card_owner_id: Option<String>,
    #[serde(default)]
    scenario_id: Option<String>,
    #[serde(default)]
    scenario_owner_id: Option<String>,
}

fn read<T: FromStr>(id: Option<&String>) -> Option<T> {
    id.and_then(|id| id.parse().ok())
}

impl Chats {
    /// A receipt as a person may read it: without lore, where the card or the scenario is somebody else's who doesn't show it.
    pub(super) async fn readable(
        &self,
        user: UserId,
        mut kept: KeptReceipt,
    ) -> Result<KeptReceipt, Error> {
        let mut is_secret = false;
        if let Some(owner) = read(kept.card_owner_id.as_ref()) {
            let id = read(kept.character_id.as_ref());
            is_secret |= self.is_secret(user, owner, Shared::Card(id)).await?;
        }
        if let Some(owner) = read(kept.scenario_owner_id.as_ref()) {
            let id = read(kept.scenario_id.as_ref());
            is_secret |= self.is_secret(user, owner, Shared::Scenario(id)).await?;
        }
        if is_secret {
            kept.receipt.conceal_lore();
        }
        Ok(kept)
    }
}

impl CompiledPrompt {
    /// It as the person may see it: where the card or the scenario is somebody else's who doesn't show it, without its words and
    /// without lore.
    pub(super) fn readable(mut self) -> Self {
        if self.plot.is_secret() {
            self.receipt.conceal_lore();
            self.prompt = Prompt::Chat {
                messages: Vec::new(),
                continues_last: false,
            };
        }
        self
    }

    /// The receipt as JSON.
    pub(super) fn receipt_json(&self, session: &Session) -> Result<String, Error> {
        let (sheet, story) = (self.plot.sheet.as_deref(), self.plot.story.as_deref());
        let stored = StoredReceipt {
            receipt: &self.receipt,
            estimated: self.estimated,
            character_id: session.character_id.map(|id| id.to_string()),
            persona_id: session.me.persona_id.map(|id| id.to_string()),
            card_owner_id: sheet.map(|sheet| sheet.owner_id.to_string()),
            scenario_id: story.and_then(|it| Some(it.scenario_id?.to_string())),
            scenario_owner_id: story.map(|story| story.owner_id.to_string()),
            form: self.receipt.settings.form,
            sampling: &session.settings,
        };
        Ok(serde_json::to_string(&stored)?)
    }
}
