//! What `google.api.field_behavior` says of a field.

use prost_reflect::{DescriptorPool, ExtensionDescriptor, FieldDescriptor, Kind, Value};

use super::rules;

/// The numbers of `google.api.FieldBehavior`.
const REQUIRED: i32 = 2;
const OUTPUT_ONLY: i32 = 3;
const INPUT_ONLY: i32 = 4;
const IMMUTABLE: i32 = 5;
const IDENTIFIER: i32 = 8;

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// In an answer.
    Answer,
    /// In a request.
    Request,
    /// In a request that changes what of it is given.
    Patch,
}

impl Side {
    /// Where the messages stand that a message holds.
    pub(super) fn within(self) -> Self {
        match self {
            Self::Answer => Self::Answer,
            Self::Request | Self::Patch => Self::Request,
        }
    }
}

/// Reads the behaviour of fields.
#[derive(Debug, Clone)]
pub(super) struct Behaviours {
    behaviours: Option<ExtensionDescriptor>,
    rules: Option<ExtensionDescriptor>,
    prints_defaults: bool,
}

impl Behaviours {
    /// Those of a pool's contracts, for a gateway that writes defaults or doesn't.
    pub(super) fn new(pool: &DescriptorPool, prints_defaults: bool) -> Self {
        Self {
            behaviours: pool.get_extension_by_name("google.api.field_behavior"),
            rules: pool.get_extension_by_name("buf.validate.field"),
            prints_defaults,
        }
    }

    /// The option with the rules of fields.
    pub(super) fn rules(&self) -> Option<&ExtensionDescriptor> {
        self.rules.as_ref()
    }

    /// True for a field that a message has on a side.
    pub(super) fn has(&self, field: &FieldDescriptor, side: Side) -> bool {
        match side {
            Side::Answer => !self.is(field, INPUT_ONLY),
            Side::Request => !self.is_read_only(field),
            Side::Patch => !self.is_read_only(field) && !self.is(field, IMMUTABLE),
        }
    }

    /// True for a field that only answers have.
    pub(super) fn is_read_only(&self, field: &FieldDescriptor) -> bool {
        self.is(field, OUTPUT_ONLY) || self.is(field, IDENTIFIER)
    }

    /// True for a field that a message always has on a side.
    pub(super) fn is_required(&self, field: &FieldDescriptor, side: Side) -> bool {
        match side {
            Side::Answer => self.is_answered(field),
            Side::Request => {
                self.is(field, REQUIRED) || rules::is_required(self.rules.as_ref(), field)
            }
            Side::Patch => false,
        }
    }

    /// What has no presence is always written. Troupe's contracts also say `optional` of messages; elsewhere, any may be absent.
    fn is_answered(&self, field: &FieldDescriptor) -> bool {
        let is_promised = match field.kind() {
            Kind::Message(_) if !field.is_list() && !field.is_map() => {
                let holder = field.parent_message();
                holder.full_name().starts_with("troupe.")
            }
            _ => !field.supports_presence(),
        };
        self.prints_defaults && is_promised && field.containing_oneof().is_none()
    }

    fn is(&self, field: &FieldDescriptor, behaviour: i32) -> bool {
        let Some(extension) = &self.behaviours else {
            return false;
        };
        let options = field.options();
        let said = options.get_extension(extension);
        let said = said.as_list().unwrap_or_default();
        said.contains(&Value::EnumNumber(behaviour))
    }
}
