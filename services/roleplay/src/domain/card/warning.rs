//! What an import took differently than the file says.

use std::fmt;

/// Something the person should know about a card that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The card says it follows a later specification than we know; unknown fields are kept.
    NewerSpec {
        /// What the card says.
        version: String,
    },
    /// The card doesn't name its specification; it was read as V2.
    MissingSpec,
    /// A known field has a type that the specification doesn't give it; read as far as possible.
    OddType {
        /// The key of the field.
        field: &'static str,
    },
    /// The PNG has several chunks of this keyword; the first was read.
    DuplicateChunk {
        /// The keyword of the chunks.
        keyword: &'static str,
    },
    /// The card text was plain JSON instead of base64.
    RawText,
    /// Bytes behind the end of the picture were dropped.
    TrailingBytes {
        /// Bytes dropped.
        size_bytes: usize,
    },
    /// Numbers with more digits than any reader keeps were rounded.
    RoundedNumbers {
        /// How many.
        count: usize,
    },
    /// Halves of broken emoji were replaced by U+FFFD.
    BrokenCharacters {
        /// How many.
        count: usize,
    },
    /// With their macros expanded, its texts are more than a prompt may hold.
    OutgrowingMacros {
        /// Bytes that macros add, at least.
        added_bytes: usize,
        /// The most that they may add.
        max_bytes: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewerSpec { version } => {
                write!(
                    f,
                    "the card follows specification {version}, newer than 3.0; fields we don't know are kept but not used"
                )
            }
            Self::MissingSpec => {
                f.write_str("the card doesn't name its specification; it was read as V2")
            }
            Self::OddType { field } => write!(f, "the field {field} has an unusual type"),
            Self::DuplicateChunk { keyword } => {
                write!(
                    f,
                    "the PNG has several {keyword} chunks; the first was read"
                )
            }
            Self::RawText => {
                f.write_str("the card text in the PNG is plain JSON instead of base64")
            }
            Self::TrailingBytes { size_bytes } => {
                write!(
                    f,
                    "{size_bytes} bytes after the end of the PNG were dropped"
                )
            }
            Self::RoundedNumbers { count } => {
                write!(f, "{count} numbers have too many digits and were rounded")
            }
            Self::BrokenCharacters { count } => {
                write!(f, "{count} broken characters were replaced")
            }
            Self::OutgrowingMacros {
                added_bytes,
                max_bytes,
            } => write!(
                f,
                "macros add {added_bytes} bytes to the card's texts, {} more than the {max_bytes} that they may add to a prompt: prompts \
                 that need all of them are refused",
                added_bytes.saturating_sub(*max_bytes)
            ),
        }
    }
}
