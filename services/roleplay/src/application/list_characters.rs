//! Lists and searches characters.

use mesh::Ctx;

use super::page::{DOCUMENT_BYTES, fitting, wanted};
use super::{Characters, Error};
use crate::domain::character::Character;
use crate::domain::ids::CharacterId;
use crate::domain::search::words;
use crate::infrastructure::queries::characters;

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
        let (db, user, words) = (self.db.read(), ctx.user_id()?, words(query));
        let found = characters::search(db, user, &words, before, wanted(limit)).await?;
        let (ids, more) = fitting(&found, limit, DOCUMENT_BYTES);
        Ok((characters::load(db, user, ids).await?, more))
    }
}
