//! The names of fields in a refusal, as the client of the JSON form spells them: services know only those of the contract, and
//! not that a body may be a field without its name.

use std::collections::{HashMap, HashSet};

use prost::Message as _;
use tonic::Status;
use tonic_types::pb;

use crate::schema::{Field, Kind, Label, MessageId, Schema};
use crate::transcode::{Body, Plan, to_json};

/// What a body that is a field is called as a whole.
pub(crate) const WHOLE_BODY: &str = "body";

/// An upstream's status whose violations name fields as the client wrote them, and whose texts spell all names of fields in
/// lower camel case.
pub(crate) fn in_json(schema: &Schema, plan: &Plan, status: Status) -> Status {
    let Ok(mut whole) = pb::Status::decode(status.details()) else {
        return status;
    };
    let spelling = Spelling { schema, plan };
    let mut text = status.message().to_owned();
    let mut is_changed = false;
    for detail in &mut whole.details {
        if !detail.type_url.ends_with("/google.rpc.BadRequest") {
            continue;
        }
        let Ok(mut request) = pb::BadRequest::decode(detail.value.as_slice()) else {
            continue;
        };
        for violation in &mut request.field_violations {
            let field = spelling.field(&violation.field);
            let description = spelling.text(&violation.description);
            is_changed |= field != violation.field || description != violation.description;
            text = renamed(&text, &violation.field, &field);
            (violation.field, violation.description) = (field, description);
        }
        detail.value = request.encode_to_vec();
    }
    let text = spelling.text(&text);
    if !is_changed && text == status.message() {
        return status;
    }
    let details = match status.details().is_empty() {
        true => Vec::new(),
        false => {
            whole.message.clone_from(&text);
            whole.encode_to_vec()
        }
    };
    let metadata = status.metadata().clone();
    Status::with_details_and_metadata(status.code(), text, details.into(), metadata)
}

/// A path of the contract, as the client wrote it.
pub(crate) fn field(schema: &Schema, plan: &Plan, path: &str) -> String {
    Spelling { schema, plan }.field(path)
}

struct Spelling<'a> {
    schema: &'a Schema,
    plan: &'a Plan,
}

impl<'a> Spelling<'a> {
    /// A path of the contract, such as `session.settings.top_p` or `children[2].str`, in the spelling of JSON. Where the body is
    /// a field, it begins within it.
    fn field(&self, path: &str) -> String {
        let Some(body) = self.body() else {
            return self.spelled(Some(self.plan.input), path);
        };
        let Some(rest) = path.strip_prefix(&*body.name) else {
            return self.spelled(Some(self.plan.input), path);
        };
        match rest.strip_prefix('.') {
            None if rest.is_empty() => WHOLE_BODY.to_owned(),
            Some(rest) => self.spelled(inner(body), rest),
            None if rest.starts_with('[') => {
                let (index, rest) = split_keys(rest);
                let rest = self.spelled(inner(body), rest.strip_prefix('.').unwrap_or(rest));
                match rest.is_empty() {
                    true => index.to_owned(),
                    false => format!("{index}.{rest}"),
                }
            }
            None => self.spelled(Some(self.plan.input), path),
        }
    }

