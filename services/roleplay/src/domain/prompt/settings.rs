//! How prompts are built.

use serde::{Deserialize, Serialize};

use super::MemorySettings;
use crate::domain::lorebook::LoreSettings;

/// The system prompt of chat models, where neither the person nor the card has one.
pub(super) const CHAT_SYSTEM_PROMPT: &str = "You play {{char}} in a story written together with \
     {{user}}. Write only {{char}}'s next reply: what {{char}} says, does and feels, true to the \
     character and the scene. Never speak or act for {{user}}.";
/// The same where there are several characters.
pub(super) const GROUP_SYSTEM_PROMPT: &str = "You play {{char}} in a story written together with \
     {{user}}, in which there are several characters: {{group}}. Write only {{char}}'s next reply: what \
     {{char}} says, does and feels, true to the character and the scene. Never speak or act for \
     {{notChar}}.";
/// The preface of models that continue a text.
pub(super) const TEXT_SYSTEM_PROMPT: &str =
    "This is a conversation between {{group}} and {{user}}. {{char}} is described first.";
/// The last word to chat models that write in the person's place, over what card and person ask for.
pub(super) const IMPERSONATION_PROMPT: &str = "[This once, you write for {{user}}: give {{user}}'s \
     next message, the way {{user}} has spoken so far. Leave {{group}} out of it: nothing that \
     {{group}} says, does or thinks.]";

/// How the personality is named in a prompt, as SillyTavern's default does.
const PERSONALITY_FORMAT: &str = "{{char}}'s personality: {{personality}}";
/// How the scenario is named in a prompt, as SillyTavern's default does.
const SCENARIO_FORMAT: &str = "Scenario: {{scenario}}";

/// What kind of input the model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Messages with roles.
    Chat,
    /// One text, which the model goes on writing.
    Text,
}

/// How the speakers' names reach a chat model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameStyle {
    /// Not at all: roles say enough between two.
    #[default]
    Omitted,
    /// In the message's `name`, reduced to what providers accept.
    Field,
    /// Before the text, as `Name: text`.
    Content,
    /// The same, before what people say alone: where there are several of them, and one character.
    People,
}

/// How example dialogues reach a chat model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExampleStyle {
    /// System messages named `example_user` and `example_assistant`, as `SillyTavern` sends them.
    #[default]
    Named,
    /// One system message a dialogue, as a transcript: for servers that take few system messages.
    Transcript,
}

/// How prompts are built. Lengths are in tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What the model takes.
    pub form: Form,
    /// The model's context window.
    pub window_tokens: u32,
    /// Kept free for the reply.
    pub max_reply_tokens: u32,
    /// What a chat message costs beside its text.
    pub message_overhead_tokens: u32,
    /// Lorebooks.
    pub lore: LoreSettings,
    /// Memories.
    pub memory: MemorySettings,
    /// Example dialogues are kept before history grows, instead of dropped first.
    pub pin_examples: bool,
    /// Example dialogues in chat form.
    pub examples: ExampleStyle,
    /// Speakers' names in chat form.
    pub names: NameStyle,
    /// Neighbouring system messages become one, where they carry no name.
    pub merge_system_messages: bool,
    /// What is said around the personality, which stands for `{{personality}}`.
    pub personality_format: String,
    /// What is said around the scenario, which stands for `{{scenario}}`.
    pub scenario_format: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            form: Form::Chat,
            window_tokens: 8_192,
            max_reply_tokens: 300,
            message_overhead_tokens: 4,
            lore: LoreSettings::default(),
            memory: MemorySettings::default(),
            pin_examples: false,
            examples: ExampleStyle::default(),
            names: NameStyle::default(),
            merge_system_messages: true,
            personality_format: PERSONALITY_FORMAT.to_owned(),
            scenario_format: SCENARIO_FORMAT.to_owned(),
        }
    }
}
