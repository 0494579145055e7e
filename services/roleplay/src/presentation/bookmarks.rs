//! `BookmarkService`.

use mesh::Ctx;
use service::{Pages, RequestKey, fields, masked};
use tonic::{Request, Response, Status};
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::bookmark_service_server::BookmarkService;

use crate::application::{Bookmarks, Error};
use crate::domain::bookmark::Bookmark;
use crate::infrastructure::queries::bookmarks;

pub(super) struct BookmarkApi {
    pub(super) bookmarks: Bookmarks,
    pub(super) pages: Pages,
}

#[tonic::async_trait]
impl BookmarkService for BookmarkApi {
    async fn create_bookmark(
        &self,
        request: Request<pb::CreateBookmarkRequest>,
    ) -> Result<Response<pb::CreateBookmarkResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("CreateBookmark", id, &request)?;
        let bookmark = request.bookmark.unwrap_or_default();
        let session = fields::id("bookmark.session_id", &bookmark.session_id)?;
        let message = fields::id("bookmark.message_id", &bookmark.message_id)?;
        let title = fields::text("bookmark.title", bookmark.title)?;
        let made = self
            .bookmarks
            .create_bookmark(&ctx, session, message, title, key);
        Ok(Response::new(pb::CreateBookmarkResponse {
            bookmark: Some(made.await?.into()),
        }))
    }

    async fn list_bookmarks(
        &self,
        request: Request<pb::ListBookmarksRequest>,
    ) -> Result<Response<pb::ListBookmarksResponse>, Status> {
        let user = Ctx::of(&request)?.user_id()?;
        let request = request.into_inner();
        let session = fields::optional_id("session_id", &request.session_id)?;
        let scope = format!("bookmarks/{user}/{}", request.session_id);
        let page = (self.pages).read(scope, request.page_size, &request.page_token)?;
        let limit = page.limit() as u64;
        let read = bookmarks::list(self.bookmarks.db.read(), user, session, page.after, limit);
        let read = read.await.map_err(Error::from)?;
        let (bookmarks, next_page_token) = page.cut(read, |last| last.id);
        Ok(Response::new(pb::ListBookmarksResponse {
            bookmarks: bookmarks.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn get_bookmark(
        &self,
        request: Request<pb::GetBookmarkRequest>,
    ) -> Result<Response<pb::GetBookmarkResponse>, Status> {
        let user = Ctx::of(&request)?.user_id()?;
        let id = fields::id("bookmark_id", &request.get_ref().bookmark_id)?;
        let found = bookmarks::find(self.bookmarks.db.read(), user, id).await;
        let bookmark = found.map_err(Error::from)?;
        let bookmark = bookmark.ok_or(Error::NotFound("bookmark"))?;
        Ok(Response::new(pb::GetBookmarkResponse {
            bookmark: Some(bookmark.into()),
        }))
    }

    async fn update_bookmark(
        &self,
        request: Request<pb::UpdateBookmarkRequest>,
    ) -> Result<Response<pb::UpdateBookmarkResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let bookmark = request.bookmark.unwrap_or_default();
        let id = fields::id("bookmark.id", &bookmark.id)?;
        let set = [
            ("title", !bookmark.title.is_empty()),
            // What was read is sent back whole, with what can't be changed.
            ("session_id", false),
            ("message_id", false),
        ];
        let named = masked(request.update_mask, &set)?;
        let title = fields::text("bookmark.title", bookmark.title)?;
        let title = named.contains(&"title").then_some(title);
        let bookmark = self.bookmarks.update_bookmark(&ctx, id, title).await?;
        Ok(Response::new(pb::UpdateBookmarkResponse {
            bookmark: Some(bookmark.into()),
        }))
    }

    async fn delete_bookmark(
        &self,
        request: Request<pb::DeleteBookmarkRequest>,
    ) -> Result<Response<pb::DeleteBookmarkResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("bookmark_id", &request.get_ref().bookmark_id)?;
        self.bookmarks.delete_bookmark(&ctx, id).await?;
        Ok(Response::new(pb::DeleteBookmarkResponse {}))
    }
}

impl From<Bookmark> for pb::Bookmark {
    fn from(bookmark: Bookmark) -> Self {
        Self {
            id: bookmark.id.to_string(),
            session_id: bookmark.session_id.to_string(),
            message_id: bookmark.message_id.to_string(),
            title: bookmark.title,
            create_time: Some(bookmark.create_time.into()),
            update_time: Some(bookmark.update_time.into()),
        }
    }
}
