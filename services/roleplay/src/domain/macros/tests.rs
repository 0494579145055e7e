use proptest::prelude::*;

use super::*;

fn macros() -> Macros<'static> {
    Macros {
        texts: MacroTexts {
            description: "{{char}} knows {{user}}.".into(),
            personality: "as {{description}} says".into(),
            persona: "a sailor".into(),
            ..MacroTexts::default()
        },
        last: LastMessages {
            any: "{{user}} said",
            user: "hi",
            character: "ho",
            count: 3,
        },
        now: Some(Moment {
            unix_secs: 1_700_000_000,
            utc_offset_minutes: 60,
        }),
        idle_secs: Some(7_200),
        ..Macros::of_names("Wren", "Ada", 7)
    }
}

fn render(text: &str) -> String {
    macros().render(text, Purpose::Prompt).into_owned()
}

#[test]
fn replaces_names_whatever_their_case_and_spacing() {
    assert_eq!(
        render("{{char}} {{CHAR}} {{ Char }} <BOT> <char>"),
        "Wren Wren Wren Wren Wren"
    );
    assert_eq!(render("{{user}} <USER> <user>"), "Ada Ada Ada");
}

#[test]
fn leaves_what_it_does_not_know() {
    for text in [
        "{{nope}}",
        "{{char stays}}",
        "{{user::x::y}}",
        "}} {",
        "<START>",
        "{single}",
        "{{roll:x}}",
        "{{}}",
    ] {
        assert_eq!(render(text), text);
    }
    assert_eq!(render("{{nope {{char}} }}"), "{{nope Wren }}");
}

#[test]
fn unterminated_braces_are_text_and_later_macros_still_work() {
    assert_eq!(render("{{ a {{char}}"), "{{ a Wren");
    assert_eq!(render("{{char}} {{"), "Wren {{");
    assert_eq!(render("{{{char}}}"), "{Wren}");
    assert_eq!(render("a }} {{char}}"), "a }} Wren");
    assert_eq!(render("{{{{char}}}}"), "{{Wren}}");
}

#[test]
fn a_name_that_looks_like_a_macro_is_inert() {
    let macros = Macros::of_names("{{user}}", "description}} {{char,a::b", 1);
    assert_eq!(macros.render("{{char}}", Purpose::Prompt), "{{user}}");
    assert_eq!(
        macros.render("{{random::{{user}}}}", Purpose::Prompt),
        "description}} {{char,a::b"
    );
    let named = Macros::of_names("user", "x", 1);
    assert_eq!(named.render("{{{{char}}}}", Purpose::Prompt), "{{user}}");
}

#[test]
fn expands_the_macros_of_fields_once() {
    assert_eq!(render("{{description}}"), "Wren knows Ada.");
    assert_eq!(render("{{personality}}"), "as {{description}} says");
    assert_eq!(
        render("{{persona}}/{{lastMessage}}"),
        "a sailor/{{user}} said"
    );
}

#[test]
fn trims_the_line_breaks_around_trim_only() {
    assert_eq!(render("a \r\n\n{{trim}}\n\n b"), "a  b");
    assert_eq!(render("a\r\n{{char}}\r\n"), "a\r\nWren\r\n");
    assert_eq!(render("{{// a note}}x{{noop}}{{newline::2}}y"), "x\n\ny");
}

#[test]
fn hides_comments_and_keys_except_where_they_are_meant_to_be_seen() {
    let text = "{{comment: c}}{{hidden_key:k::l}}.";
    assert_eq!(render(text), ".");
    assert_eq!(macros().render(text, Purpose::Display), " c.");
    assert_eq!(macros().render(text, Purpose::Search), "k::l.");
}

#[test]
fn chooses_among_all_choices_and_none_else() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let macros = Macros { seed, ..macros() };
        seen.insert(
            macros
                .render("{{random: a, b\\,c ,{{char}}}}", Purpose::Prompt)
                .into_owned(),
        );
        seen.insert(
            macros
                .render("{{random::d::e}}", Purpose::Prompt)
                .into_owned(),
        );
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        ["Wren", "a", "b,c", "d", "e"]
    );
}

#[test]
fn random_follows_the_prompt_and_pick_the_session() {
    let many = "{{random:1,2,3,4,5,6,7,8,9}}".repeat(20);
    let picks = "{{pick:1,2,3,4,5,6,7,8,9}}".repeat(20);
    let other = Macros {
        seed: 99,
        ..macros()
    };
    assert_eq!(render(&many), render(&many));
    assert_ne!(render(&many), other.render(&many, Purpose::Prompt));
    assert_eq!(render(&picks), other.render(&picks, Purpose::Prompt));
}

