//! Emits an implementation of `Validate` for every message, from the field option `buf.validate.field`.
//! Knows the rules that our contracts use and fails on any other, so that no rule is written and not enforced.

use std::collections::HashSet;
use std::fmt::Write;

use anyhow::{Context, Result, bail};
use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value,
};

use super::names::{pascal, rust_ident, snake};

/// The items that implement `Validate`. Answers are not checked: they hold what a service has, such as an imported
/// card whose name is longer than one that may be typed in, and a client could do nothing about a refusal.
pub fn emit(pool: &DescriptorPool) -> Result<String> {
    let mut code = String::new();
    let methods = pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>());
    let answers: HashSet<String> = methods.map(|m| m.output().full_name().to_owned()).collect();
    for message in pool.all_messages() {
        if !message.package_name().starts_with("troupe.") || message.is_map_entry() {
            continue;
        }
        let is_answer = answers.contains(message.full_name());
        emit_message(pool, &message, is_answer, &mut code)
            .with_context(|| format!("message {}", message.full_name()))?;
    }
    writeln!(code, "impl Validate for crate::google::api::HttpBody {{")?;
    writeln!(code, "    fn validate(&self, _: &mut Violations) {{}}\n}}")?;
    Ok(code)
}

fn emit_message(
    pool: &DescriptorPool,
    message: &MessageDescriptor,
    is_answer: bool,
    code: &mut String,
) -> Result<()> {
    let mut body = String::new();
    for field in message.fields() {
        emit_field(pool, &field, &mut body).with_context(|| format!("field {}", field.name()))?;
    }
    if is_answer {
        body.clear();
    }
    let argument = if body.is_empty() { "_" } else { "violations" };
    writeln!(code, "impl Validate for {} {{", rust_path(message))?;
    writeln!(
        code,
        "    fn validate(&self, {argument}: &mut Violations) {{\n{body}    }}\n}}"
    )?;
    Ok(())
}

fn emit_field(pool: &DescriptorPool, field: &FieldDescriptor, body: &mut String) -> Result<()> {
    let name = field.name();
    if name.ends_with("_bytes") && matches!(field.kind(), Kind::Int64 | Kind::Uint64) {
        bail!("a number of bytes has 32 bits: JSON writes those of 64 as texts");
    }
    let rules = rules_of(pool, field)?;
    if let Some(oneof) = field
        .containing_oneof()
        .filter(|_| !field.field_descriptor_proto().proto3_optional())
    {
        return emit_oneof_field(field, oneof.name(), rules.as_ref(), body);
    }
    let access = format!("self.{}", rust_ident(name));
    if field.is_map() {
        return refuse_if(rules.is_some(), "rules on a map");
    }
    if field.cardinality() == Cardinality::Repeated {
        return emit_repeated(field, &access, rules.as_ref(), body);
    }
    if let Kind::Message(kind) = field.kind() {
        if rules.as_ref().is_some_and(required) {
            writeln!(
                body,
                "rules::required(violations, {name:?}, {access}.is_some());"
            )?;
        }
        if validated(&kind) {
            writeln!(
                body,
                "if let Some(value) = &{access} {{ violations.within({name:?}, |v| value.validate(v)); }}"
            )?;
        }
        return Ok(());
    }
    let Some(rules) = rules else { return Ok(()) };
    let checks = checks(field, &rules, &format!("{name:?}"))?;
    let value = if field.supports_presence() {
        format!("if let Some(value) = &{access}")
    } else if ignores_zero(&rules) {
        format!("let value = &{access}; if !rules::is_zero(value)")
    } else {
        format!("let value = &{access};")
    };
    writeln!(body, "{{ {value} {{ {checks} }} }}")?;
    Ok(())
}

