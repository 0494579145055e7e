//! The first step: macros expanded, candidates chosen, every text in the words that may be sent.

use std::collections::BTreeMap;

use super::{
    FitError, Form, Material, Settings, Source, Turn,
    examples::TEXT_SEPARATOR,
    group::{self, Cards},
    growth,
    history::{history, speaker},
    memory::Memories,
    piece::Piece,
    sections::{author_notes, impersonation, post_history, spoken, system_prompt},
    voices::Voices,
};
use crate::domain::{
    card::TextField,
    lorebook::{Placement, Scan, ScanMessage, ScanTexts},
    macros::{Filled, Macros, Purpose},
    role::Role,
};

const CHAT_START: &str = "[Start a new Chat]";
const GROUP_START: &str = "[Start a new group chat. Group members: {{group}}]";

/// A prompt before it is fitted into the window.
pub struct Draft<'a> {
    pub(super) material: &'a Material<'a>,
    pub(super) settings: &'a Settings,
    pub(super) seed: u64,
    pub(super) voices: Voices<'a>,
    pub(super) system_prompt: Option<Piece<'a>>,
    pub(super) persona: Option<Piece<'a>>,
    pub(super) cards: Cards<'a>,
    pub(super) memories: Memories<'a>,
    pub(super) chat_start: Option<Piece<'a>>,
    /// Newest first; as many as could possibly fit.
    pub(super) history: Vec<Piece<'a>>,
    /// What tells whose turn it is.
    pub(super) nudge: Option<Piece<'a>>,
    /// The notes of a scenario's author with their depths.
    pub(super) author_notes: Vec<(u32, Piece<'a>)>,
    pub(super) post_history: Option<Piece<'a>>,
    /// What a model is told that writes in the person's place.
    pub(super) impersonation: Option<Piece<'a>>,
    /// The message that the model goes on from; in a text also the name of who speaks next.
    pub(super) tail: Option<Piece<'a>>,
    pub(super) scan: Option<Scan<'a>>,
    /// The lorebook entries that may fire.
    pub(super) lore: BTreeMap<usize, Piece<'a>>,
}

impl<'a> Draft<'a> {
    /// Expands all texts. `seed` decides everything that is left to chance in this prompt.
    ///
    /// # Errors
    /// Macros make more of the texts than any prompt may hold.
    pub fn new(
        material: &'a Material<'a>,
        settings: &'a Settings,
        seed: u64,
    ) -> Result<Self, FitError> {
        let voices = Voices::of(material, seed);
        let (card, person) = (voices.card(), voices.person());
        let form = settings.form;
        let section = |source, text: &str| {
            let text = person.render(text, Purpose::Prompt);
            Piece::section(form, source, Role::System, &text)
        };
        let chat_start = match form {
            Form::Chat if material.group.is_some() => GROUP_START,
            Form::Chat => CHAT_START,
            Form::Text => TEXT_SEPARATOR,
        };
        let (history, tail) = history(material, settings, card);
        let mut draft = Self {
            system_prompt: system_prompt(material, form, &voices),
            persona: section(Source::Persona, material.persona.description),
            cards: Cards::of(material, settings, &voices),
            memories: Memories::of(material, form, person),
            chat_start: section(Source::ChatStart, chat_start),
            history,
            nudge: group::nudge(material, form, person),
            author_notes: author_notes(material, form, &voices.scenario),
            post_history: post_history(material, form, &voices),
            impersonation: impersonation(material, form, person),
            tail,
            scan: None,
            lore: BTreeMap::new(),
            material,
            settings,
            seed,
            voices,
        };
        draft.survey_lore();
        draft.voices.check_growth()?;
        Ok(draft)
    }

