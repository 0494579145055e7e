//! Alternatives of the last reply.

use anyhow::{Context, Result};
use troupe_proto::roleplay::{
    ListSwipesRequest, Message, MessageRole, RegenerateMessageRequest, ReplyToMessageRequest,
    SelectSwipeRequest,
};

use super::{Conversation, PAGE_LENGTH, refused};
use crate::chat::command::Swipe;
use crate::chat::reply;

impl Conversation<'_> {
    /// Turns to another alternative of the last reply, or has one written: also where the last message has no reply, since that
    /// failed or was deleted.
    pub(super) async fn swipe(&mut self, swipe: Swipe) -> Result<()> {
        let last = self.message_at(1).await?;
        if swipe == Swipe::New && last.role() != MessageRole::Character {
            return self.reply_to(last).await;
        }
        let message = self.last_reply().await?;
        let index = message.swipe_index as usize;
        let wanted = match swipe {
            Swipe::New => return self.regenerate(message).await,
            Swipe::Next => Some(index + 1),
            Swipe::Previous => index.checked_sub(1),
            Swipe::Number(number) => Some(number - 1),
        };
        let swipes = self.swipes_of(message.id).await?;
        let chosen = wanted.and_then(|index| swipes.get(index));
        let chosen = chosen.with_context(|| {
            format!(
                "this is {} of {}; /swipe alone writes another one",
                index + 1,
                swipes.len()
            )
        })?;
        let request = SelectSwipeRequest {
            session_id: self.session_id.clone(),
            message_id: chosen.id.clone(),
        };
        let answer = self
            .api
            .messages
            .select_swipe(request)
            .await
            .map_err(refused)?;
        self.show_message(&answer.into_inner().message.unwrap_or_default())
    }

    async fn swipes_of(&mut self, message_id: String) -> Result<Vec<Message>> {
        let (mut swipes, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListSwipesRequest {
                session_id: self.session_id.clone(),
                message_id: message_id.clone(),
                page_size: PAGE_LENGTH,
                page_token,
            };
            let page = self.api.messages.list_swipes(request).await;
            let page = page.map_err(refused)?.into_inner();
            swipes.extend(page.messages);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(swipes);
            }
        }
    }

    async fn reply_to(&mut self, message: Message) -> Result<()> {
        let request = ReplyToMessageRequest {
            session_id: self.session_id.clone(),
            message_id: message.id,
            request_id: platform::id::RequestId::new().to_string(),
            ..Default::default()
        };
        let answer = self.api.messages.reply_to_message(request).await;
        self.show_reply(answer.map(reply::events)).await
    }

    async fn regenerate(&mut self, message: Message) -> Result<()> {
        let request = RegenerateMessageRequest {
            session_id: self.session_id.clone(),
            message_id: message.id,
            request_id: platform::id::RequestId::new().to_string(),
        };
        let answer = self.api.messages.regenerate_message(request).await;
        self.show_reply(answer.map(reply::events)).await
    }
}
