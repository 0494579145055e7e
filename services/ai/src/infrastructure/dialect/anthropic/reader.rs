//! Reads Anthropic's events, or a whole message.

use serde_json::Value;

use super::prompt_tokens;
use crate::infrastructure::dialect::{list, text};
use crate::infrastructure::upstream::piece::count;
use crate::infrastructure::upstream::{Ending, Figures, Piece, Reader, failure};

/// Reads a message. Its figures come in parts, of which later ones replace earlier ones.
#[derive(Debug, Default)]
pub(super) struct MessageReader {
    /// Read anew, kept for later, had from before.
    prompt: [Option<u32>; 3],
}

impl Reader for MessageReader {
    fn read(&mut self, event: &str, data: &Value, pieces: &mut Vec<Piece>) {
        match text(data, "type").unwrap_or(event) {
            // What is written so far counts only once it is: these figures are a beginning.
            "message_start" => self.count(data.get("message"), false, pieces),
            "content_block_start" => read_block(data.get("content_block"), pieces),
            "content_block_delta" => read_block(data.get("delta"), pieces),
            "message_delta" => {
                self.count(Some(data), true, pieces);
                pieces.extend(failure::told_by(data).map(Piece::Failed));
                finish(data.get("delta"), pieces);
            }
            "message_stop" => pieces.push(Piece::Done),
            "message" => {
                list(data, "content").for_each(|block| read_block(Some(block), pieces));
                self.count(Some(data), true, pieces);
                finish(Some(data), pieces);
            }
            _ => pieces.extend(failure::told_by(data).map(Piece::Failed)),
        }
    }
}

impl MessageReader {
    /// What is had from before, or kept, isn't a part of `input_tokens`.
    fn count(&mut self, message: Option<&Value>, is_written: bool, pieces: &mut Vec<Piece>) {
        let Some(usage) = message.and_then(|message| message.get("usage")) else {
            return;
        };
        for (known, newer) in self.prompt.iter_mut().zip(prompt_tokens(usage)) {
            *known = newer.or(*known);
        }
        let [new, written, read] = self.prompt;
        let sum = |new: u32| {
            new.saturating_add(written.unwrap_or(0))
                .saturating_add(read.unwrap_or(0))
        };
        let details = usage.get("output_tokens_details");
        pieces.push(Piece::Usage(Figures {
            prompt: new.map(sum),
            cached: read,
            cache_written: written,
            completion: count(usage, "output_tokens").filter(|_| is_written),
            reasoning: details.and_then(|details| count(details, "thinking_tokens")),
        }));
    }
}

/// A block, or more of one: text, a thought, or a call of a tool.
fn read_block(block: Option<&Value>, pieces: &mut Vec<Piece>) {
    let Some(block) = block else {
        return;
    };
    match text(block, "type").unwrap_or("text") {
        "text" | "text_delta" => {
            let more = text(block, "text").filter(|text| !text.is_empty());
            pieces.extend(more.map(|text| Piece::Text(text.to_owned())));
        }
        "citations_delta" => {}
        _ => pieces.push(Piece::Thought),
    }
}

fn finish(message: Option<&Value>, pieces: &mut Vec<Piece>) {
    let reason = message.and_then(|message| message.get("stop_reason"));
    pieces.extend(reason.and_then(Ending::of_value).map(Piece::Finish));
}

#[cfg(test)]
mod tests;
