//! The fields of an encoded message, in the order of their slots, as far as they count.

use super::{Entry, Result};
use crate::schema::{Kind, Label, Message};
use crate::wire::{self, Fields, Raw};

/// How the wire holds single values of a kind.
pub(super) fn wire_type(kind: Kind) -> u32 {
    match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => wire::FIXED64,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => wire::FIXED32,
        Kind::String | Kind::Bytes | Kind::Message(_) => wire::LENGTH,
        Kind::Group(_) => wire::GROUP_START,
        _ => wire::VARINT,
    }
}

/// True where a value on the wire has the form that its kind calls for.
pub(super) fn fits(kind: Kind, raw: Raw<'_>) -> bool {
    let found = match raw {
        Raw::Varint(_) => wire::VARINT,
        Raw::Fixed64(_) => wire::FIXED64,
        Raw::Fixed32(_) => wire::FIXED32,
        Raw::Length(_) => wire::LENGTH,
        Raw::Group(_) => wire::GROUP_START,
    };
    found == wire_type(kind)
}

/// The known fields of a message by slot, as far as they count.
pub(super) fn entries<'a>(message: &Message, bytes: &'a [u8]) -> Result<Vec<Entry<'a>>> {
    let mut entries = Vec::with_capacity(message.fields.len().min(16));
    let mut fields = Fields::new(bytes);
    let mut sorted = true;
    while let Some((number, raw)) = fields.next()? {
        let Some(slot) = message.slot_by_number(number) else {
            continue;
        };
        let field = &message.fields[slot];
        let packed = matches!((field.label, raw), (Label::List { .. }, Raw::Length(_)));
        if !fits(field.kind, raw) && !packed {
            continue;
        }
        sorted &= entries.last().is_none_or(|last: &Entry<'_>| last.0 <= slot);
        entries.push((slot, raw));
    }
    if message.oneofs > 0 {
        drop_replaced_members(message, &mut entries);
    }
    if !sorted {
        entries.sort_by_key(|entry| entry.0);
    }
    Ok(entries)
}

/// Drops members of oneofs that a later member replaced.
fn drop_replaced_members(message: &Message, entries: &mut Vec<Entry<'_>>) {
    let mut last = vec![usize::MAX; usize::from(message.oneofs)];
    let mut kept = Vec::with_capacity(entries.len());
    for entry in entries.iter().rev() {
        if let Some(oneof) = message.fields[entry.0].oneof {
            let last = &mut last[usize::from(oneof)];
            match *last {
                usize::MAX => *last = entry.0,
                slot if slot != entry.0 => continue,
                _ => {}
            }
        }
        kept.push(*entry);
    }
    kept.reverse();
    *entries = kept;
}
