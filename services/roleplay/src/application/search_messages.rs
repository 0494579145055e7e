//! Finds messages by their words.

use std::collections::HashMap;

use mesh::Ctx;

use super::chats::PAGE_BYTES;
use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::message::Message;
use crate::domain::search::folded;
use crate::infrastructure::queries::messages::{self, Sought};
use crate::infrastructure::tables::message::Model;

/// Bytes that a character has at most.
const MAX_CHAR_BYTES: usize = 4;

impl Chats {
    /// At most `limit` messages of the caller's sessions that have all of the words, newest first, and whether there are more. The
    /// caller must take part in a session that is named.
    pub(crate) async fn search_messages(
        &self,
        ctx: &Ctx,
        sought: &Sought,
        limit: usize,
    ) -> Result<(Vec<Message>, bool), Error> {
        if sought.words.is_empty() {
            let (field, description) = ("query", "must have a word");
            return Err(Error::Invalid { field, description });
        }
        if let Some(session) = sought.session {
            self.get_session(ctx, session).await?;
        }
        let (found, rest) = self.next_found(ctx, sought.clone(), limit).await?;
        // Whether something follows tells nothing of words that a greeting has where nobody sees them.
        let more = match rest {
            Some(rest) => !self.next_found(ctx, rest, 1).await?.0.is_empty(),
            None => false,
        };
        Ok((found, more))
    }

    /// At most `limit` messages that are found, none if there are no more, and what is left to look for.
    async fn next_found(
        &self,
        ctx: &Ctx,
        mut sought: Sought,
        limit: usize,
    ) -> Result<(Vec<Message>, Option<Sought>), Error> {
        loop {
            let (found, last, more) = self.search_page(ctx, &sought, limit).await?;
            // Those that don't fit the page are found again.
            sought.before = found.last().map(|message| message.id).or(last);
            if !found.is_empty() || !more {
                return Ok((found, more.then_some(sought)));
            }
        }
    }

    /// A page of what is found, the last message that was looked at, and whether there are more.
    async fn search_page(
        &self,
        ctx: &Ctx,
        sought: &Sought,
        limit: usize,
    ) -> Result<(Vec<Message>, Option<MessageId>, bool), Error> {
        let wanted = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let found = messages::having(self.db.read(), ctx.user_id()?, sought, wanted).await?;
        let page = fitting(&found, limit);
        let (page_len, last) = (page.len(), page.last().copied());
        let models = messages::load(self.db.read(), page).await?;
        let mut whole = self.whole(ctx, models).await?;
        // A greeting may have the words where nobody sees them.
        let shows = |text: &str| {
            let text = folded(text);
            sought.words.iter().all(|word| text.contains(&word.folded))
        };
        whole.retain(|message| !message.is_template || shows(&message.text));
        // Greetings are longer in the words in which they are shown.
        let mut bytes = 0;
        let fitting = whole.iter().take_while(|message| {
            let fits = bytes < PAGE_BYTES;
            bytes += message.text.len();
            fits
        });
        let (read, fitting) = (whole.len(), fitting.count());
        whole.truncate(fitting);
        let is_last = page_len == found.len() && fitting == read;
        Ok((whole, last, !is_last))
    }

    /// Messages of several sessions of the caller as they are shown, in their order.
    async fn whole(&self, ctx: &Ctx, models: Vec<Model>) -> Result<Vec<Message>, Error> {
        let order: Vec<MessageId> = models.iter().map(|model| model.id).collect();
        let mut of_sessions: HashMap<SessionId, Vec<Model>> = HashMap::new();
        for model in models {
            of_sessions.entry(model.session_id).or_default().push(model);
        }
        let mut found = HashMap::new();
        for (session, models) in of_sessions {
            let has_greeting = models.iter().any(|model| model.is_template);
            let mut whole = messages::whole(self.db.read(), session, models).await?;
            if has_greeting {
                let session = match self.get_session(ctx, session).await {
                    // They left it meanwhile.
                    Err(Error::NotFound(_)) => continue,
                    session => session?,
                };
                whole = self.all_shown(ctx, &session, whole, usize::MAX).await?;
            }
            found.extend(whole.into_iter().map(|message| (message.id, message)));
        }
        Ok(order.iter().filter_map(|id| found.remove(id)).collect())
    }
}

/// The first of these messages, given with their lengths, that fit an answer; one at least.
fn fitting(found: &[(MessageId, i64)], limit: usize) -> Vec<MessageId> {
    let mut bytes = 0;
    let mut page = Vec::new();
    for (id, chars) in found.iter().take(limit) {
        bytes += usize::try_from(*chars).unwrap_or(usize::MAX / MAX_CHAR_BYTES) * MAX_CHAR_BYTES;
        if bytes > PAGE_BYTES && !page.is_empty() {
            break;
        }
        page.push(*id);
    }
    page
}
