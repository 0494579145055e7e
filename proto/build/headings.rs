//! Checks what the documentation of the API and generated clients go by: headings, the names of methods and of messages, the
//! types of files.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, MethodDescriptor};
use prost_reflect::{ServiceDescriptor, Value};

use super::policy::{number, policy_of, strings};

/// A message with any bytes as a file.
const FILE: &str = "google.api.HttpBody";

/// Fails where two things that clients see have one name, or a heading or the type of a file is missing.
pub fn check(pool: &DescriptorPool) -> Result<()> {
    let (mut tags, mut methods) = (BTreeSet::new(), BTreeSet::new());
    let mut messages = BTreeMap::new();
    let services = pool.services();
    for service in services.filter(|service| service.package_name().starts_with("troupe.")) {
        let seen: Vec<MethodDescriptor> = service
            .methods()
            .filter(|method| is_seen(pool, method))
            .collect();
        if !seen.is_empty() {
            let tag = tag_of(pool, &service)?;
            ensure!(tags.insert(tag.clone()), "two services are called {tag}");
        }
        for method in seen {
            let name = method.full_name().to_owned();
            check_method(pool, &method).with_context(|| format!("method {name}"))?;
            ensure!(
                methods.insert(method.name().to_owned()),
                "{name}: another method has this name, which clients call it by"
            );
            for message in [method.input(), method.output()] {
                check_names(&message, &mut messages)?;
            }
        }
    }
    Ok(())
}

fn is_seen(pool: &DescriptorPool, method: &MethodDescriptor) -> bool {
    let http = pool.get_extension_by_name("google.api.http");
    http.is_some_and(|http| method.options().has_extension(&http))
}

fn tag_of(pool: &DescriptorPool, service: &ServiceDescriptor) -> Result<String> {
    let extension = pool.get_extension_by_name("troupe.options.v1.tag");
    let tag = extension.map(|it| service.options().get_extension(&it).into_owned());
    let tag = tag.as_ref().and_then(Value::as_message);
    let named = |tag: &DynamicMessage| {
        let name = tag.get_field_by_name("name");
        let name = name.as_deref().and_then(Value::as_str).unwrap_or_default();
        (!name.is_empty() && number(tag, "place") > 0).then(|| name.to_owned())
    };
    tag.and_then(named).with_context(|| {
        let service = service.full_name();
        format!("{service} has no option (troupe.options.v1.tag) with a name and a place")
    })
}

fn check_method(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<()> {
    let types = strings(&policy_of(pool, method)?, "media_types");
    let has_file = has_file(&method.input()) || has_file(&method.output());
    ensure!(
        has_file != types.is_empty(),
        "policy.media_types says the types of a file, where there is one, and only there"
    );
    Ok(())
}

fn has_file(message: &MessageDescriptor) -> bool {
    let is_file = |kind: Kind| {
        let message = kind.as_message();
        message.is_some_and(|message| message.full_name() == FILE)
    };
    message.full_name() == FILE || message.fields().any(|field| is_file(field.kind()))
}

/// Notes the names of a message and of what it holds, by which the document calls their schemas: without the package.
fn check_names(message: &MessageDescriptor, known: &mut BTreeMap<String, String>) -> Result<()> {
    if !message.full_name().starts_with("troupe.") {
        return Ok(());
    }
    let short = short_name(message.package_name(), message.full_name());
    if is_noted(short, message.full_name(), known)? {
        return Ok(());
    }
    for field in message.fields() {
        match field.kind() {
            Kind::Message(inner) => check_names(&inner, known)?,
            Kind::Enum(inner) => {
                let short = short_name(inner.package_name(), inner.full_name());
                is_noted(short, inner.full_name(), known)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn short_name(package: &str, full_name: &str) -> String {
    full_name[package.len() + 1..].replace('.', "")
}

fn is_noted(short: String, full_name: &str, known: &mut BTreeMap<String, String>) -> Result<bool> {
    let Some(other) = known.insert(short, full_name.to_owned()) else {
        return Ok(false);
    };
    ensure!(
        other == full_name,
        "{full_name} and {other} have one name in the OpenAPI document"
    );
    Ok(true)
}
