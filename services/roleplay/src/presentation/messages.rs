//! `MessageService`.

use std::pin::Pin;

use futures::{Stream, StreamExt};
use mesh::Ctx;
use service::{Pages, RequestKey, fields, masked};
use tonic::{Request, Response, Status};
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::message_service_server::MessageService;

use super::convert::message::kind;
use crate::application::{
    AddMessage, Chats, DeleteMessages, MessagePatch, PlayTurns, SendMessage, Started,
};
use crate::domain::ids::{BranchId, MessageId};
use crate::domain::search::words;
use crate::infrastructure::queries::messages::Sought;

pub(super) struct MessageApi {
    pub(super) chats: Chats,
    pub(super) pages: Pages,
}

/// A stream of answers.
pub(super) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl MessageApi {
    /// Shows a generation from its beginning on.
    async fn watch<T, F>(
        &self,
        ctx: &Ctx,
        started: Started,
        answer: F,
    ) -> Result<Response<Answers<T>>, Status>
    where
        T: 'static,
        F: Fn(Option<pb::GenerationEvent>) -> T + Send + 'static,
    {
        let events = self.chats.watch_started(ctx, started).await?;
        let answers = events.map(move |event| Ok(answer(Some(event?.into()))));
        Ok(Response::new(Box::pin(answers)))
    }
}

#[tonic::async_trait]
impl MessageService for MessageApi {
    type SendMessageStream = Answers<pb::SendMessageResponse>;
    type ReplyToMessageStream = Answers<pb::ReplyToMessageResponse>;
    type PlayTurnsStream = Answers<pb::PlayTurnsResponse>;
    type ImpersonatePersonStream = Answers<pb::ImpersonatePersonResponse>;
    type RegenerateMessageStream = Answers<pb::RegenerateMessageResponse>;
    type ContinueMessageStream = Answers<pb::ContinueMessageResponse>;

