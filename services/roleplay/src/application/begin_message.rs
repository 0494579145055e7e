//! The messages that a generation begins with.

use sea_orm::ConnectionTrait;
use storage::database::Transaction;

use super::Error;
use super::asking::{Speaker, Target};
use super::move_head::move_head;

use crate::domain::ids::{MessageId, SessionId};
use crate::domain::message::{Author, MAX_CONTINUED_BYTES, Message, MessageKind};
use crate::domain::prompt::Kind;
use crate::domain::session::Session;
use crate::infrastructure::queries::generations::NewGeneration;
use crate::infrastructure::queries::messages;
use crate::infrastructure::queries::messages::NewMessage;
use crate::infrastructure::tables::message::Model;

/// Stores what a generation begins with: the person's message, if it answers a new one, and the message that it writes.
pub(super) async fn store_messages(
    tx: &Transaction<'_>,
    session: &Session,
    target: Target,
    new: &NewGeneration,
) -> Result<(Option<Message>, Message), Error> {
    let (branch, now) = (&session.branch, new.create_time);
    match target {
        Target::Answer {
            parent,
            said,
            speaker,
        } => {
            let parent = parent.now(session);
            let before = find_parent(tx, session, parent).await?;
            let reply = begun_by(session, new, speaker);
            let stored =
                messages::insert_with_answer(tx, session.id, before.as_ref(), said, reply).await?;
            let (said, reply) = stored;
            move_head(tx, session.id, branch, reply.id, parent, now).await?;
            Ok((Some(messages::newest(said)), messages::newest(reply)))
        }
        Target::Swipe { parent, speaker } => {
            let parent = parent.now(session);
            let before = find_parent(tx, session, parent).await?;
            let reply = begun_by(session, new, speaker);
            let reply = messages::insert(tx, session.id, before.as_ref(), reply).await?;
            move_head(tx, session.id, branch, reply.id, parent, now).await?;
            Ok((None, messages::newest(reply)))
        }
        Target::End(id) => {
            let message = messages::find(tx, session.id, id).await?;
            check_continuable(message, session)?;
            messages::set_generating(tx, id, new.id).await?;
            let message = messages::find_whole(tx, session.id, id).await?;
            Ok((None, message.ok_or(Error::NotFound("message"))?))
        }
    }
}

/// The person's message that a reply answers, which was there before.
pub(super) async fn answered(
    db: &impl ConnectionTrait,
    session: SessionId,
    kind: Kind,
    reply: &Message,
) -> Result<Option<Message>, Error> {
    match (kind, reply.parent_id) {
        (Kind::Reply, Some(parent)) => {
            let before = messages::find_whole(db, session, parent).await?;
            Ok(before.filter(|message| message.author == Author::Person))
        }
        _ => Ok(None),
    }
}

async fn find_parent(
    tx: &impl ConnectionTrait,
    session: &Session,
    parent: Option<MessageId>,
) -> Result<Option<Model>, Error> {
    let Some(id) = parent else { return Ok(None) };
    let parent = messages::find(tx, session.id, id).await?;
    Ok(Some(parent.ok_or(Error::NotFound("message"))?))
}

/// The message that a generation begins with: an empty text.
pub(super) fn begun_by(
    session: &Session,
    generation: &NewGeneration,
    speaker: Speaker,
) -> NewMessage {
    let (author, speaker_name, by, character_id) = match speaker {
        Speaker::Character(id, name) => (Author::Character, name, None, Some(id)),
        Speaker::Person(name) => {
            let me = &session.me;
            (Author::Person, name, Some((me.id, me.persona_id)), None)
        }
    };
    NewMessage {
        id: MessageId::new(),
        author,
        by,
        character_id,
        kind: MessageKind::Dialogue,
        speaker_name,
        text: String::new(),
        generation_id: Some(generation.id),
        create_time: generation.create_time,
        is_template: false,
    }
}

/// The message, if the character can continue it.
pub(super) fn check_continuable(message: Option<Model>, session: &Session) -> Result<Model, Error> {
    let message = message.ok_or(Error::NotFound("message"))?;
    let refusal = if message.author != Author::Character {
        "only a character's message can be continued: send a message to get a reply"
    } else if session.branch.head != Some(message.id) {
        "only the last message of the branch can be continued: select it or its branch first"
    } else if message.hidden {
        "the message is hidden from models: show it to them first"
    } else if message.text.trim().is_empty() {
        "the message is empty: regenerate it"
    } else if message.text.len() > MAX_CONTINUED_BYTES {
        "the message is too long to be continued: send a message"
    } else {
        return Ok(message);
    };
    Err(Error::Unsuitable(refusal))
}