fn emit_oneof_field(
    field: &FieldDescriptor,
    oneof: &str,
    rules: Option<&DynamicMessage>,
    body: &mut String,
) -> Result<()> {
    refuse_if(rules.is_some(), "rules on a member of a oneof")?;
    let Kind::Message(kind) = field.kind() else {
        return Ok(());
    };
    if !validated(&kind) {
        return Ok(());
    }
    let parent = field.parent_message();
    let (module, name) = (snake(parent.name()), field.name());
    let package = rust_module(parent);
    writeln!(
        body,
        "if let Some({package}::{module}::{}::{}(value)) = &self.{oneof} {{ violations.within({name:?}, |v| value.validate(v)); }}",
        pascal(oneof),
        pascal(name),
    )?;
    Ok(())
}

fn emit_repeated(
    field: &FieldDescriptor,
    access: &str,
    rules: Option<&DynamicMessage>,
    body: &mut String,
) -> Result<()> {
    let name = field.name();
    if let Some(repeated) = rules
        .map(|r| sub_rules(r, "repeated"))
        .transpose()?
        .flatten()
    {
        for (rule, value) in set_rules(&repeated) {
            match rule.as_str() {
                "min_items" | "max_items" => {
                    let limit = value.as_u64().context("number")?;
                    writeln!(
                        body,
                        "rules::{rule}(violations, {name:?}, {access}.len(), {limit});"
                    )?;
                }
                "items" => {
                    let items = value.as_message().context("items")?;
                    let checks = checks(field, items, "\"\"")?;
                    writeln!(
                        body,
                        "for (index, value) in {access}.iter().enumerate() {{ violations.within_item({name:?}, index, |violations| {{ {checks} }}); }}"
                    )?;
                }
                other => bail!("nothing enforces the rule repeated.{other}"),
            }
        }
    }
    if let Kind::Message(kind) = field.kind()
        && validated(&kind)
    {
        writeln!(
            body,
            "for (index, value) in {access}.iter().enumerate() {{ violations.within_item({name:?}, index, |v| value.validate(v)); }}"
        )?;
    }
    Ok(())
}

/// The checks of a scalar that is bound to `value: &T`.
fn checks(field: &FieldDescriptor, rules: &DynamicMessage, name: &str) -> Result<String> {
    let mut code = String::new();
    if required(rules) {
        bail!("nothing enforces the rule required on a scalar: use a minimum");
    }
    for (kind, type_rules) in set_rules(rules)
        .into_iter()
        .filter(|(n, _)| n != "ignore" && n != "required")
    {
        let type_rules = type_rules
            .as_message()
            .with_context(|| format!("nothing enforces the rule {kind}"))?;
        for (rule, value) in set_rules(type_rules) {
            let call = match (kind.as_str(), rule.as_str()) {
                ("string", "min_len" | "max_len") => format!(
                    "string_{rule}(violations, {name}, value, {});",
                    value.as_u64().context("number")?
                ),
                ("string", "email") => format!("string_email(violations, {name}, value);"),
                ("string", "pattern") => {
                    let pattern = value.as_str().context("text")?;
                    if let Some(prefix) = prefix_of_ids(pattern) {
                        writeln!(
                            code,
                            "rules::string_id(violations, {name}, value, {prefix:?});"
                        )?;
                        continue;
                    }
                    regex::Regex::new(pattern).context("pattern")?;
                    format!(
                        "string_pattern(violations, {name}, value, {{ static PATTERN: rules::Pattern = rules::Pattern::new({pattern:?}); &PATTERN }});"
                    )
                }
                ("int32" | "int64" | "uint32" | "uint64", "gte" | "lte") => {
                    format!(
                        "int_{rule}(violations, {name}, i128::from(*value), {});",
                        integer(&value)?
                    )
                }
                ("float" | "double", "gte" | "lte") => {
                    format!(
                        "float_{rule}(violations, {name}, f64::from(*value), {:?});",
                        float(&value)?
                    )
                }
                ("enum", "defined_only") => {
                    let kind = field.kind();
                    let path = rust_enum_path(kind.as_enum().context("enum")?);
                    format!("enum_defined(violations, {name}, {path}::try_from(*value).is_ok());")
                }
                ("enum", "not_in") => {
                    let numbers: Vec<i32> = value
                        .as_list()
                        .context("list")?
                        .iter()
                        .filter_map(Value::as_i32)
                        .collect();
                    format!("enum_not_in(violations, {name}, *value, &{numbers:?});")
                }
                (kind, rule) => bail!("nothing enforces the rule {kind}.{rule}"),
            };
            writeln!(code, "rules::{call}")?;
        }
    }
    Ok(code)
}

