//! Why something is no scenario.

use crate::domain::card::CardError;

/// Why something is no scenario, in words that say what to do.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Nobody would see its name.
    #[error("the scenario has no name: give it one")]
    NoName,
    /// There are more of something than there may be.
    #[error("the scenario has {count} {what}, {} more than the {most} that it may have", count - most)]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// It is longer than it may be.
    #[error(
        "the scenario has {size_bytes} bytes as JSON, {} more than the {max_bytes} that it may have: shorten its texts",
        size_bytes - max_bytes
    )]
    TooLarge {
        /// How long it is.
        size_bytes: usize,
        /// How long it may be.
        max_bytes: usize,
    },
    /// The file would be longer than one that can be imported.
    #[error(
        "the file would have {size_bytes} bytes, {} more than the {max_bytes} that an import takes: {instead}",
        size_bytes - max_bytes
    )]
    FileTooLarge {
        /// How long it would be.
        size_bytes: usize,
        /// How long it may be.
        max_bytes: usize,
        /// What to do.
        instead: &'static str,
    },
    /// Its lorebooks are too long to copy at once.
    #[error(
        "the scenario's lorebooks have {size_bytes} bytes, {} more than the {max_bytes} that a copy takes: use it as it is, or ask its owner for smaller ones",
        size_bytes - max_bytes
    )]
    LoreTooLarge {
        /// How long they are.
        size_bytes: usize,
        /// How long they may be.
        max_bytes: usize,
    },
    /// Two things have one name.
    #[error("two {what} have the name `{name}`: give each a name of its own")]
    SameName {
        /// Of which kind.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A name can't be used in texts.
    #[error(
        "`{name}` can't be the name of a {what}: begin with a lower-case letter, and use lower-case letters, digits and `_`, at most 40"
    )]
    BadName {
        /// Of which kind.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A role has no name.
    #[error("a role has no name: give it one")]
    NamelessRole,
    /// A text names a blank that isn't there.
    #[error(
        "{place} names the blank `{name}`, which the scenario doesn't have: add the blank, or correct its name"
    )]
    UnknownBlank {
        /// Which text.
        place: &'static str,
        /// The name.
        name: String,
    },
    /// A choice leaves no choice.
    #[error("the blank `{name}` is a choice without options: give it some, or make it a line")]
    NoOptions {
        /// The blank.
        name: String,
    },
    /// A choice has an option that can't be told from nothing, or from another one.
    #[error("the blank `{name}` has an option that {problem}: give each option words of its own")]
    BadOption {
        /// The blank.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A default is no answer.
    #[error("the default of the blank `{name}` {problem}")]
    BadDefault {
        /// The blank.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// There is a NUL character, which not every database keeps.
    #[error("the scenario must not contain NUL characters: remove them")]
    Nul,
    /// The file has more values than can be read at once.
    #[error(
        "the file has about {values} values, {} more than the {max_values} that it may have: take out lists that no scenario has",
        values - max_values
    )]
    TooManyValues {
        /// How many it has.
        values: usize,
        /// How many it may have.
        max_values: usize,
    },
    /// The file isn't JSON.
    #[error(
        "the file isn't JSON (line {line}, column {column}): export the scenario again where it comes from"
    )]
    NotJson {
        /// Where it ends to be.
        line: usize,
        /// Where in that line.
        column: usize,
    },
    /// The file has no scenario.
    #[error("the file has no scenario: {found}. A scenario's file has `version` and `scenario`")]
    NotAScenario {
        /// What it is instead.
        found: String,
    },
    /// The file's parts aren't as the schema says.
    #[error("the file isn't as the schema of scenarios says: {}", .0.join("; "))]
    AgainstSchema(Vec<String>),
    /// A card in it can't be read.
    #[error("the card of the role `{role}` can't be imported: {error}")]
    Card {
        /// The role.
        role: String,
        /// Why.
        error: CardError,
    },
    /// A lorebook in it can't be kept.
    #[error("the lorebook {place} of the file can't be imported: {problem}")]
    Lorebook {
        /// Which, from 1.
        place: usize,
        /// Why.
        problem: String,
    },
}
