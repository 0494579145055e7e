//! Lorebooks: texts that enter the prompt when the chat comes to speak of them.
//!
//! A book is parsed ([`Lorebook`]), made ready for matching once ([`Matcher`]), and scanned for
//! every prompt ([`Scan`]). A scan goes in passes; each says of every entry why it fired or not.

mod blinds;
mod buffer;
mod decorators;
mod document;
mod entry;
mod groups;
mod ids;
mod javascript;
mod key;
mod matcher;
mod merge;
mod native;
mod parse;
mod passes;
mod pattern;
mod reason;
mod scan;
mod spelling;

#[cfg(test)]
mod tests;

pub use self::{
    blinds::Blinds,
    decorators::Decorators,
    document::{BookDocument, BookPatch, EntryPatch, EntryView, MAX_BOOK_BYTES, Position},
    entry::{Entry, MatchSources, Placement, SelectiveLogic, TimedEffects},
    ids::entry_ids,
    matcher::Matcher,
    merge::BookPart,
    passes::EntryTexts,
    pattern::Problem,
    reason::{Found, Reason},
    scan::{Activation, LoreSettings, Scan, ScanMessage, ScanTexts},
};
pub(crate) use self::{
    decorators::without_decorators,
    native::{of_agnai, of_risu},
    parse::json_entries_mut,
};

/// A parsed lorebook. The card's document stays the truth; this is a view of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lorebook {
    /// The name of the book.
    pub name: String,
    /// What the book is about, for people.
    pub description: String,
    /// Messages to look at, where the book sets it.
    pub scan_depth: Option<u32>,
    /// Most tokens for all entries together, where the book sets it.
    pub token_budget: Option<u32>,
    /// Whether entries may be found by the text of other entries.
    pub recursive_scanning: Option<bool>,
    /// In the book's order.
    pub entries: Vec<Entry>,
    /// Whose entries these are, where several books were merged or the one has an id.
    pub parts: Vec<BookPart>,
}
