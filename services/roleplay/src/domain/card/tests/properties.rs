use proptest::prelude::*;
use serde_json::{Map, Value};

use super::{super::*, card_chunk, picture, text_chunk};
use crate::domain::lorebook::Lorebook;

fn any_json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has no other", |n| n.is_finite())
            .prop_map(Value::from),
        "[^\u{0}]{0,12}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        "[a-z_@/ ]{0,8}",
        Just("content".to_owned()),
        Just("keys".to_owned())
    ];
    scalar.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn any_card(spec: &'static str, version: &'static str) -> impl Strategy<Value = Value> {
    let known = prop::sample::select(vec![
        "description",
        "mes_example",
        "alternate_greetings",
        "tags",
        "extensions",
        "character_book",
        "nickname",
        "assets",
        "unheard_of",
    ]);
    prop::collection::vec((known, any_json()), 0..8).prop_map(move |fields| {
        let mut data: Map<String, Value> =
            fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        data.insert("name".into(), "Wren".into());
        serde_json::json!({"spec": spec, "spec_version": version, "data": data})
    })
}

/// Every view is read, to show that none panics.
fn read_views(card: &Card) {
    assert!(
        TextField::ALL
            .iter()
            .any(|field| !card.text(*field).is_empty())
    );
    let _ = (
        card.greetings(),
        card.group_only_greetings(),
        card.tags(),
        card.depth_prompt(),
    );
    let _ = card
        .character_book()
        .map(|book: Lorebook| book.entries.len());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Card::import(&bytes);
        let _ = Card::import(&picture(&[text_chunk("chara", &bytes)]));
        let _ = Card::import(&[b"\x89PNG\r\n\x1a\n".as_slice(), &bytes].concat());
    }

    #[test]
    fn a_damaged_card_never_panics(at in 0_usize..15_000, byte in any::<u8>()) {
        let mut file = picture(&[card_chunk("chara", &super::v2())]);
        let at = at % file.len();
        file[at] = byte;
        let _ = Card::import(&file);
    }

    #[test]
    fn arbitrary_json_text_never_panics(text in "[{}\\[\\]\",:\\\\u0dD8a-f. -]{0,120}") {
        let _ = Card::from_json(format!("{{{text}").as_bytes());
    }

    #[test]
    fn v3_keeps_its_value_through_a_png(card in any_card("chara_card_v3", "3.0")) {
        let read = super::read(&card);
        read_views(&read);
        let back = Card::from_png(&read.to_png(&Card::blank_png()).unwrap()).unwrap();
        let mut expected = card;
        let data = expected["data"].as_object().unwrap().clone();
        prop_assert_eq!(back.to_json(Spec::V3).unwrap(), read.to_json(Spec::V3).unwrap());
        expected["data"] = Value::Object(data);
        prop_assert_eq!(Value::Object(back.document().clone()), expected);
    }

    #[test]
    fn an_edit_keeps_all_other_fields(card in any_card("chara_card_v2", "2.0"), text in "[^\u{0}]{1,20}") {
        let mut edited = super::read(&card);
        edited.apply(&CardPatch::default().text(TextField::Scenario, text.clone())).unwrap();
        let mut expected = card;
        expected["data"]["scenario"] = text.into();
        prop_assert_eq!(Value::Object(edited.document().clone()), expected);
    }
}
