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
    /// None of the formats that cards have.
    #[error(
        "this is none of the files that cards are in; choose the card's PNG, JSON, CHARX, WebP or JPEG file"
    )]
    UnknownFormat,
    /// A file of something else.
    #[error("this file is not a character card ({found}); choose a V1, V2 or V3 card file")]
    NotACard {
        /// What it seems to be instead.
        found: &'static str,
    },
    /// A picture without a card.
    #[error(
        "this picture contains no card; another program may have removed it, so use the original file or the card's JSON"
    )]
    NoCardInPicture,
    /// A place for a card, with nothing in it.
    #[error("the card has nothing in it but perhaps a name; export it again")]
    EmptyCard,
    /// Text that can't be unpacked.
    #[error(
        "the card's {kind} chunk can't be unpacked; export the card again as a PNG or JSON card"
    )]
    BadCompression {
        /// The kind of the chunk.
        kind: String,
    },
    /// What is unpacked to more than a card may have.
    #[error(
        "a part of the file is unpacked to more than {max_bytes} bytes, the most that there is room for; make it smaller"
    )]
    UnpackedTooLarge {
        /// Bytes there may be.
        max_bytes: usize,
    },
    /// A ZIP archive that can't be read.
    #[error("the archive is damaged: {problem}; fetch the file again")]
    DamagedArchive {
        /// What is wrong with it.
        problem: String,
    },
    /// A file of an archive that would be written elsewhere.
    #[error(
        "the archive has a file with a path that isn't allowed: {path}; pack it again without it"
    )]
    UnsafePath {
        /// The path.
        path: String,
    },
    /// Two readers would find different files.
    #[error("the archive has two files of the path {path}; pack it again with one of them")]
    DuplicatePath {
        /// The path.
        path: String,
    },
    /// More files than any card needs.
    #[error("the archive has more than {max} files; leave out what the card doesn't need")]
    TooManyFiles {
        /// The most that is taken.
        max: usize,
    },
    /// A file that only a password opens.
    #[error("the archive is encrypted; pack it again without a password")]
    EncryptedArchive,
    /// Another encoding of text.
    #[error("the card text is UTF-16; save it as UTF-8 and try again")]
    Utf16,
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
        "the card's chunk of the PNG has {size_bytes} bytes, but can have at most {max_bytes}; shorten the card, or import it as JSON"
    )]
    ChunkTooLarge {
        /// Bytes there are.
        size_bytes: usize,
        /// Bytes there may be.
        max_bytes: usize,
    },
    /// A picture too large to show.
    #[error(
        "the picture has {width} x {height} pixels, too many to be scaled down here; scale it down to {max} on each side and export the card again"
    )]
    DimensionsTooLarge {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// The most that is kept.
        max: u32,
    },
    /// Protected by `RisuAI`.
    #[error("the card is encrypted by RisuAI; export it there without protection")]
    Encrypted,
    /// The chunk holds something else.
    #[error("the card text in the picture is not valid base64; export the card again")]
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
    #[error("the card has no name; give the character one, or send one with the import")]
    EmptyName,
    /// An edit takes the name away, or makes a card without one.
    #[error("a character needs a name that can be seen: give it one")]
    Nameless,
    /// The lorebook of an edit is none.
    #[error("the lorebook must be a JSON object with a list of entries")]
    BadBook,
    /// V1 has no place for the fields.
    #[error("this card has fields that V1 can't hold; export it as V2 or V3")]
    Downgrade,
}
