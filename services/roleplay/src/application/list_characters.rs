//! Lists and searches characters.

use mesh::Ctx;

use super::{Characters, Error};
use crate::domain::character::Character;
use crate::domain::ids::CharacterId;
use crate::domain::search::words;
use crate::infrastructure::queries::characters;

/// Bytes of card documents after which a page ends, so that it fits an answer of gRPC whatever is in the cards.
const PAGE_BYTES: i64 = 1 << 20;

impl Characters {
    /// At most `limit` characters of the caller that hold all words of the query, newest first, from those older than
    /// `before` on; and whether there are more.
    pub(crate) async fn list_characters(
        &self,
        ctx: &Ctx,
        query: &str,
        before: Option<CharacterId>,
        limit: usize,
    ) -> Result<(Vec<Character>, bool), Error> {
        let (user, words) = (ctx.user_id()?, words(query));
        let wanted = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let found = characters::search(self.db.read(), user, &words, before, wanted).await?;
        let mut bytes = 0;
        let mut ids = Vec::new();
        for (id, document_bytes) in &found {
            bytes += document_bytes;
            if ids.len() == limit || (bytes > PAGE_BYTES && !ids.is_empty()) {
                break;
            }
            ids.push(*id);
        }
        let is_last = ids.len() == found.len();
        Ok((characters::load(self.db.read(), user, ids).await?, !is_last))
    }
}
