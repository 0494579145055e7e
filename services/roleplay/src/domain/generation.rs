//! Generations: the jobs that write characters' messages.

use platform::Timestamp;
use sea_orm::{DeriveActiveEnum, EnumIter};

use super::ids::{GenerationId, MessageId, ParticipantId, SessionId};
use super::prompt::Kind;

/// Whether a generation runs, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum State {
    /// It runs.
    Running,
    /// The model came to an end.
    Completed,
    /// Somebody cancelled it.
    Cancelled,
    /// The platform stopped under it.
    Interrupted,
    /// The model failed.
    Failed,
    /// It waits for its turn. No message has this state: one that waits for its text is `Running`.
    Pending,
}

impl State {
    /// Whether it has come to an end.
    #[must_use]
    pub fn is_ended(self) -> bool {
        !matches!(self, Self::Running | Self::Pending)
    }
}

/// A job that writes a character's message.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// Its id.
    pub id: GenerationId,
    /// The session it belongs to.
    pub session_id: SessionId,
    /// The message that it writes.
    pub message_id: MessageId,
    /// Who asked for it, and pays; none if it was begun before there were several people.
    pub participant_id: Option<ParticipantId>,
    /// What it was asked for.
    pub kind: Kind,
    /// Whether it runs, or how it ended.
    pub state: State,
    /// What was generated so far.
    pub text: String,
    /// Why it ended well.
    pub finish: Option<Finish>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// The model.
    pub model_id: String,
    /// What it took, as far as it is known.
    pub usage: Option<Usage>,
    /// When it began.
    pub create_time: Timestamp,
    /// When it ended.
    pub end_time: Option<Timestamp>,
    /// The one that followed it by itself.
    pub next_id: Option<GenerationId>,
}

/// Why a generation ended well. The names are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum Finish {
    /// The model, or a stop text, ended it.
    Stop,
    /// It reached the most tokens.
    Length,
}

/// Why a generation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A name of `troupe.errors.v1.Reason` without its prefix.
    pub reason: String,
    /// For people.
    pub message: String,
}

/// What a generation took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt, the cached ones included.
    pub prompt_tokens: i32,
    /// Tokens of the prompt that the model had from before.
    pub cached_tokens: i32,
    /// Tokens that were generated.
    pub completion_tokens: i32,
    /// Cost in 10^-12 USD.
    pub cost_pico_usd: i64,
    /// True where the provider gave no figures.
    pub estimated: bool,
}

/// How a generation ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// Any state but `Running`.
    pub state: State,
    /// Why it ended well.
    pub finish: Option<Finish>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What it took.
    pub usage: Option<Usage>,
    /// The model that wrote, where a route may have chosen it.
    pub model_id: Option<String>,
}

impl Ending {
    /// The end by a cancel or by a stop of the platform, which leaves no figures.
    #[must_use]
    pub fn by(state: State) -> Self {
        Self {
            state,
            finish: None,
            failure: None,
            usage: None,
            model_id: None,
        }
    }

    /// The end by a failure.
    #[must_use]
    pub fn failed(reason: impl Into<String>, message: impl Into<String>) -> Self {
        let failure = Failure {
            reason: reason.into(),
            message: message.into(),
        };
        Self {
            failure: Some(failure),
            ..Self::by(State::Failed)
        }
    }
}

/// Cuts what a model writes to what is kept: no white space at the end, none at the beginning of a message, and no
/// NUL, which databases refuse.
#[derive(Debug)]
pub struct Trimmer {
    /// True once text was let through, or where the text goes on from other text.
    begun: bool,
    /// White space that is only kept if more text follows.
    held: String,
    /// What the speaker may put before the message, and nobody wants to read: the name that stands before it in the prompt.
    label: Option<String>,
}

impl Trimmer {
    /// For a generation that goes on from `base`, the text that the message holds already.
    #[must_use]
    pub fn after(base: &str) -> Self {
        Self {
            begun: !base.is_empty(),
            held: String::new(),
            label: None,
        }
    }

    /// The same, without the speaker's name and a colon where the message begins with them.
    #[must_use]
    pub fn without_name(self, name: &str) -> Self {
        let label = (!self.begun).then(|| format!("{name}:"));
        Self { label, ..self }
    }

    /// What of the text so far can be kept for sure and wasn't returned before; may be empty.
    #[must_use]
    pub fn push(&mut self, delta: &str) -> String {
        self.held.extend(delta.chars().filter(|c| *c != '\0'));
        if !self.begun {
            let blank = self.held.len() - self.held.trim_start().len();
            self.held.drain(..blank);
        }
        if let Some(label) = self.label.take() {
            match self.held.strip_prefix(&label) {
                Some(rest) => self.held = rest.trim_start().to_owned(),
                None if label.starts_with(&self.held) => {
                    self.label = Some(label);
                    return String::new();
                }
                None => {}
            }
        }
        let kept = self.held.trim_end().len();
        let rest = self.held.split_off(kept);
        let text = std::mem::replace(&mut self.held, rest);
        self.begun |= !text.is_empty();
        text
    }

    /// What of the text is left where nothing follows.
    #[must_use]
    pub fn finish(&mut self) -> String {
        self.label = None;
        self.push("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trimmed(base: &str, deltas: &[&str]) -> Vec<String> {
        let mut trimmer = Trimmer::after(base);
        deltas.iter().map(|delta| trimmer.push(delta)).collect()
    }

    #[test]
    fn drops_white_space_around_a_reply_and_keeps_it_within() {
        assert_eq!(
            trimmed("", &[" ", "\n Hello", " ", "", "there\n", "\n*waves* \n"]),
            ["", "Hello", "", "", " there", "\n\n*waves*"]
        );
    }

    #[test]
    fn keeps_white_space_that_joins_a_continuation() {
        assert_eq!(trimmed("Hello", &[" ", "again. "]), ["", " again."]);
    }

    #[test]
    fn drops_the_name_that_stands_before_a_message() {
        let named = |base, deltas: &[&str]| {
            let mut trimmer = Trimmer::after(base).without_name("Mira Vale");
            let mut text: String = deltas.iter().map(|delta| trimmer.push(delta)).collect();
            text.push_str(&trimmer.finish());
            text
        };
        assert_eq!(
            named("", &["\n Mi", "ra Vale", ": ", " Come in."]),
            "Come in."
        );
        assert_eq!(named("", &["Mira Vale: Mira Vale: hm"]), "Mira Vale: hm");
        assert_eq!(named("", &["Mira ", "smiles."]), "Mira smiles.");
        assert_eq!(named("", &["Mira Va"]), "Mira Va");
        assert_eq!(named("", &["Hm. ", "Mira Vale: no"]), "Hm. Mira Vale: no");
        assert_eq!(named("She says", &[" Mira Vale: no"]), " Mira Vale: no");
        assert_eq!(named("", &["Mira Vale:", " "]), "");
    }

    #[test]
    fn drops_nul() {
        assert_eq!(trimmed("", &["\0a\0", "b"]), ["a", "b"]);
    }
}
