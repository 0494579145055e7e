//! The language of a request, as far as routes go by it: its primary subtag, as told, or as the script of the last message gives away.

use super::Prompt;

/// So many characters tell the script.
const LOOKED_AT: usize = 2000;

/// The primary subtag of a tag such as `pt-BR`; none for the empty tag.
pub(crate) fn primary(tag: &str) -> Option<&str> {
    tag.split(['-', '_'])
        .next()
        .filter(|subtag| !subtag.is_empty())
}

/// The language of the last message, where its script is that of one language alone.
pub(crate) fn of_prompt(prompt: &Prompt) -> Option<&'static str> {
    match prompt {
        Prompt::Chat(messages) => of_text(&messages.last()?.content),
        Prompt::Text(text) => of_text(text),
    }
}

/// More than half of the letters must be of the script; kana among Han is Japanese.
fn of_text(text: &str) -> Option<&'static str> {
    let (mut letters, mut kana, mut han) = (0, 0, 0);
    let (mut hangul, mut thai, mut greek, mut hebrew) = (0, 0, 0, 0);
    // Of a long text the end counts.
    let end = text.chars().rev().take(LOOKED_AT);
    for letter in end.filter(|c| c.is_alphabetic()) {
        letters += 1;
        match u32::from(letter) {
            0x3040..=0x30FF => kana += 1,
            0x3400..=0x9FFF | 0x20000..=0x3FFFF => han += 1,
            0x1100..=0x11FF | 0xAC00..=0xD7FF => hangul += 1,
            0x0E00..=0x0E7F => thai += 1,
            0x0370..=0x03FF => greek += 1,
            0x0590..=0x05FF => hebrew += 1,
            _ => {}
        }
    }
    let east = if kana > 0 { "ja" } else { "zh" };
    let scripts = [
        (kana + han, east),
        (hangul, "ko"),
        (thai, "th"),
        (greek, "el"),
        (hebrew, "he"),
    ];
    let most = scripts.into_iter().find(|(count, _)| 2 * count > letters);
    most.map(|(_, language)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_language_by_a_script_that_is_its_own() {
        for (text, language) in [
            ("今日はいい天気ですね", Some("ja")),
            ("今天天气很好", Some("zh")),
            ("안녕하세요", Some("ko")),
            ("สวัสดีครับ", Some("th")),
            ("Καλημέρα", Some("el")),
            ("שלום", Some("he")),
            ("Good day, 日本!", None),
            ("Добрый день", None),
            ("", None),
        ] {
            assert_eq!(of_text(text), language, "{text}");
            assert_eq!(of_prompt(&Prompt::Text(text.to_owned())), language);
        }
    }

    #[test]
    fn takes_the_first_part_of_a_tag() {
        assert_eq!(primary("pt-BR"), Some("pt"));
        assert_eq!(primary("zh_Hant"), Some("zh"));
        assert_eq!(primary(""), None);
    }
}
