//! Receipts as they are stored beside their generations.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::compile_prompt::CompiledPrompt;
use super::{Chats, Error};
use crate::domain::ids::{CharacterId, UserId};
use crate::domain::prompt::{Form, Kind, Prompt, Receipt};
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
    cards: Vec<KeptCard>,
    scenario_id: Option<String>,
    scenario_owner_id: Option<String>,
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

/// A card that played.
#[derive(Serialize, Deserialize)]
struct KeptCard {
    character_id: String,
    owner_id: String,
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
    #[serde(default)]
    character_id: Option<String>,
    /// Whose the card was, in receipts from before there could be several; none where there were only one's own.
    #[serde(default)]
    card_owner_id: Option<String>,
    #[serde(default)]
    cards: Vec<KeptCard>,
    #[serde(default)]
    scenario_id: Option<String>,
    #[serde(default)]
    scenario_owner_id: Option<String>,
}

fn read<T: FromStr>(id: Option<&String>) -> Option<T> {
    id.and_then(|id| id.parse().ok())
}

impl KeptReceipt {
    /// All cards that played, and whose they were.
    fn played(&self) -> Vec<(UserId, Option<CharacterId>)> {
        let card = |owner, id| Some((read(owner)?, read(id)));
        let alone = card(self.card_owner_id.as_ref(), self.character_id.as_ref());
        let cards = self.cards.iter();
        let cards = cards.filter_map(|it| card(Some(&it.owner_id), Some(&it.character_id)));
        alone.into_iter().chain(cards).collect()
    }
}

impl Chats {
    /// A receipt as a person may read it: without lore, where a card or the scenario is somebody else's who doesn't show it.
    pub(super) async fn readable(
        &self,
        user: UserId,
        mut kept: KeptReceipt,
    ) -> Result<KeptReceipt, Error> {
        let mut is_secret = self.is_a_card_secret(user, &kept.played()).await?;
        if let Some(owner) = read(kept.scenario_owner_id.as_ref()) {
            let id = read(kept.scenario_id.as_ref());
            is_secret |= self.is_scenario_secret(user, owner, id).await?;
        }
        if is_secret {
            kept.receipt.conceal_lore();
        }
        Ok(kept)
    }
}

impl CompiledPrompt {
    /// It as the person may see it: where a card or the scenario is somebody else's who doesn't show it, without its words and without
    /// lore.
    pub(super) fn readable(mut self) -> Self {
        if self.ensemble.is_secret() {
            self.receipt.conceal_lore();
            self.prompt = Prompt::Chat {
                messages: Vec::new(),
                continues_last: false,
                stop: Vec::new(),
            };
        }
        self
    }

    /// The receipt as JSON.
    pub(super) fn receipt_json(&self, session: &Session) -> Result<String, Error> {
        let story = self.ensemble.story.as_deref();
        let cards = self.ensemble.owners().into_iter();
        let cards = cards.map(|(character, owner)| KeptCard {
            character_id: character.to_string(),
            owner_id: owner.to_string(),
        });
        let stored = StoredReceipt {
            receipt: &self.receipt,
            estimated: self.estimated,
            character_id: session.character_id.map(|id| id.to_string()),
            speaker: self.kept_speaker(),
            persona_id: session.me.persona_id.map(|id| id.to_string()),
            cards: cards.collect(),
            scenario_id: story.and_then(|it| Some(it.scenario_id?.to_string())),
            scenario_owner_id: story.map(|story| story.owner_id.to_string()),
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
