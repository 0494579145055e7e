use super::*;

fn tiny() -> WordPiece {
    let tokens = [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "aff", ",", "cafe", "東", "a",
        "##a",
    ];
    WordPiece::read(&tokens.join("\n")).unwrap()
}

#[test]
fn cuts_a_word_into_the_longest_pieces() {
    let pieces = tiny();
    assert_eq!(pieces.encode("unaffable, aff", 256), [2, 4, 5, 6, 8, 7, 3]);
}

#[test]
fn takes_a_word_with_an_unknown_piece_for_unknown() {
    let pieces = tiny();
    assert_eq!(pieces.encode("unaffected un", 256), [2, 1, 4, 3]);
    let (long, longer) = ("a".repeat(100), "a".repeat(101));
    assert_eq!(pieces.encode(&long, 256).len(), 102);
    assert_eq!(pieces.encode(&longer, 256), [2, 1, 3]);
}

#[test]
fn takes_letters_as_plain_as_they_get() {
    let pieces = tiny();
    for text in [
        "CAFÉ",
        "cafe\u{301}",
        " \tca\u{200b}fé\u{a0}",
        "ca\0fe\u{fffd}",
    ] {
        assert_eq!(pieces.encode(text, 256), [2, 9, 3], "{text:?}");
    }
    assert_eq!(pieces.encode("un東un", 256), [2, 4, 10, 4, 3]);
}

#[test]
fn takes_a_special_tokens_name_for_text() {
    let tokens = tiny().encode("un[SEP]un", 256);
    assert_eq!(tokens, [2, 4, 1, 1, 1, 4, 3]);
}

#[test]
fn leaves_out_what_goes_beyond_the_window() {
    let pieces = tiny();
    assert_eq!(pieces.encode("un un un un", 5), [2, 4, 4, 4, 3]);
    assert_eq!(pieces.encode("un un unaffable", 5), [2, 4, 4, 4, 3]);
    assert_eq!(pieces.encode("", 5), [2, 3]);
}

#[test]
fn refuses_a_vocabulary_without_special_tokens() {
    let error = WordPiece::read("a\nb\n[UNK]\n[CLS]").unwrap_err();
    assert!(error.contains("[SEP]"), "{error}");
}
