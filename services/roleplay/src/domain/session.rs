//! Sessions: conversations of people with characters, and their branches.

mod prompt_choices;
mod turn_choices;

use platform::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{BranchId, CharacterId, GenerationId, MessageId, ScenarioId, SessionId, UserId};
use super::participant::Seat;
use super::random::seed_for;

pub use self::prompt_choices::{PromptChoice, PromptChoices};
pub use self::turn_choices::{TurnChoice, TurnChoices};

/// Tokens of a reply where the session doesn't say.
pub const DEFAULT_REPLY_TOKENS: u32 = 300;
/// Greetings of a character that a session begins with: they are written in one transaction, for which all other writes wait.
pub const MAX_GREETINGS: usize = 1_000;
/// The longest title that a session can be given, in characters.
pub const MAX_TITLE_CHARS: usize = 200;
/// Title of a session's first branch.
const FIRST_BRANCH_TITLE: &str = "Main";

/// A conversation of people with a character, as one of them sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Who owns it.
    pub user_id: UserId,
    /// Who looks at it: what they may do in it, and whom they play.
    pub me: Seat,
    /// Whether others than its owner take part in it, or once did.
    pub shared: bool,
    /// The character, of several the first; none if it was deleted.
    pub character_id: Option<CharacterId>,
    /// The character's name.
    pub character_name: String,
    /// The scenario that it was started from.
    pub scenario: Option<SessionScenario>,
    /// Title.
    pub title: String,
    /// The model; empty for the default one.
    pub model_id: String,
    /// How replies are generated.
    pub settings: ReplySettings,
    /// The branch that it is turned to.
    pub branch: Branch,
    /// The generation that runs in it.
    pub running_generation_id: Option<GenerationId>,
    /// When it was opened.
    pub create_time: Timestamp,
    /// When a message was last sent or generated in it.
    pub last_use_time: Timestamp,
    /// When it last changed otherwise.
    pub update_time: Timestamp,
}

impl Session {
    /// What chance that stays the same for a whole session is drawn from.
    #[must_use]
    pub fn seed(id: SessionId) -> u64 {
        seed_for(0, &id.to_string(), 0)
    }
}

/// A scenario that a session was started from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionScenario {
    /// Its id; none if it was deleted.
    pub id: Option<ScenarioId>,
    /// What it was called.
    pub name: String,
}

/// A pointer to the last message of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its id.
    pub id: BranchId,
    /// The session it belongs to.
    pub session_id: SessionId,
    /// Title.
    pub title: String,
    /// The last message; none while there is none.
    pub head: Option<MessageId>,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it last got another end or title.
    pub update_time: Timestamp,
}

impl Branch {
    /// The title of a branch that nobody gave one, by its place among the others, from 1.
    #[must_use]
    pub fn title_at(place: u64) -> String {
        match place {
            1 => FIRST_BRANCH_TITLE.to_owned(),
            place => format!("Branch {place}"),
        }
    }
}

/// How replies are generated. What is absent is the model's default. Stored as JSON: fields are only ever added.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReplySettings {
    /// Most tokens of a reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Sampling temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Nucleus sampling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    /// Sample from this many likeliest tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<i32>,
    /// Drop tokens less likely than this share of the likeliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f32>,
    /// Penalty for repeating; 1 is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition_penalty: Option<f32>,
    /// Makes a reply repeatable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Texts that end a reply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Whether prompts recall what left the model's window; by default they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall: Option<bool>,
    /// How prompts are built.
    #[serde(skip_serializing_if = "PromptChoices::is_silent")]
    pub prompt: PromptChoices,
    /// Whose turn it is, where there are several characters.
    #[serde(skip_serializing_if = "TurnChoices::is_silent")]
    pub turns: TurnChoices,
}

