//! What watchers of a generation see: its start, each byte of its text once, its end.

use super::generation::{Generation, State};
use super::message::Message;

/// Something that a watcher of a generation sees.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The first of every watch. Texts reach up to the offset that the watch begins at.
    Started {
        /// The generation.
        generation: Box<Generation>,
        /// The person's message that is answered, if one is.
        user_message: Option<Box<Message>>,
        /// The message that is written.
        message: Box<Message>,
    },
    /// Text was added.
    Delta {
        /// Bytes before it.
        offset: usize,
        /// The text.
        text: String,
    },
    /// The last of every watch.
    Ended {
        /// The generation with its whole text.
        generation: Box<Generation>,
        /// The message as it is stored.
        message: Box<Message>,
    },
}

/// An offset at which no watch can begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OffsetError {
    /// Beyond what was generated so far.
    #[error(
        "offset {offset} is beyond the {length} bytes generated so far; watch from next_offset of your last event, or from 0"
    )]
    BeyondEnd {
        /// The offset.
        offset: u64,
        /// Bytes generated so far.
        length: usize,
    },
    /// Inside a character.
    #[error(
        "offset {offset} is inside a character; watch from next_offset of your last event, or from 0"
    )]
    WithinCharacter {
        /// The offset.
        offset: u64,
    },
}

/// Checks that a watch of `text` can begin at `offset`.
///
/// # Errors
/// The offset lies beyond the text, or within a character.
pub fn check_offset(text: &str, offset: u64) -> Result<usize, OffsetError> {
    let at = usize::try_from(offset).ok().filter(|at| *at <= text.len());
    let at = at.ok_or(OffsetError::BeyondEnd {
        offset,
        length: text.len(),
    })?;
    if text.is_char_boundary(at) {
        Ok(at)
    } else {
        Err(OffsetError::WithinCharacter { offset })
    }
}

impl Message {
    /// The message as it stood when its generation had written `generation.text`, a part of the `whole` text:
    /// text and the rest of the generation then make the message. One that was changed since stays as it is.
    #[must_use]
    pub fn as_of(mut self, generation: &Generation, whole: &str) -> Self {
        let is_newest = self.generation_id == Some(generation.id)
            && self.edit_time.is_none_or(|t| t <= generation.create_time);
        if !is_newest {
            return self;
        }
        if self.state != State::Running {
            let Some(base) = self.text.strip_suffix(whole) else {
                return self;
            };
            self.text.truncate(base.len());
        }
        self.text.push_str(&generation.text);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_offsets_beyond_the_end_and_within_a_character() {
        assert_eq!(check_offset("né", 3), Ok(3));
        assert_eq!(check_offset("né", 0), Ok(0));
        assert_eq!(
            check_offset("né", 2),
            Err(OffsetError::WithinCharacter { offset: 2 })
        );
        let beyond = OffsetError::BeyondEnd {
            offset: 4,
            length: 3,
        };
        assert_eq!(check_offset("né", 4), Err(beyond));
        assert!(check_offset("", u64::MAX).is_err());
    }
}
