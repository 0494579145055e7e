//! Messages that are stored, each in its place in the tree.

use platform::Timestamp;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait, QuerySelect};
use storage::database::Transaction;

use super::siblings;
use crate::domain::generation::State;
use crate::domain::ids::{
    CharacterId, GenerationId, MessageId, ParticipantId, PersonaId, SessionId,
};
use crate::domain::message::{Author, MessageKind};
use crate::domain::search;
use crate::infrastructure::queries::stored;
use crate::infrastructure::tables::message::{Column, Entity, Model};

/// Rows that one statement stores: a server takes so many values.
const ROWS_AT_ONCE: usize = 500;

/// A message to store.
#[derive(Debug, Clone)]
pub(crate) struct NewMessage {
    /// Its id.
    pub(crate) id: MessageId,
    /// Who says it.
    pub(crate) author: Author,
    /// Which person, and whom they play; none for a character.
    pub(crate) by: Option<(ParticipantId, Option<PersonaId>)>,
    /// Which character says it; none for a person.
    pub(crate) character_id: Option<CharacterId>,
    /// In which voice.
    pub(crate) kind: MessageKind,
    /// The author's name.
    pub(crate) speaker_name: String,
    /// The text.
    pub(crate) text: String,
    /// The generation that writes it, if one does.
    pub(crate) generation_id: Option<GenerationId>,
    /// When it is made.
    pub(crate) create_time: Timestamp,
    /// Whether it is a greeting whose macros aren't resolved.
    pub(crate) is_template: bool,
}

/// Stores a message after `parent`, as its last swipe.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    session: SessionId,
    parent: Option<&Model>,
    new: NewMessage,
) -> Result<Model, DbErr> {
    let place = Place::last_of(db, session, parent).await?;
    let model = placed(session, parent, place, new);
    Entity::insert(model.clone().into_active_model())
        .exec_without_returning(db)
        .await?;
    Ok(model)
}

/// Stores the greetings of a new session, and gives them as they are stored: those of each character as swipes of its first, after
/// the first of the character before.
pub(crate) fn insert_greetings(
    tx: &Transaction<'_>,
    session: SessionId,
    greetings: &[Vec<NewMessage>],
) -> Vec<Model> {
    let mut models: Vec<Model> = Vec::new();
    let mut before: Option<Model> = None;
    for of_one in greetings {
        let first = models.len();
        for (swipe_index, greeting) in (0..).zip(of_one) {
            let place = Place {
                swipe_index,
                jump: before.as_ref().map(|before| (before.id, before.depth)),
            };
            models.push(placed(session, before.as_ref(), place, greeting.clone()));
        }
        before = models.get(first).cloned().or(before);
    }
    for some in models.chunks(ROWS_AT_ONCE) {
        let rows = some.iter().map(|model| model.clone().into_active_model());
        tx.put_off(Entity::insert_many(rows));
    }
    models
}

/// Stores a message as [`insert`] does, and its first answer with it.
pub(crate) async fn insert_with_answer(
    db: &Transaction<'_>,
    session: SessionId,
    parent: Option<&Model>,
    new: NewMessage,
    answer: NewMessage,
) -> Result<(Model, Model), DbErr> {
    let place = Place::last_of(db, session, parent).await?;
    let model = placed(session, parent, place, new);
    let place = Place {
        swipe_index: 0,
        jump: Some(jump(db, &model, parent).await?),
    };
    let answer = placed(session, Some(&model), place, answer);
    let rows = [&model, &answer].map(|model| model.clone().into_active_model());
    db.put_off(Entity::insert_many(rows));
    Ok((model, answer))
}

/// Where a message stands among the others.
struct Place {
    swipe_index: u32,
    /// The ancestor that it jumps to, with that one's depth.
    jump: Option<(MessageId, i32)>,
}

impl Place {
    /// After a message, and after all that follow it already.
    async fn last_of(
        db: &impl ConnectionTrait,
        session: SessionId,
        parent: Option<&Model>,
    ) -> Result<Self, DbErr> {
        let siblings = siblings(session, parent.map(|parent| parent.id));
        let swipe_index = siblings.count(db).await?;
        Ok(Self {
            swipe_index: u32::try_from(swipe_index).unwrap_or(u32::MAX),
            jump: match parent {
                Some(parent) => Some(jump(db, parent, None).await?),
                None => None,
            },
        })
    }
}

fn placed(session: SessionId, parent: Option<&Model>, place: Place, new: NewMessage) -> Model {
    let state = if new.generation_id.is_some() {
        State::Running
    } else {
        State::Completed
    };
    let is_character = i32::from(new.author == Author::Character);
    Model {
        id: new.id,
        session_id: session,
        parent_id: parent.map(|parent| parent.id),
        author: new.author,
        kind: new.kind,
        speaker_name: new.speaker_name,
        search_text: search::kept(&new.text),
        text: new.text,
        state,
        depth: parent.map_or(0, |parent| parent.depth + 1),
        character_count: parent.map_or(0, |parent| parent.character_count) + is_character,
        swipe_index: stored(place.swipe_index),
        last_head_id: None,
        generation_id: new.generation_id,
        jump_id: place.jump.map(|(id, _)| id),
        jump_depth: place.jump.map(|(_, depth)| depth),
        create_time: new.create_time,
        edit_time: None,
        hidden: false,
        discarded: false,
        is_template: new.is_template,
        participant_id: new.by.map(|(id, _)| id),
        persona_id: new.by.and_then(|(_, persona)| persona),
        character_id: new.character_id,
    }
}

/// Where a message after `parent` jumps to. Jumps that double as long as two of one length follow one another bring every
/// ancestor within a logarithm of steps, and cost a message one look-up, or none where `parent` jumps to the one that is `known`.
async fn jump(
    db: &impl ConnectionTrait,
    parent: &Model,
    known: Option<&Model>,
) -> Result<(MessageId, i32), DbErr> {
    let near = (parent.id, parent.depth);
    let (Some(id), Some(depth)) = (parent.jump_id, parent.jump_depth) else {
        return Ok(near);
    };
    let next: Option<(Option<MessageId>, Option<i32>)> =
        if let Some(known) = known.filter(|known| known.id == id) {
            Some((known.jump_id, known.jump_depth))
        } else {
            Entity::find_by_id(id)
                .select_only()
                .columns([Column::JumpId, Column::JumpDepth])
                .into_tuple()
                .one(db)
                .await?
        };
    Ok(match next {
        Some((Some(far), Some(far_depth))) if parent.depth - depth == depth - far_depth => {
            (far, far_depth)
        }
        _ => near,
    })
}
