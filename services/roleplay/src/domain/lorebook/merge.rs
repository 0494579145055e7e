//! Several books as one: they are scanned together, and each says what holds for its own entries.

use super::{LoreSettings, Lorebook};
use crate::domain::ids::LorebookId;

/// The entries that a merged book has of one of its books: up to this place, from where those of the book before end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookPart {
    /// The book.
    pub id: LorebookId,
    /// The place behind its last entry.
    pub end: usize,
}

impl Lorebook {
    /// Books as one, in their order. None of no books.
    #[must_use]
    pub fn merged(books: Vec<(LorebookId, Self)>, settings: &LoreSettings) -> Option<Self> {
        let is_alone = books.len() == 1;
        let mut books = books.into_iter();
        let (id, first) = books.next()?;
        let mut merged = first;
        if !is_alone {
            merged.bind(settings);
        }
        let end = merged.entries.len();
        merged.parts = vec![BookPart { id, end }];
        for (id, mut book) in books {
            book.bind(settings);
            let recurses = recurses(&merged, settings) || recurses(&book, settings);
            merged.recursive_scanning = Some(recurses);
            let budgets = merged.token_budget.zip(book.token_budget);
            merged.token_budget = budgets.map(|(one, other)| one.saturating_add(other));
            merged.scan_depth = None;
            merged.entries.append(&mut book.entries);
            let end = merged.entries.len();
            merged.parts.push(BookPart { id, end });
        }
        Some(merged)
    }

    /// The book that an entry is of, where several were merged or the one has an id.
    #[must_use]
    pub fn book_of(&self, entry: usize) -> Option<LorebookId> {
        let part = self.parts.iter().find(|part| entry < part.end);
        part.map(|part| part.id)
    }

    /// Lets each entry say what the book says of all.
    fn bind(&mut self, settings: &LoreSettings) {
        let alone = !recurses(self, settings);
        for entry in &mut self.entries {
            entry.scan_depth = entry.scan_depth.or(self.scan_depth);
            entry.exclude_recursion |= alone;
            entry.prevent_recursion |= alone;
        }
    }
}

fn recurses(book: &Lorebook, settings: &LoreSettings) -> bool {
    let default = settings.recursive_scanning;
    book.recursive_scanning.unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn book(fields: serde_json::Value, contents: &[&str]) -> (LorebookId, Lorebook) {
        let entries: Vec<_> = contents.iter().map(|it| json!({"content": it})).collect();
        let mut book = fields;
        book["entries"] = entries.into();
        (LorebookId::new(), Lorebook::from_json(&book).unwrap())
    }

    #[test]
    fn each_book_holds_for_its_own_entries() {
        let settings = LoreSettings::default();
        let first = book(
            json!({"scan_depth": 9, "recursive_scanning": false, "token_budget": 10}),
            &["a", "b"],
        );
        let second = book(
            json!({"recursive_scanning": true, "token_budget": 5}),
            &["c"],
        );
        let ids = [first.0, second.0];
        let merged = Lorebook::merged(vec![first, second], &settings).unwrap();
        let entries = &merged.entries;
        let depths: Vec<_> = entries.iter().map(|entry| entry.scan_depth).collect();
        assert_eq!(depths, [Some(9), Some(9), None]);
        let bound: Vec<_> = entries
            .iter()
            .map(|entry| entry.exclude_recursion)
            .collect();
        assert_eq!(bound, [true, true, false]);
        assert_eq!(merged.recursive_scanning, Some(true));
        assert_eq!((merged.token_budget, merged.scan_depth), (Some(15), None));
        let books: Vec<_> = (0..4).map(|entry| merged.book_of(entry)).collect();
        assert_eq!(books, [Some(ids[0]), Some(ids[0]), Some(ids[1]), None]);
    }

    #[test]
    fn a_book_alone_stays_as_it_is() {
        let (id, alone) = book(
            json!({"scan_depth": 9, "recursive_scanning": false}),
            &["a"],
        );
        let merged = Lorebook::merged(vec![(id, alone.clone())], &LoreSettings::default());
        let merged = merged.unwrap();
        assert_eq!(
            (&merged.entries, merged.scan_depth),
            (&alone.entries, Some(9))
        );
        assert_eq!(merged.book_of(0), Some(id));
        assert_eq!(Lorebook::merged(Vec::new(), &LoreSettings::default()), None);
    }
}
