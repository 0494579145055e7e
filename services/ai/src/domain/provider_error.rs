//! How providers fail: the few kinds that a retry, or a person, can act on.

use std::time::Duration;

use troupe_proto::{Class, Classify, Reason};

use super::breaker::Outcome;

/// A failure of a provider. Causes are for the log; they hold neither keys nor prompts of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProviderError {
    /// Too many requests or tokens in a span of time.
    #[error("the provider has had too many requests: try again later")]
    RateLimited { retry_after: Option<Duration> },
    /// The provider has as much to do as it can.
    #[error("the provider is overloaded: try again later")]
    Overloaded { retry_after: Option<Duration> },
    /// It can't be reached, or fails on its own side.
    #[error("the provider can't be reached or has failed: {cause}")]
    Unavailable { cause: String },
    /// It did not do in time what was waited for.
    #[error("the provider took too long: {waited_for}")]
    Timeout { waited_for: &'static str },
    /// The prompt leaves no room for a reply in the model's window.
    #[error("the prompt is longer than the model's context window")]
    ContextLength {
        tokens: Option<u32>,
        window: Option<u32>,
    },
    /// It refuses our key, or our credit is used up.
    #[error("the provider refuses Troupe's key or its credit is used up")]
    Account { cause: String },
    /// It refuses the content.
    #[error("the provider refuses the content")]
    Refused,
    /// It refuses the request as malformed, or for a model that it doesn't have.
    #[error("the provider refuses the request: {cause}")]
    Rejected { cause: String },
    /// It doesn't have the model.
    #[error("the provider doesn't have the model: {cause}")]
    ModelGone { cause: String },
    /// What answers isn't a model server, or not the one that is meant.
    #[error("the provider refuses the request: {cause}")]
    Foreign { cause: String },
    /// It came to an end without any text.
    #[error("the model's reply was empty: {cause}")]
    Empty { cause: &'static str },
    /// It failed after the reply had begun.
    #[error("the provider stopped in the middle of the reply: {cause}")]
    Interrupted { cause: String },
}

impl ProviderError {
    /// Whether the same request may succeed when it is made again, provided that nothing of a reply came yet.
    pub(crate) fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::Overloaded { .. }
                | Self::Unavailable { .. }
                | Self::Empty { .. }
        )
    }

    /// Whether another model may succeed with the same request, provided that nothing of a reply came yet. Of a prompt that is too
    /// long, one with a larger window.
    pub(crate) fn is_curable_elsewhere(&self) -> bool {
        // What one refuses for its content, or as malformed, isn't taken from one to the next until it slips through.
        !matches!(self, Self::Refused | Self::Rejected { .. })
    }

    /// What it says of the model's health. What the caller is at fault for says nothing.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::RateLimited { retry_after } | Self::Overloaded { retry_after } => {
                match retry_after {
                    Some(pause) => Outcome::Closed(Some(*pause)),
                    None => Outcome::Failed,
                }
            }
            Self::Account { .. } => Outcome::Closed(None),
            Self::Unavailable { .. }
            | Self::Timeout { .. }
            | Self::Foreign { .. }
            | Self::Empty { .. }
            | Self::Interrupted { .. } => Outcome::Failed,
            Self::ContextLength { .. }
            | Self::Refused
            | Self::Rejected { .. }
            | Self::ModelGone { .. } => Outcome::Nothing,
        }
    }

    /// What metrics and traces call it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::RateLimited { .. } => "rate_limited",
            Self::Overloaded { .. } => "overloaded",
            Self::Unavailable { .. } => "unavailable",
            Self::Timeout { .. } => "timeout",
            Self::ContextLength { .. } => "context_length",
            Self::Account { .. } => "account",
            Self::Refused => "refused",
            Self::Rejected { .. } => "rejected",
            Self::ModelGone { .. } => "model_gone",
            Self::Foreign { .. } => "foreign",
            Self::Empty { .. } => "empty",
            Self::Interrupted { .. } => "interrupted",
        }
    }

    /// What the log gets to know beyond the public text.
    pub(crate) fn cause(&self) -> &str {
        match self {
            Self::Unavailable { cause }
            | Self::Account { cause }
            | Self::Rejected { cause }
            | Self::ModelGone { cause }
            | Self::Foreign { cause }
            | Self::Interrupted { cause } => cause,
            Self::Timeout { waited_for } => waited_for,
            Self::Empty { cause } => cause,
            _ => "",
        }
    }

    /// The same with another cause, where it has one of the provider's words.
    pub(crate) fn map_cause(self, change: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Unavailable { cause } => Self::Unavailable {
                cause: change(&cause),
            },
            Self::Account { cause } => Self::Account {
                cause: change(&cause),
            },
            Self::Rejected { cause } => Self::Rejected {
                cause: change(&cause),
            },
            Self::ModelGone { cause } => Self::ModelGone {
                cause: change(&cause),
            },
            Self::Foreign { cause } => Self::Foreign {
                cause: change(&cause),
            },
            Self::Interrupted { cause } => Self::Interrupted {
                cause: change(&cause),
            },
            other => other,
        }
    }
}

impl Classify for ProviderError {
    fn class(&self) -> Class {
        let class = match self {
            Self::RateLimited { .. } => Class::new(Reason::ProviderRateLimited),
            Self::Overloaded { .. } | Self::Unavailable { .. } | Self::Interrupted { .. } => {
                Class::new(Reason::ProviderUnavailable)
            }
            Self::Timeout { .. } => Class::new(Reason::ProviderTimeout),
            Self::Empty { .. } => Class::new(Reason::ReplyEmpty),
            Self::ContextLength { .. } => Class::new(Reason::ContextLength),
            Self::Account { .. } => Class::new(Reason::ProviderAccount),
            Self::Refused => Class::new(Reason::ContentRefused),
            Self::Rejected { .. } | Self::ModelGone { .. } | Self::Foreign { .. } => {
                Class::new(Reason::ProviderRejected)
            }
        };
        match self {
            Self::RateLimited { retry_after } | Self::Overloaded { retry_after } => {
                class.retry_after(*retry_after)
            }
            Self::ContextLength { tokens, window } => {
                let facts = [("promptTokens", tokens), ("windowTokens", window)];
                let known = facts
                    .into_iter()
                    .filter_map(|(name, fact)| Some((name, (*fact)?)));
                known.fold(class, |class, (name, fact)| class.fact(name, fact))
            }
            _ => class,
        }
    }
}
