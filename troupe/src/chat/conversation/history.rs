//! The messages of the branch that the session is turned to, from its end on.

use anyhow::{Context, Result};
use troupe_proto::roleplay::{ListMessagesRequest, Message, MessageRole};

use super::{Conversation, PAGE_LENGTH, refused};

impl Conversation<'_> {
    /// Shows the last messages, each with its place counted from the end.
    pub(super) async fn history(&mut self, count: usize) -> Result<()> {
        let mut messages = self.last_messages(count).await?;
        let total = messages.len();
        messages.reverse();
        for (index, message) in messages.iter().enumerate() {
            self.screen.text(&format!("#{:<3} ", total - index))?;
            self.show_message(message)?;
        }
        Ok(())
    }

    /// The newest messages, newest first.
    async fn last_messages(&mut self, count: usize) -> Result<Vec<Message>> {
        let mut messages = Vec::new();
        let mut page_token = String::new();
        while messages.len() < count {
            let request = ListMessagesRequest {
                session_id: self.session_id.clone(),
                page_size: i32::try_from(count - messages.len())
                    .map_or(PAGE_LENGTH, |wanted| wanted.min(PAGE_LENGTH)),
                page_token,
                branch_id: String::new(),
            };
            let page = self
                .api
                .messages
                .list_messages(request)
                .await
                .map_err(refused)?
                .into_inner();
            messages.extend(page.messages);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        Ok(messages)
    }

    /// The message at a place counted from the end, from 1.
    pub(super) async fn message_at(&mut self, place: usize) -> Result<Message> {
        let messages = self.last_messages(place).await?;
        let found = messages.into_iter().nth(place - 1);
        found.with_context(|| format!("there is no message #{place}; /history shows them"))
    }

    /// The character's last message.
    pub(super) async fn last_reply(&mut self) -> Result<Message> {
        let messages = self.last_messages(2).await?;
        let is_reply = |message: &Message| message.role() == MessageRole::Character;
        messages
            .into_iter()
            .find(is_reply)
            .context("the character has said nothing yet")
    }
}
