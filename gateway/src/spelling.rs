//! The names of fields in a refusal, as the client of the JSON form spells them: services know only those of the contract.

use prost::Message as _;
use tonic::Status;
use tonic_types::pb;

use crate::schema::{Kind, MessageId, Schema};
use crate::transcode::to_json;

/// An upstream's status whose violations name fields in lower camel case, in its message as well. `input` is the message
/// that their paths begin at.
pub(crate) fn in_json(schema: &Schema, input: MessageId, status: Status) -> Status {
    let Ok(mut whole) = pb::Status::decode(status.details()) else {
        return status;
    };
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
            let spelled = path(schema, input, &violation.field);
            if spelled != violation.field {
                text = renamed(&text, &violation.field, &spelled);
                violation.field = spelled;
                is_changed = true;
            }
        }
        detail.value = request.encode_to_vec();
    }
    if !is_changed {
        return status;
    }
    whole.message.clone_from(&text);
    let metadata = status.metadata().clone();
    let details = whole.encode_to_vec().into();
    Status::with_details_and_metadata(status.code(), text, details, metadata)
}

/// A path of the contract, such as `session.settings.top_p` or `children[2].str`, in the spelling of JSON.
fn path(schema: &Schema, input: MessageId, path: &str) -> String {
    let mut message = Some(input);
    let mut spelled = String::with_capacity(path.len());
    for segment in path.split('.') {
        let (name, index) = segment.split_at(segment.find('[').unwrap_or(segment.len()));
        let layout = message.map(|id| schema.message(id));
        let field =
            layout.and_then(|layout| layout.slot_by_name(name).map(|slot| &layout.fields[slot]));
        message = match field.map(|field| field.kind) {
            Some(Kind::Message(id)) => Some(id),
            _ => None,
        };
        if !spelled.is_empty() {
            spelled.push('.');
        }
        match field {
            Some(field) => spelled.push_str(field.json_name()),
            None => spelled.push_str(to_json(name).as_deref().unwrap_or(name)),
        }
        spelled.push_str(index);
    }
    spelled
}

/// `text` with another name wherever it has `name` as a whole word.
fn renamed(text: &str, name: &str, other: &str) -> String {
    let is_of_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '[');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name).filter(|_| !name.is_empty()) {
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
    use super::renamed;

    #[test]
    fn only_whole_names_are_replaced() {
        let text = "2 fields break their rules: a_b, c.a_b, a_b_c";
        let expected = "2 fields break their rules: aB, c.a_b, a_b_c";
        assert_eq!(renamed(text, "a_b", "aB"), expected);
        assert_eq!(renamed("a_b must be set", "a_b", "aB"), "aB must be set");
        assert_eq!(renamed("nothing", "", "x"), "nothing");
    }
}
