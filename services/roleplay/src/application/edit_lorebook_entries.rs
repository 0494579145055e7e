//! Makes, changes and deletes the entries of lorebooks, each by itself: of two people who change two entries, none undoes what
//! the other does.

use mesh::Ctx;
use service::RequestKey;

use super::Error;
use super::error::check_etag_of;
use super::lorebooks::{Lorebooks, change_in, check_bytes, get};
use super::once::Once;
use crate::domain::ids::LorebookId;
use crate::domain::lorebook::{BookDocument, EntryPatch, EntryView};

impl Lorebooks {
    /// Makes an entry at the end of a lorebook; a repeat of the request gets the one that the first made.
    pub(crate) async fn create_entry(
        &self,
        ctx: &Ctx,
        id: LorebookId,
        patch: &EntryPatch,
        key: Option<RequestKey>,
    ) -> Result<EntryView, Error> {
        let (user, now) = (ctx.user_id()?, self.clock.now());
        // Before others wait for this.
        check_bytes(patch.size_bytes())?;
        let once = &Once::new(user, key).within(id);
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let book = get(tx, user, id).await?;
                    if let Some(made) = once.made::<String>(tx).await? {
                        return find(&book.document, &made);
                    }
                    let insert = |document: &mut BookDocument| Ok(document.insert_entry(patch));
                    let (book, made) = change_in(tx, user, book, insert, now).await?;
                    once.note(tx, &made, now).await?;
                    find(&book.document, &made)
                })
            })
            .await
    }

    /// Changes an entry. It must still have the etag, unless that is empty.
    pub(crate) async fn update_entry(
        &self,
        ctx: &Ctx,
        id: LorebookId,
        entry: &str,
        patch: &EntryPatch,
        etag: &str,
    ) -> Result<EntryView, Error> {
        check_bytes(patch.size_bytes())?;
        let changed = self.change(ctx, id, "", |document| {
            let seen = find(document, entry)?;
            check_etag_of("entry", &seen.etag(), etag)?;
            document.patch_entry(entry, patch);
            find(document, entry)
        });
        Ok(changed.await?.1)
    }

    /// Deletes an entry. It must still have the etag, unless that is empty.
    pub(crate) async fn delete_entry(
        &self,
        ctx: &Ctx,
        id: LorebookId,
        entry: &str,
        etag: &str,
    ) -> Result<(), Error> {
        let changed = self.change(ctx, id, "", |document| {
            let seen = find(document, entry)?;
            check_etag_of("entry", &seen.etag(), etag)?;
            document.remove_entry(entry);
            Ok(())
        });
        changed.await.map(drop)
    }

    /// Deletes entries, all of them or none. The lorebook must still have the etag, unless that is empty.
    pub(crate) async fn delete_entries(
        &self,
        ctx: &Ctx,
        id: LorebookId,
        entries: &[String],
        etag: &str,
    ) -> Result<(), Error> {
        let changed = self.change(ctx, id, etag, |document| {
            let are_there = entries.iter().all(|it| document.entry(it).is_some());
            if !are_there {
                return Err(Error::NotFound("entry"));
            }
            for entry in entries {
                document.remove_entry(entry);
            }
            Ok(())
        });
        changed.await.map(drop)
    }
}

fn find(document: &BookDocument, entry: &str) -> Result<EntryView, Error> {
    let entry = document.entry(entry);
    entry.ok_or(Error::NotFound("entry"))
}
