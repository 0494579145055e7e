//! Lorebooks: what all their use cases share.

use mesh::Ctx;
use platform::{Clock, Tasks, Timestamp};
use sea_orm::ConnectionTrait;
use storage::Database;
use storage::database::Transaction;

use super::Error;
use super::error::check_etag_of;
use super::page::{fitting, wanted};
use crate::domain::book::Book;
use crate::domain::card::CardPatch;
use crate::domain::character::Character;
use crate::domain::etag::change_time;
use crate::domain::ids::{CharacterId, LorebookId, UserId};
use crate::domain::lorebook::{BookDocument, EntryView, MAX_BOOK_BYTES};
use crate::domain::scenario::has_nul;
use crate::infrastructure::queries::{characters, lorebooks};

/// Bytes of documents after which a page of lorebooks ends.
const PAGE_BYTES: i64 = 4 << 20;

/// Lorebooks. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Lorebooks {
    pub(crate) db: Database,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
}

impl Lorebooks {
    /// A lorebook of the caller.
    pub(crate) async fn get_lorebook(&self, ctx: &Ctx, id: LorebookId) -> Result<Book, Error> {
        get(self.db.read(), ctx.user_id()?, id).await
    }

    /// An entry of a lorebook of the caller.
    pub(crate) async fn get_entry(
        &self,
        ctx: &Ctx,
        id: LorebookId,
        entry: &str,
    ) -> Result<EntryView, Error> {
        let book = self.get_lorebook(ctx, id).await?;
        let entry = book.document.entry(entry);
        entry.ok_or(Error::NotFound("entry"))
    }

    /// At most `limit` lorebooks of the caller that stand by themselves and are older than one, newest first, and whether there
    /// are more.
    pub(crate) async fn list_lorebooks(
        &self,
        ctx: &Ctx,
        before: Option<LorebookId>,
        limit: usize,
    ) -> Result<(Vec<Book>, bool), Error> {
        let (db, user) = (self.db.read(), ctx.user_id()?);
        let found = lorebooks::sizes(db, user, before, wanted(limit)).await?;
        let (ids, more) = fitting(&found, limit, PAGE_BYTES);
        Ok((lorebooks::load(db, user, ids).await?, more))
    }

    /// The lorebooks that a character of the caller uses: that of its card first. None of one that isn't there.
    pub(crate) async fn lorebooks_of(
        &self,
        ctx: &Ctx,
        character: CharacterId,
    ) -> Result<Vec<Book>, Error> {
        let (db, user) = (self.db.read(), ctx.user_id()?);
        let Some(character) = characters::find(db, user, character).await? else {
            return Ok(Vec::new());
        };
        let mut books: Vec<Book> = book_of(&character).into_iter().collect();
        books.extend(lorebooks::attached(db, character.id).await?);
        Ok(books)
    }

    /// Changes a lorebook of the caller in one transaction. It must still have the etag, unless that is empty.
    pub(super) async fn change<T: Send>(
        &self,
        ctx: &Ctx,
        id: LorebookId,
        etag: &str,
        change: impl Fn(&mut BookDocument) -> Result<T, Error> + Sync,
    ) -> Result<(Book, T), Error> {
        let (user, now, change) = (ctx.user_id()?, self.clock.now(), &change);
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let book = get(tx, user, id).await?;
                    check_etag_of("lorebook", &book.document.etag(), etag)?;
                    change_in(tx, user, book, change, now).await
                })
            })
            .await
    }
}

/// Changes a lorebook that was read in this transaction, and stores it if it is another one then.
pub(super) async fn change_in<T>(
    tx: &Transaction<'_>,
    user: UserId,
    mut book: Book,
    change: impl Fn(&mut BookDocument) -> Result<T, Error>,
    now: Timestamp,
) -> Result<(Book, T), Error> {
    let seen = book.document.etag();
    let done = change(&mut book.document)?;
    if book.document.etag() == seen {
        return Ok((book, done));
    }
    book.update_time = change_time(now, book.update_time);
    match book.character_id {
        None => {
            check_size(&book.document)?;
            lorebooks::update(tx, &book).await?;
        }
        Some(character) => {
            let json = book.document.to_json();
            write_card(tx, user, character, Some(json), book.update_time).await?;
        }
    }
    Ok((book, done))
}

/// Puts a lorebook into a character's card, or takes it out.
pub(super) async fn write_card(
    tx: &Transaction<'_>,
    user: UserId,
    id: CharacterId,
    book: Option<serde_json::Value>,
    now: Timestamp,
) -> Result<(), Error> {
    let character = characters::find(tx, user, id).await?;
    let mut character = character.ok_or(Error::NotFound("lorebook"))?;
    character.card.apply(&CardPatch {
        character_book: Some(book),
        ..CardPatch::default()
    })?;
    character.update_time = change_time(now, character.update_time);
    Ok(characters::update(tx, &character).await?)
}

/// A lorebook of a person: one that stands by itself, or that of a card.
pub(super) async fn get(
    db: &impl ConnectionTrait,
    user: UserId,
    id: LorebookId,
) -> Result<Book, Error> {
    if let Some(book) = lorebooks::find(db, user, id).await? {
        return Ok(book);
    }
    let character = characters::find(db, user, CharacterId::of_book(id)).await?;
    let book = character.as_ref().and_then(book_of);
    book.ok_or(Error::NotFound("lorebook"))
}

/// The lorebook in a character's card.
pub(super) fn book_of(character: &Character) -> Option<Book> {
    let document = BookDocument::of(character.card.character_book_json()?)?;
    Some(Book {
        id: LorebookId::of_card(character.id),
        character_id: Some(character.id),
        document,
        create_time: character.create_time,
        update_time: character.update_time,
    })
}

/// Refuses a lorebook that is too large, or has a character that not every database keeps.
pub(super) fn check_size(document: &BookDocument) -> Result<(), Error> {
    let json = document.to_json().to_string();
    check_bytes(json.len())?;
    if has_nul(&json) {
        return Err(Error::Invalid {
            field: "lorebook",
            description: "must not contain NUL characters: remove them",
        });
    }
    Ok(())
}

/// Refuses a lorebook of so many bytes of JSON, if that is too many.
pub(super) fn check_bytes(size_bytes: usize) -> Result<(), Error> {
    if size_bytes > MAX_BOOK_BYTES {
        return Err(Error::Invalid {
            field: "lorebook",
            description: "would be larger than a lorebook can be: shorten its entries, or make another lorebook",
        });
    }
    Ok(())
}
