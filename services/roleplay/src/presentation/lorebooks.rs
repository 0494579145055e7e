//! `LorebookService`.

use mesh::Ctx;
use service::{Pages, RequestKey, fields};
use tonic::{Request, Response, Status};
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::lorebook_service_server::LorebookService;

use super::convert::lorebook::{book_patch, entry, entry_patch};
use crate::application::Lorebooks;
use crate::domain::book::Book;
use crate::domain::ids::{CharacterId, LorebookId};
use crate::domain::lorebook::EntryView;

/// Bytes of entries after which a page of them ends.
const PAGE_BYTES: usize = 1 << 20;

pub(super) struct LorebookApi {
    pub(super) lorebooks: Lorebooks,
    pub(super) pages: Pages,
}

impl LorebookApi {
    /// A page of the lorebooks of a character: they are few.
    async fn list_of(
        &self,
        ctx: &Ctx,
        character: CharacterId,
        after: Option<LorebookId>,
    ) -> Result<Vec<Book>, Status> {
        let mut books = self.lorebooks.lorebooks_of(ctx, character).await?;
        if let Some(after) = after {
            let seen = books.iter().position(|book| book.id == after);
            books.drain(..seen.map_or(0, |seen| seen + 1));
        }
        Ok(books)
    }
}

#[tonic::async_trait]
impl LorebookService for LorebookApi {
    async fn create_lorebook(
        &self,
        request: Request<pb::CreateLorebookRequest>,
    ) -> Result<Response<pb::CreateLorebookResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("CreateLorebook", id, &request)?;
        let lorebook = request.lorebook.unwrap_or_default();
        let character = fields::optional_id("lorebook.character_id", &lorebook.character_id)?;
        let patch = book_patch(lorebook, None)?;
        let made = self.lorebooks.create_lorebook(&ctx, character, &patch, key);
        let book = made.await?;
        Ok(Response::new(pb::CreateLorebookResponse {
            lorebook: Some(book.into()),
        }))
    }

    async fn import_lorebook(
        &self,
        request: Request<pb::ImportLorebookRequest>,
    ) -> Result<Response<pb::ImportLorebookResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("ImportLorebook", id, &request)?;
        let file = request.file.unwrap_or_default().data;
        let book = self.lorebooks.import_lorebook(&ctx, file.into(), key);
        Ok(Response::new(pb::ImportLorebookResponse {
            lorebook: Some(book.await?.into()),
        }))
    }

    async fn list_lorebooks(
        &self,
        request: Request<pb::ListLorebooksRequest>,
    ) -> Result<Response<pb::ListLorebooksResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let scope = format!("lorebooks/{}/{}", ctx.user_id()?, request.character_id);
        let page = (self.pages).read(scope, request.page_size, &request.page_token)?;
        let character = fields::optional_id("character_id", &request.character_id)?;
        let (books, next_page_token) = match character {
            Some(character) => {
                let books = self.list_of(&ctx, character, page.after).await?;
                page.cut(books, |last| last.id)
            }
            None => {
                let listed = self.lorebooks.list_lorebooks(&ctx, page.after, page.size());
                let (books, more) = listed.await?;
                let next = books.last().filter(|_| more).map(|last| last.id);
                (books, page.next(next))
            }
        };
        Ok(Response::new(pb::ListLorebooksResponse {
            lorebooks: books.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn get_lorebook(
        &self,
        request: Request<pb::GetLorebookRequest>,
    ) -> Result<Response<pb::GetLorebookResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("lorebook_id", &request.get_ref().lorebook_id)?;
        let book = self.lorebooks.get_lorebook(&ctx, id).await?;
        Ok(Response::new(pb::GetLorebookResponse {
            lorebook: Some(book.into()),
        }))
    }

    async fn update_lorebook(
        &self,
        request: Request<pb::UpdateLorebookRequest>,
    ) -> Result<Response<pb::UpdateLorebookResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let lorebook = request.lorebook.unwrap_or_default();
        let id = fields::id("lorebook.id", &lorebook.id)?;
        let etag = lorebook.etag.clone();
        let patch = book_patch(lorebook, request.update_mask)?;
        let changed = self.lorebooks.update_lorebook(&ctx, id, &patch, &etag);
        let book = changed.await?;
        Ok(Response::new(pb::UpdateLorebookResponse {
            lorebook: Some(book.into()),
        }))
    }

    async fn delete_lorebook(
        &self,
        request: Request<pb::DeleteLorebookRequest>,
    ) -> Result<Response<pb::DeleteLorebookResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let id = fields::id("lorebook_id", &request.lorebook_id)?;
        self.lorebooks
            .delete_lorebook(&ctx, id, &request.etag)
            .await?;
        Ok(Response::new(pb::DeleteLorebookResponse {}))
    }

    async fn create_lorebook_entry(
        &self,
        request: Request<pb::CreateLorebookEntryRequest>,
    ) -> Result<Response<pb::CreateLorebookEntryResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("CreateLorebookEntry", id, &request)?;
        let lorebook = fields::id("lorebook_id", &request.lorebook_id)?;
        let patch = entry_patch(request.entry.unwrap_or_default(), None)?;
        let made = self.lorebooks.create_entry(&ctx, lorebook, &patch, key);
        let made = made.await?;
        Ok(Response::new(pb::CreateLorebookEntryResponse {
            entry: Some(entry(lorebook, made)),
        }))
    }

    async fn list_lorebook_entries(
        &self,
        request: Request<pb::ListLorebookEntriesRequest>,
    ) -> Result<Response<pb::ListLorebookEntriesResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let id = fields::id("lorebook_id", &request.lorebook_id)?;
        let scope = format!("lorebook/{}", request.lorebook_id);
        let page = (self.pages).read::<usize>(scope, request.page_size, &request.page_token)?;
        let book = self.lorebooks.get_lorebook(&ctx, id).await?;
        let begin = page.after.unwrap_or(0);
        let mut bytes = 0;
        let entries = book.document.entries().into_iter().skip(begin);
        let fits = |entry: &EntryView| {
            let begun = bytes < PAGE_BYTES;
            bytes += entry.size_bytes();
            begun
        };
        let entries: Vec<_> = entries.take(page.size()).take_while(fits).collect();
        let end = begin + entries.len();
        let next = (end < book.document.entry_count()).then_some(end);
        Ok(Response::new(pb::ListLorebookEntriesResponse {
            lorebook_entries: entries.into_iter().map(|it| entry(id, it)).collect(),
            next_page_token: page.next(next),
        }))
    }

    async fn get_lorebook_entry(
        &self,
        request: Request<pb::GetLorebookEntryRequest>,
    ) -> Result<Response<pb::GetLorebookEntryResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let id = fields::id("lorebook_id", &request.lorebook_id)?;
        let found = self
            .lorebooks
            .get_entry(&ctx, id, &request.entry_id)
            .await?;
        Ok(Response::new(pb::GetLorebookEntryResponse {
            entry: Some(entry(id, found)),
        }))
    }

    async fn update_lorebook_entry(
        &self,
        request: Request<pb::UpdateLorebookEntryRequest>,
    ) -> Result<Response<pb::UpdateLorebookEntryResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let id = fields::id("lorebook_id", &request.lorebook_id)?;
        let new = request.entry.unwrap_or_default();
        let (entry_id, etag) = (new.id.clone(), new.etag.clone());
        let patch = entry_patch(new, request.update_mask)?;
        let changed = self
            .lorebooks
            .update_entry(&ctx, id, &entry_id, &patch, &etag);
        let changed = changed.await?;
        Ok(Response::new(pb::UpdateLorebookEntryResponse {
            entry: Some(entry(id, changed)),
        }))
    }

    async fn delete_lorebook_entry(
        &self,
        request: Request<pb::DeleteLorebookEntryRequest>,
    ) -> Result<Response<pb::DeleteLorebookEntryResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let id = fields::id("lorebook_id", &request.lorebook_id)?;
        self.lorebooks
            .delete_entry(&ctx, id, &request.entry_id, &request.etag)
            .await?;
        Ok(Response::new(pb::DeleteLorebookEntryResponse {}))
    }

    async fn batch_delete_lorebook_entries(
        &self,
        request: Request<pb::BatchDeleteLorebookEntriesRequest>,
    ) -> Result<Response<pb::BatchDeleteLorebookEntriesResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let id = fields::id("lorebook_id", &request.lorebook_id)?;
        self.lorebooks
            .delete_entries(&ctx, id, &request.entry_ids, &request.etag)
            .await?;
        Ok(Response::new(pb::BatchDeleteLorebookEntriesResponse {}))
    }

    async fn attach_lorebook(
        &self,
        request: Request<pb::AttachLorebookRequest>,
    ) -> Result<Response<pb::AttachLorebookResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let character = fields::id("character_id", &request.get_ref().character_id)?;
        let id = fields::id("lorebook_id", &request.get_ref().lorebook_id)?;
        self.lorebooks.attach_lorebook(&ctx, character, id).await?;
        Ok(Response::new(pb::AttachLorebookResponse {}))
    }

    async fn detach_lorebook(
        &self,
        request: Request<pb::DetachLorebookRequest>,
    ) -> Result<Response<pb::DetachLorebookResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let character = fields::id("character_id", &request.get_ref().character_id)?;
        let id = fields::id("lorebook_id", &request.get_ref().lorebook_id)?;
        self.lorebooks.detach_lorebook(&ctx, character, id).await?;
        Ok(Response::new(pb::DetachLorebookResponse {}))
    }
}