#[test]
fn rolls_dice_within_their_sides() {
    for seed in 0..50 {
        let macros = Macros { seed, ..macros() };
        let total: i64 = macros
            .render("{{roll:2d6+1}}", Purpose::Prompt)
            .parse()
            .unwrap();
        assert!((3..=13).contains(&total));
        let percent: i64 = macros
            .render("{{roll:D%}}", Purpose::Prompt)
            .parse()
            .unwrap();
        assert!((1..=100).contains(&percent));
        let single: i64 = macros
            .render("{{roll d4}}", Purpose::Prompt)
            .parse()
            .unwrap();
        assert!((1..=4).contains(&single));
    }
}

#[test]
fn tells_the_persons_time() {
    assert_eq!(
        render("{{isodate}} {{isotime}} {{weekday}}"),
        "2023-11-14 23:13 Tuesday"
    );
    assert_eq!(render("{{time}}, {{date}}"), "11:13 PM, November 14, 2023");
    assert_eq!(render("{{time_UTC-2}} {{time::UTC+2}}"), "8:13 PM 12:13 AM");
    assert_eq!(render("{{idleDuration}}"), "2 hours");
    assert_eq!(
        Macros::default().render("{{time}}", Purpose::Prompt),
        "{{time}}"
    );
}

#[test]
fn original_is_there_once() {
    let text = macros()
        .render_over("A {{original}} B {{original}}", "<{{char}}>")
        .into_owned();
    assert_eq!(text, "A <{{char}}> B ");
    assert_eq!(render("{{original}}"), "");
}

#[test]
fn reverses_the_value_of_an_inner_macro() {
    assert_eq!(render("{{reverse:{{user}}!}}"), "!adA");
}

#[test]
fn growth_is_bounded() {
    let mut macros = macros();
    macros.texts.description = "x".repeat(100_000).into();
    let rendered = macros
        .render(&"{{description}}".repeat(1_000), Purpose::Prompt)
        .into_owned();
    assert!(rendered.len() < (1 << 20) + 20_000, "{}", rendered.len());
    assert!(rendered.ends_with("{{description}}"));
}

#[test]
fn texts_share_what_they_may_grow_by_and_the_rest_is_counted() {
    let mut macros = macros();
    macros.texts.description = "x".repeat(1_000).into();
    macros.growth = Growth::within(2_500);
    for _ in 0..2 {
        assert_eq!(
            macros.render("{{description}}", Purpose::Prompt).len(),
            1_000
        );
    }
    assert_eq!(macros.growth.check(), Ok(()));
    assert_eq!(
        macros.render("{{description}}", Purpose::Prompt),
        "{{description}}"
    );
    assert_eq!(macros.render("{{char}}", Purpose::Prompt), "{{char}}");
    let outgrown = Outgrown {
        added_bytes: 3_004,
        max_bytes: 2_500,
    };
    assert_eq!(macros.growth.check(), Err(outgrown));
}

#[test]
fn a_long_text_that_comes_to_nothing_is_not_read_without_end() {
    let mut macros = macros();
    macros.texts.description = format!("{{{{// {}}}}}", "x".repeat(1_000)).into();
    macros.growth = Growth::within(10_000);
    let rendered = macros
        .render(&"{{description}}".repeat(1_000), Purpose::Prompt)
        .into_owned();
    assert!(rendered.ends_with("{{description}}"));
    assert!(macros.growth.check().is_err());
}

#[test]
fn chooses_between_double_colons_first_wherever_blanks_and_line_breaks_are() {
    let cases: [(&str, &[&str]); 9] = [
        ("{{random:x::y::z}}", &["x", "y", "z"]),
        ("{{random::x,y}}", &["x", "y"]),
        ("{{pick: x , y }}", &["x", "y"]),
        ("{{random\n::x\n::y\n}}", &["x", "y"]),
        ("{{random :: x :: y}}", &["x", "y"]),
        ("{{random\r\n: x,\r\ny}}", &["x", "y"]),
        ("{{random x, y}}", &["x", "y"]),
        (r"{{random:x\, y, z}}", &["x, y", "z"]),
        (r"{{random::x\::y::z}}", &["x::y", "z"]),
    ];
    for (text, expected) in cases {
        let seen = (0..60).map(|seed| {
            let macros = Macros {
                seed,
                session_seed: seed,
                ..macros()
            };
            macros.render(text, Purpose::Prompt).into_owned()
        });
        let seen: std::collections::BTreeSet<String> = seen.collect();
        assert!(
            seen.iter().map(String::as_str).eq(expected.iter().copied()),
            "{text}: {seen:?}"
        );
    }
}

