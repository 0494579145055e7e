//! What is said in requests: messages of texts, or of parts that are texts.

use serde::Deserialize;
use tonic::Status;
use troupe_proto::error::invalid_field;
use troupe_proto::types::ChatRole;

/// What a model is given.
#[derive(Debug)]
pub(super) enum Told {
    /// Messages, of which there is one at least.
    Chat(Vec<Said>),
    /// One text to complete.
    Text(String),
}

/// A message.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) role: ChatRole,
    pub(super) text: String,
    /// Empty for none.
    pub(super) name: String,
}

/// A message as it is sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawMessage {
    #[serde(rename = "type")]
    kind: Option<String>,
    role: String,
    content: Option<Content>,
    name: Option<String>,
}

/// A text, or its parts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    /// A text.
    Text(String),
    /// Parts.
    Parts(Vec<Part>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: String,
    refusal: String,
}

/// The messages of a member, in order. What says nothing is left out.
///
/// # Errors
/// One can't be understood, or there is none.
pub(super) fn messages(member: &str, raw: Vec<RawMessage>) -> Result<Vec<Said>, Status> {
    let mut all = Vec::with_capacity(raw.len());
    for (place, message) in raw.into_iter().enumerate() {
        let at = |name: &str| format!("{member}[{place}].{name}");
        if message
            .kind
            .as_deref()
            .is_some_and(|kind| kind != "message")
        {
            return Err(invalid_field(at("type"), "must be message"));
        }
        let role = match &*message.role {
            "system" | "developer" => ChatRole::System,
            "user" => ChatRole::User,
            "assistant" => ChatRole::Assistant,
            _ => {
                let problem = "must be system, developer, user or assistant";
                return Err(invalid_field(at("role"), problem));
            }
        };
        let text = match message.content {
            None => String::new(),
            Some(content) => content.text(&at("content"))?,
        };
        if text.is_empty() {
            continue;
        }
        let name = message.name.unwrap_or_default();
        all.push(Said { role, text, name });
    }
    match all.is_empty() {
        true => Err(invalid_field(member, "must hold a message with a text")),
        false => Ok(all),
    }
}

impl Content {
    /// The text.
    fn text(self, at: &str) -> Result<String, Status> {
        let parts = match self {
            Self::Text(text) => return Ok(text),
            Self::Parts(parts) => parts,
        };
        let mut text = String::new();
        for (place, part) in parts.into_iter().enumerate() {
            match &*part.kind {
                "text" | "input_text" | "output_text" => text.push_str(&part.text),
                "refusal" => text.push_str(&part.refusal),
                _ => {
                    let problem = "must be text: images, sounds and files can't be read here";
                    return Err(invalid_field(format!("{at}[{place}].type"), problem));
                }
            }
        }
        Ok(text)
    }
}
