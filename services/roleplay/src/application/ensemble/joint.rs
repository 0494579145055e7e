//! The lorebooks of all that a session plays, as one.

use platform::Timestamp;

use crate::application::cast::SheetKey;
use crate::domain::ids::LorebookId;
use crate::domain::lorebook::{Lorebook, Matcher};

/// The lorebooks of several characters, and of a scenario, as one, ready for matching.
#[derive(Debug)]
pub(crate) struct JointLore {
    pub(super) matcher: Option<Matcher>,
    /// About as many bytes as it takes in memory.
    pub(super) bytes: u32,
}

/// Whose lorebooks they are, and when each last changed.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct LoreKey {
    pub(super) characters: Vec<SheetKey>,
    /// Those of the scenario.
    pub(super) brought: Vec<(LorebookId, Timestamp)>,
}

impl JointLore {
    /// About as many bytes as it takes in memory.
    pub(in crate::application) fn size(&self) -> u32 {
        self.bytes
    }
}

/// Lorebooks in their order, each of them once.
#[derive(Default)]
pub(super) struct Books(pub(super) Vec<(LorebookId, Lorebook)>);

impl Books {
    pub(super) fn add(&mut self, id: LorebookId, book: impl FnOnce() -> Option<Lorebook>) {
        if !self.0.iter().any(|(there, _)| *there == id) {
            self.0.extend(book().map(|book| (id, book)));
        }
    }

    /// How many entries they have.
    pub(super) fn entries(&self) -> usize {
        self.0.iter().map(|(_, book)| book.entries.len()).sum()
    }
}
