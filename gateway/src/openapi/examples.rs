//! Examples of bodies and parameters: what `examples.json` beside a contract says of its messages, and what follows from their
//! fields.

use std::collections::{BTreeMap, HashMap};

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::behaviour::{Behaviours, Side};
use super::rules;
use crate::schema::Form;

/// What follows the prefix of every id.
const ID: &str = "01m85e6jgsexarymen4ghz3a3x";
const TIME: &str = "2027-01-31T18:00:00Z";

/// Examples of the messages of a pool.
#[derive(Debug)]
pub(super) struct Examples {
    behaviours: Behaviours,
    /// By package, then by message.
    packages: HashMap<&'static str, Map<String, Value>>,
    /// Ids by the names of the fields that hold them.
    ids: BTreeMap<String, String>,
}

impl Examples {
    /// Those of the contracts in a pool.
    pub(super) fn new(pool: &DescriptorPool, behaviours: Behaviours) -> Self {
        let parsed = troupe_proto::EXAMPLES
            .iter()
            .map(|(package, json)| (*package, serde_json::from_str(json).unwrap_or_default()));
        let mut ids = BTreeMap::new();
        for message in pool.all_messages() {
            for field in message.fields().filter(|it| it.name().ends_with("_id")) {
                if let Some(id) = id_by_pattern(&behaviours, &field) {
                    ids.insert(field.name().to_owned(), id);
                }
            }
        }
        Self {
            packages: parsed.collect(),
            behaviours,
            ids,
        }
    }

    /// A message as it stands on a side, without the fields of these names; none for contracts of other makers.
    pub(super) fn message(
        &self,
        message: &MessageDescriptor,
        without: &[String],
        side: Side,
    ) -> Option<Value> {
        if Form::of(message.full_name()) != Form::Object {
            return None;
        }
        let package = self.packages.get(message.package_name())?;
        let said = package.get(message.name()).and_then(Value::as_object);
        // In a request, the etag of an example would fit nothing that there is.
        let is_left_out = |field: &FieldDescriptor| match field.name() {
            "etag" => side != Side::Answer,
            name => without.iter().any(|it| it == name),
        };
        let fields = message
            .fields()
            .filter(|field| self.behaviours.has(field, side) && !is_left_out(field));
        let members = fields.filter_map(|field| {
            let said = said.and_then(|said| said.get(field.json_name()));
            let value = match said {
                Some(said) => Some(said.clone()),
                None if self.behaviours.is_required(&field, side) => self.derived(&field, side),
                None => None,
            };
            Some((field.json_name().to_owned(), value?))
        });
        Some(Value::Object(members.collect()))
    }

    /// What a field holds on a side.
    pub(super) fn field(&self, field: &FieldDescriptor, side: Side) -> Option<Value> {
        let holder = field.parent_message();
        let package = self.packages.get(holder.package_name())?;
        let said = package.get(holder.name()).and_then(Value::as_object);
        match said.and_then(|said| said.get(field.json_name())) {
            Some(said) => Some(said.clone()),
            None => match field.kind() {
                Kind::Message(inner) => self.message(&inner, &[], side),
                _ => self.derived(field, side),
            },
        }
    }

    /// For each member of a message's oneof, the message with it alone, by the member's name.
    pub(super) fn choices(&self, message: &MessageDescriptor) -> Option<Map<String, Value>> {
        let one = message.oneofs().find(|oneof| !oneof.is_synthetic())?;
        let mut examples = Map::new();
        for field in one.fields() {
            let name = field.json_name();
            let value = self.field(&field, Side::Answer)?;
            examples.insert(name.to_owned(), json!({ "value": { name: value } }));
        }
        Some(examples)
    }

    /// What a parameter may be.
    pub(super) fn parameter(&self, field: &FieldDescriptor) -> Option<Value> {
        let id = id_by_pattern(&self.behaviours, field);
        id.map(Value::String)
            .or_else(|| self.field(field, Side::Request))
    }

    /// What follows from the field itself.
    fn derived(&self, field: &FieldDescriptor, side: Side) -> Option<Value> {
        if field.is_map() {
            return Some(json!({}));
        }
        let value = match field.kind() {
            Kind::Message(inner) if Form::of(inner.full_name()) == Form::Timestamp => json!(TIME),
            Kind::Message(inner) => self.message(&inner, &[], side.within())?,
            _ if field.is_list() => return Some(json!([])),
            Kind::String => {
                let id = id_by_pattern(&self.behaviours, field);
                json!(
                    id.as_ref()
                        .or(self.ids.get(field.name()))
                        .map_or("", String::as_str)
                )
            }
            Kind::Bool => json!(false),
            Kind::Bytes => json!(""),
            Kind::Enum(values) => {
                let first = values.values().find(|value| value.number() != 0)?;
                json!(first.name())
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => {
                json!("0")
            }
            _ => json!(0),
        };
        Some(if field.is_list() {
            json!([value])
        } else {
            value
        })
    }
}

/// An id, where a rule says how it begins: `ses_…` for `^ses_[0-7]…`.
fn id_by_pattern(behaviours: &Behaviours, field: &FieldDescriptor) -> Option<String> {
    let pattern = rules::pattern(behaviours.rules(), field)?;
    let (prefix, _) = pattern.strip_prefix('^')?.split_once("_[")?;
    let is_prefix = prefix.len() == 3 && prefix.chars().all(|it| it.is_ascii_lowercase());
    is_prefix.then(|| format!("{prefix}_{ID}"))
}
