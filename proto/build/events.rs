//! Emits an implementation of `Event` for every message of `troupe.events`, from the message option
//! `troupe.options.v1.event`.

use std::fmt::Write;

use anyhow::{Context, Result, bail, ensure};
use prost_reflect::{Cardinality, DescriptorPool, DynamicMessage, Kind, MessageDescriptor};

const OPTION: &str = "troupe.options.v1.event";

/// The items that implement `Event`. Parts of events, nested in them, are none.
pub fn emit(pool: &DescriptorPool) -> Result<String> {
    let subjects = regex::Regex::new("^[a-z]+(\\.[a-z_]+){2}$")?;
    let mut code = String::new();
    let mut taken = Vec::new();
    for message in pool.all_messages() {
        let is_event = message.package_name().starts_with("troupe.events.");
        if !is_event || message.parent_message().is_some() || message.is_map_entry() {
            continue;
        }
        let subject = emit_event(pool, &message, &subjects, &mut code)
            .with_context(|| format!("message {}", message.full_name()))?;
        ensure!(
            !taken.contains(&subject),
            "two events have the subject {subject}"
        );
        taken.push(subject);
    }
    Ok(code)
}

fn emit_event(
    pool: &DescriptorPool,
    message: &MessageDescriptor,
    subjects: &regex::Regex,
    code: &mut String,
) -> Result<String> {
    let contract = contract_of(pool, message)?;
    let subject = text(&contract, "subject")?;
    ensure!(
        subjects.is_match(&subject),
        "event.subject must be such as roleplay.message.written"
    );
    let key = text(&contract, "key")?;
    let field = message
        .get_field_by_name(&key)
        .with_context(|| format!("event.key names no field: {key:?}"))?;
    ensure!(
        field.kind() == Kind::String && field.cardinality() != Cardinality::Repeated,
        "event.key must name a field that is one string"
    );
    let package = message.package_name().replace('.', "::");
    writeln!(
        code,
        "impl Event for crate::{package}::{} {{",
        message.name()
    )?;
    writeln!(
        code,
        "    const TYPE: &'static str = {:?};",
        message.full_name()
    )?;
    writeln!(code, "    const SUBJECT: &'static str = {subject:?};")?;
    writeln!(code, "    fn key(&self) -> &str {{ &self.{key} }}\n}}")?;
    Ok(subject)
}

fn contract_of(pool: &DescriptorPool, message: &MessageDescriptor) -> Result<DynamicMessage> {
    let extension = pool
        .get_extension_by_name(OPTION)
        .with_context(|| format!("extension {OPTION}"))?;
    let options = message.options();
    if !options.has_extension(&extension) {
        bail!("has no option ({OPTION})");
    }
    let contract = options.get_extension(&extension).as_message().cloned();
    contract.context("event is not a message")
}

fn text(contract: &DynamicMessage, field: &str) -> Result<String> {
    let value = contract.get_field_by_name(field).context("field")?;
    Ok(value.as_str().context("text")?.to_owned())
}
