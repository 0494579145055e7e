//! Makes and imports lorebooks.

use mesh::Ctx;
use serde_json::Value;
use service::RequestKey;
use storage::database::Transaction;

use super::Error;
use super::lorebooks::{Lorebooks, book_of, check_size, get, write_card};
use super::once::Once;
use crate::domain::book::Book;
use crate::domain::ids::{CharacterId, LorebookId, UserId};
use crate::domain::json_size::{MAX_VALUES, count_values};
use crate::domain::lorebook::{BookDocument, BookPatch};
use crate::infrastructure::queries::{characters, lorebooks};

/// What an imported lorebook is called that has no name.
const NAMELESS: &str = "Lorebook";

impl Lorebooks {
    /// Makes a lorebook without entries, in the card of a character or by itself; a repeat of the request gets the one that the
    /// first made.
    pub(crate) async fn create_lorebook(
        &self,
        ctx: &Ctx,
        character: Option<CharacterId>,
        patch: &BookPatch,
        key: Option<RequestKey>,
    ) -> Result<Book, Error> {
        let name = patch.name.as_deref().unwrap_or_default();
        check_name(name)?;
        let mut document = BookDocument::named(name);
        document.apply(patch);
        self.keep(ctx, character, document, key).await
    }

    /// Imports a lorebook from the bytes of a file; a repeat of the request gets the one of the first.
    pub(crate) async fn import_lorebook(
        &self,
        ctx: &Ctx,
        file: Vec<u8>,
        key: Option<RequestKey>,
    ) -> Result<Book, Error> {
        // It may take a second, in which others would wait for this thread.
        let document = self.tasks.spawn_blocking(move || read(&file)).await??;
        self.keep(ctx, None, document, key).await
    }

    async fn keep(
        &self,
        ctx: &Ctx,
        character: Option<CharacterId>,
        document: BookDocument,
        key: Option<RequestKey>,
    ) -> Result<Book, Error> {
        check_size(&document)?;
        let (user, now) = (ctx.user_id()?, self.clock.now());
        let book = Book {
            id: character.map_or_else(LorebookId::new, LorebookId::of_card),
            character_id: character,
            document,
            create_time: now,
            update_time: now,
        };
        let (once, book) = (&Once::new(user, key), &book);
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    if let Some(made) = once.made(tx).await? {
                        return get(tx, user, made).await;
                    }
                    match book.character_id {
                        None => lorebooks::insert(tx, user, book).await?,
                        Some(character) => put_into_card(tx, user, character, book).await?,
                    }
                    once.note(tx, book.id, now).await?;
                    get(tx, user, book.id).await
                })
            })
            .await
    }
}

/// The lorebook in a file.
fn read(file: &[u8]) -> Result<BookDocument, Error> {
    let invalid = |description| Error::Invalid {
        field: "file",
        description,
    };
    let text = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    if count_values(text) > MAX_VALUES {
        return Err(invalid(
            "has more values than a lorebook can have: take out lists that no lorebook has",
        ));
    }
    let json: Value = serde_json::from_slice(text)
        .map_err(|_| invalid("must be JSON: export the lorebook again where it comes from"))?;
    let document = BookDocument::in_file(&json);
    let mut document = document.ok_or_else(|| invalid("has no lorebook: it has no entries"))?;
    if document.parsed().name.trim().is_empty() {
        document.apply(&BookPatch {
            name: Some(NAMELESS.to_owned()),
            ..BookPatch::default()
        });
    }
    check_size(&document)?;
    Ok(document)
}

/// Gives a card its first lorebook.
async fn put_into_card(
    tx: &Transaction<'_>,
    user: UserId,
    id: CharacterId,
    book: &Book,
) -> Result<(), Error> {
    let character = characters::find(tx, user, id).await?;
    let character = character.ok_or(Error::NotFound("character"))?;
    if book_of(&character).is_some() {
        return Err(Error::Invalid {
            field: "lorebook.character_id",
            description: "has a lorebook in its card already: attach another one to it",
        });
    }
    let json = book.document.to_json();
    write_card(tx, user, id, Some(json), book.update_time).await
}

/// A lorebook that stands by itself has a name.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    if name.trim().is_empty() {
        let (field, description) = ("lorebook.name", "must not be blank");
        return Err(Error::Invalid { field, description });
    }
    Ok(())
}