#[test]
fn colons_that_a_macro_inserts_separate_nothing() {
    let macros = Macros::of_names("::x::y", "x,y", 1);
    assert_eq!(
        macros.render("{{random {{char}}}}", Purpose::Prompt),
        "::x::y"
    );
    assert_eq!(macros.render("{{random:{{user}}}}", Purpose::Prompt), "x,y");
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "[{}<>a-z:,\\\\/ \nüser]{0,80}") {
        render(&text);
    }

    #[test]
    fn macro_soup_never_panics(parts in prop::collection::vec(prop::sample::select(vec![
        "{{", "}}", "{", "}", "char", "random", "::", ":", ",", "\\", "trim", "reverse", "roll", "ü",
        "\n", "<USER>", "hidden_key", "//", " ", "description",
    ]), 0..40)) {
        render(&parts.concat());
    }

    #[test]
    fn text_without_macros_is_untouched(text in "[^{<]{0,60}") {
        prop_assert_eq!(render(&text), text);
    }
}

#[test]
fn names_of_a_group_are_those_of_all() {
    let group = GroupNames {
        all: "Wren, Tom".into(),
        unmuted: "Wren".into(),
        others: "Tom".into(),
    };
    let of = |group| Macros { group, ..macros() };
    let text =
        "{{group}}|{{charIfNotGroup}}|{{groupNotMuted}}|{{notChar}}|<GROUP>|<charIfNotGroup>";
    let render = |macros: &Macros<'_>| macros.render(text, Purpose::Prompt).into_owned();
    let user = macros().user.into_owned();
    assert_eq!(
        render(&of(Some(group))),
        format!("Wren, Tom|Wren, Tom|Wren|Tom, {user}|Wren, Tom|Wren, Tom")
    );
    let char = macros().char.into_owned();
    assert_eq!(
        render(&of(None)),
        format!("{char}|{char}|{char}|{user}|{char}|{char}")
    );
}

#[test]
fn what_fills_a_blank_is_text_and_nothing_else() {
    let answers = [
        ("hero", "{{user}} {{blank::town}}"),
        ("town", "a::b, {{random:x,y}} <user>"),
    ];
    let blanks = answers.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let variables = [("gold".to_owned(), "{{roll:d6}}".to_owned())];
    let filled = Filled {
        blanks: blanks.into(),
        variables: variables.into(),
    };
    let macros = Macros {
        filled: Some(&filled),
        ..Macros::of_names("Mira", "Ada", 1)
    };
    let render = |text: &str| macros.render(text, Purpose::Prompt).into_owned();
    assert_eq!(
        render("{{blank::hero}}, {{user}}"),
        "{{user}} {{blank::town}}, Ada"
    );
    assert_eq!(render("{{Blank: town }}"), "a::b, {{random:x,y}} <user>");
    assert_eq!(
        render("{{random::{{blank::town}}}}"),
        "a::b, {{random:x,y}} <user>"
    );
    assert_eq!(render("{{getvar::gold}}"), "{{roll:d6}}");
    for unknown in ["{{blank::other}}", "{{getvar::hero}}", "{{blank}}"] {
        assert_eq!(render(unknown), unknown);
    }
    let without = Macros::of_names("Mira", "Ada", 1);
    let text = "{{blank::hero}}";
    assert_eq!(without.render(text, Purpose::Prompt), text);
}

#[test]
fn a_literal_text_stands_for_itself() {
    let macros = Macros::of_names("Mira", "Ada", 1);
    for text in [
        "plain {one} < two",
        "{{user}} and {{{char}}}",
        "{{{{user}}}} {{",
        "<USER> <bot><<user>",
        "{{noop}}é{{random:a,b}}",
    ] {
        let written = literal(text);
        assert_eq!(macros.render(&written, Purpose::Prompt), text, "{written}");
    }
    assert!(matches!(literal("{a} <b>"), std::borrow::Cow::Borrowed(_)));
}

proptest! {
    #[test]
    fn whatever_is_filled_in_or_written_literally_stays_as_it_is(
        text in "([{}]{1,3}|<|>|user|char|noop|blank::a|random:|[a-z :]{0,4}|é){0,12}"
    ) {
        let filled = Filled {
            blanks: [("a".to_owned(), text.clone())].into(),
            ..Filled::default()
        };
        let macros = Macros {
            filled: Some(&filled),
            ..Macros::of_names("Mira", "Ada", 1)
        };
        prop_assert_eq!(&*macros.render("{{blank::a}}", Purpose::Prompt), &*text);
        let written = literal(&text);
        prop_assert_eq!(&*macros.render(&written, Purpose::Prompt), &*text);
    }
}
