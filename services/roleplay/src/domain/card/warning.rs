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
    /// A card in the picture was passed over for another one.
    SkippedCard {
        /// Where it stands.
        place: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A part of the PNG without which it can be shown was left out.
    DamagedChunk {
        /// The kind of the chunk.
        kind: String,
    },
    /// The card names assets that the file doesn't have.
    MissingAssets {
        /// How many.
        count: usize,
    },
    /// The archive has files that the card doesn't name.
    UnnamedFiles {
        /// How many.
        count: usize,
    },
    /// The archive has a module of RisuAI.
    RisuModule,
    /// The picture had more pixels than are kept.
    ScaledDown {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// The picture's pixels are damaged, or of an unknown format.
    PictureLeftOut {
        /// What is wrong with them.
        problem: String,
    },
    /// The picture was kept as it is, and no sizes can be made of it.
    PictureDamaged {
        /// What is wrong with its pixels.
        problem: String,
    },
    /// The name stands only where V1 has it.
    NameAtRoot,
    /// The file is another program's own form; it was read by its own meaning.
    NativeExport {
        /// The program.
        program: &'static str,
    },
    /// The PNG has several chunks of this keyword; the first good one was read.
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

impl Warning {
    fn of_picture(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ScaledDown { width, height } => write!(
                f,
                "the picture of {width} x {height} pixels was scaled down"
            ),
            Self::PictureDamaged { problem } => write!(
                f,
                "the picture is damaged and can't be shown: {problem}; import the card with a whole picture"
            ),
            Self::PictureLeftOut { problem } => {
                write!(f, "the picture can't be read and was left out: {problem}")
            }
            _ => Ok(()),
        }
    }
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
            Self::SkippedCard { place, problem } => {
                write!(
                    f,
                    "the card under {place} was passed over for another: {problem}"
                )
            }
            Self::DamagedChunk { kind } => {
                write!(
                    f,
                    "chunk {kind} of the PNG has a wrong checksum and was left out"
                )
            }
            Self::MissingAssets { count } => write!(
                f,
                "{count} assets of the card aren't in the file, such as emotions and backgrounds"
            ),
            Self::UnnamedFiles { count } => write!(
                f,
                "{count} files of the archive were left out: the card doesn't name them"
            ),
            Self::RisuModule => f.write_str(
                "RisuAI's module was left out, with its scripts and triggers, which only RisuAI runs",
            ),
            Self::ScaledDown { .. } | Self::PictureLeftOut { .. } | Self::PictureDamaged { .. } => {
                self.of_picture(f)
            }
            Self::NameAtRoot => f.write_str(
                "the card has its name only where older programs look for it; it was taken from there",
            ),
            Self::NativeExport { program } => {
                write!(f, "the file is {program}'s own form; it was made a card")
            }
            Self::DuplicateChunk { keyword } => {
                write!(
                    f,
                    "the PNG has several {keyword} chunks; the first good one was read"
                )
            }
            Self::RawText => f.write_str("the card in the picture is JSON instead of base64"),
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
