//! Puts a reply together from the pieces of an answer, and judges whether it is whole. Pure.

use std::collections::VecDeque;

use super::echo::EchoFilter;
use super::piece::{Ending, Figures, Piece};
use super::stop::StopFilter;
use super::text::Joiner;
use crate::domain::{Event, FinishReason, ProviderError, TokenUsage};

/// What has been read of a reply.
#[derive(Debug, Default)]
pub(super) struct Reply {
    joiner: Joiner,
    echo: EchoFilter,
    stop: StopFilter,
    /// Whether nothing is an answer too: a message that is to be gone on with may be complete.
    may_be_empty: bool,
    /// White space that waits for a text to stand before.
    lead: String,
    /// Events that were read and not yet given out.
    pending: VecDeque<Event>,
    figures: Figures,
    finish: Option<Ending>,
    /// A reason that text came after: some servers give one with each piece.
    passed: Option<Ending>,
    has_text: bool,
    has_thoughts: bool,
    understood: bool,
    done: bool,
    /// Whether it came to its end, and the end was given out.
    ended: bool,
}

/// How far a reply has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// No text came yet.
    Waiting,
    /// The model is at it.
    Running,
    /// The model has said why it ended; figures may follow.
    Finished,
    /// Nothing follows.
    Done,
}

/// How an answer stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cut {
    /// It was read to its end.
    Closed,
    /// It broke off, or nothing came for too long.
    Broken(ProviderError),
}

impl Reply {
    pub(super) fn new(echo: EchoFilter, stop: StopFilter, may_be_empty: bool) -> Self {
        Self {
            echo,
            stop,
            may_be_empty,
            ..Self::default()
        }
    }

    /// Takes the pieces of a frame. Text that came before a failure is given out before it.
    pub(super) fn take(&mut self, pieces: Vec<Piece>) -> Result<(), ProviderError> {
        for piece in pieces {
            if self.ended || self.done {
                // Figures may still come; what is said after the end isn't a part of it.
                if let Piece::Usage(figures) = piece {
                    self.figures.update(figures);
                }
                continue;
            }
            self.understood = true;
            match piece {
                Piece::Text(text) => self.add(text),
                Piece::Thought => self.has_thoughts = true,
                Piece::Usage(figures) => self.count(figures),
                Piece::Finish(ending) if ending.reason().is_none() => {
                    return Err(broken_off(ending));
                }
                Piece::Finish(ending) => self.finish = Some(ending),
                Piece::Failed(error) => return Err(error),
                Piece::Done => self.done = true,
            }
        }
        Ok(())
    }

    /// The next event that was read.
    pub(super) fn next(&mut self) -> Option<Event> {
        self.pending.pop_front()
    }

    /// Whether text was given out, or is about to be, after which nothing is tried again.
    pub(super) fn has_text(&self) -> bool {
        self.has_text
    }

    pub(super) fn has_thoughts(&self) -> bool {
        self.has_thoughts
    }

    /// Whether anything of the answer was what it should be.
    pub(super) fn is_understood(&self) -> bool {
        self.understood
    }

    /// Whether the end was read.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn figures(&self) -> Figures {
        self.figures
    }

    pub(super) fn progress(&self) -> Progress {
        match (self.done || self.ended, self.finish) {
            (true, _) => Progress::Done,
            (false, Some(_)) => Progress::Finished,
            (false, None) if self.has_text => Progress::Running,
            (false, None) => Progress::Waiting,
        }
    }

    /// Comes to the end, once nothing follows. A reply without a reason and without the mark of the end was cut, and one that
    /// has no text is none.
    pub(super) fn close(&mut self, cut: Cut) -> Result<(), ProviderError> {
        if self.ended {
            return Ok(());
        }
        let passed = self.passed.filter(|_| cut == Cut::Closed || self.done);
        let ending = match (self.finish.or(passed), self.done) {
            (Some(ending), _) => ending,
            (None, true) => Ending::Stop,
            (None, false) => {
                self.flush();
                return Err(match cut {
                    Cut::Broken(error) => error,
                    Cut::Closed => unavailable("the answer ended in the middle of the reply"),
                });
            }
        };
        let rest = self.joiner.finish();
        let rest = self.echo.push(rest);
        self.filter(rest);
        if self.ended {
            return Ok(());
        }
        self.flush();
        let is_filtered = ending == Ending::ContentFilter;
        if !self.has_text && !self.may_be_empty && !is_filtered {
            return Err(ProviderError::Empty {
                cause: self.emptiness(ending),
            });
        }
        self.finished(ending.reason().unwrap_or(FinishReason::Stop));
        Ok(())
    }

    /// Gives out what was held back, now that nothing follows. Half a character is lost.
    pub(super) fn flush(&mut self) {
        let rest = self.echo.finish();
        self.filter(rest);
        let rest = self.stop.finish();
        self.show(rest);
    }

    /// Takes over figures, and tells at once what was taken of the prompt: whoever goes away pays for that.
    fn count(&mut self, figures: Figures) {
        let before = self.figures.read();
        self.figures.update(figures);
        let read = self.figures.read();
        if let Some(read) = read.filter(|read| Some(*read) != before) {
            self.pending.push_back(Event::Read(read));
        }
    }

    fn add(&mut self, text: String) {
        let text = self.joiner.push(text);
        if text.is_empty() {
            return;
        }
        if let Some(ending) = self.finish.take() {
            self.passed = Some(ending);
        }
        let text = self.echo.push(text);
        self.filter(text);
    }

    fn filter(&mut self, text: String) {
        let (text, is_last) = self.stop.push(text);
        self.show(text);
        if !is_last {
            return;
        }
        self.finish = Some(Ending::Stop);
        if self.has_text || self.may_be_empty {
            self.finished(FinishReason::Stop);
        } else {
            self.done = true;
        }
    }

    /// White space alone is no reply: it waits for what it stands before.
    fn show(&mut self, text: String) {
        if text.is_empty() {
            return;
        }
        let mut text = text;
        if !self.has_text {
            self.lead.push_str(&text);
            if self.lead.trim().is_empty() {
                return;
            }
            self.has_text = true;
            text = std::mem::take(&mut self.lead);
        }
        self.pending.push_back(Event::Delta(text));
    }

    fn finished(&mut self, reason: FinishReason) {
        self.ended = true;
        // A text of no tokens isn't one that was counted.
        let is_counted = |usage: &TokenUsage| usage.completion > 0 || !self.has_text;
        let usage = self.figures.usage().filter(is_counted);
        self.pending.push_back(Event::Finished { reason, usage });
    }

    fn emptiness(&self, ending: Ending) -> &'static str {
        match (ending, self.has_thoughts) {
            (Ending::Length, true) => "its thoughts took all tokens that the reply may have",
            (Ending::Length, false) => "it had no room for a reply",
            (Ending::Tool, _) => "it called a tool instead",
            (_, true) => "it gave thoughts only",
            (_, false) => "it gave no text",
        }
    }
}

fn broken_off(ending: Ending) -> ProviderError {
    unavailable(match ending {
        Ending::Aborted => "the server broke the reply off",
        _ => "the server ended the reply as failed",
    })
}

fn unavailable(cause: &str) -> ProviderError {
    ProviderError::Unavailable {
        cause: cause.to_owned(),
    }
}

#[cfg(test)]
mod tests;
