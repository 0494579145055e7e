//! Messages and enums of a descriptor pool, laid out for transcoding: fields by number and by name, JSON keys ready to
//! write, kinds as indices. Built once; nothing on a request's way asks a descriptor anything.

mod behaviour;
mod wellknown;

use std::collections::HashMap;

use prost_reflect::{Cardinality, DescriptorPool, FieldDescriptor, MessageDescriptor};

pub(crate) use wellknown::Form;

/// All messages and enums of a pool.
#[derive(Debug)]
pub(crate) struct Schema {
    messages: Vec<Message>,
    enums: Vec<Enum>,
    by_name: HashMap<Box<str>, MessageId>,
}

/// A message of a [`Schema`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct MessageId(u32);

/// An enum of a [`Schema`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EnumId(u32);

/// A message's layout.
#[derive(Debug)]
pub(crate) struct Message {
    /// How JSON writes it.
    pub(crate) form: Form,
    /// Its full name.
    pub(crate) name: Box<str>,
    /// Its fields, by number. A field's index here is its slot.
    pub(crate) fields: Vec<Field>,
    /// How many oneofs of more than one field it has.
    pub(crate) oneofs: u16,
    /// Both spellings of each name, sorted, with the slot.
    names: Vec<(Box<str>, u16)>,
    /// Slot plus one by number, for small numbers.
    dense: Vec<u16>,
}

/// A field's layout.
#[derive(Debug)]
pub(crate) struct Field {
    /// Its number on the wire.
    pub(crate) number: u32,
    /// Its name in the contract.
    pub(crate) name: Box<str>,
    /// Its name in JSON, as `"name":`.
    pub(crate) json_key: Box<[u8]>,
    /// The type of its values; for a map, the message of an entry.
    pub(crate) kind: Kind,
    /// How many values it takes.
    pub(crate) label: Label,
    /// True where being set to its default differs from being absent.
    pub(crate) presence: bool,
    /// The oneof that it is a member of.
    pub(crate) oneof: Option<u16>,
    /// True where only answers have it: what a request says of it counts for nothing.
    pub(crate) is_output_only: bool,
    /// Whether no answer has it.
    pub(crate) is_input_only: bool,
}

impl Field {
    /// Its name in JSON.
    pub(crate) fn json_name(&self) -> &str {
        let name = self.json_key.strip_prefix(b"\"");
        let name = name.and_then(|name| name.strip_suffix(b"\":"));
        let name = name.and_then(|name| std::str::from_utf8(name).ok());
        name.unwrap_or(&self.name)
    }
}

/// How many values a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    /// One.
    Singular,
    /// Any number, in order.
    List {
        /// True where scalars are written one after another without tags.
        packed: bool,
    },
    /// Any number, by key.
    Map {
        /// The type of the keys.
        key: Kind,
        /// The type of the values.
        value: Kind,
    },
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
    Enum(EnumId),
    Message(MessageId),
    Group(MessageId),
}

/// An enum's layout.
#[derive(Debug)]
pub(crate) struct Enum {
    /// True for `google.protobuf.NullValue`, which JSON writes as `null`.
    pub(crate) is_null: bool,
    by_name: HashMap<Box<str>, i32>,
    by_number: HashMap<i32, Box<str>>,
}

impl Enum {
    /// The number of a value.
    pub(crate) fn number(&self, name: &str) -> Option<i32> {
        self.by_name.get(name).copied()
    }

    /// The names of the values that mean something, by their numbers.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let mut values: Vec<_> = self.by_number.iter().collect();
        values.sort();
        let names = values.into_iter().map(|(_, name)| &**name);
        names.filter(|name| !name.ends_with("_UNSPECIFIED"))
    }

    /// The name of a value.
    pub(crate) fn name(&self, number: i32) -> Option<&str> {
        self.by_number.get(&number).map(|name| &**name)
    }
}

impl Message {
    /// The slot of a field, by either spelling of its name.
    pub(crate) fn slot_by_name(&self, name: &str) -> Option<usize> {
        let index = self
            .names
            .binary_search_by(|(known, _)| (**known).cmp(name))
            .ok()?;
        Some(usize::from(self.names[index].1))
    }

    /// The slot of a field, by number.
    pub(crate) fn slot_by_number(&self, number: u32) -> Option<usize> {
        match self.dense.get(number as usize) {
            Some(slot) => usize::from(*slot).checked_sub(1),
            None => self
                .fields
                .binary_search_by_key(&number, |field| field.number)
                .ok(),
        }
    }
}

impl Schema {
    /// Lays out every message and enum of `pool`.
    pub(crate) fn new(pool: &DescriptorPool) -> Self {
        let messages: Vec<_> = pool.all_messages().collect();
        let enums: Vec<_> = pool.all_enums().collect();
        let index = Index {
            messages: names(messages.iter().map(MessageDescriptor::full_name)),
            enums: names(enums.iter().map(prost_reflect::EnumDescriptor::full_name)),
        };
        let by_name = index
            .messages
            .iter()
            .map(|(name, id)| (Box::from(name.as_str()), MessageId(*id)))
            .collect();
        Self {
            messages: messages
                .iter()
                .map(|message| index.message(message))
                .collect(),
            enums: enums.iter().map(layout_of_enum).collect(),
            by_name,
        }
    }

