//! Operations: one per HTTP binding.

use std::collections::BTreeMap;

use prost_reflect::{DescriptorPool, MethodDescriptor, ServiceDescriptor};
use serde_json::{Map, Value, json};
use troupe_proto::policy::{Audience, RateClass};

use super::bodies::{self, Tools};
use super::comments::Comments;
use super::examples::Examples;
use super::headers;
use super::names::{Names, lower_camel, title};
use super::parameters::{Paths, query};
use super::responses;
use super::schemas::Schemas;
use crate::config::Limits;
use crate::policy::{self, Policy};
use crate::route::Template;
use crate::rule::{self, Rule};

/// The place of a service whose contract says none.
const LAST: u32 = u32::MAX;

/// The operations of all services.
pub(super) struct Operations<'p> {
    pool: &'p DescriptorPool,
    comments: &'p Comments,
    examples: &'p Examples,
    /// By their place and their name.
    tags: BTreeMap<(u32, String), Value>,
    items: BTreeMap<String, Map<String, Value>>,
    ids: Names,
    paths: Paths,
}

impl<'p> Operations<'p> {
    /// None yet.
    pub(super) fn new(
        pool: &'p DescriptorPool,
        comments: &'p Comments,
        examples: &'p Examples,
    ) -> Self {
        Self {
            pool,
            comments,
            examples,
            tags: BTreeMap::new(),
            items: BTreeMap::new(),
            ids: Names::default(),
            paths: Paths::default(),
        }
    }

    /// The paths and the tags.
    pub(super) fn finish(self) -> (Value, Value) {
        let paths = self
            .items
            .into_iter()
            .map(|(path, item)| (path, Value::Object(item)));
        let tags = self.tags.into_values().collect();
        (Value::Object(paths.collect()), Value::Array(tags))
    }

    /// Adds the methods of a service. Those that only services may call are left out, like those without a binding, and
    /// bindings that OpenAPI has no form for.
    pub(super) fn add_service(&mut self, service: &ServiceDescriptor, schemas: &mut Schemas<'p>) {
        let tag = policy::tag(self.pool, service);
        let (name, place) = match tag {
            Some(tag) => (tag.name, tag.place),
            None => (service.name().to_owned(), LAST),
        };
        let mut any = false;
        for method in service.methods() {
            // One that can't be enforced isn't served.
            let Ok(policy) = Policy::of(self.pool, &method, &Limits::default()) else {
                continue;
            };
            if policy.audience == Audience::Service {
                continue;
            }
            let rules = rule::rules(self.pool, &method).unwrap_or_default();
            for (index, rule) in rules.iter().enumerate() {
                let operation = self.described(&method, &policy, index, &name);
                any |= self.add(&method, rule, operation, schemas).is_some();
            }
        }
        if any {
            let comment = self.comments.of(&service.parent_file(), service.path());
            let tag = json!({ "name": name, "description": comment });
            self.tags.insert((place, name), tag);
        }
    }

    fn add(
        &mut self,
        method: &MethodDescriptor,
        rule: &Rule,
        mut operation: Map<String, Value>,
        schemas: &mut Schemas<'p>,
    ) -> Option<()> {
        let verb = rule.method.as_ref()?.as_str().to_lowercase();
        let known = [
            "get", "put", "post", "delete", "options", "head", "patch", "trace",
        ];
        if !known.contains(&verb.as_str()) {
            return None;
        }
        let template = Template::parse(&rule.template).ok()?;
        let input = method.input();
        let (path, mut parameters) = self.paths.add(&input, &template, schemas, self.examples);
        let bound: Vec<String> = template
            .variables
            .iter()
            .map(|variable| variable.field_path.join("."))
            .collect();
        if rule.body != "*" {
            let mut taken = bound.clone();
            taken.push(rule.body.clone());
            query(&input, "", "", &taken, 0, schemas, &mut parameters);
        }
        parameters.extend(headers::of_request(method, rule));
        operation.insert("parameters".into(), Value::Array(parameters));
        let media_types = policy::media_types(self.pool, method);
        let mut tools = Tools {
            schemas,
            examples: self.examples,
            comments: self.comments,
            media_types: &media_types,
        };
        if let Some(body) = bodies::of(method, rule, &bound, &mut tools) {
            operation.insert("requestBody".into(), body);
        }
        operation.insert("responses".into(), responses::of(method, rule, &mut tools));
        let item = self.items.entry(path).or_default();
        item.insert(verb, Value::Object(operation));
        Some(())
    }

    /// What the contract says of a method, whatever its binding.
    fn described(
        &mut self,
        method: &MethodDescriptor,
        policy: &Policy,
        index: usize,
        tag: &str,
    ) -> Map<String, Value> {
        let comment = self.comments.of(&method.parent_file(), method.path());
        let mut id = lower_camel(method.name());
        if index > 0 {
            id.push_str(&(index + 1).to_string());
        }
        let id = self.ids.claim(id, method.full_name());
        let security = match policy.audience {
            Audience::User | Audience::Admin => json!([{ "bearer": [] }]),
            _ => json!([]),
        };
        let timeout = format!("{}s", policy.timeout.as_secs_f64());
        let mut operation = Map::from_iter([
            ("operationId".to_owned(), json!(id)),
            ("tags".to_owned(), json!([tag])),
            ("summary".to_owned(), json!(title(method.name()))),
            ("security".to_owned(), security),
            ("x-troupe-timeout".to_owned(), json!(timeout)),
        ]);
        if !comment.is_empty() {
            operation.insert("description".into(), json!(comment));
        }
        if policy.rate_class != RateClass::Unspecified {
            let class = policy.rate_class.as_str_name();
            let class = class.trim_start_matches("RATE_CLASS_").to_lowercase();
            operation.insert("x-troupe-rate-class".into(), json!(class));
        }
        let options = method.method_descriptor_proto().options.as_ref();
        if options.is_some_and(|options| options.deprecated()) {
            operation.insert("deprecated".into(), json!(true));
        }
        operation
    }
}
