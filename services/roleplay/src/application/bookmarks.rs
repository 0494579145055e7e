//! Bookmarks: made, changed and deleted. Reading them is presentation's, straight from the queries.

use mesh::Ctx;
use platform::Clock;
use service::RequestKey;
use storage::Database;

use super::Error;
use super::access::enter;
use super::once::Once;
use crate::domain::bookmark::Bookmark;
use crate::domain::ids::{BookmarkId, MessageId, SessionId};
use crate::domain::participant::Right;
use crate::infrastructure::queries::{bookmarks, messages};

/// Bookmarks. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Bookmarks {
    pub(crate) db: Database,
    pub(crate) clock: Clock,
}

impl Bookmarks {
    /// Bookmarks a message of a session that the caller takes part in; a bookmark that they have there gets the title. A repeat of the request
    /// gets the bookmark of the first.
    pub(crate) async fn create_bookmark(
        &self,
        ctx: &Ctx,
        session: SessionId,
        message: MessageId,
        title: String,
        key: Option<RequestKey>,
    ) -> Result<Bookmark, Error> {
        let (user, title, now) = (ctx.user_id()?, &title, self.clock.now());
        let once = &Once::new(user, key);
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    if let Some(made) = once.made(tx).await? {
                        let made = bookmarks::find(tx, user, made).await?;
                        return made.ok_or(Error::NotFound("bookmark"));
                    }
                    let session = enter(tx, user, session, Right::Watch).await?.id;
                    let found = messages::find(tx, session, message).await?;
                    found.ok_or(Error::NotFound("message"))?;
                    let bookmark = match bookmarks::find_at(tx, user, message).await? {
                        Some(bookmark) if bookmark.title == *title => bookmark,
                        Some(bookmark) => {
                            let title = title.clone();
                            let bookmark = Bookmark {
                                title,
                                update_time: now,
                                ..bookmark
                            };
                            bookmarks::update(tx, &bookmark).await?;
                            bookmark
                        }
                        None => {
                            let bookmark = Bookmark {
                                id: BookmarkId::new(),
                                session_id: session,
                                message_id: message,
                                title: title.clone(),
                                create_time: now,
                                update_time: now,
                            };
                            bookmarks::insert(tx, user, &bookmark).await?;
                            bookmark
                        }
                    };
                    once.note(tx, bookmark.id, now).await?;
                    Ok(bookmark)
                })
            })
            .await
    }

    /// Changes the title of a bookmark; without one, nothing.
    pub(crate) async fn update_bookmark(
        &self,
        ctx: &Ctx,
        id: BookmarkId,
        title: Option<String>,
    ) -> Result<Bookmark, Error> {
        let (user, title, now) = (ctx.user_id()?, &title, self.clock.now());
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let bookmark = bookmarks::find(tx, user, id).await?;
                    let mut bookmark = bookmark.ok_or(Error::NotFound("bookmark"))?;
                    if let Some(title) = title.as_ref().filter(|it| **it != bookmark.title) {
                        bookmark.title.clone_from(title);
                        bookmark.update_time = now;
                        bookmarks::update(tx, &bookmark).await?;
                    }
                    Ok(bookmark)
                })
            })
            .await
    }

    /// Deletes a bookmark.
    pub(crate) async fn delete_bookmark(&self, ctx: &Ctx, id: BookmarkId) -> Result<(), Error> {
        let user = ctx.user_id()?;
        let delete = self
            .db
            .transaction(|tx| Box::pin(async move { Ok(bookmarks::delete(tx, user, id).await?) }));
        let is_gone: Result<bool, Error> = delete.await;
        is_gone?.then_some(()).ok_or(Error::NotFound("bookmark"))
    }
}