    /// A message's id.
    pub(crate) fn message_by_name(&self, full_name: &str) -> Option<MessageId> {
        self.by_name.get(full_name).copied()
    }

    /// A message's layout.
    pub(crate) fn message(&self, id: MessageId) -> &Message {
        &self.messages[id.0 as usize]
    }

    /// An enum's layout.
    pub(crate) fn enumeration(&self, id: EnumId) -> &Enum {
        &self.enums[id.0 as usize]
    }
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> HashMap<String, u32> {
    names
        .zip(0..)
        .map(|(name, id)| (name.to_owned(), id))
        .collect()
}

struct Index {
    messages: HashMap<String, u32>,
    enums: HashMap<String, u32>,
}

impl Index {
    fn message(&self, descriptor: &MessageDescriptor) -> Message {
        let mut fields: Vec<_> = descriptor.fields().collect();
        fields.sort_by_key(FieldDescriptor::number);
        let real_oneofs: Vec<_> = descriptor
            .oneofs()
            .filter(|oneof| !oneof.is_synthetic())
            .collect();
        let mut names = Vec::new();
        let mut dense = Vec::new();
        for (slot, field) in (0_u16..).zip(&fields) {
            names.push((Box::from(field.name()), slot));
            if field.json_name() != field.name() {
                names.push((Box::from(field.json_name()), slot));
            }
            let number = field.number() as usize;
            if number < 256 {
                dense.resize(number + 1, 0);
                dense[number] = slot + 1;
            }
        }
        names.sort();
        let layout = |field: &FieldDescriptor| {
            let oneof = field.containing_oneof();
            let oneof = oneof.and_then(|oneof| real_oneofs.iter().position(|it| *it == oneof));
            self.field(field, oneof.map(|index| index as u16))
        };
        Message {
            form: Form::of(descriptor.full_name()),
            name: descriptor.full_name().into(),
            fields: fields.iter().map(layout).collect(),
            oneofs: real_oneofs.len() as u16,
            names,
            dense,
        }
    }

    fn field(&self, field: &FieldDescriptor, oneof: Option<u16>) -> Field {
        let mut json_key = Vec::new();
        crate::json::write_string(&mut json_key, field.json_name());
        json_key.push(b':');
        let kind = self.kind(field);
        let label = match (field.cardinality(), field.is_map(), field.kind()) {
            (Cardinality::Repeated, true, prost_reflect::Kind::Message(entry)) => Label::Map {
                key: self.kind(&entry.map_entry_key_field()),
                value: self.kind(&entry.map_entry_value_field()),
            },
            (Cardinality::Repeated, _, _) => Label::List {
                packed: field.is_packed(),
            },
            _ => Label::Singular,
        };
        Field {
            number: field.number(),
            name: field.name().into(),
            json_key: json_key.into(),
            kind,
            label,
            presence: field.supports_presence(),
            oneof,
            is_output_only: behaviour::is_output_only(field),
            is_input_only: behaviour::is_input_only(field),
        }
    }

    fn kind(&self, field: &FieldDescriptor) -> Kind {
        use prost_reflect::Kind as Described;
        match field.kind() {
            Described::Double => Kind::Double,
            Described::Float => Kind::Float,
            Described::Int32 => Kind::Int32,
            Described::Int64 => Kind::Int64,
            Described::Uint32 => Kind::Uint32,
            Described::Uint64 => Kind::Uint64,
            Described::Sint32 => Kind::Sint32,
            Described::Sint64 => Kind::Sint64,
            Described::Fixed32 => Kind::Fixed32,
            Described::Fixed64 => Kind::Fixed64,
            Described::Sfixed32 => Kind::Sfixed32,
            Described::Sfixed64 => Kind::Sfixed64,
            Described::Bool => Kind::Bool,
            Described::String => Kind::String,
            Described::Bytes => Kind::Bytes,
            Described::Enum(it) => Kind::Enum(EnumId(self.enums[it.full_name()])),
            Described::Message(it) => {
                let id = MessageId(self.messages[it.full_name()]);
                if field.is_group() {
                    Kind::Group(id)
                } else {
                    Kind::Message(id)
                }
            }
        }
    }
}

fn layout_of_enum(descriptor: &prost_reflect::EnumDescriptor) -> Enum {
    let mut by_number = HashMap::new();
    for value in descriptor.values() {
        by_number
            .entry(value.number())
            .or_insert_with(|| value.name().into());
    }
    Enum {
        is_null: descriptor.full_name() == "google.protobuf.NullValue",
        by_name: descriptor
            .values()
            .map(|it| (it.name().into(), it.number()))
            .collect(),
        by_number,
    }
}