    /// Every text whose tokens [`Draft::fit`] asks for: the fixed parts first, then lore that may
    /// fire, then history from the newest message on. Messages that can't fit are left out.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        let lore = self.lore.values();
        let examples = self.cards.examples.iter().flatten();
        let pieces = self
            .fixed()
            .chain(lore)
            .chain(self.memories.all())
            .chain(examples)
            .chain(&self.history);
        pieces.map(|piece| piece.text.as_ref()).collect()
    }

    /// Parts that are sent whatever the window, lore aside.
    pub(super) fn fixed(&self) -> impl Iterator<Item = &Piece<'a>> {
        let head = [&self.system_prompt, &self.persona];
        let cards = &self.cards;
        let of_cards = [&cards.description, &cards.personality, &cards.scenario];
        let rest = [
            &self.chat_start,
            &self.nudge,
            &self.post_history,
            &self.impersonation,
            &self.tail,
        ];
        let notes = cards.notes.iter().chain(&self.author_notes);
        let head = head.into_iter().flatten();
        let of_cards = of_cards.into_iter().flatten();
        head.chain(of_cards)
            .chain(rest.into_iter().flatten())
            .chain(notes.map(|(_, piece)| piece))
    }

    fn survey_lore(&mut self) {
        let Some(matcher) = self.material.lore else {
            return;
        };
        let newest_first = self.material.history.iter().rev();
        let messages = newest_first
            .map(|turn| ScanMessage {
                name: speaker(turn, self.voices.card()),
                text: &turn.text,
            })
            .collect::<Vec<_>>();
        // What a person filled in means itself, also within a pattern.
        let escaped = self.material.filled.map(Filled::escaped);
        let expand = |entry: usize, key: &str, is_pattern: bool| {
            let macros = self.voices.of_entry(entry);
            let in_pattern = escaped.as_ref().filter(|_| is_pattern);
            let expanded = match in_pattern {
                None => macros.render(key, Purpose::Prompt),
                Some(_) => Macros {
                    filled: in_pattern,
                    ..macros.clone()
                }
                .render(key, Purpose::Prompt),
            };
            expanded.into_owned()
        };
        let scan = Scan::new(
            matcher,
            &self.settings.lore,
            messages.into_iter(),
            scan_texts(self.material, &self.voices),
            &expand,
            self.seed,
        );
        let entries = &matcher.book().entries;
        let surveyed = scan.survey(&mut |index| self.searched_text(index));
        for index in surveyed {
            let macros = self.voices.of_entry(index);
            let text = macros.render(&entries[index].content, Purpose::Prompt);
            let role = match entries[index].placement {
                Placement::Depth { role, .. } => role,
                _ => Role::System,
            };
            let source = Source::Lore { entry: index };
            if let Some(piece) = spoken(self.settings.form, source, role, &text, macros) {
                self.lore.insert(index, piece);
            }
        }
        self.scan = Some(scan);
    }

    /// A lorebook entry's text as the keys of others are looked for in it.
    pub(super) fn searched_text(&self, index: usize) -> String {
        let Some(matcher) = self.material.lore else {
            return String::new();
        };
        let entry = matcher.book().entries.get(index);
        let content = entry.map_or("", |entry| entry.content.as_str());
        let macros = self.voices.of_entry(index);
        let growth = growth::of_searched_text();
        let text = macros.render_within(content, Purpose::Search, &growth);
        text.into_owned()
    }
}

fn scan_texts(material: &Material<'_>, voices: &Voices<'_>) -> ScanTexts {
    let growth = growth::of_prompt();
    let render = |macros: &Macros<'_>, text: &str| {
        let text = macros.render_within(text, Purpose::Search, &growth);
        text.into_owned()
    };
    let (own, person) = (voices.card(), voices.person());
    let card = |text: &str| render(own, text);
    let told = voices.of_scenario(material);
    let is_assistant = |turn: &&Turn<'_>| turn.role == Role::Assistant;
    let count = |messages: usize| u32::try_from(messages).unwrap_or(u32::MAX);
    let spoken = count(material.history.iter().filter(is_assistant).count());
    ScanTexts {
        persona_description: render(person, material.persona.description),
        character_description: card(&own.texts.description),
        character_personality: card(&own.texts.personality),
        character_depth_prompt: card(&own.texts.depth_prompt),
        scenario: render(told, &told.texts.scenario),
        is_scenario_brought: material.scenario.is_some(),
        blinds: voices.blinds(material),
        creator_notes: material.card.text(TextField::CreatorNotes).into_owned(),
        trigger: material.kind.trigger(),
        message_count: count(material.history.len()).saturating_add(material.earlier_message_count),
        assistant_count: spoken.saturating_add(material.earlier_assistant_count),
    }
}
