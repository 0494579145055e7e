//! Lorebooks and their entries.

use prost_types::FieldMask;
use serde_json::Value;
use service::{fields, masked};
use tonic::Status;
use troupe_proto::roleplay as pb;
use troupe_proto::types::ChatRole;

use super::json;
use crate::domain::book::Book;
use crate::domain::ids::LorebookId;
use crate::domain::lorebook::{BookPatch, EntryPatch, EntryView, Placement, Position};
use crate::domain::role::Role;

impl From<Book> for pb::Lorebook {
    fn from(book: Book) -> Self {
        let parsed = book.document.parsed();
        let character = book.character_id.map(|id| id.to_string());
        Self {
            id: book.id.to_string(),
            name: parsed.name,
            description: parsed.description,
            scan_depth: parsed.scan_depth.map(number),
            token_budget: parsed.token_budget.map(number),
            recursive_scanning: parsed.recursive_scanning,
            character_id: character.unwrap_or_default(),
            entry_count: number(book.document.entry_count()),
            create_time: Some(book.create_time.into()),
            update_time: Some(book.update_time.into()),
            etag: book.document.etag(),
        }
    }
}

/// An entry of a lorebook.
pub(crate) fn entry(lorebook: LorebookId, view: EntryView) -> pb::LorebookEntry {
    let etag = view.etag();
    let extensions = view.extensions();
    let is_given = extensions
        .as_ref()
        .is_some_and(|it| it.contains_key("probability"));
    let position = position(Position::of(&view.entry)).into();
    let EntryView { id, entry, json } = view;
    let (depth, role) = match entry.placement {
        Placement::Depth { depth, role } => (Some(number(depth)), ChatRole::from(role)),
        _ => (None, ChatRole::Unspecified),
    };
    let content = json.get("content").and_then(Value::as_str);
    let named = entry.comment.is_empty().then(|| entry.name.clone());
    #[expect(clippy::cast_possible_truncation, reason = "from 0 to 100")]
    let probability = is_given.then_some(entry.probability as i32);
    pb::LorebookEntry {
        id,
        lorebook_id: lorebook.to_string(),
        name: named.unwrap_or(entry.comment),
        keys: entry.keys,
        secondary_keys: entry.secondary_keys,
        content: content.unwrap_or_default().to_owned(),
        enabled: Some(entry.enabled),
        constant: entry.constant,
        selective: entry.selective,
        insertion_order: Some(number(entry.insertion_order)),
        case_sensitive: entry.case_sensitive,
        match_whole_words: entry.match_whole_words,
        position,
        depth,
        role: role.into(),
        etag,
        scan_depth: entry.scan_depth.map(number),
        probability,
        extensions: extensions.as_ref().map(json::object),
    }
}

/// The change of a lorebook that a request asks for.
pub(crate) fn book_patch(
    lorebook: pb::Lorebook,
    mask: Option<FieldMask>,
) -> Result<BookPatch, Status> {
    let set = [
        ("name", !lorebook.name.is_empty()),
        ("description", !lorebook.description.is_empty()),
        ("scan_depth", lorebook.scan_depth.is_some()),
        ("token_budget", lorebook.token_budget.is_some()),
        ("recursive_scanning", lorebook.recursive_scanning.is_some()),
        // What was read is sent back whole, with what can't be changed.
        ("character_id", false),
        // Over HTTP, a mask names all that the body has.
        ("etag", false),
    ];
    let named = masked(mask, &set)?;
    let is_named = |name: &str| named.contains(&name);
    let name = fields::text("lorebook.name", lorebook.name)?;
    let description = fields::text("lorebook.description", lorebook.description)?;
    Ok(BookPatch {
        name: is_named("name").then_some(name),
        description: is_named("description").then_some(description),
        scan_depth: is_named("scan_depth").then(|| lorebook.scan_depth.and_then(count)),
        token_budget: is_named("token_budget").then(|| lorebook.token_budget.and_then(count)),
        recursive_scanning: is_named("recursive_scanning").then_some(lorebook.recursive_scanning),
    })
}

