//! How one HTTP binding fills its request message and which part of the answer it returns; worked out at start-up.

use super::etag::Etag;
use super::events::{Events, offset_of_request};
use super::place::Place;
use super::update::Update;
use crate::route::{Template, Variable};
use crate::rule::Rule;
use crate::schema::{Field, Kind, Label, MessageId, Schema};

/// The plan of a binding.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The request message.
    pub(crate) input: MessageId,
    /// The answer message.
    pub(crate) output: MessageId,
    /// Where the parts of the path go.
    pub(crate) variables: Vec<(Variable, Place)>,
    /// Where the body goes.
    pub(crate) body: Body,
    /// What is returned.
    pub(crate) answer: Answer,
    /// Set where it is an update whose mask can be made of its body.
    pub(crate) update: Option<Update>,
    /// The number of the field with the client's id of the request, which a header may fill.
    pub(crate) request_id: Option<u32>,
    /// The field that says where a stream begins, which a header may fill.
    pub(crate) offset: Option<(u32, Kind)>,
    /// What an event says beside its data.
    pub(crate) events: Option<Events>,
    /// Where the request says which state of a resource it is about, which a header may say.
    pub(crate) precondition: Option<Etag>,
    /// Where the answer says which state of a resource it is.
    pub(crate) etag: Option<Etag>,
}

/// Where a request's body goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// The method takes none.
    None,
    /// It is the request message; there are no query parameters.
    Whole,
    /// It is the value of a field.
    Field(Place),
    /// Its raw bytes and content type are the request message, a `google.api.HttpBody`.
    Raw,
    /// Its raw bytes and content type are a field that is a `google.api.HttpBody`.
    RawField(Place),
}

/// What is returned of the answer message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// All of it, as JSON.
    Whole,
    /// The field in this slot, as JSON.
    Field(usize),
    /// The bytes of a `google.api.HttpBody`.
    Raw,
    /// The bytes of the field in this slot, a `google.api.HttpBody`.
    RawField(usize),
}

impl Plan {
    /// Works out a binding; the error says what in the rule doesn't fit the messages.
    pub(crate) fn new(
        schema: &Schema,
        rule: &Rule,
        template: &Template,
        input: MessageId,
        output: MessageId,
    ) -> Result<Self, String> {
        let variables = template
            .variables
            .iter()
            .map(|variable| Ok((variable.clone(), variable_place(schema, input, variable)?)))
            .collect::<Result<Vec<_>, String>>()?;
        let body = body(schema, rule, input)?;
        if let Body::Field(place) | Body::RawField(place) = &body
            && variables.iter().any(|(_, bound)| bound == place)
        {
            return Err(format!(
                "binds the body field {} to the path as well",
                rule.body
            ));
        }
        let answer = answer(schema, rule, output)?;
        Ok(Self {
            input,
            output,
            update: Update::of(schema, rule, input, &body, &variables),
            request_id: request_id(schema, input),
            offset: offset_of_request(schema, rule, input, &variables),
            events: Events::of(schema, output, &answer),
            precondition: Etag::of_request(schema, rule, input, &body),
            etag: Etag::of_answer(schema, output, &answer),
            variables,
            body,
            answer,
        })
    }

    /// That of a request whose body is the message, and of an answer that is all of the message.
    pub(crate) fn whole(schema: &Schema, input: MessageId, output: MessageId) -> Self {
        Self {
            input,
            output,
            update: None,
            request_id: request_id(schema, input),
            offset: None,
            events: None,
            precondition: None,
            etag: None,
            variables: Vec::new(),
            body: Body::Whole,
            answer: Answer::Whole,
        }
    }

    /// The field that takes the body.
    pub(crate) fn body_place(&self) -> Option<&Place> {
        match &self.body {
            Body::Field(place) | Body::RawField(place) => Some(place),
            _ => None,
        }
    }

    /// True where the path or the body fills the field at `place`, a part of it, or what it is a part of.
    pub(crate) fn takes(&self, place: &Place) -> bool {
        let mut taken = self
            .variables
            .iter()
            .map(|(_, place)| place)
            .chain(self.body_place());
        taken.any(|taken| taken.overlaps(place))
    }
}

/// The number of `request_id` (AIP-155), where the message has one.
fn request_id(schema: &Schema, input: MessageId) -> Option<u32> {
    let message = schema.message(input);
    let field = &message.fields[message.slot_by_name("request_id")?];
    let is_text = field.label == Label::Singular && field.kind == Kind::String;
    is_text.then_some(field.number)
}

/// True for `google.api.HttpBody`.
fn is_http_body(schema: &Schema, id: MessageId) -> bool {
    &*schema.message(id).name == "google.api.HttpBody"
}

fn is_http_body_field(schema: &Schema, field: &Field) -> bool {
    match (field.label, field.kind) {
        (Label::Singular, Kind::Message(id)) => is_http_body(schema, id),
        _ => false,
    }
}

fn variable_place(schema: &Schema, input: MessageId, variable: &Variable) -> Result<Place, String> {
    let name = variable.field_path.join(".");
    let place = Place::find(
        schema,
        input,
        variable.field_path.iter().map(String::as_str),
    )
    .map_err(|reason| format!("has the variable {name}, which {reason}"))?;
    match place.fields(schema, input).last() {
        Some(field) if field.label != Label::Singular => {
            Err(format!("has the variable {name}, which is a list or a map"))
        }
        Some(Field {
            kind: Kind::Message(id) | Kind::Group(id),
            ..
        }) if !schema.message(*id).form.is_scalar() => {
            Err(format!("has the variable {name}, which is a message"))
        }
        _ => Ok(place),
    }
}

fn body(schema: &Schema, rule: &Rule, input: MessageId) -> Result<Body, String> {
    match rule.body.as_str() {
        "" => Ok(Body::None),
        "*" if is_http_body(schema, input) => Ok(Body::Raw),
        "*" => Ok(Body::Whole),
        name => {
            let place = Place::find(schema, input, [name])
                .map_err(|reason| format!("has the body {name}, which {reason}"))?;
            let field = &schema.message(input).fields[place.slots()[0]];
            match is_http_body_field(schema, field) {
                true => Ok(Body::RawField(place)),
                false => Ok(Body::Field(place)),
            }
        }
    }
}

fn answer(schema: &Schema, rule: &Rule, output: MessageId) -> Result<Answer, String> {
    let name = rule.response_body.as_str();
    if name.is_empty() {
        return Ok(if is_http_body(schema, output) {
            Answer::Raw
        } else {
            Answer::Whole
        });
    }
    let message = schema.message(output);
    let slot = message
        .slot_by_name(name)
        .ok_or_else(|| format!("has the response body {name}, which is not a field"))?;
    match is_http_body_field(schema, &message.fields[slot]) {
        true => Ok(Answer::RawField(slot)),
        false => Ok(Answer::Field(slot)),
    }
}
