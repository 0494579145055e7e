//! The JSON Schema of scenarios' files, and what of it we check: the one that is published is the one that imports are held to.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

/// The schema, as it is published.
pub(super) const TEXT: &str = include_str!("../../../../../docs/schemas/scenario-1.json");
/// How many problems are told.
const MAX_TOLD: usize = 5;
/// How many unknown fields are told.
const MAX_UNKNOWN: usize = 50;

static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(TEXT).unwrap_or(Value::Bool(false)));

/// What is found in a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// What breaks the schema, each with its place.
    pub(super) problems: Vec<String>,
    /// Fields that the schema doesn't have.
    pub(super) unknown: Vec<String>,
}

/// Holds a value to the schema.
pub(super) fn check(value: &Value) -> Findings {
    let mut findings = Findings::default();
    findings.visit(&SCHEMA, value, "");
    findings
}

impl Findings {
    fn visit(&mut self, schema: &Value, value: &Value, path: &str) {
        if self.problems.len() >= MAX_TOLD {
            return;
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let target = SCHEMA.pointer(target.trim_start_matches('#'));
            return self.visit(target.unwrap_or(&Value::Null), value, path);
        }
        if let Some(kind) = schema.get("type").and_then(Value::as_str)
            && !is_of_type(kind, value)
        {
            return self.problem(path, format!("must be of the type {kind}"));
        }
        match value {
            Value::String(text) => self.text(schema, text, path),
            Value::Number(number) => self.number(schema, number.as_f64().unwrap_or(0.0), path),
            Value::Array(items) => self.list(schema, items, path),
            Value::Object(fields) => self.object(schema, fields, path),
            Value::Bool(_) | Value::Null => {}
        }
    }

    fn text(&mut self, schema: &Value, text: &str, path: &str) {
        let chars = || text.chars().count();
        if let Some(most) = limit(schema, "maxLength")
            && text.len() > most
            && chars() > most
        {
            let (chars, over) = (chars(), chars() - most);
            let problem =
                format!("has {chars} characters, {over} more than the {most} that it may have");
            self.problem(path, problem);
        }
        if limit(schema, "minLength").is_some_and(|least| chars() < least) {
            self.problem(path, "must not be empty".to_owned());
        }
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
            && !Regex::new(pattern).is_ok_and(|it| it.is_match(text))
        {
            self.problem(path, format!("must match {pattern}"));
        }
        if let Some(Value::Array(allowed)) = schema.get("enum")
            && !allowed.iter().any(|it| it.as_str() == Some(text))
        {
            let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
            self.problem(path, format!("must be one of {}", allowed.join(", ")));
        }
    }

    fn number(&mut self, schema: &Value, number: f64, path: &str) {
        let bound = |name| schema.get(name).and_then(Value::as_f64);
        if let Some(least) = bound("minimum").filter(|least| number < *least) {
            self.problem(path, format!("must be at least {least}"));
        }
        if let Some(most) = bound("maximum").filter(|most| number > *most) {
            self.problem(path, format!("must be at most {most}"));
        }
    }

    fn list(&mut self, schema: &Value, items: &[Value], path: &str) {
        if let Some(most) = limit(schema, "maxItems")
            && items.len() > most
        {
            let (count, over) = (items.len(), items.len() - most);
            let problem =
                format!("has {count} items, {over} more than the {most} that it may have");
            return self.problem(path, problem);
        }
        if let Some(of_items) = schema.get("items") {
            for (place, item) in items.iter().enumerate() {
                self.visit(of_items, item, &format!("{path}[{place}]"));
            }
        }
    }

    /// An object whose fields the schema doesn't name may have any.
    fn object(&mut self, schema: &Value, fields: &Map<String, Value>, path: &str) {
        let within = |name: &str| match path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        for name in schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let name = name.as_str().unwrap_or_default();
            if !fields.contains_key(name) {
                self.problem(&within(name), "is missing".to_owned());
            }
        }
        let Some(known) = schema.get("properties").and_then(Value::as_object) else {
            return;
        };
        for (name, value) in fields {
            match known.get(name) {
                Some(of_field) => self.visit(of_field, value, &within(name)),
                None if self.unknown.len() < MAX_UNKNOWN => {
                    let name: String = within(name).chars().take(200).collect();
                    self.unknown.push(name);
                }
                None => {}
            }
        }
    }

    fn problem(&mut self, path: &str, problem: String) {
        let path = if path.is_empty() { "the file" } else { path };
        if self.problems.len() < MAX_TOLD {
            self.problems.push(format!("{path} {problem}"));
        }
    }
}

fn is_of_type(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => false,
    }
}

fn limit(schema: &Value, name: &str) -> Option<usize> {
    let limit = schema.get(name).and_then(Value::as_u64)?;
    usize::try_from(limit).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What the checker knows, and what only explains.
    const KNOWN: [&str; 13] = [
        "$ref",
        "type",
        "properties",
        "required",
        "items",
        "enum",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "maxItems",
        "default",
    ];
    const EXPLAINS: [&str; 5] = ["$schema", "$id", "title", "description", "$defs"];

    fn keywords(schema: &Value, found: &mut Vec<String>) {
        let Some(schema) = schema.as_object() else {
            return;
        };
        for (name, value) in schema {
            found.push(name.clone());
            match name.as_str() {
                "properties" | "$defs" => {
                    let parts = value.as_object().unwrap().values();
                    parts.for_each(|part| keywords(part, found));
                }
                "items" => keywords(value, found),
                _ => {}
            }
        }
    }

    #[test]
    fn the_schema_says_nothing_that_nobody_checks() {
        let mut found = Vec::new();
        keywords(&SCHEMA, &mut found);
        assert!(found.len() > 50);
        for name in found {
            let name = name.as_str();
            assert!(KNOWN.contains(&name) || EXPLAINS.contains(&name), "{name}");
        }
    }

    #[test]
    fn names_the_place_of_each_problem_and_each_unknown_field() {
        let file = json!({
            "version": 1,
            "mood": "dark",
            "scenario": {
                "name": "Storm",
                "rating": "adult",
                "cast": [{"name": "Keeper", "age": 7}],
                "notes": [{"text": 3}],
                "settings": {"temperature": 9},
            },
        });
        let findings = check(&file);
        assert_eq!(findings.unknown, ["mood", "scenario.cast[0].age"]);
        let problems = findings.problems.join("\n");
        for problem in [
            "scenario.rating must be one of \"unrated\"",
            "scenario.notes[0].text must be of the type string",
            "scenario.settings.temperature must be at most 5",
        ] {
            assert!(problems.contains(problem), "{problems}");
        }
        let missing = check(&json!({"version": 1, "scenario": {}}));
        assert_eq!(missing.problems, ["scenario.name is missing"]);
    }
}
