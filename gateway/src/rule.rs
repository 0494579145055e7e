//! The `google.api.http` options of methods, read from a descriptor pool.

use http::Method;
use prost_reflect::prost_types::MethodOptions;
use prost_reflect::prost_types::method_options::IdempotencyLevel;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, Value};

/// One HTTP binding of a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// None is any method.
    pub(crate) method: Option<Method>,
    /// The path template.
    pub(crate) template: String,
    /// Empty, `*`, or the field that takes the body.
    pub(crate) body: String,
    /// Empty, or the field that is the answer.
    pub(crate) response_body: String,
}

/// The bindings of a method, the main one first; none where the contract has no HTTP form of it. The error says what is
/// wrong with the option.
pub(crate) fn rules(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<Vec<Rule>, String> {
    let Some(extension) = pool.get_extension_by_name("google.api.http") else {
        return Ok(Vec::new());
    };
    let options = method.options();
    if !options.has_extension(&extension) {
        return Ok(Vec::new());
    }
    let option = options.get_extension(&extension);
    let Some(main) = option.as_message() else {
        return Err("has an option google.api.http that is not an HttpRule".into());
    };
    let mut rules = vec![rule(main)?];
    if let Some(more) = main.get_field_by_name("additional_bindings") {
        for binding in more.as_list().unwrap_or_default() {
            rules.push(rule(binding.as_message().unwrap_or(main))?);
        }
    }
    Ok(rules)
}

/// Whether a contract says that a method changes nothing: by its level of idempotency, or since its main binding, which is the
/// first of `rules`, is a GET.
pub(crate) fn reads(method: &MethodDescriptor, rules: &[Rule]) -> bool {
    let options = method.method_descriptor_proto().options.as_ref();
    let level = options.map(MethodOptions::idempotency_level);
    let main = rules.first().and_then(|rule| rule.method.as_ref());
    level == Some(IdempotencyLevel::NoSideEffects) || main == Some(&Method::GET)
}

fn rule(option: &DynamicMessage) -> Result<Rule, String> {
    let known = [
        ("get", Method::GET),
        ("put", Method::PUT),
        ("post", Method::POST),
        ("delete", Method::DELETE),
        ("patch", Method::PATCH),
    ];
    let plain = known
        .into_iter()
        .map(|(name, method)| (text(option, name), method))
        .find(|(template, _)| !template.is_empty());
    let (template, method) = match plain {
        Some((template, method)) => (template, Some(method)),
        None => custom(option)?,
    };
    Ok(Rule {
        method,
        template,
        body: text(option, "body"),
        response_body: text(option, "response_body"),
    })
}

fn custom(option: &DynamicMessage) -> Result<(String, Option<Method>), String> {
    let field = option.get_field_by_name("custom");
    let pattern = field.as_deref().and_then(Value::as_message);
    let Some(pattern) = pattern.filter(|_| option.has_field_by_name("custom")) else {
        return Err("has an HTTP binding without a path".into());
    };
    let kind = text(pattern, "kind");
    let method = match kind.as_str() {
        "*" => None,
        _ => Some(
            Method::from_bytes(kind.as_bytes())
                .map_err(|_| format!("has an HTTP binding whose method `{kind}` is not one"))?,
        ),
    };
    Ok((text(pattern, "path"), method))
}

fn text(message: &DynamicMessage, field: &str) -> String {
    let value = message.get_field_by_name(field);
    value
        .as_deref()
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
