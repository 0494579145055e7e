//! Query parameters, bound to the fields that neither the path nor the body fills.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::fault::Fault;
use super::place::Place;
use super::plan::Plan;
use crate::route::decode_query;
use crate::schema::{Field, Kind, Label, MessageId, Schema};

/// Longest query, in bytes as sent.
const MAX_BYTES: usize = 16 * 1024;
/// Most parameters.
const MAX_PAIRS: usize = 256;
/// Most names in a dotted path.
const MAX_NAMES: usize = 64;

/// Writes the fields that a query names. Naming one that the path or the body fills, or another member of its oneof, is
/// an error.
pub(crate) fn put_query(
    schema: &Schema,
    plan: &Plan,
    query: &str,
    has_body: bool,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    if query.len() > MAX_BYTES {
        return Err(Fault::new(format!(
            "the query is longer than {MAX_BYTES} bytes"
        )));
    }
    let mut binder = Binder {
        schema,
        plan,
        root: plan.input,
        seen: HashMap::new(),
    };
    for (_, place) in &plan.variables {
        binder.check_once(place)?;
    }
    if let Some(place) = plan.body_place().filter(|_| has_body) {
        binder.check_once(place)?;
    }
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    for (index, pair) in pairs.enumerate() {
        if index == MAX_PAIRS {
            return Err(Fault::new(format!(
                "the query has more than {MAX_PAIRS} parameters"
            )));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode_query(name).map_err(|reason| Fault::new(reason).within(name))?;
        let value = decode_query(value)
            .map_err(Fault::new)
            .and_then(|value| binder.put(&name, value, out));
        value.map_err(|fault| Fault {
            path: name.into_owned(),
            ..fault
        })?;
    }
    Ok(())
}

struct Binder<'a> {
    schema: &'a Schema,
    root: MessageId,
    plan: &'a Plan,
    /// Singular fields and oneofs that were given, with the slot that was.
    seen: HashMap<(Vec<usize>, Once), usize>,
}

/// What can be given once.
#[derive(PartialEq, Eq, Hash)]
enum Once {
    Field,
    Oneof(u16),
}

impl Binder<'_> {
    fn put(
        &mut self,
        name: &str,
        value: std::borrow::Cow<'_, str>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        if name.split('.').count() > MAX_NAMES {
            return Err(Fault::new(format!(
                "names more than {MAX_NAMES} nested fields"
            )));
        }
        let place = Place::find(self.schema, self.root, name.split('.')).map_err(Fault::new)?;
        if self.plan.takes(&place) {
            return Err(Fault::new("is set by the path or the body of the request"));
        }
        self.check_kind(&place)?;
        self.check_once(&place)?;
        let update = self.plan.update.as_ref().filter(|it| it.is_mask(&place));
        if let Some(update) = update {
            update.check(self.schema, &value)?;
        }
        place.put(self.schema, self.root, value, out)
    }

    fn check_kind(&self, place: &Place) -> Result<(), Fault> {
        match place.fields(self.schema, self.root).last() {
            Some(Field {
                label: Label::Map { .. },
                ..
            }) => Err(Fault::new("is a map, which a query can't hold")),
            Some(Field {
                kind: Kind::Message(id) | Kind::Group(id),
                ..
            }) if !self.schema.message(*id).form.is_scalar() => Err(Fault::new(
                "is a message, whose fields a query names one by one",
            )),
            _ => Ok(()),
        }
    }

    fn check_once(&mut self, place: &Place) -> Result<(), Fault> {
        let slots = place.slots();
        for (depth, field) in place.fields(self.schema, self.root).enumerate() {
            let Some(oneof) = field.oneof else { continue };
            let key = (slots[..depth].to_vec(), Once::Oneof(oneof));
            match self.seen.entry(key) {
                Entry::Occupied(given) if *given.get() != slots[depth] => {
                    let reason = "is given beside another member of the same oneof";
                    return Err(Fault::new(reason));
                }
                other => _ = other.or_insert(slots[depth]),
            }
        }
        let repeats = place.fields(self.schema, self.root).last();
        if repeats.is_some_and(|field| field.label != Label::Singular) {
            return Ok(());
        }
        match self.seen.insert((slots.to_vec(), Once::Field), 0) {
            None => Ok(()),
            Some(_) => Err(Fault::new("is given more than once")),
        }
    }
}
