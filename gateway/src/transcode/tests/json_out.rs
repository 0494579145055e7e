use prost_reflect::prost::Message;
use serde_json::json;

use super::{Fixture, fixture};
use crate::transcode::{EncodeError, Encoder};
use crate::wire;

impl Fixture {
    fn encode(&self, bytes: &[u8]) -> Result<String, EncodeError> {
        self.encode_with(bytes, false)
    }

    fn encode_with(&self, bytes: &[u8], print_defaults: bool) -> Result<String, EncodeError> {
        let id = self.schema.message_by_name("echo.v1.Everything").unwrap();
        let mut out = Vec::new();
        Encoder::new(&self.schema, print_defaults).message(id, bytes, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    /// Encodes by another implementation and writes by ours.
    fn write(&self, json: &serde_json::Value) -> serde_json::Value {
        let descriptor = self.pool.get_message_by_name("echo.v1.Everything").unwrap();
        let message = prost_reflect::DynamicMessage::deserialize(descriptor, json).unwrap();
        let text = self.encode(&message.encode_to_vec()).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

#[test]
fn every_kind_is_written_as_proto3_json_says() {
    let it = fixture();
    let message = json!({
        "double": 0.1, "float": 0.1, "int32": -1, "int64": "-9007199254740993", "uint32": 4294967295_u32,
        "uint64": "18446744073709551615", "sint32": -2147483648, "sint64": "-9223372036854775808",
        "fixed32": 7, "fixed64": "8", "sfixed32": -7, "sfixed64": "-8", "bool": true,
        "str": "a\"\\\n\u{1}\u{7f}é😀", "bytes": "+/+/AQ==", "enum": "SHADE_DARK",
        "child": {"str": "x", "child": {}}, "numbers": [0, -1, 300], "strings": ["", "a"],
        "children": [{}, {"number": 1}], "labels": {"a": "", "": "b", "\"": "q"},
        "byNumber": {"-5": {}, "7": {"str": "x"}}, "byFlag": {"true": "SHADE_LIGHT", "false": "SHADE_UNSPECIFIED"},
        "word": "", "maybe": 0, "time": "2026-01-01T00:00:00.120Z", "duration": "-0.000001s",
        "mask": "a,bC.d", "any": {"@type": "x/echo.v1.Child", "str": "in"},
        "struct": {"a": [null, {"b": -1.5}]}, "value": "v", "list": [true], "wrappedInt64": "0",
        "wrappedString": "", "times": ["1970-01-01T00:00:00Z"], "shades": ["SHADE_DARK", 42],
        "snakeCase": "s", "otherName": "o", "values": [null, 1.0], "wrappedBool": false,
    });
    let mut expected = message.clone();
    expected["values"] = json!([null, 1]);
    assert_eq!(it.write(&message), expected);
    assert_eq!(
        it.write(&json!({"double": "NaN", "float": "Infinity"})),
        json!({"double": "NaN", "float": "Infinity"})
    );
}

#[test]
fn fractions_have_three_six_or_nine_digits() {
    let it = fixture();
    for time in [
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.100Z",
        "2026-01-01T00:00:00.000100Z",
        "0001-01-01T00:00:00.000000001Z",
    ] {
        assert_eq!(it.write(&json!({"time": time})), json!({"time": time}));
    }
}

#[test]
fn defaults_are_left_out_unless_asked_for() {
    let it = fixture();
    assert_eq!(it.encode(&[]).unwrap(), "{}");
    // int32 = 0, str = "" and bool = false on the wire all the same.
    assert_eq!(it.encode(&[0x18, 0, 0x72, 0, 0x68, 0]).unwrap(), "{}");
    let all: serde_json::Value =
        serde_json::from_str(&it.encode_with(&[0x18, 5], true).unwrap()).unwrap();
    assert_eq!(all["int32"], 5);
    assert_eq!(all["int64"], "0");
    assert_eq!(all["strings"], json!([]));
    assert_eq!(all["labels"], json!({}));
    assert_eq!(all["enum"], "SHADE_UNSPECIFIED");
    for absent in ["child", "word", "maybe", "time"] {
        assert!(all.get(absent).is_none(), "{absent}");
    }
}

#[test]
fn merging_follows_the_rules_of_the_wire() {
    let it = fixture();
    let mut bytes = Vec::new();
    // str = "b", child.number = 2, str = "c", child.str = "x", word = "w", figure = 4, numbers unpacked and packed.
    for part in [
        &[0x72, 1, b'b'][..],
        &[0x8a, 1, 2, 0x10, 2],
        &[0x72, 1, b'c'],
        &[0x8a, 1, 3, 0x0a, 1, b'x'],
        &[0xc2, 1, 1, b'w'],
        &[0xc8, 1, 4],
        &[0x90, 1, 1],
        &[0x92, 1, 2, 2, 3],
        &[0x18, 9],
        &[0x90, 1, 4],
    ] {
        bytes.extend_from_slice(part);
    }
    let value: serde_json::Value = serde_json::from_str(&it.encode(&bytes).unwrap()).unwrap();
    assert_eq!(
        value,
        json!({"int32": 9, "str": "c", "child": {"str": "x", "number": 2}, "figure": 4, "numbers": [1, 2, 3, 4]})
    );
}

#[test]
fn a_map_writes_each_key_once() {
    let it = fixture();
    let entry = |value: u8| [0xaa, 1, 6, 0x0a, 1, b'k', 0x12, 1, value];
    let bytes = [entry(b'1'), entry(b'2')].concat();
    assert_eq!(it.encode(&bytes).unwrap(), r#"{"labels":{"k":"2"}}"#);
}

#[test]
fn unknown_fields_and_groups_are_skipped() {
    let it = fixture();
    let mut bytes = vec![];
    wire::put_tag(&mut bytes, 9999, wire::GROUP_START);
    wire::put_tag(&mut bytes, 1, wire::VARINT);
    bytes.push(7);
    wire::put_tag(&mut bytes, 9999, wire::GROUP_END);
    bytes.extend_from_slice(&[0x18, 5]);
    assert_eq!(it.encode(&bytes).unwrap(), r#"{"int32":5}"#);
}

#[test]
fn malformed_answers_are_errors() {
    let it = fixture();
    for bytes in [
        &[0x18][..],
        &[0x72, 5, b'a'],
        &[0x00],
        &[0x0b],
        &[0x1c],
        &[
            0x72, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
        ],
    ] {
        assert!(it.encode(bytes).is_err(), "{bytes:?}");
    }
    assert_eq!(it.encode(&[0x72, 1, 0xff]), Err(EncodeError::NotUtf8));
    // time.seconds beyond the year 9999
    assert!(matches!(
        it.encode(&[0xe2, 1, 7, 0x08, 0x80, 0xa0, 0xcd, 0xc2, 0xd8, 0x75]),
        Err(EncodeError::Invalid(_))
    ));
}

#[test]
fn deep_answers_are_errors_and_no_overflow() {
    let it = fixture();
    let mut bytes = Vec::new();
    for depth in 0..2_000 {
        let mut outer = Vec::new();
        wire::put_tag(
            &mut outer,
            if depth == 1_999 { 17 } else { 3 },
            wire::LENGTH,
        );
        wire::put_varint(&mut outer, bytes.len() as u64);
        outer.extend_from_slice(&bytes);
        bytes = outer;
    }
    assert_eq!(it.encode(&bytes), Err(EncodeError::TooDeep));
}

#[test]
fn an_unknown_type_in_an_any_is_named() {
    let it = fixture();
    let any = [&[0xfa, 1, 8, 0x0a, 6][..], b"x/no.X"].concat();
    assert_eq!(
        it.encode(&any),
        Err(EncodeError::UnknownType("x/no.X".into()))
    );
    assert_eq!(it.encode(&[0xfa, 1, 0]).unwrap(), r#"{"any":{}}"#);
}
