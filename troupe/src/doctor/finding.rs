//! What the doctor finds, for people and for programs.

use std::fmt;

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Good,
    /// Something is missing that the platform does without, or makes for itself.
    Missing,
    /// The platform can't do its work like this.
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Finding {
    /// What was looked at.
    subject: &'static str,
    pub(super) state: State,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    /// Something that is as it should be.
    pub(super) fn good(subject: &'static str, text: impl Into<String>) -> Self {
        Self {
            subject,
            state: State::Good,
            text: text.into(),
            advice: None,
        }
    }

    /// Something that the platform does without, or makes for itself.
    pub(super) fn missing(subject: &'static str, text: impl Into<String>) -> Self {
        Self {
            state: State::Missing,
            ..Self::good(subject, text)
        }
    }

    /// Something that keeps the platform from its work.
    pub(super) fn broken(subject: &'static str, text: impl Into<String>) -> Self {
        Self {
            state: State::Broken,
            ..Self::good(subject, text)
        }
    }

    pub(super) fn advise(self, advice: impl Into<String>) -> Self {
        Self {
            advice: Some(advice.into()),
            ..self
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.state {
            State::Good => "ok",
            State::Missing => "--",
            State::Broken => "!!",
        };
        writeln!(f, "{mark} {:14} {}", self.subject, self.text)?;
        match &self.advice {
            Some(advice) => writeln!(f, "{:18}-> {advice}", ""),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_to_do_below_what_it_found() {
        let finding = Finding::broken("port", "it is taken").advise("take another");
        assert_eq!(
            finding.to_string(),
            "!! port           it is taken\n                  -> take another\n"
        );
        let json = serde_json::to_value(&finding).unwrap();
        assert_eq!(json["state"], "broken");
        assert_eq!(json["advice"], "take another");
    }
}
