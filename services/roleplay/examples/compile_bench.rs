//! Prints milliseconds per prompt for a chat of 500 messages and a lorebook of 200 entries, in
//! text and chat form. Run it in release: `cargo run --release --example compile_bench`.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::{error::Error, time::Instant};

use serde_json::{Value, json};
use troupe_roleplay::domain::{
    card::Card,
    lorebook::{LoreSettings, Lorebook, Matcher},
    prompt::{Draft, Form, Group, GroupCards, GroupMember, Material, Persona, Settings, Turn},
    role::Role,
};

const ENTRIES: usize = 200;
const MESSAGES: usize = 500;
const CHARACTERS: usize = 6;
const RUNS: u32 = 200;
const WORDS: [&str; 16] = [
    "harbour", "lantern", "storm", "letter", "captain", "silver", "garden", "winter", "bridge",
    "music", "shadow", "river", "market", "tower", "candle", "forest",
];

fn main() -> Result<(), Box<dyn Error>> {
    let card = Card::from_json(card().to_string().as_bytes())?;
    let book = Lorebook::from_json(&book()).ok_or("the book is no object")?;
    let lore_settings = LoreSettings {
        scan_depth: 10,
        recursive_scanning: true,
        ..LoreSettings::default()
    };
    let matcher = Matcher::new(book.clone(), &lore_settings);
    let started = Instant::now();
    for _ in 0..RUNS {
        std::hint::black_box(Matcher::new(book.clone(), &lore_settings));
    }
    println!(
        "matcher of {ENTRIES} entries, kept between prompts: {:.3} ms",
        millis(started, RUNS)
    );
    let history: Vec<Turn<'_>> = (0..MESSAGES).map(turn).collect();
    let material = Material {
        lore: Some(&matcher),
        persona: Persona {
            name: "Ada",
            description: "{{user}} is a sailor on leave.",
        },
        ..Material::new(&card, &history)
    };
    let members: Vec<GroupMember<'_>> = (0..CHARACTERS)
        .map(|place| GroupMember {
            card: &card,
            is_muted: false,
            is_speaking: place == 0,
            books: Vec::new(),
        })
        .collect();
    let group = Group {
        members: &members,
        cards: GroupCards::Joined,
        nudge: None,
    };
    for (form, window_tokens, group) in [
        (Form::Chat, 8_192, None),
        (Form::Chat, 131_072, None),
        (Form::Text, 131_072, None),
        (Form::Chat, 131_072, Some(group)),
    ] {
        let material = Material {
            group,
            ..material.clone()
        };
        let settings = Settings {
            form,
            window_tokens,
            lore: lore_settings.clone(),
            ..Settings::default()
        };
        let receipt = Draft::new(&material, &settings, 1)?.fit(tokens)?.receipt;
        let started = Instant::now();
        for seed in 0..u64::from(RUNS) {
            std::hint::black_box(Draft::new(&material, &settings, seed)?.fit(tokens)?);
        }
        let fired = receipt
            .lore
            .iter()
            .filter(|trace| trace.reason.fired())
            .count();
        let cast = match group {
            Some(_) => format!(", {CHARACTERS} characters"),
            None => String::new(),
        };
        println!(
            "{form:?}, window {window_tokens}{cast}: {:.3} ms a prompt ({} spans, {fired} entries, {} tokens)",
            millis(started, RUNS),
            receipt.spans.len(),
            receipt.prompt_tokens,
        );
    }
    Ok(())
}

fn millis(started: Instant, runs: u32) -> f64 {
    started.elapsed().as_secs_f64() * 1_000.0 / f64::from(runs)
}

/// A stand-in for a tokenizer whose counts the caller keeps.
fn tokens(text: &str) -> u32 {
    u32::try_from(text.len() / 4 + 1).unwrap_or(u32::MAX)
}

fn words(from: usize, count: usize) -> String {
    let word = |at: usize| WORDS[(at * 7 + at / 16) % WORDS.len()];
    (from..from + count).map(word).collect::<Vec<_>>().join(" ")
}

fn turn(index: usize) -> Turn<'static> {
    let role = if index.is_multiple_of(2) {
        Role::Assistant
    } else {
        Role::User
    };
    let text = format!("{} — said {{{{char}}}} of key{index}.", words(index, 50));
    Turn {
        id: format!("msg_{index}").into(),
        role,
        name: "".into(),
        text: text.into(),
    }
}

fn card() -> Value {
    json!({"spec": "chara_card_v2", "spec_version": "2.0", "data": {
        "name": "Wren",
        "description": format!("{{{{char}}}} {}", words(0, 300)),
        "personality": words(3, 40),
        "scenario": words(5, 60),
        "first_mes": "The lamp is lit.",
        "mes_example": format!("<START>\n{{{{user}}}}: {}\n{{{{char}}}}: {}", words(1, 30), words(2, 30)),
    }})
}

/// Plain keys, secondary keys, patterns and whole words, some of which the chat mentions.
fn book() -> Value {
    let entry = |index: usize| {
        let keys = match index % 4 {
            0 => json!([
                format!("key{index}"),
                format!("{} {}", words(index, 1), words(index + 3, 1))
            ]),
            1 => json!([format!("key{}", 400 + index / 2), "lighthouse keeper"]),
            2 => json!([format!("/key{index}\\b|lost (ship|boat)/i")]),
            _ => json!(["absent", "missing", format!("never{index}")]),
        };
        json!({
            "keys": keys,
            "secondary_keys": ["captain"],
            "selective": index.is_multiple_of(5),
            "constant": index.is_multiple_of(50),
            "insertion_order": index,
            "content": format!("{{{{char}}}} knows: {}", words(index, 40)),
            "extensions": {"match_whole_words": index.is_multiple_of(3)}
        })
    };
    json!({"entries": (0..ENTRIES).map(entry).collect::<Vec<_>>()})
}
