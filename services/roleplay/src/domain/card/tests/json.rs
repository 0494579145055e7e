use serde_json::json;

use super::{super::*, read, v2, v3};

#[test]
fn keeps_every_unknown_field_in_its_order() {
    let text = v2().to_string();
    assert_eq!(
        Card::from_json(text.as_bytes())
            .unwrap()
            .to_json(Spec::V2)
            .unwrap(),
        text
    );
    let text = v3().to_string();
    assert_eq!(
        Card::from_json(text.as_bytes())
            .unwrap()
            .to_json(Spec::V3)
            .unwrap(),
        text
    );
}

#[test]
fn reads_v1_and_raises_it_without_losing_a_field() {
    let card = read(&json!({
        "name": "Wren", "description": "d", "personality": null, "first_mes": "hi",
        "creatorcomment": "note", "tags": "a, b", "talkativeness": "0.5", "own": {"k": 1}
    }));
    assert_eq!(card.spec(), Spec::V1);
    assert_eq!(card.text(TextField::Personality), "");
    assert_eq!(card.text(TextField::CreatorNotes), "note");
    assert_eq!(card.tags(), ["a", "b"]);
    let raised: Value = serde_json::from_str(&card.to_json(Spec::V3).unwrap()).unwrap();
    assert_eq!(raised["spec"], "chara_card_v3");
    assert_eq!(raised["data"]["first_mes"], "hi");
    assert_eq!(raised["data"]["creator_notes"], "note");
    assert_eq!(raised["data"]["system_prompt"], "");
    assert_eq!(raised["data"]["group_only_greetings"], json!([]));
    assert_eq!(raised["data"]["extensions"]["talkativeness"], "0.5");
    assert_eq!(raised["own"], json!({"k": 1}));
}

#[test]
fn reads_older_cousins() {
    let gradio = read(
        &json!({"char_name": "Wren", "char_persona": "p", "char_greeting": "g",
        "world_scenario": "s", "example_dialogue": "e"}),
    );
    assert_eq!(gradio.name(), "Wren");
    assert_eq!(gradio.text(TextField::Description), "p");
    assert_eq!(gradio.greetings(), ["g"]);
    let raised = read(&serde_json::from_str(&gradio.to_json(Spec::V2).unwrap()).unwrap());
    assert_eq!(raised.text(TextField::MesExample), "e");
    let webui = read(&json!({"name": "Wren", "context": "c", "greeting": "g"}));
    assert_eq!(webui.text(TextField::Description), "c");
    assert_eq!(webui.text(TextField::FirstMes), "g");
}

#[test]
fn tolerates_what_real_cards_do() {
    let mut card = v3();
    card["spec_version"] = json!("3.7");
    card["data"]["alternate_greetings"] = json!("only one");
    card["data"]["character_version"] = json!(1.5);
    card["data"]["scenario"] = json!(null);
    card["data"]["extensions"]["depth_prompt"] = json!({"prompt": "stay calm", "depth": "2"});
    let imported = Card::import(card.to_string().as_bytes()).unwrap();
    assert_eq!(imported.card.alternate_greetings(), ["only one"]);
    assert_eq!(imported.card.text(TextField::CharacterVersion), "1.5");
    assert_eq!(imported.card.text(TextField::Scenario), "");
    assert_eq!(imported.card.depth_prompt().unwrap().depth, 2);
    assert_eq!(
        imported.warnings,
        [
            Warning::NewerSpec {
                version: "3.7".into()
            },
            Warning::OddType {
                field: "character_version"
            },
            Warning::OddType {
                field: "alternate_greetings"
            },
        ]
    );
}

#[test]
fn calls_the_character_by_its_nickname() {
    assert_eq!(read(&v3()).display_name(), "Bird");
    let mut blank = v3();
    blank["data"]["nickname"] = json!("  ");
    assert_eq!(read(&blank).display_name(), "Wren");
}

#[test]
fn keeps_large_integers_and_exact_decimals() {
    let text = v2().to_string().replace("1.5e-7", "0.30000000000000004");
    let card = Card::from_json(text.as_bytes()).unwrap();
    let written = card.to_json(Spec::V2).unwrap();
    for number in [
        "9007199254740993",
        "18446744073709551615",
        "0.30000000000000004",
    ] {
        assert!(written.contains(number), "{number}");
    }
}

#[test]
fn says_when_a_number_can_not_be_kept() {
    let text = v2()
        .to_string()
        .replace("1.5e-7", "123456789012345678901234567890");
    let imported = Card::import(text.as_bytes()).unwrap();
    assert_eq!(imported.warnings, [Warning::RoundedNumbers { count: 1 }]);
}

#[test]
fn replaces_halves_of_broken_emoji() {
    let text = v2()
        .to_string()
        .replace("be kind", r"be \ud83d kind \ud83d\ude00");
    let imported = Card::import(text.as_bytes()).unwrap();
    assert_eq!(
        imported.card.text(TextField::CreatorNotes),
        "be \u{fffd} kind \u{1f600}"
    );
    assert_eq!(imported.warnings, [Warning::BrokenCharacters { count: 1 }]);
}

#[test]
fn reads_json_behind_a_byte_order_mark() {
    let text = format!("\u{feff}{}", v2());
    assert_eq!(Card::import(text.as_bytes()).unwrap().card.name(), "Wren");
}

#[test]
fn refuses_to_squeeze_a_v2_card_into_v1() {
    assert_eq!(read(&v2()).to_json(Spec::V1), Err(CardError::Downgrade));
}
