//! What a dialect's reader makes of an answer.

use std::fmt;

use serde_json::Value;

use crate::domain::{FinishReason, ProviderError, TokenUsage};

/// Reads one dialect. Pure; fed with one JSON value after another.
pub(crate) trait Reader: fmt::Debug + Send {
    /// Reads the data of an event, or a whole answer of a server that doesn't stream. `event` is the name that Server-Sent
    /// Events give it, or empty. What isn't understood is left out.
    fn read(&mut self, event: &str, data: &Value, pieces: &mut Vec<Piece>);
}

/// A part of an answer, in the order in which it came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    /// More of the reply, as the JSON has it: it may begin or end within a character.
    Text(String),
    /// A sign of life that isn't shown, such as a thought, a picture or a call of a tool.
    Thought,
    /// What it takes; later figures replace earlier ones, each for itself.
    Usage(Figures),
    /// The model has come to its end.
    Finish(Ending),
    /// The server says that it failed.
    Failed(ProviderError),
    /// Nothing follows.
    Done,
}

/// Figures as far as a server gives them and they make sense.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Tokens of the prompt, the cached ones included.
    pub(crate) prompt: Option<u32>,
    pub(crate) cached: Option<u32>,
    /// Tokens of the prompt that are kept for later from now on.
    pub(crate) cache_written: Option<u32>,
    /// Tokens that were generated, the thoughts included.
    pub(crate) completion: Option<u32>,
    /// Tokens of thoughts.
    pub(crate) reasoning: Option<u32>,
}

impl Figures {
    /// Takes over what newer figures say.
    pub(crate) fn update(&mut self, newer: Self) {
        self.prompt = newer.prompt.or(self.prompt);
        self.cached = newer.cached.or(self.cached);
        self.cache_written = newer.cache_written.or(self.cache_written);
        self.completion = newer.completion.or(self.completion);
        self.reasoning = newer.reasoning.or(self.reasoning);
    }

    /// The usage, if both sides of it are known.
    pub(crate) fn usage(&self) -> Option<TokenUsage> {
        let completion = self.completion?;
        Some(TokenUsage {
            completion,
            reasoning: self.reasoning.unwrap_or_default().min(completion),
            ..self.read()?
        })
    }

    /// What was taken of the prompt, if it is known. A prompt that took no tokens can't be.
    pub(crate) fn read(&self) -> Option<TokenUsage> {
        let prompt = self.prompt.filter(|tokens| *tokens > 0)?;
        let cached = self.cached.unwrap_or_default().min(prompt);
        Some(TokenUsage {
            prompt,
            cached,
            cache_written: self.cache_written.unwrap_or_default().min(prompt - cached),
            ..TokenUsage::default()
        })
    }
}

/// Why a model came to its end, in a server's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The model, or a stop text, ended it.
    Stop,
    /// It reached the most tokens, or the end of the window.
    Length,
    /// A filter ended it.
    ContentFilter,
    /// It wants to call a tool.
    Tool,
    /// The server calls it a failure.
    Failed,
    /// The server broke it off.
    Aborted,
}

/// Words within reasons that servers give, by what they mean; the first that fits counts. Reasons are open-ended, and a reason
/// with none of them is an end as any other.
const MEANINGS: &[(Ending, &[&str])] = &[
    (
        Ending::Aborted,
        &[
            "abort",
            "cancel",
            "interrupt",
            "killed",
            "disconnect",
            "terminated",
        ],
    ),
    (
        Ending::ContentFilter,
        &[
            "content_filter",
            "contentfilter",
            "safety",
            "recitation",
            "prohibited",
            "blocklist",
            "spii",
            "refus",
            "sensitive",
            "moderation",
            "guardrail",
            "jailbreak",
            "model_armor",
        ],
    ),
    (
        Ending::Failed,
        &[
            "error",
            "fail",
            "malformed",
            "timeout",
            "timed_out",
            "insufficient",
            "overload",
            "unavailable",
            "exception",
            "crash",
            "out_of_memory",
            "oom",
        ],
    ),
    (
        Ending::Length,
        &[
            "length",
            "max_token",
            "maxtoken",
            "max_output",
            "limit",
            "context_window",
            "truncat",
            "repetition",
        ],
    ),
    (Ending::Tool, &["tool", "function"]),
];

impl Ending {
    /// The meaning of a reason, whatever its case. Some servers send an empty one, or a word for none, with each piece: that
    /// is no reason.
    pub(crate) fn of_reason(reason: &str) -> Option<Self> {
        let reason = reason.trim().to_ascii_lowercase().replace(['-', ' '], "_");
        if matches!(
            &*reason,
            "" | "null" | "none" | "undefined" | "unspecified" | "finish_reason_unspecified"
        ) {
            return None;
        }
        let meaning = MEANINGS
            .iter()
            .find(|(_, words)| words.iter().any(|word| reason.contains(word)));
        Some(meaning.map_or(Self::Stop, |(ending, _)| *ending))
    }

