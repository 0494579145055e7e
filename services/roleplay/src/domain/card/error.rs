//! Why a file is refused as a character card. Each message tells the person what to do.

/// The file, or the edit, is refused; nothing of it was kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    #[error(
        "the file is {size_bytes} bytes, and a card may have {max_bytes}; shrink its picture or its assets"
    )]
    FileTooLarge { size_bytes: usize, max_bytes: usize },
    #[error("this is neither a PNG nor JSON; choose the card's PNG or JSON file")]
    UnknownFormat,
    #[error("this JSON is no character card ({found}); choose a V1, V2 or V3 card file")]
    NotACard { found: &'static str },
    #[error(
        "this PNG carries no card; it may have been re-saved or re-compressed on the way, so fetch the original file or the card's JSON"
    )]
    NoCardInPng,
    #[error(
        "this PNG keeps its card in a {kind} chunk, which no front end reads; export it again as a plain PNG or JSON card"
    )]
    UnreadableTextChunk { kind: &'static str },
    #[error("the PNG is damaged: chunk {kind} has a wrong checksum; fetch the file again")]
    BadCrc { kind: String },
    #[error("the PNG is damaged: it ends in the middle of its data; fetch the file again")]
    Truncated,
    #[error("the PNG is damaged: its header is not valid; fetch the file again")]
    BadHeader,
    #[error("the PNG has more than {max} chunks; re-save the picture and export the card again")]
    TooManyChunks { max: usize },
    #[error(
        "a text chunk of the PNG has {size_bytes} bytes, and may have {max_bytes}; shorten the card, or import it as JSON"
    )]
    ChunkTooLarge { size_bytes: usize, max_bytes: usize },
    #[error(
        "the picture is {width} x {height} pixels, and may be {max} on a side; scale it down and export the card again"
    )]
    DimensionsTooLarge { width: u32, height: u32, max: u32 },
    #[error("the card is encrypted by RisuAI; export it there without protection")]
    Encrypted,
    #[error("the card text in the PNG is not valid base64; export the card again")]
    BadBase64,
    #[error("the card text is not UTF-8; save it as UTF-8 and try again")]
    InvalidUtf8,
    #[error("the card text contains a NUL character; remove it and try again")]
    Nul,
    #[error(
        "the card text is not valid JSON at line {line}, column {column}; correct it or export the card again"
    )]
    BadJson { line: usize, column: usize },
    #[error("the card's JSON is nested more than {max} levels deep; simplify its extensions")]
    TooDeep { max: usize },
    #[error(
        "the card's JSON holds more than {max} values; split its lorebook or trim its extensions"
    )]
    TooManyValues { max: usize },
    #[error(
        "the card's JSON is {size_bytes} bytes, and may be {max_bytes}; shorten the card or its lorebook"
    )]
    DocumentTooLarge { size_bytes: usize, max_bytes: usize },
    #[error("the card has no name; give the character one")]
    EmptyName,
    #[error("the lorebook must be a JSON object with a list of entries")]
    BadBook,
    #[error("this card has fields that V1 can't hold; export it as V2 or V3")]
    Downgrade,
}
