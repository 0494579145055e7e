mod activation;
mod decorators;
mod keys;
mod parsing;
mod patterns;

use serde_json::{Value, json};

use super::*;

/// A book of these entries, each with some content unless it has its own.
fn book(entries: Value) -> Lorebook {
    let mut book = json!({ "entries": entries });
    for (index, entry) in book["entries"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .enumerate()
    {
        if entry.get("content").is_none() {
            entry["content"] = json!(format!("content {index}"));
        }
    }
    Lorebook::from_json(&book).unwrap()
}

/// A chat, oldest first, with every message by Ada.
struct Try {
    book: Lorebook,
    settings: LoreSettings,
    chat: Vec<&'static str>,
    texts: ScanTexts,
    budget: u32,
    seed: u64,
}

impl Try {
    fn of(entries: Value, chat: &[&'static str]) -> Self {
        let texts = ScanTexts {
            trigger: "normal",
            message_count: 9,
            assistant_count: 4,
            ..ScanTexts::default()
        };
        let (settings, chat) = (LoreSettings::default(), chat.to_vec());
        Self {
            book: book(entries),
            settings,
            chat,
            texts,
            budget: 1_000,
            seed: 1,
        }
    }

    fn run(&self) -> Activation {
        let matcher = Matcher::new(self.book.clone(), &self.settings);
        let newest_first = self
            .chat
            .iter()
            .rev()
            .map(|text| ScanMessage { name: "Ada", text });
        let expand = |_: usize, text: &str, _: bool| text.replace("{{user}}", "Ada");
        let scan = Scan::new(
            &matcher,
            &self.settings,
            newest_first,
            self.texts.clone(),
            &expand,
            self.seed,
        );
        let content = |index: usize| self.book.entries[index].content.clone();
        let activation = scan.decide(
            self.budget,
            EntryTexts {
                searched: &mut |index| content(index),
                tokens: &mut |_| 10,
            },
        );
        let surveyed = scan.survey(&mut |index| content(index));
        assert!(
            activation
                .fired
                .iter()
                .all(|index| surveyed.contains(index)),
            "{surveyed:?}"
        );
        activation
    }

    /// Which entries fired, in the order of the prompt.
    fn fired(&self) -> Vec<usize> {
        self.run().fired
    }
}

fn fired(entries: Value, chat: &[&'static str]) -> Vec<usize> {
    Try::of(entries, chat).fired()
}
