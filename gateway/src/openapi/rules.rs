//! Validation rules of `buf.validate` as keywords of JSON Schema. Rules that it has no keyword for are left to the
//! server.

use prost_reflect::{DynamicMessage, ExtensionDescriptor, FieldDescriptor, Value as Rule};
use serde_json::{Value, json};

/// The number of the value of `buf.validate.Ignore`.
const IGNORE_IF_ZERO_VALUE: i32 = 1;

/// True where a field must be given.
pub(super) fn is_required(
    extension: Option<&ExtensionDescriptor>,
    field: &FieldDescriptor,
) -> bool {
    let rules = rules(extension, field);
    let flag = |rules: &DynamicMessage| {
        rules
            .get_field_by_name("required")
            .and_then(|it| it.as_bool())
    };
    rules.and_then(|rules| flag(&rules)).unwrap_or(false)
}

/// The pattern that a field's text must match, if its rules have one.
pub(super) fn pattern(
    extension: Option<&ExtensionDescriptor>,
    field: &FieldDescriptor,
) -> Option<String> {
    string(&message(&rules(extension, field)?, "string")?, "pattern")
}

/// Adds the keywords of a field's rules to its schema.
pub(super) fn apply(
    extension: Option<&ExtensionDescriptor>,
    field: &FieldDescriptor,
    schema: &mut Value,
) {
    let Some(rules) = rules(extension, field) else {
        return;
    };
    apply_rules(&rules, schema);
    let pattern = schema.get("pattern").and_then(Value::as_str);
    if let (Some(pattern), true) = (pattern, ignores_empty(&rules)) {
        schema["pattern"] = json!(format!("^$|{pattern}"));
    }
}

fn ignores_empty(rules: &DynamicMessage) -> bool {
    let ignore = rules.get_field_by_name("ignore");
    ignore.and_then(|it| it.as_enum_number()) == Some(IGNORE_IF_ZERO_VALUE)
}

fn rules(
    extension: Option<&ExtensionDescriptor>,
    field: &FieldDescriptor,
) -> Option<DynamicMessage> {
    let (extension, options) = (extension?, field.options());
    if !options.has_extension(extension) {
        return None;
    }
    options.get_extension(extension).as_message().cloned()
}

fn apply_rules(rules: &DynamicMessage, schema: &mut Value) {
    // The oneof of rules: at most one field of a kind's name is set.
    for (descriptor, rule) in rules.fields() {
        let Some(rule) = rule.as_message() else {
            continue;
        };
        match descriptor.name() {
            "string" => text(rule, schema),
            "bytes" => {}
            "repeated" => {
                insert(schema, "minItems", number(rule, "min_items"));
                insert(schema, "maxItems", number(rule, "max_items"));
                insert(schema, "uniqueItems", flag(rule, "unique"));
                if let (Some(items), Some(inner)) =
                    (message(rule, "items"), schema.get_mut("items"))
                {
                    apply_rules(&items, inner);
                }
            }
            "map" => {
                insert(schema, "minProperties", number(rule, "min_pairs"));
                insert(schema, "maxProperties", number(rule, "max_pairs"));
                let values = schema.get_mut("additionalProperties");
                if let (Some(rules), Some(inner)) = (message(rule, "values"), values) {
                    apply_rules(&rules, inner);
                }
            }
            // As strings, 64-bit integers take no bounds.
            _ if schema["type"] == "integer" || schema["type"] == "number" => bounds(rule, schema),
            _ => {}
        }
    }
}

fn bounds(rule: &DynamicMessage, schema: &mut Value) {
    insert(schema, "minimum", number(rule, "gte"));
    insert(schema, "exclusiveMinimum", number(rule, "gt"));
    insert(schema, "maximum", number(rule, "lte"));
    insert(schema, "exclusiveMaximum", number(rule, "lt"));
    insert(schema, "const", number(rule, "const"));
    insert(schema, "enum", list(rule, "in"));
}

fn text(rule: &DynamicMessage, schema: &mut Value) {
    insert(
        schema,
        "minLength",
        number(rule, "len").or(number(rule, "min_len")),
    );
    insert(
        schema,
        "maxLength",
        number(rule, "len").or(number(rule, "max_len")),
    );
    insert(schema, "const", string(rule, "const").map(Value::String));
    insert(schema, "enum", list(rule, "in"));
    let affix = |name: &str| string(rule, name).map(|text| escaped(&text));
    let pattern = string(rule, "pattern")
        .or(affix("prefix").map(|text| format!("^{text}")))
        .or(affix("suffix").map(|text| format!("{text}$")))
        .or(affix("contains"));
    insert(schema, "pattern", pattern.map(Value::String));
    let formats = [
        ("email", "email"),
        ("hostname", "hostname"),
        ("ipv4", "ipv4"),
        ("ipv6", "ipv6"),
        ("uri", "uri"),
        ("uri_ref", "uri-reference"),
        ("uuid", "uuid"),
    ];
    let format = formats
        .into_iter()
        .find(|(name, _)| flag(rule, name) == Some(json!(true)));
    insert(schema, "format", format.map(|(_, format)| json!(format)));
}

fn insert(schema: &mut Value, keyword: &str, value: Option<Value>) {
    // Beside a reference, keywords are allowed since 3.1.
    if let (Some(members), Some(value)) = (schema.as_object_mut(), value) {
        members.insert(keyword.to_owned(), value);
    }
}

fn set(rule: &DynamicMessage, name: &str) -> Option<Rule> {
    rule.has_field_by_name(name)
        .then(|| rule.get_field_by_name(name).map(|it| it.into_owned()))?
}

fn number(rule: &DynamicMessage, name: &str) -> Option<Value> {
    set(rule, name).and_then(|value| to_json(&value))
}

fn flag(rule: &DynamicMessage, name: &str) -> Option<Value> {
    set(rule, name)?
        .as_bool()
        .filter(|flag| *flag)
        .map(Value::Bool)
}

fn string(rule: &DynamicMessage, name: &str) -> Option<String> {
    set(rule, name)?.as_str().map(str::to_owned)
}

fn message(rule: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
    set(rule, name)?.as_message().cloned()
}

fn list(rule: &DynamicMessage, name: &str) -> Option<Value> {
    let values = set(rule, name)?;
    Some(values.as_list()?.iter().filter_map(to_json).collect())
}

fn to_json(value: &Rule) -> Option<Value> {
    match value {
        Rule::I32(it) => Some(json!(it)),
        Rule::I64(it) => Some(json!(it)),
        Rule::U32(it) => Some(json!(it)),
        Rule::U64(it) => Some(json!(it)),
        Rule::F32(it) => Some(json!(it)),
        Rule::F64(it) => Some(json!(it)),
        Rule::String(it) => Some(json!(it)),
        _ => None,
    }
}

fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for letter in text.chars() {
        if r"\^$.|?*+()[]{}/".contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}