    /// The meaning of a reason that may be a text, or an object with a type.
    pub(crate) fn of_value(reason: &Value) -> Option<Self> {
        let text = reason.as_str().or_else(|| reason.get("type")?.as_str());
        Self::of_reason(text?)
    }

    /// The end of a whole reply; none where it is none.
    pub(crate) fn reason(self) -> Option<FinishReason> {
        match self {
            Self::Stop | Self::Tool => Some(FinishReason::Stop),
            Self::Length => Some(FinishReason::Length),
            Self::ContentFilter => Some(FinishReason::ContentFilter),
            Self::Failed | Self::Aborted => None,
        }
    }
}

/// A count among the members of an object; none if it makes no sense, as of -1, half a token or a list.
pub(crate) fn count(object: &Value, key: &str) -> Option<u32> {
    whole(object.get(key)?)
}

/// A whole number that 31 bits hold, be it written as `12`, `12.0` or `"12"`.
pub(crate) fn whole(value: &Value) -> Option<u32> {
    let number = match value.as_str() {
        Some(text) => text.trim().parse().ok()?,
        None => value.as_f64()?,
    };
    // What is larger is some -1 without its sign.
    let is_count = number.fract() == 0.0 && (0.0..=f64::from(i32::MAX)).contains(&number);
    is_count.then_some(number as u32)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn knows_what_reasons_mean() {
        for (ending, reasons) in [
            (
                Ending::Stop,
                &[
                    "stop",
                    "STOP",
                    "eos",
                    "end_turn",
                    "COMPLETE",
                    "stop_sequence",
                    "whatever",
                ][..],
            ),
            (
                Ending::Length,
                &[
                    "length",
                    "MAX_TOKENS",
                    "max_output_tokens",
                    "model_context_window_exceeded",
                ],
            ),
            (
                Ending::ContentFilter,
                &[
                    "content_filter",
                    "content-filter",
                    "SAFETY",
                    "refusal",
                    "sensitive",
                ],
            ),
            (Ending::Tool, &["tool_calls", "function_call"]),
            (
                Ending::Failed,
                &[
                    "error",
                    "network_error",
                    "insufficient_system_resource",
                    "server_error",
                    "ERROR",
                ],
            ),
            (
                Ending::Aborted,
                &["abort", "cancelled", "ABORTED", "interrupted"],
            ),
        ] {
            for reason in reasons {
                assert_eq!(Ending::of_reason(reason), Some(ending), "{reason}");
            }
        }
    }

    #[test]
    fn takes_an_empty_reason_for_none() {
        for reason in ["", " ", "null", "None"] {
            assert_eq!(Ending::of_reason(reason), None, "{reason:?}");
        }
        assert_eq!(Ending::of_value(&json!(null)), None);
        assert_eq!(Ending::of_value(&json!(false)), None);
        assert_eq!(
            Ending::of_value(&json!({"type": "stop"})),
            Some(Ending::Stop)
        );
    }

    #[test]
    fn takes_figures_that_make_no_sense_as_not_given() {
        let told = json!({"a": 7, "b": 7.0, "c": "7", "d": -1, "e": 0.5, "f": [], "g": null, "h": 4_294_967_295_u32, "i": true});
        for key in ["a", "b", "c"] {
            assert_eq!(count(&told, key), Some(7), "{key}");
        }
        for key in ["d", "e", "f", "g", "h", "i", "j"] {
            assert_eq!(count(&told, key), None, "{key}");
        }
        let figures = |prompt, cached, completion| Figures {
            prompt,
            cached,
            completion,
            ..Figures::default()
        };
        assert_eq!(figures(None, Some(1), Some(5)).usage(), None);
        assert_eq!(figures(Some(0), None, Some(5)).usage(), None);
        let usage = TokenUsage {
            prompt: 3,
            cached: 3,
            completion: 5,
            ..TokenUsage::default()
        };
        assert_eq!(figures(Some(3), Some(9), Some(5)).usage(), Some(usage));
    }

    #[test]
    fn lets_newer_figures_replace_older_ones_each_for_itself() {
        let mut figures = Figures {
            prompt: Some(3),
            cached: Some(1),
            completion: Some(1),
            ..Figures::default()
        };
        figures.update(Figures {
            completion: Some(9),
            ..Figures::default()
        });
        assert_eq!(
            figures,
            Figures {
                prompt: Some(3),
                cached: Some(1),
                completion: Some(9),
                ..Figures::default()
            }
        );
    }
}