    async fn list_messages(
        &self,
        request: Request<pb::ListMessagesRequest>,
    ) -> Result<Response<pb::ListMessagesResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let session = fields::id("session_id", &request.session_id)?;
        let branch: Option<BranchId> = fields::optional_id("branch_id", &request.branch_id)?;
        let session = self.chats.get_session(&ctx, session).await?;
        let scope = format!("messages/{}/{}", session.id, request.branch_id);
        let page = (self.pages).read(scope, request.page_size, &request.page_token)?;
        let from = match page.after {
            Some(cursor) => Some(cursor),
            None => self.chats.head(&session, branch).await?,
        };
        let Some(from) = from else {
            return Ok(Response::new(pb::ListMessagesResponse::default()));
        };
        let read = self.chats.list_messages(&ctx, &session, from, page.size());
        let (messages, next) = read.await?;
        Ok(Response::new(pb::ListMessagesResponse {
            messages: messages.into_iter().map(Into::into).collect(),
            next_page_token: page.next(next),
        }))
    }

    async fn get_message(
        &self,
        request: Request<pb::GetMessageRequest>,
    ) -> Result<Response<pb::GetMessageResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let session = fields::id("session_id", &request.get_ref().session_id)?;
        let message = fields::id("message_id", &request.get_ref().message_id)?;
        let session = self.chats.get_session(&ctx, session).await?;
        let message = self.chats.get_message(&ctx, &session, message).await?;
        Ok(Response::new(pb::GetMessageResponse {
            message: Some(message.into()),
        }))
    }

    async fn send_message(
        &self,
        request: Request<pb::SendMessageRequest>,
    ) -> Result<Response<Self::SendMessageStream>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("SendMessage", id, &request)?;
        let message = SendMessage {
            session_id: fields::id("session_id", &request.session_id)?,
            kind: kind(request.kind()),
            text: fields::text("text", request.text)?,
            parent_id: fields::optional_id("parent_message_id", &request.parent_message_id)?,
            character_id: fields::optional_id("character_id", &request.character_id)?,
            key,
        };
        let started = match request.last_reply {
            Some(last_reply) => self.chats.say_once(&ctx, message, &last_reply).await?,
            None => self.chats.send_message(&ctx, message).await?,
        };
        self.watch(&ctx, started, |event| pb::SendMessageResponse { event })
            .await
    }

    async fn add_message(
        &self,
        request: Request<pb::AddMessageRequest>,
    ) -> Result<Response<pb::AddMessageResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("AddMessage", id, &request)?;
        let message = AddMessage {
            session_id: fields::id("session_id", &request.session_id)?,
            kind: kind(request.kind()),
            text: fields::text("text", request.text)?,
            parent_id: fields::optional_id("parent_message_id", &request.parent_message_id)?,
            key,
        };
        let message = self.chats.add_message(&ctx, message).await?;
        Ok(Response::new(pb::AddMessageResponse {
            message: Some(message.into()),
        }))
    }

    async fn reply_to_message(
        &self,
        request: Request<pb::ReplyToMessageRequest>,
    ) -> Result<Response<Self::ReplyToMessageStream>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("ReplyToMessage", id, &request)?;
        let session = fields::id("session_id", &request.session_id)?;
        let message = fields::id("message_id", &request.message_id)?;
        let named = fields::optional_id("character_id", &request.character_id)?;
        let started = (self.chats).reply_to_message(&ctx, session, message, named, key);
        let answer = |event| pb::ReplyToMessageResponse { event };
        self.watch(&ctx, started.await?, answer).await
    }

    async fn play_turns(
        &self,
        request: Request<pb::PlayTurnsRequest>,
    ) -> Result<Response<Self::PlayTurnsStream>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("PlayTurns", id, &request)?;
        let most = request.max_replies;
        let turns = PlayTurns {
            session_id: fields::id("session_id", &request.session_id)?,
            character_id: fields::optional_id("character_id", &request.character_id)?,
            most: most.and_then(|most| u32::try_from(most).ok()),
            key,
        };
        let started = self.chats.play_turns(&ctx, turns).await?;
        let answer = |event| pb::PlayTurnsResponse { event };
        self.watch(&ctx, started, answer).await
    }

    async fn impersonate_person(
        &self,
        request: Request<pb::ImpersonatePersonRequest>,
    ) -> Result<Response<Self::ImpersonatePersonStream>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("ImpersonatePerson", id, &request)?;
        let session = fields::id("session_id", &request.session_id)?;
        let parent = fields::optional_id("parent_message_id", &request.parent_message_id)?;
        let started = self.chats.impersonate_person(&ctx, session, parent, key);
        let started = started.await?;
        let answer = |event| pb::ImpersonatePersonResponse { event };
        self.watch(&ctx, started, answer).await
    }

    async fn regenerate_message(
        &self,
        request: Request<pb::RegenerateMessageRequest>,
    ) -> Result<Response<Self::RegenerateMessageStream>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("RegenerateMessage", id, &request)?;
        let session = fields::id("session_id", &request.session_id)?;
        let message = fields::id("message_id", &request.message_id)?;
        let started = self
            .chats
            .regenerate_message(&ctx, session, message, key)
            .await?;
        self.watch(&ctx, started, |event| pb::RegenerateMessageResponse {
            event,
        })
        .await
    }

    async fn continue_message(
        &self,
        request: Request<pb::ContinueMessageRequest>,
    ) -> Result<Response<Self::ContinueMessageStream>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("ContinueMessage", id, &request)?;
        let session = fields::id("session_id", &request.session_id)?;
        let message = fields::id("message_id", &request.message_id)?;
        let started = self
            .chats
            .continue_message(&ctx, session, message, key)
            .await?;
        self.watch(&ctx, started, |event| pb::ContinueMessageResponse { event })
            .await
    }

    async fn select_swipe(
        &self,
        request: Request<pb::SelectSwipeRequest>,
    ) -> Result<Response<pb::SelectSwipeResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let session = fields::id("session_id", &request.get_ref().session_id)?;
        let message = fields::id("message_id", &request.get_ref().message_id)?;
        let message = self.chats.select_swipe(&ctx, session, message).await?;
        Ok(Response::new(pb::SelectSwipeResponse {
            message: Some(message.into()),
        }))
    }

    async fn list_swipes(
        &self,
        request: Request<pb::ListSwipesRequest>,
    ) -> Result<Response<pb::ListSwipesResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let session = fields::id("session_id", &request.session_id)?;
        let message = fields::id("message_id", &request.message_id)?;
        let session = self.chats.get_session(&ctx, session).await?;
        let scope = format!("swipes/{}/{}", session.id, request.message_id);
        let page = (self.pages).read(scope, request.page_size, &request.page_token)?;
        let (swipes, more) = self
            .chats
            .list_swipes(&ctx, &session, message, page.after, page.size())
            .await?;
        let next = swipes.last().filter(|_| more).map(|last| last.swipe_index);
        Ok(Response::new(pb::ListSwipesResponse {
            messages: swipes.into_iter().map(Into::into).collect(),
            next_page_token: page.next(next),
        }))
    }

    async fn update_message(
        &self,
        request: Request<pb::UpdateMessageRequest>,
    ) -> Result<Response<pb::UpdateMessageResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let session = fields::id("session_id", &request.session_id)?;
        let message = request.message.unwrap_or_default();
        let id = fields::id("message.id", &message.id)?;
        let set = [
            ("text", !message.text.is_empty()),
            ("hidden", message.hidden),
            // Over HTTP, a mask names all that the body has.
            ("etag", false),
        ];
        let named = masked(request.update_mask, &set)?;
        let text = fields::text("message.text", message.text)?;
        let patch = MessagePatch {
            text: named.contains(&"text").then_some(text),
            hidden: named.contains(&"hidden").then_some(message.hidden),
        };
        let changed = self
            .chats
            .update_message(&ctx, session, id, patch, &message.etag);
        let message = changed.await?;
        Ok(Response::new(pb::UpdateMessageResponse {
            message: Some(message.into()),
        }))
    }

    async fn delete_message(
        &self,
        request: Request<pb::DeleteMessageRequest>,
    ) -> Result<Response<pb::DeleteMessageResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let delete = DeleteMessages {
            session_id: fields::id("session_id", &request.session_id)?,
            ids: vec![fields::id("message_id", &request.message_id)?],
            keep_following: request.keep_following,
            etag: request.etag,
        };
        self.chats.delete_messages(&ctx, delete).await?;
        Ok(Response::new(pb::DeleteMessageResponse {}))
    }

    async fn batch_delete_messages(
        &self,
        request: Request<pb::BatchDeleteMessagesRequest>,
    ) -> Result<Response<pb::BatchDeleteMessagesResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let delete = DeleteMessages {
            session_id: fields::id("session_id", &request.session_id)?,
            ids: fields::ids("message_ids", &request.message_ids)?,
            keep_following: request.keep_following,
            etag: String::new(),
        };
        self.chats.delete_messages(&ctx, delete).await?;
        Ok(Response::new(pb::BatchDeleteMessagesResponse {}))
    }

    async fn search_messages(
        &self,
        request: Request<pb::SearchMessagesRequest>,
    ) -> Result<Response<pb::SearchMessagesResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let (user, session) = (ctx.user_id()?, &request.session_id);
        let scope = format!("search/{user}/{session}/{}", request.query);
        let page = (self.pages).read::<MessageId>(scope, request.page_size, &request.page_token)?;
        let sought = Sought {
            words: words(&fields::text("query", request.query)?),
            session: fields::optional_id("session_id", &request.session_id)?,
            before: page.after,
        };
        let found = self.chats.search_messages(&ctx, &sought, page.size());
        let (messages, more) = found.await?;
        let next = messages.last().filter(|_| more).map(|last| last.id);
        Ok(Response::new(pb::SearchMessagesResponse {
            messages: messages.into_iter().map(Into::into).collect(),
            next_page_token: page.next(next),
        }))
    }
}
