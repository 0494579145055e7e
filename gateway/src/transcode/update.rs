//! Which fields an update in JSON changes: those that its body names, where the client sends no mask of its own.

use http::Method;

use super::fault::Fault;
use super::mask;
use super::place::Place;
use super::plan::Body;
use super::scalar::Scalar;
use crate::json::{Reader, Token};
use crate::route::Variable;
use crate::rule::Rule;
use crate::schema::{Field, Form, Kind, Label, MessageId, Schema};

/// The field of a request that holds its mask (AIP-134).
const MASK: &str = "update_mask";
/// Longest mask that is made, in bytes. Only a body that nests deeply on purpose comes near.
const MAX_BYTES: usize = 16 * 1024;
/// How much of a path is repeated to the client: about as much as a field's name can have.
const MAX_SHOWN: usize = 64;

/// How a binding updates a resource: PATCH, with the resource as the body and a mask beside it.
#[derive(Debug)]
pub(crate) struct Update {
    resource: MessageId,
    mask: Place,
    mask_number: u32,
    /// Fields of the resource that the path fills: they say which one, and are nothing to change.
    bound: Vec<Vec<usize>>,
}

impl Update {
    /// What of a binding is an update, if it is one.
    pub(crate) fn of(
        schema: &Schema,
        rule: &Rule,
        input: MessageId,
        body: &Body,
        variables: &[(Variable, Place)],
    ) -> Option<Self> {
        let Body::Field(body) = body else { return None };
        let resource = object_of(schema, body.fields(schema, input).last()?)?;
        let mask = Place::find(schema, input, [MASK]).ok()?;
        let field = mask.fields(schema, input).last()?;
        let is_mask = field.label == Label::Singular
            && matches!(field.kind, Kind::Message(id) if schema.message(id).form == Form::FieldMask);
        let is_update = rule.method == Some(Method::PATCH) && is_mask;
        let mut places = variables.iter().map(|(_, place)| place);
        if !is_update || places.any(|place| place.overlaps(&mask)) {
            return None;
        }
        let bound = variables.iter().filter_map(|(_, place)| {
            let inner = place.slots().strip_prefix(body.slots())?;
            Some(inner.to_vec())
        });
        Some(Self {
            resource,
            mask_number: field.number,
            bound: bound.collect(),
            mask,
        })
    }

    /// True for the field that holds the mask.
    pub(crate) fn is_mask(&self, place: &Place) -> bool {
        self.mask == *place
    }

    /// Its number.
    pub(crate) fn mask_number(&self) -> u32 {
        self.mask_number
    }

    /// Writes the mask of a body that was found sound. A body that names nothing has none.
    pub(crate) fn put_mask(
        &self,
        schema: &Schema,
        mut body: Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let mut naming = Naming {
            schema,
            bound: &self.bound,
            slots: Vec::new(),
            path: String::new(),
            mask: Vec::new(),
        };
        naming.object(self.resource, &mut body)?;
        if !naming.mask.is_empty() {
            Scalar::Length(naming.mask.into()).put(out, self.mask_number);
        }
        Ok(())
    }

    /// Refuses a client's mask that names what the contract doesn't have, or has for answers alone. Services check as well,
    /// but only here it is known how the client spells names.
    pub(crate) fn check(&self, schema: &Schema, mask: &str) -> Result<(), Fault> {
        let paths = mask.split(',').filter(|path| !path.is_empty());
        for path in paths {
            if let Err(problem) = self.check_path(schema, path) {
                let shown: String = path.chars().take(MAX_SHOWN).collect();
                return Err(Fault::new(format!("names {shown}, which {problem}")));
            }
        }
        Ok(())
    }

    fn check_path(&self, schema: &Schema, path: &str) -> Result<(), &'static str> {
        let path = mask::to_contract(path).map_err(|_| "is not in lower camel case")?;
        if path == "*" {
            return Ok(());
        }
        let mut message = self.resource;
        let mut names = path.split('.').peekable();
        while let Some(name) = names.next() {
            let layout = schema.message(message);
            let slot = layout.slot_by_name(name).ok_or("is not a field")?;
            let field = &layout.fields[slot];
            if field.is_output_only {
                return Err("can't be changed");
            }
            let is_last = names.peek().is_none();
            message = match object_of(schema, field) {
                Some(inner) => inner,
                None if !is_last && is_plain(field) => return Err("is not a field"),
                // Into maps, lists and objects of any form a service may go by rules of its own.
                None => return Ok(()),
            };
        }
        Ok(())
    }
}

/// The message that JSON writes as an object with a member per field, where the field is one such.
fn object_of(schema: &Schema, field: &Field) -> Option<MessageId> {
    match (field.label, field.kind) {
        (Label::Singular, Kind::Message(id)) if schema.message(id).form == Form::Object => Some(id),
        _ => None,
    }
}

/// True where nothing can lie within the field.
fn is_plain(field: &Field) -> bool {
    field.label == Label::Singular && !matches!(field.kind, Kind::Message(_) | Kind::Group(_))
}

/// Collects the paths of a body's members.
struct Naming<'a> {
    schema: &'a Schema,
    bound: &'a [Vec<usize>],
    /// Where it is: as slots, and as the contract spells it.
    slots: Vec<usize>,
    path: String,
    mask: Vec<u8>,
}

impl Naming<'_> {
    fn object(&mut self, id: MessageId, reader: &mut Reader<'_>) -> Result<(), Fault> {
        let message = self.schema.message(id);
        if !matches!(reader.value()?, Token::Object) {
            return Ok(());
        }
        let mut first = true;
        while let Some(name) = reader.member(first)? {
            first = false;
            let Some(slot) = message.slot_by_name(&name) else {
                reader.skip()?;
                continue;
            };
            self.member(&message.fields[slot], slot, reader)?;
        }
        Ok(())
    }

    fn member(&mut self, field: &Field, slot: usize, reader: &mut Reader<'_>) -> Result<(), Fault> {
        let outer = self.path.len();
        if outer > 0 {
            self.path.push('.');
        }
        self.path.push_str(&field.name);
        self.slots.push(slot);
        if field.is_output_only || self.bound.contains(&self.slots) {
            reader.skip()?;
        } else if let Some(inner) = object_of(self.schema, field)
            && !self.is_named_whole(field, inner, reader)?
        {
            self.object(inner, reader)?;
        } else {
            reader.skip()?;
            self.put()?;
        }
        self.slots.pop();
        self.path.truncate(outer);
        Ok(())
    }

    /// True for `null`, and for an empty object where being there is all that it can say: of a message without fields, or of
    /// a choice. Any other empty object names nothing, so that nothing in it is lost.
    fn is_named_whole(
        &self,
        field: &Field,
        inner: MessageId,
        reader: &mut Reader<'_>,
    ) -> Result<bool, Fault> {
        if reader.at_null() {
            return Ok(true);
        }
        if field.oneof.is_none() && !self.schema.message(inner).fields.is_empty() {
            return Ok(false);
        }
        let mut ahead = reader.clone();
        Ok(matches!(ahead.value()?, Token::Object) && ahead.member(true)?.is_none())
    }

    fn put(&mut self) -> Result<(), Fault> {
        if self.mask.len() + self.path.len() > MAX_BYTES {
            let reason = "names more fields than an update can: send an updateMask";
            return Err(Fault::new(reason));
        }
        Scalar::Length(self.path.as_bytes().into()).put(&mut self.mask, 1);
        Ok(())
    }
}
