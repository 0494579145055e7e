//! Events carry ids, numbers, times and names of a contract, never what people wrote.

use prost_reflect::{FieldDescriptor, Kind};
use troupe_proto::descriptor_pool;

/// Texts that are no ids: names that operators give in the configuration.
const NAMES: &[&str] = &[
    "troupe.events.v1.UsageRecorded.provider",
    "troupe.events.v1.ProviderStateChanged.provider",
];

/// Messages of others that an event may hold.
const TIMES: &[&str] = &["google.protobuf.Duration", "google.protobuf.Timestamp"];

fn may_hold_text(field: &FieldDescriptor) -> bool {
    let (name, full_name) = (field.name(), field.full_name());
    match field.kind() {
        Kind::String => {
            let is_id = name.ends_with("_id") || name.ends_with("_ids");
            !is_id && !NAMES.contains(&full_name)
        }
        Kind::Bytes => true,
        Kind::Message(message) => {
            let is_ours = message.package_name() == "troupe.events.v1";
            !is_ours && !TIMES.contains(&message.full_name())
        }
        _ => false,
    }
}

#[test]
fn no_event_holds_text() {
    let messages = descriptor_pool().all_messages();
    let events = messages.filter(|message| message.package_name() == "troupe.events.v1");
    let fields: Vec<_> = events
        .flat_map(|event| event.fields().collect::<Vec<_>>())
        .collect();
    assert!(fields.len() > 50, "the events are looked at");
    let texts = fields.iter().filter(|field| may_hold_text(field));
    let texts: Vec<_> = texts.map(FieldDescriptor::full_name).collect();
    assert_eq!(texts, [""; 0], "an event is to hold ids");
    for name in NAMES {
        let is_there = fields.iter().any(|field| field.full_name() == *name);
        assert!(is_there, "{name} is no field any more");
    }
}
