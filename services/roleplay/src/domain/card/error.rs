//! Why a file is refused as a character card. Each message tells the person what to do.

/// The file, or the edit, is refused; nothing of it was kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// The file is larger than any card.
    #[error(
        "the file has {size_bytes} bytes, but a card can have at most {max_bytes}; make its picture or its assets smaller"
    )]
    FileTooLarge {
        /// Bytes there are.
        size_bytes: usize,
        /// Bytes there may be.
        max_bytes: usize,
    },
    /// No bytes at all, or only white space.
    #[error("the request has no file; send the card's PNG or JSON file")]
    Empty,
    /// Neither PNG nor JSON.
    #[error("this is neither a PNG nor JSON; choose the card's PNG or JSON file")]
    UnknownFormat,
    /// JSON of something else.
    #[error("this JSON is not a character card ({found}); choose a V1, V2 or V3 card file")]
    NotACard {
        /// What it seems to be instead.
        found: &'static str,
    },
    /// A PNG without a card.
    #[error(
        "this PNG contains no card; another program may have removed it, so use the original file or the card's JSON"
    )]
    NoCardInPng,
    /// A card in a chunk that may hide a bomb, or that nothing else reads.
    #[error(
        "this PNG has its card in a {kind} chunk, which no program reads; export it again as a plain PNG or JSON card"
    )]
    UnreadableTextChunk {
        /// The kind of the chunk.
        kind: &'static str,
    },
    /// A chunk was changed on the way.
    #[error("the PNG is damaged: chunk {kind} has a wrong checksum; fetch the file again")]
    BadCrc {
        /// The kind of the chunk.
        kind: String,
    },
    /// The file ends early, or a length runs over its end.
    #[error("the PNG is damaged: it ends in the middle of its data; fetch the file again")]
    Truncated,
    /// The picture has no valid header.
    #[error("the PNG is damaged: its header is not valid; fetch the file again")]
    BadHeader,
    /// More chunks than any picture needs.
    #[error("the PNG has more than {max} chunks; re-save the picture and export the card again")]
    TooManyChunks {
        /// The most that is taken.
        max: usize,
    },
    /// More text than a chunk may have.
    #[error(
        "a text chunk of the PNG has {size_bytes} bytes, but can have at most {max_bytes}; shorten the card, or import it as JSON"
    )]
    ChunkTooLarge {
        /// Bytes there are.
        size_bytes: usize,
        /// Bytes there may be.
        max_bytes: usize,
    },
    /// A picture too large to show.
    #[error(
        "the picture has {width} x {height} pixels, but can have at most {max} on each side; scale it down and export the card again"
    )]
    DimensionsTooLarge {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// The most that is taken.
        max: u32,
    },
    /// Protected by `RisuAI`.
    #[error("the card is encrypted by RisuAI; export it there without protection")]
    Encrypted,
    /// The chunk holds something else.
    #[error("the card text in the PNG is not valid base64; export the card again")]
    BadBase64,
    /// Another encoding, or damage.
    #[error("the card text is not UTF-8; save it as UTF-8 and try again")]
    InvalidUtf8,
    /// No database keeps NUL in a text.
    #[error("the card text contains a NUL character; remove it and try again")]
    Nul,
    /// Not JSON.
    #[error(
        "the card text is not valid JSON at line {line}, column {column}; correct it or export the card again"
    )]
    BadJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// Nested to exhaust a reader.
    #[error("the card's JSON is nested more than {max} levels deep; simplify its extensions")]
    TooDeep {
        /// The most that is taken.
        max: usize,
    },
    /// Wide to exhaust memory.
    #[error(
        "the card's JSON has more than {max} values; split its lorebook or trim its extensions"
    )]
    TooManyValues {
        /// The most that is taken.
        max: usize,
    },
    /// More JSON than a text chunk holds.
    #[error(
        "the card's JSON has {size_bytes} bytes, but can have at most {max_bytes}; shorten the card or its lorebook"
    )]
    DocumentTooLarge {
        /// Bytes there are.
        size_bytes: usize,
        /// Bytes there may be.
        max_bytes: usize,
    },
    /// Every character has a name.
    #[error("the card has no name; give the character one")]
    EmptyName,
    /// The lorebook of an edit is none.
    #[error("the lorebook must be a JSON object with a list of entries")]
    BadBook,
    /// V1 has no place for the fields.
    #[error("this card has fields that V1 can't hold; export it as V2 or V3")]
    Downgrade,
}
