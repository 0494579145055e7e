//! Holds the fields of requests to say the same twice: what their rules refuse when it is absent is REQUIRED, by
//! `google.api.field_behavior`, and nothing else is. OpenAPI and SDKs read the one, the validators the other.

use anyhow::{Context, Result, ensure};
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, MessageDescriptor, Value};

use super::rules::{ignores_zero, required, rules_of, set_rules};

/// The number of REQUIRED in `google.api.FieldBehavior`.
const REQUIRED: i32 = 2;

/// Checks a request.
pub fn check(pool: &DescriptorPool, request: &MessageDescriptor) -> Result<()> {
    for field in request.fields() {
        let is_needed = match rules_of(pool, &field)? {
            Some(rules) => is_needed(&field, &rules)?,
            None => false,
        };
        ensure!(
            is_needed == is_required(pool, &field)?,
            "{} is REQUIRED where its rules refuse that it is absent, and only there",
            field.full_name()
        );
    }
    Ok(())
}

fn is_required(pool: &DescriptorPool, field: &FieldDescriptor) -> Result<bool> {
    let extension = pool.get_extension_by_name("google.api.field_behavior");
    let Some(extension) = extension else {
        return Ok(false);
    };
    let options = field.options();
    let behaviours = options.get_extension(&extension);
    let behaviours = behaviours.as_list().context("field_behavior is a list")?;
    Ok(behaviours.contains(&Value::EnumNumber(REQUIRED)))
}

/// Whether the rules of a field refuse what it has where a request doesn't name it.
fn is_needed(field: &FieldDescriptor, rules: &DynamicMessage) -> Result<bool> {
    if required(rules) {
        return Ok(true);
    }
    if ignores_zero(rules) || (field.supports_presence() && !field.is_list()) {
        return Ok(false);
    }
    for (_, rules) in set_rules(rules) {
        let Some(rules) = rules.as_message() else {
            continue;
        };
        for (rule, value) in set_rules(rules) {
            if refuses_zero(&rule, &value)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn refuses_zero(rule: &str, value: &Value) -> Result<bool> {
    Ok(match rule {
        "min_len" | "min_items" => value.as_u64() != Some(0),
        "email" => value.as_bool() == Some(true),
        "pattern" => {
            let pattern = value.as_str().context("text")?;
            !regex::Regex::new(pattern)?.is_match("")
        }
        "gte" => match value {
            Value::I32(least) => *least > 0,
            Value::I64(least) => *least > 0,
            Value::F32(least) => *least > 0.0,
            Value::F64(least) => *least > 0.0,
            _ => false,
        },
        "not_in" => {
            let numbers = value.as_list().unwrap_or_default();
            numbers.contains(&Value::I32(0))
        }
        _ => false,
    })
}
