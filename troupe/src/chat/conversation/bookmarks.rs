//! Bookmarks of the session.

use anyhow::Result;
use troupe_proto::roleplay::{
    Bookmark, CreateBookmarkRequest, GetMessageRequest, ListBookmarksRequest,
};

use super::{Conversation, PAGE_LENGTH, refused};

/// How much of a message is shown beside its bookmark, in characters.
const SHOWN_CHARS: usize = 60;

impl Conversation<'_> {
    /// Bookmarks a message.
    pub(super) async fn bookmark(&mut self, place: usize, title: String) -> Result<()> {
        let bookmark = Bookmark {
            session_id: self.session_id.clone(),
            message_id: self.message_at(place).await?.id,
            title,
            ..Default::default()
        };
        let request = CreateBookmarkRequest {
            bookmark: Some(bookmark),
            request_id: platform::id::RequestId::new().to_string(),
        };
        let made = self.api.bookmarks.create_bookmark(request).await;
        made.map_err(refused)?;
        self.screen.note("Bookmarked; /bookmarks shows them.")
    }

    /// Shows the bookmarks, newest first, each with the beginning of its message.
    pub(super) async fn list_bookmarks(&mut self) -> Result<()> {
        let request = ListBookmarksRequest {
            session_id: self.session_id.clone(),
            page_size: PAGE_LENGTH,
            page_token: String::new(),
        };
        let page = self.api.bookmarks.list_bookmarks(request).await;
        let bookmarks = page.map_err(refused)?.into_inner().bookmarks;
        if bookmarks.is_empty() {
            return self.screen.note("There are none; /bookmark makes one.");
        }
        for (index, bookmark) in bookmarks.into_iter().enumerate() {
            let request = GetMessageRequest {
                session_id: bookmark.session_id,
                message_id: bookmark.message_id,
            };
            let message = self.api.messages.get_message(request).await;
            let message = message.map_err(refused)?.into_inner().message;
            let message = message.unwrap_or_default();
            let text: String = message.text.chars().take(SHOWN_CHARS).collect();
            let text = text.replace('\n', " ");
            let (number, title) = (index + 1, bookmark.title);
            let name = message.speaker_name;
            self.screen
                .line(&format!("{number:4}  {title}  [{name}: {text}]"))?;
        }
        Ok(())
    }
}