    /// The field that the body is, where it is one in JSON.
    fn body(&self) -> Option<&'a Field> {
        match &self.plan.body {
            Body::Field(place) => place.fields(self.schema, self.plan.input).last(),
            _ => None,
        }
    }

    fn spelled(&self, mut message: Option<MessageId>, path: &str) -> String {
        let mut spelled = String::with_capacity(path.len());
        let mut rest = path;
        while !rest.is_empty() {
            let (name, after) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
            let (keys, after) = split_keys(after);
            let layout = message.map(|id| self.schema.message(id));
            let field = layout
                .and_then(|layout| layout.slot_by_name(name).map(|slot| &layout.fields[slot]));
            if !spelled.is_empty() {
                spelled.push('.');
            }
            match field {
                Some(field) => spelled.push_str(field.json_name()),
                None => spelled.push_str(to_json(name).as_deref().unwrap_or(name)),
            }
            spelled.push_str(keys);
            message = field.and_then(inner);
            rest = after.strip_prefix('.').unwrap_or(after);
        }
        spelled
    }

    /// A text whose words that are names of fields in the request or the answer, alone or in a path, are spelled as in JSON.
    /// What stands in quotes is a value.
    fn text(&self, text: &str) -> String {
        if !text.contains('_') {
            return text.to_owned();
        }
        let names = self.names();
        let is_of_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.');
        let mut spelled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(is_of_word) {
            let (before, word) = rest.split_at(start);
            let (word, after) =
                word.split_at(word.find(|it: char| !is_of_word(it)).unwrap_or(word.len()));
            // A full stop ends a sentence.
            let (word, stop) = word.split_at(word.trim_end_matches('.').len());
            spelled.push_str(before);
            let is_value = before.ends_with(['"', '\'', '/', '-']);
            match self.word(word, &names).filter(|_| !is_value) {
                Some(word) => spelled.push_str(&word),
                None => spelled.push_str(word),
            }
            spelled.push_str(stop);
            rest = after;
        }
        spelled.push_str(rest);
        spelled
    }

    /// A word of a text as JSON spells it, if it is a field's name or a path of such.
    fn word(&self, word: &str, names: &HashMap<&str, &str>) -> Option<String> {
        let parts = word.split('.').map(|part| names.get(part).copied());
        let parts: Vec<&str> = parts.collect::<Option<_>>()?;
        let is_within_body = |body: &Field| word.split('.').next() == Some(&*body.name);
        match word.contains('_') {
            false => None,
            true if parts.len() > 1 && self.body().is_some_and(is_within_body) => {
                Some(self.field(word))
            }
            true => Some(parts.join(".")),
        }
    }

    /// Each name of a field in the request and in the answer, with that in JSON.
    fn names(&self) -> HashMap<&'a str, &'a str> {
        let mut names = HashMap::new();
        let mut seen = HashSet::new();
        let mut left = vec![self.plan.output, self.plan.input];
        while let Some(id) = left.pop() {
            if !seen.insert(id) {
                continue;
            }
            for field in &self.schema.message(id).fields {
                names.insert(&*field.name, field.json_name());
                if let Kind::Message(inner) | Kind::Group(inner) = field.kind {
                    left.push(inner);
                }
            }
        }
        names
    }
}

/// The message that a field holds, or that is in its list or its map.
fn inner(field: &Field) -> Option<MessageId> {
    let kind = match field.label {
        Label::Map { value, .. } => value,
        Label::Singular | Label::List { .. } => field.kind,
    };
    match kind {
        Kind::Message(id) | Kind::Group(id) => Some(id),
        _ => None,
    }
}

/// The keys in brackets that a path begins with, which may have dots in quotes, and the rest of it.
fn split_keys(path: &str) -> (&str, &str) {
    let mut is_quoted = false;
    let mut is_open = false;
    for (at, letter) in path.char_indices() {
        match letter {
            '"' if is_open => is_quoted = !is_quoted,
            '[' if !is_quoted => is_open = true,
            ']' if !is_quoted => is_open = false,
            _ if !is_open => return path.split_at(at),
            _ => {}
        }
    }
    (path, "")
}

/// `text` with another name wherever it has `name` as a whole word.
fn renamed(text: &str, name: &str, other: &str) -> String {
    let is_of_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '[');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest
        .find(name)
        .filter(|_| !name.is_empty() && name != other)
    {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        let is_word = !before.ends_with(is_of_name) && !after.starts_with(is_of_name);
        out.push_str(before);
        out.push_str(if is_word { other } else { name });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_are_replaced() {
        let text = "2 fields break their rules: a_b, c.a_b, a_b_c";
        let expected = "2 fields break their rules: aB, c.a_b, a_b_c";
        assert_eq!(renamed(text, "a_b", "aB"), expected);
        assert_eq!(renamed("a_b must be set", "a_b", "aB"), "aB must be set");
        assert_eq!(renamed("nothing", "", "x"), "nothing");
    }

    #[test]
    fn keys_end_where_their_brackets_do() {
        assert_eq!(split_keys("[2].a"), ("[2]", ".a"));
        assert_eq!(split_keys("[\"a.b]\"].c"), ("[\"a.b]\"]", ".c"));
        assert_eq!(split_keys(".a"), ("", ".a"));
        assert_eq!(split_keys("[2"), ("[2", ""));
    }
}
