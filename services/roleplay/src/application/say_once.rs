//! Sends a message of a client that keeps a chat of its own and makes no ids of requests: what is a repeat is told by what the branch
//! ends with.

use mesh::Ctx;

use super::access::enter_as_caller;
use super::chats::PAGE_BYTES;
use super::send_message::SendMessage;
use super::start_generation::Started;
use super::{Chats, Error};
use crate::domain::generation::State;
use crate::domain::ids::{GenerationId, MessageId};
use crate::domain::message::Author;
use crate::domain::participant::{Right, Seat};
use crate::infrastructure::queries::path;
use crate::infrastructure::tables::message::Model;

/// How many of the newest messages are looked through for the person's last one: more than ever speak one after the other.
const LOOKED_THROUGH: usize = 64;

/// What a message is that a client sends.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// A new one.
    New,
    /// This one, which has no whole reply.
    Unanswered(MessageId),
    /// One that this generation answers, or has answered.
    Answered(GenerationId),
}

impl Chats {
    /// Sends a message, unless the branch ends with it, and the client doesn't know of its reply yet: the last that it has is
    /// `last_reply`. Who has none may say the same again once it is answered.
    pub(crate) async fn say_once(
        &self,
        ctx: &Ctx,
        request: SendMessage,
        last_reply: &str,
    ) -> Result<Started, Error> {
        if request.key.is_some() || request.parent_id.is_some() {
            return self.send_message(ctx, request).await;
        }
        let id = request.session_id;
        let session = enter_as_caller(&self.db, ctx, id, Right::Write).await?;
        let Some(head) = session.branch.head else {
            return self.send_message(ctx, request).await;
        };
        let limits = path::Limits {
            messages: LOOKED_THROUGH,
            bytes: PAGE_BYTES,
        };
        let newest = path::load(self.db.read(), id, head, limits).await?;
        match said(&newest, &session.me, &request, last_reply.trim()) {
            Said::New => self.send_message(ctx, request).await,
            Said::Unanswered(message) => {
                let named = request.character_id;
                self.reply_to_message(ctx, id, message, named, None).await
            }
            Said::Answered(generation) => Ok(Started::Earlier(generation)),
        }
    }
}

fn said(newest_first: &[Model], me: &Seat, request: &SendMessage, last_reply: &str) -> Said {
    let is_reply = |it: &&Model| it.author == Author::Character;
    let replies = newest_first.iter().take_while(is_reply);
    let replies: Vec<&Model> = replies.collect();
    let last = newest_first.get(replies.len());
    let is_same = |it: &&Model| {
        it.participant_id == Some(me.id)
            && it.kind == request.kind
            && it.text.trim() == request.text.trim()
    };
    let knows_none = last_reply.is_empty();
    let knows = |reply: &&Model| !knows_none && reply.text.trim() == last_reply;
    let Some(message) = last.filter(is_same) else {
        return Said::New;
    };
    if replies.iter().any(knows) {
        return Said::New;
    }
    match replies
        .last()
        .map(|first| (first.state, first.generation_id))
    {
        Some((State::Running | State::Pending, Some(generation))) => Said::Answered(generation),
        Some((State::Completed, _)) if knows_none => Said::New,
        Some((State::Completed, Some(generation))) => Said::Answered(generation),
        Some((State::Completed, None)) => Said::New,
        _ => Said::Unanswered(message.id),
    }
}
