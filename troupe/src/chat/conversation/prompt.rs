//! The compiled prompt, with what its parts come from.

use std::collections::BTreeMap;

use anyhow::Result;
use troupe_proto::roleplay::{PreviewPromptRequest, PreviewPromptResponse, PromptReceipt};
use troupe_proto::types::ChatRole;

use super::{Conversation, refused};
use crate::chat::screen::Screen;

impl Conversation<'_> {
    /// Shows the prompt that the next reply would be written from.
    pub(super) async fn show_prompt(&mut self) -> Result<()> {
        let request = PreviewPromptRequest {
            session_id: self.session_id.clone(),
            ..Default::default()
        };
        let answer = self
            .api
            .sessions
            .preview_prompt(request)
            .await
            .map_err(refused)?
            .into_inner();
        show_text(&answer, self.screen)?;
        let receipt = answer.receipt.unwrap_or_default();
        let about = if receipt.estimated { "about " } else { "" };
        self.screen.line(&format!(
            "{about}{} tokens for {}, whose window is {}; {} are kept free for the reply",
            receipt.token_count, receipt.model_id, receipt.window_tokens, receipt.reserved_tokens
        ))?;
        show_receipt(&receipt, self.screen)
    }
}

fn show_text(prompt: &PreviewPromptResponse, screen: Screen) -> Result<()> {
    for message in &prompt.messages {
        screen.speaker(role(message.role()))?;
        screen.line(&message.content)?;
    }
    if !prompt.text.is_empty() {
        screen.line(&prompt.text)?;
    }
    screen.line("---")
}

fn role(role: ChatRole) -> &'static str {
    match role {
        ChatRole::System => "system",
        ChatRole::User => "user",
        ChatRole::Assistant => "assistant",
        ChatRole::Unspecified => "",
    }
}

fn show_receipt(receipt: &PromptReceipt, screen: Screen) -> Result<()> {
    for (source, (spans, tokens)) in by_source(receipt) {
        screen.line(&format!("{tokens:6} tokens  {source} ({spans})"))?;
    }
    for entry in &receipt.lore {
        let state = if entry.active { "in" } else { "out" };
        let name = if entry.name.is_empty() {
            &entry.entry_id
        } else {
            &entry.name
        };
        let key = match entry.matched_key.as_str() {
            "" => String::new(),
            key => format!(" `{key}`"),
        };
        screen.line(&format!("  lore {state:3}  {name}: {}{key}", entry.reason))?;
    }
    let memory = receipt.memory.clone().unwrap_or_default();
    for trace in &memory.memories {
        let state = if trace.active { "in" } else { "out" };
        let score = trace.score.map(|score| format!(", {score:.2} near"));
        let (id, reason) = (&trace.memory_id, &trace.reason);
        let score = score.unwrap_or_default();
        screen.line(&format!("  memory {state:3}  {id}: {reason}{score}"))?;
    }
    if !memory.problem.is_empty() {
        screen.line(&format!("  nothing could be recalled: {}", memory.problem))?;
    }
    match receipt.dropped_message_count {
        0 => Ok(()),
        count => screen.line(&format!("  {count} older messages didn't fit")),
    }
}

/// How many spans each source has, and their tokens.
fn by_source(receipt: &PromptReceipt) -> BTreeMap<&str, (usize, i32)> {
    let mut sums = BTreeMap::new();
    for span in &receipt.spans {
        let (spans, tokens) = sums.entry(span.source.as_str()).or_insert((0, 0));
        *spans += 1;
        *tokens += span.token_count;
    }
    sums
}
