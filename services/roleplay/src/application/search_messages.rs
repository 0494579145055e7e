//! Finds messages by their words.

use std::collections::HashMap;

use mesh::Ctx;

use super::chats::PAGE_BYTES;
use super::page::{fitting, wanted};
use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::message::Message;
use crate::domain::search::folded;
use crate::infrastructure::queries::messages::{self, Sought};
use crate::infrastructure::tables::message::Model;

/// Characters of text after which a page ends, each of which may have four bytes.
const PAGE_CHARS: i64 = 1 << 18;

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
        let (db, user) = (self.db.read(), ctx.user_id()?);
        let found = messages::having(db, user, sought, wanted(limit)).await?;
        let (page, more) = fitting(&found, limit, PAGE_CHARS);
        let last = page.last().copied();
        let models = messages::load(db, page).await?;
        let mut whole = self.whole(ctx, models).await?;
        // A greeting may have the words where nobody sees them.
        let shows = |text: &str| {
            let text = folded(text);
            sought.words.iter().all(|word| text.contains(&word.folded))
        };
        whole.retain(|message| !message.is_template || shows(&message.text));
        // Greetings are longer in the words in which they are shown.
        let mut bytes = 0;
        let fits = whole.iter().take_while(|message| {
            let fits = bytes < PAGE_BYTES;
            bytes += message.text.len();
            fits
        });
        let (read, shown) = (whole.len(), fits.count());
        whole.truncate(shown);
        Ok((whole, last, more || shown < read))
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
