//! What every List method has in common: its pages, and what the things in them are called (AIP-158).

use anyhow::{Context, Result, ensure};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};

/// Refuses a List method without pages, or with a name of its own for what it lists.
pub fn check(method: &MethodDescriptor) -> Result<()> {
    if !method.name().starts_with("List") {
        return Ok(());
    }
    let (request, response) = (method.input(), method.output());
    has(&request, "page_size", 10, &Kind::Int32)?;
    has(&request, "page_token", 11, &Kind::String)?;
    has(&response, "next_page_token", 2, &Kind::String)?;
    let items = response.get_field(1).filter(FieldDescriptor::is_list);
    let items = items.context("what it lists is field 1 of its response")?;
    let kind = items.kind();
    let item = kind.as_message().context("it lists messages")?;
    let expected = plural(&super::names::snake(item.name()));
    ensure!(
        items.name() == expected,
        "what it lists is called {expected}"
    );
    Ok(())
}

fn has(message: &MessageDescriptor, name: &str, number: u32, kind: &Kind) -> Result<()> {
    let field = message.get_field_by_name(name);
    let is_there = field.is_some_and(|it| it.number() == number && it.kind() == *kind);
    let message = message.name();
    ensure!(is_there, "{message} has {name} = {number}, a {kind:?}");
    Ok(())
}

fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if noun.ends_with("ch") || noun.ends_with(['s', 'x']) => format!("{noun}es"),
        None => format!("{noun}s"),
    }
}
