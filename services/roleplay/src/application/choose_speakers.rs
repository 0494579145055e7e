//! Decides whose turn it is.

use super::ensemble::Ensemble;
use super::{Chats, Error};
use crate::domain::ids::{CharacterId, MessageId};
use crate::domain::message::{Author, Message, MessageKind};
use crate::domain::random::seed_for;
use crate::domain::session::Session;
use crate::domain::turn::{Call, Round, Scene, Speaker};
use crate::infrastructure::queries::path::{self, Limits, Line};
use crate::infrastructure::tables::message::Model;

/// As far as is looked back for who has spoken since a person did: as many as a session has characters.
const LOOKED_AT: Limits = Limits {
    messages: 64,
    bytes: 256 << 10,
};

/// What is asked for.
pub(super) struct Choosing<'c> {
    /// Whom the request names.
    pub(super) named: Option<CharacterId>,
    /// The last stored message that is answered.
    pub(super) tip: Option<MessageId>,
    /// What a person says with the request, which follows it.
    pub(super) said: Option<&'c str>,
    /// Most replies, where the request says how many.
    pub(super) most: Option<u32>,
}

/// What was said last.
#[derive(Debug, Default)]
pub(super) struct Recent {
    text: String,
    by_person: bool,
    /// The characters that spoke since a person did, the newest first.
    spoke: Vec<CharacterId>,
}

impl Recent {
    fn of(newest_first: &[Line], ensemble: &Ensemble) -> Self {
        // What models don't read has no text here.
        let mut lines = newest_first
            .iter()
            .filter(|line| !line.text.trim().is_empty());
        let newest = lines.clone().next();
        let is_of_character =
            |line: &&Line| line.author == Author::Character && line.kind == MessageKind::Dialogue;
        let spoke = lines
            .by_ref()
            .take_while(is_of_character)
            .filter_map(|it| ensemble.who_said(it.author, it.character_id, &it.speaker_name));
        Self {
            spoke: spoke.collect(),
            by_person: newest.is_some_and(|line| line.author == Author::Person),
            text: newest.map(|line| line.text.clone()).unwrap_or_default(),
        }
    }

    /// What a character says now.
    pub(super) fn with(mut self, speaker: CharacterId, text: &str) -> Self {
        self.spoke.insert(0, speaker);
        Self {
            text: text.to_owned(),
            by_person: false,
            spoke: self.spoke,
        }
    }

    /// The character that spoke last, if nobody has answered.
    pub(super) fn last(&self) -> Option<CharacterId> {
        self.spoke.first().copied()
    }
}

impl Chats {
    /// Who speaks first, and what follows.
    pub(super) async fn speakers(
        &self,
        session: &Session,
        ensemble: &Ensemble,
        choosing: Choosing<'_>,
    ) -> Result<(Speaker, Round), Error> {
        let only = ensemble.alone().ok_or(Error::CharacterDeleted)?;
        let chosen = match choosing.named {
            Some(id) => {
                ensemble
                    .cast
                    .find(id)
                    .ok_or(Error::NotFound("character in the session"))?;
                let call = if ensemble.is_group() {
                    Call::Asked
                } else {
                    Call::Alone
                };
                vec![Speaker {
                    character_id: id,
                    call,
                }]
            }
            // One who answers a person needs no choice.
            None if !ensemble.is_group() && choosing.said.is_some() => vec![only],
            None => {
                let recent = match choosing.said {
                    Some(said) => Recent {
                        text: said.to_owned(),
                        by_person: true,
                        spoke: Vec::new(),
                    },
                    None => self.recent(session, ensemble, choosing.tip).await?,
                };
                chosen(session, ensemble, &recent, choosing.said.is_some())
            }
        };
        Round::begin(chosen, choosing.most).ok_or(Error::NobodyToSpeak)
    }

    /// What was said last on the path to a message.
    pub(super) async fn recent(
        &self,
        session: &Session,
        ensemble: &Ensemble,
        tip: Option<MessageId>,
    ) -> Result<Recent, Error> {
        let Some(tip) = tip else {
            return Ok(Recent::default());
        };
        let lines = path::lines(self.db.read(), session.id, tip, LOOKED_AT).await?;
        Ok(Recent::of(&lines, ensemble))
    }

    /// Whose `{{char}}` stands for where the person's message is written: who spoke last, or else the first.
    pub(super) async fn spoken_to(
        &self,
        session: &Session,
        ensemble: &Ensemble,
        tip: Option<MessageId>,
    ) -> Result<Speaker, Error> {
        let first = ensemble.alone().ok_or(Error::CharacterDeleted)?;
        if !ensemble.is_group() {
            return Ok(first);
        }
        let last = self.recent(session, ensemble, tip).await?.last();
        let last = last.filter(|id| ensemble.cast.find(*id).is_some());
        Ok(Speaker {
            character_id: last.unwrap_or(first.character_id),
            call: Call::Kept,
        })
    }

    /// Who speaks in a message that isn't written yet, or is spoken to where the person does.
    pub(super) async fn speaker_of(
        &self,
        session: &Session,
        ensemble: &Ensemble,
        message: &Model,
    ) -> Result<Speaker, Error> {
        if message.author == Author::Person {
            return self.spoken_to(session, ensemble, message.parent_id).await;
        }
        let said = ensemble.who_said(message.author, message.character_id, &message.speaker_name);
        Ok(Speaker {
            character_id: said.ok_or(Error::CharacterDeleted)?,
            call: Call::Kept,
        })
    }
}

/// Who speaks after what was said last, by the strategy of the session.
pub(super) fn chosen(
    session: &Session,
    ensemble: &Ensemble,
    recent: &Recent,
    is_sent: bool,
) -> Vec<Speaker> {
    let turns = &session.settings.turns;
    let candidates = ensemble.candidates();
    // A session that sets a seed chooses the same after the same words, and not the same after each.
    let seed = match session.settings.seed {
        Some(seed) => seed_for(seed.cast_unsigned(), &recent.text, 0),
        None => rand::random(),
    };
    let scene = Scene {
        candidates: &candidates,
        strategy: turns.strategy.unwrap_or_default(),
        self_replies: turns.self_replies.unwrap_or(false),
        text: &recent.text,
        by_person: recent.by_person,
        is_sent,
        spoke: &recent.spoke,
        seed,
    };
    let mut speakers = scene.speakers();
    if !ensemble.is_group() {
        for speaker in &mut speakers {
            speaker.call = Call::Alone;
        }
    }
    speakers
}

/// Who speaks in another text of a message, or in more of it: who said it.
pub(super) fn kept(ensemble: &Ensemble, message: &Message) -> Result<Speaker, Error> {
    let only = ensemble.alone().ok_or(Error::CharacterDeleted)?;
    if !ensemble.is_group() {
        return Ok(only);
    }
    let said = ensemble.who_said(message.author, message.character_id, &message.speaker_name);
    let refusal = "who said the message isn't in the session any more: let the character join again, or another one answer";
    let member = said.and_then(|id| ensemble.cast.find(id));
    let member = member.ok_or(Error::Unsuitable(refusal))?;
    Ok(Speaker {
        character_id: member.character_id,
        call: Call::Kept,
    })
}
