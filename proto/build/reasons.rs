//! Emits the catalogue of reasons from the enum value option `troupe.errors.v1.policy`, and the reasons of a method.

use std::fmt::Write;

use anyhow::{Context, Result, bail, ensure};
use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, EnumValueDescriptor, MethodDescriptor,
    ReflectMessage, Value,
};

use super::policy::{enum_name, flag, number, strings};

const OPTION: &str = "troupe.errors.v1.policy";
/// Fields of requests, and what they are refused with.
const REASONS_OF_FIELDS: [(&str, &str); 2] = [
    ("page_token", "REASON_PAGE_TOKEN_INVALID"),
    ("request_id", "REASON_REQUEST_ID_REUSED"),
];

/// The expression of the catalogue: an array of `ReasonPolicy`, in the order of the numbers.
pub fn emit(pool: &DescriptorPool, name: &str) -> Result<String> {
    let reasons = pool.get_enum_by_name(name).context("no enum of reasons")?;
    let metadata = regex::Regex::new("^[a-z]+([A-Z][a-z]+)*$")?;
    let mut values: Vec<_> = reasons.values().filter(|it| it.number() != 0).collect();
    values.sort_by_key(EnumValueDescriptor::number);
    let mut code = String::from("&[\n");
    for value in values {
        let entry = entry(pool, &reasons, &value, &metadata);
        code.push_str(&entry.with_context(|| format!("reason {}", value.name()))?);
    }
    code.push_str("]\n");
    Ok(code)
}

fn entry(
    pool: &DescriptorPool,
    reasons: &EnumDescriptor,
    value: &EnumValueDescriptor,
    metadata: &regex::Regex,
) -> Result<String> {
    let policy = policy_of(pool, value)?;
    let rpc_code = enum_name(pool, &policy, "code")?;
    let retry = enum_name(pool, &policy, "retry")?;
    let remedy = policy.get_field_by_name("remedy");
    let remedy = remedy.as_deref().and_then(Value::as_str).unwrap_or("");
    let when = comment(reasons, value);
    let keys = strings(&policy, "metadata");
    let http_status = number(&policy, "http_status");
    ensure!(rpc_code != "OK", "policy.code is missing");
    ensure!(retry != "RETRY_UNSPECIFIED", "policy.retry is missing");
    ensure!(!remedy.is_empty(), "policy.remedy is missing");
    ensure!(!when.is_empty(), "has no comment that says when");
    for key in &keys {
        ensure!(
            metadata.is_match(key),
            "policy.metadata must be in lowerCamelCase: {key}"
        );
    }
    ensure!(
        matches!(http_status, 0 | 400..=599),
        "policy.http_status is no status of a failure"
    );
    let mut code = String::new();
    writeln!(code, "ReasonPolicy {{")?;
    writeln!(code, "    reason: {},", variant("Reason", value.name()))?;
    writeln!(code, "    code: {},", variant("Code", &rpc_code))?;
    writeln!(code, "    retry: {},", variant("Retry", &retry))?;
    writeln!(code, "    when: {when:?},")?;
    writeln!(code, "    remedy: {remedy:?},")?;
    writeln!(code, "    metadata: &{keys:?},")?;
    writeln!(code, "    is_common: {},", flag(&policy, "common"))?;
    writeln!(code, "    own_http_status: {http_status},")?;
    writeln!(code, "}},")?;
    Ok(code)
}

/// The reasons of a method as Rust has them.
pub fn of_method(
    pool: &DescriptorPool,
    method: &MethodDescriptor,
    policy: &DynamicMessage,
) -> Result<Vec<String>> {
    let field = policy.descriptor().get_field_by_name("reasons");
    let field = field.context("policy.reasons")?;
    let kind = field.kind();
    let reasons = kind.as_enum().context("policy.reasons is no enum")?;
    let listed = policy.get_field(&field);
    let mut names = Vec::new();
    for item in listed.as_list().unwrap_or_default() {
        let number = item.as_enum_number().context("policy.reasons")?;
        let value = reasons
            .get_value(number)
            .filter(|value| value.number() != 0);
        let value = value.with_context(|| format!("policy.reasons: no reason is {number}"))?;
        let name = value.name().to_owned();
        ensure!(
            !flag(&policy_of(pool, &value)?, "common"),
            "policy.reasons names {name}, which every method has"
        );
        ensure!(
            !names.contains(&name),
            "policy.reasons names {name} more than once"
        );
        names.push(name);
    }
    for (field, reason) in REASONS_OF_FIELDS {
        ensure!(
            method.input().get_field_by_name(field).is_some()
                == names.iter().any(|name| name == reason),
            "policy.reasons names {reason} where the request has a {field}, and only there"
        );
    }
    let variants = names.iter().map(|name| variant("Reason", name));
    Ok(variants.collect())
}

fn policy_of(pool: &DescriptorPool, value: &EnumValueDescriptor) -> Result<DynamicMessage> {
    let extension = pool
        .get_extension_by_name(OPTION)
        .with_context(|| format!("extension {OPTION}"))?;
    let options = value.options();
    if !options.has_extension(&extension) {
        bail!("has no option ({OPTION})");
    }
    let policy = options.get_extension(&extension).as_message().cloned();
    policy.context("policy is not a message")
}

/// The comment above a value, in one line.
fn comment(reasons: &EnumDescriptor, value: &EnumValueDescriptor) -> String {
    let file = reasons.parent_file();
    let places = file.file_descriptor_proto().source_code_info.iter();
    let mut places = places.flat_map(|info| &info.location);
    let place = places.find(|place| place.path.as_slice() == value.path());
    let comment = place.and_then(|place| place.leading_comments.as_deref());
    let words: Vec<&str> = comment.unwrap_or("").split_whitespace().collect();
    words.join(" ")
}

/// A value of an enum as Rust has it: `Reason::NotFound` for `REASON_NOT_FOUND`, `Code::Aborted` for `ABORTED`.
fn variant(kind: &str, name: &str) -> String {
    let prefix = kind.to_uppercase() + "_";
    let words = name.strip_prefix(&prefix).unwrap_or(name).split('_');
    let words = words.map(|word| word[..1].to_owned() + &word[1..].to_lowercase());
    format!("{kind}::{}", words.collect::<String>())
}
