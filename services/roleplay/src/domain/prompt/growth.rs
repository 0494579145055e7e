//! What macros may add to a prompt, and whether a card's do.

use crate::domain::{
    card::{Card, TextField},
    macros::{Growth, MacroTexts, Macros, Outgrown, Purpose},
};

/// What macros may add to all texts of a prompt together.
const MAX_BYTES: usize = 4 << 20;
/// What they may add to a text that keys are looked for in.
const MAX_SEARCHED_BYTES: usize = 256 << 10;
/// The card's texts that a prompt holds.
const SENT: [TextField; 6] = [
    TextField::SystemPrompt,
    TextField::Description,
    TextField::Personality,
    TextField::Scenario,
    TextField::MesExample,
    TextField::PostHistoryInstructions,
];

/// For all texts of a prompt together.
pub(super) fn of_prompt() -> Growth {
    Growth::within(MAX_BYTES)
}

/// For the texts about one of so many cards: what one needs tells nothing of what is left for another.
pub(super) fn of_one_of(cards: usize) -> Growth {
    Growth::within(MAX_BYTES / cards.max(1))
}

/// For a text that keys are looked for in.
pub(super) fn of_searched_text() -> Growth {
    Growth::within(MAX_SEARCHED_BYTES)
}

/// Looks whether a prompt could hold all texts of a card with their macros expanded.
///
/// # Errors
/// It couldn't: such a prompt would be refused.
pub fn check_growth(card: &Card) -> Result<(), Outgrown> {
    let macros = Macros {
        char: card.display_name(),
        texts: MacroTexts::of(card, ""),
        growth: of_prompt(),
        ..Macros::default()
    };
    let book = card.character_book().unwrap_or_default();
    let entries = book.entries.iter().filter(|entry| entry.enabled);
    for text in entries.map(|entry| entry.content.as_str()) {
        let _ = macros.render(text, Purpose::Prompt);
    }
    for field in SENT {
        let _ = macros.render(&card.text(field), Purpose::Prompt);
    }
    macros.growth.check()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::prompt::{Draft, FitError, Material, Settings, tests::a_card};

    #[test]
    fn a_card_whose_macros_outgrow_a_prompt_is_told_from_one_whose_do_not() {
        let entry = json!({"constant": true, "keys": [], "content": "{{description}}"});
        let card = |entries: usize| {
            a_card(json!({
                "description": "x".repeat(100_000),
                "character_book": {"entries": vec![entry.clone(); entries]},
            }))
        };
        assert_eq!(check_growth(&card(40)), Ok(()));
        let outgrown = check_growth(&card(50)).unwrap_err();
        assert_eq!(outgrown.max_bytes, MAX_BYTES);
        // The names in its examples come to a few more.
        assert!(
            (5_000_000..5_000_100).contains(&outgrown.added_bytes),
            "{outgrown:?}"
        );

        let card = card(50);
        let lore = card.character_book().unwrap();
        let settings = Settings::default();
        let lore = crate::domain::lorebook::Matcher::new(lore, &settings.lore);
        let material = Material {
            lore: Some(&lore),
            ..Material::new(&card, &[])
        };
        let refused = Draft::new(&material, &settings, 1).map(drop).unwrap_err();
        let FitError::Outgrown { added_bytes, .. } = refused else {
            panic!("{refused}")
        };
        assert!(added_bytes >= 5_000_000, "{refused}");
        assert!(
            refused.to_string().contains("more than the 4194304"),
            "{refused}"
        );
    }
}