/// One of the settings, for a change of it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// [`ReplySettings::max_tokens`].
    MaxTokens,
    /// [`ReplySettings::temperature`].
    Temperature,
    /// [`ReplySettings::top_p`].
    TopP,
    /// [`ReplySettings::top_k`].
    TopK,
    /// [`ReplySettings::min_p`].
    MinP,
    /// [`ReplySettings::repetition_penalty`].
    RepetitionPenalty,
    /// [`ReplySettings::seed`].
    Seed,
    /// [`ReplySettings::stop`].
    Stop,
    /// [`ReplySettings::recall`].
    Recall,
    /// One of [`ReplySettings::prompt`].
    Prompt(PromptChoice),
    /// One of [`ReplySettings::turns`].
    Turns(TurnChoice),
}

impl ReplySettings {
    /// True where the setting has a value of its own.
    #[must_use]
    pub fn has(&self, setting: Setting) -> bool {
        match setting {
            Setting::MaxTokens => self.max_tokens.is_some(),
            Setting::Temperature => self.temperature.is_some(),
            Setting::TopP => self.top_p.is_some(),
            Setting::TopK => self.top_k.is_some(),
            Setting::MinP => self.min_p.is_some(),
            Setting::RepetitionPenalty => self.repetition_penalty.is_some(),
            Setting::Seed => self.seed.is_some(),
            Setting::Stop => !self.stop.is_empty(),
            Setting::Recall => self.recall.is_some(),
            Setting::Prompt(choice) => self.prompt.has(choice),
            Setting::Turns(choice) => self.turns.has(choice),
        }
    }

    /// Takes some settings from `new`, also those that have no value there.
    pub fn take(&mut self, settings: &[Setting], new: &Self) {
        for setting in settings {
            match setting {
                Setting::MaxTokens => self.max_tokens = new.max_tokens,
                Setting::Temperature => self.temperature = new.temperature,
                Setting::TopP => self.top_p = new.top_p,
                Setting::TopK => self.top_k = new.top_k,
                Setting::MinP => self.min_p = new.min_p,
                Setting::RepetitionPenalty => self.repetition_penalty = new.repetition_penalty,
                Setting::Seed => self.seed = new.seed,
                Setting::Stop => self.stop.clone_from(&new.stop),
                Setting::Recall => self.recall = new.recall,
                Setting::Prompt(choice) => self.prompt.take(*choice, &new.prompt),
                Setting::Turns(choice) => self.turns.take(*choice, &new.turns),
            }
        }
    }

    /// Most tokens of a reply by a model that writes at most `most_tokens` and has a window of `window_tokens`.
    /// Unless the session says otherwise a reply takes at most a quarter of the window.
    #[must_use]
    pub fn reply_tokens(&self, most_tokens: u32, window_tokens: u32) -> u32 {
        let wanted = self
            .max_tokens
            .unwrap_or(DEFAULT_REPLY_TOKENS.min(window_tokens / 4));
        let most = if most_tokens == 0 {
            u32::MAX
        } else {
            most_tokens
        };
        wanted.min(most).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_some_settings_and_keeps_the_others() {
        let mut settings = ReplySettings {
            max_tokens: Some(20),
            temperature: Some(0.5),
            stop: vec!["END".into()],
            ..ReplySettings::default()
        };
        let new = ReplySettings {
            max_tokens: Some(30),
            seed: Some(7),
            ..ReplySettings::default()
        };
        settings.take(&[Setting::Seed, Setting::Stop], &new);
        let expected = ReplySettings {
            max_tokens: Some(20),
            temperature: Some(0.5),
            seed: Some(7),
            ..ReplySettings::default()
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn limits_a_reply_by_settings_model_and_window() {
        let asked = |max_tokens| ReplySettings {
            max_tokens,
            ..ReplySettings::default()
        };
        assert_eq!(asked(None).reply_tokens(4_096, 8_192), 300);
        assert_eq!(asked(None).reply_tokens(0, 400), 100);
        assert_eq!(asked(Some(2_000)).reply_tokens(1_000, 8_192), 1_000);
        assert_eq!(asked(Some(2_000)).reply_tokens(0, 400), 2_000);
    }
}