/// The change of an entry that a request asks for.
pub(crate) fn entry_patch(
    entry: pb::LorebookEntry,
    mask: Option<FieldMask>,
) -> Result<EntryPatch, Status> {
    let set = [
        ("name", !entry.name.is_empty()),
        ("keys", !entry.keys.is_empty()),
        ("secondary_keys", !entry.secondary_keys.is_empty()),
        ("content", !entry.content.is_empty()),
        ("enabled", entry.enabled.is_some()),
        ("constant", entry.constant),
        ("selective", entry.selective),
        ("insertion_order", entry.insertion_order.is_some()),
        ("case_sensitive", entry.case_sensitive.is_some()),
        ("match_whole_words", entry.match_whole_words.is_some()),
        ("position", entry.position != 0),
        ("depth", entry.depth.is_some()),
        ("role", entry.role != 0),
        ("scan_depth", entry.scan_depth.is_some()),
        ("probability", entry.probability.is_some()),
        ("extensions", entry.extensions.is_some()),
        // Over HTTP, a mask names all that the body has.
        ("etag", false),
    ];
    let named = masked(mask, &set)?;
    let is_named = |name: &str| named.contains(&name);
    let (asked_position, asked_role) = (entry.position(), entry.role());
    let extensions = entry.extensions.unwrap_or_default();
    let name = fields::text("entry.name", entry.name)?;
    let content = fields::text("entry.content", entry.content)?;
    Ok(EntryPatch {
        name: is_named("name").then_some(name),
        keys: is_named("keys").then_some(entry.keys),
        secondary_keys: is_named("secondary_keys").then_some(entry.secondary_keys),
        content: is_named("content").then_some(content),
        enabled: is_named("enabled").then(|| entry.enabled.unwrap_or(true)),
        constant: is_named("constant").then_some(entry.constant),
        selective: is_named("selective").then_some(entry.selective),
        insertion_order: is_named("insertion_order").then(|| entry.insertion_order.unwrap_or(100)),
        case_sensitive: is_named("case_sensitive").then_some(entry.case_sensitive),
        match_whole_words: is_named("match_whole_words").then_some(entry.match_whole_words),
        scan_depth: is_named("scan_depth").then(|| entry.scan_depth.and_then(count)),
        extensions: is_named("extensions").then(|| json::map(extensions)),
        position: is_named("position").then(|| asked(asked_position)),
        depth: is_named("depth").then(|| entry.depth.and_then(count)),
        role: is_named("role").then(|| asked_as(asked_role)),
        probability: is_named("probability").then(|| entry.probability.and_then(count)),
    })
}

fn position(position: Option<Position>) -> pb::LorePosition {
    match position {
        None => pb::LorePosition::Unspecified,
        Some(Position::BeforeCharacter) => pb::LorePosition::BeforeCharacter,
        Some(Position::AfterCharacter) => pb::LorePosition::AfterCharacter,
        Some(Position::BeforeNote) => pb::LorePosition::BeforeNote,
        Some(Position::AfterNote) => pb::LorePosition::AfterNote,
        Some(Position::AtDepth) => pb::LorePosition::AtDepth,
        Some(Position::BeforeExamples) => pb::LorePosition::BeforeExamples,
        Some(Position::AfterExamples) => pb::LorePosition::AfterExamples,
        Some(Position::Outlet) => pb::LorePosition::Outlet,
    }
}

fn asked(asked: pb::LorePosition) -> Option<Position> {
    Position::ALL
        .into_iter()
        .find(|known| position(Some(*known)) == asked)
}

fn asked_as(role: ChatRole) -> Option<Role> {
    match role {
        ChatRole::Unspecified => None,
        ChatRole::System => Some(Role::System),
        ChatRole::User => Some(Role::User),
        ChatRole::Assistant => Some(Role::Assistant),
    }
}

fn count(number: i32) -> Option<u32> {
    u32::try_from(number).ok()
}

fn number<T: TryInto<i32>>(count: T) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}