/// What ids begin with, if a pattern is that of ids: TypeIDs of three letters.
fn prefix_of_ids(pattern: &str) -> Option<&str> {
    let prefix = pattern
        .strip_prefix('^')?
        .strip_suffix("[0-7][0-9a-hjkmnp-tv-z]{25}$")?;
    let letters = prefix.strip_suffix('_')?;
    let is_prefix = letters.len() == 3 && letters.chars().all(|c| c.is_ascii_lowercase());
    is_prefix.then_some(prefix)
}

pub fn rules_of(pool: &DescriptorPool, field: &FieldDescriptor) -> Result<Option<DynamicMessage>> {
    let extension = pool
        .get_extension_by_name("buf.validate.field")
        .context("extension buf.validate.field")?;
    let options = field.options();
    if !options.has_extension(&extension) {
        return Ok(None);
    }
    Ok(options.get_extension(&extension).as_message().cloned())
}

pub fn set_rules(rules: &DynamicMessage) -> Vec<(String, Value)> {
    rules
        .fields()
        .map(|(f, v)| (f.name().to_owned(), v.clone()))
        .collect()
}

fn sub_rules(rules: &DynamicMessage, name: &str) -> Result<Option<DynamicMessage>> {
    let mut found = None;
    for (rule, value) in set_rules(rules) {
        if rule != name {
            bail!("nothing enforces the rule {rule} on a repeated field");
        }
        found = value.as_message().cloned();
    }
    Ok(found)
}

pub fn required(rules: &DynamicMessage) -> bool {
    rules
        .get_field_by_name("required")
        .and_then(|v| v.as_bool())
        .unwrap_or(false)
}

/// `IGNORE_IF_ZERO_VALUE` is number 1 in buf.validate.
pub fn ignores_zero(rules: &DynamicMessage) -> bool {
    rules
        .get_field_by_name("ignore")
        .and_then(|v| v.as_enum_number())
        == Some(1)
}

fn refuse_if(condition: bool, what: &str) -> Result<()> {
    if condition {
        bail!("nothing enforces {what}");
    }
    Ok(())
}

fn validated(message: &MessageDescriptor) -> bool {
    message.package_name().starts_with("troupe.")
}

fn integer(value: &Value) -> Result<i128> {
    match value {
        Value::I32(n) => Ok(i128::from(*n)),
        Value::I64(n) => Ok(i128::from(*n)),
        Value::U32(n) => Ok(i128::from(*n)),
        Value::U64(n) => Ok(i128::from(*n)),
        other => bail!("not an integer: {other:?}"),
    }
}

fn float(value: &Value) -> Result<f64> {
    match value {
        // Through text: 0.1f32 must become 0.1, not 0.10000000149.
        Value::F32(n) => Ok(n.to_string().parse()?),
        Value::F64(n) => Ok(*n),
        other => bail!("not a float: {other:?}"),
    }
}

fn rust_module(message: &MessageDescriptor) -> String {
    format!("crate::{}", message.package_name().replace('.', "::"))
}

fn rust_path(message: &MessageDescriptor) -> String {
    format!("{}::{}", rust_module(message), message.name())
}

fn rust_enum_path(kind: &prost_reflect::EnumDescriptor) -> String {
    format!(
        "crate::{}::{}",
        kind.package_name().replace('.', "::"),
        kind.name()
    )
}
