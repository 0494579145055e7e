//! Checks the streams that clients watch: an event is named by the member of its oneof, and a stream that can go on where it
//! broke off says so at both ends.

use anyhow::{Context, Result, ensure};
use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor,
    MethodDescriptor,
};

/// Names that mean something else to clients of server-sent events.
const TAKEN: [&str; 4] = ["error", "failure", "message", "open"];

/// Fails where a stream of ours can't be told as events.
pub fn check(pool: &DescriptorPool) -> Result<()> {
    let services = pool.services();
    let services = services.filter(|service| service.package_name().starts_with("troupe."));
    let http = pool.get_extension_by_name("google.api.http");
    let http = http.context("extension google.api.http")?;
    for method in services.flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let options = method.options();
        if method.is_server_streaming() && options.has_extension(&http) {
            let rule = options.get_extension(&http);
            let rule = rule.as_message().context("google.api.http")?;
            check_method(&method, rule)
                .with_context(|| format!("method {}", method.full_name()))?;
        }
    }
    Ok(())
}

fn check_method(method: &MethodDescriptor, rule: &DynamicMessage) -> Result<()> {
    let event = event_of(method, rule).context("response_body is no message")?;
    let name = event.full_name();
    let mut oneofs = event.oneofs().filter(|oneof| !oneof.is_synthetic());
    let (one, other) = (oneofs.next(), oneofs.next());
    let one = one.filter(|_| other.is_none());
    let one = one.with_context(|| {
        format!("the events of a stream have one oneof, which names them: {name} hasn't")
    })?;
    for field in one.fields() {
        ensure!(
            !TAKEN.contains(&field.json_name()),
            "no event can be called {}",
            field.name()
        );
    }
    let goes_on = one.fields().any(|field| is_part(&field));
    let begins_anywhere = has_offset(&method.input(), "offset");
    ensure!(
        !rule.has_field_by_name("get") || goes_on == begins_anywhere,
        "a request has an offset where an event has offset and next_offset, and only there"
    );
    Ok(())
}

/// What is returned of an answer.
fn event_of(method: &MethodDescriptor, rule: &DynamicMessage) -> Option<MessageDescriptor> {
    let field = rule.get_field_by_name("response_body")?;
    match field.as_str()? {
        "" => Some(method.output()),
        name => message_of(&method.output().get_field_by_name(name)?),
    }
}

/// True for a part of a whole, which says where it begins and where the next one does.
fn is_part(field: &FieldDescriptor) -> bool {
    message_of(field).is_some_and(|message| {
        has_offset(&message, "offset") && has_offset(&message, "next_offset")
    })
}

fn has_offset(message: &MessageDescriptor, name: &str) -> bool {
    let is_offset = |field: FieldDescriptor| {
        let is_integer = matches!(
            field.kind(),
            Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64
        );
        is_integer && field.cardinality() != Cardinality::Repeated
    };
    message.get_field_by_name(name).is_some_and(is_offset)
}

fn message_of(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    field.kind().as_message().cloned()
}
