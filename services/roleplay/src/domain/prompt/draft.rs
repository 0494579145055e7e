//! The first step: macros expanded, candidates chosen, every text in the words that may be sent.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    FitError, Form, Group, GroupMember, Material, Settings, Source, Turn,
    examples::TEXT_SEPARATOR,
    group::{self, Cards},
    growth,
    history::{history, speaker},
    memory::Memories,
    piece::Piece,
    sections::{author_notes, impersonation, post_history, spoken, system_prompt},
};
use crate::domain::{
    card::TextField,
    lorebook::{Placement, Scan, ScanMessage, ScanTexts},
    macros::{Filled, LastMessages, MacroTexts, Macros, Purpose},
    name,
    role::Role,
};

const CHAT_START: &str = "[Start a new Chat]";
const GROUP_START: &str = "[Start a new group chat. Group members: {{group}}]";
const DEFAULT_USER: &str = "User";

/// A prompt before it is fitted into the window.
pub struct Draft<'a> {
    pub(super) material: &'a Material<'a>,
    pub(super) settings: &'a Settings,
    pub(super) seed: u64,
    pub(super) macros: Macros<'a>,
    /// Of each of several characters, as it means itself.
    pub(super) members: Vec<Macros<'a>>,
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
        let macros = macros(material, seed);
        let form = settings.form;
        let render = |text: &str| macros.render(text, Purpose::Prompt).into_owned();
        let section =
            |source, text: &str| Piece::section(form, source, Role::System, &render(text));
        let chat_start = match form {
            Form::Chat if material.group.is_some() => GROUP_START,
            Form::Chat => CHAT_START,
            Form::Text => TEXT_SEPARATOR,
        };
        let members = group::member_macros(material, &macros);
        let (history, tail) = history(material, settings, &macros);
        let mut draft = Self {
            system_prompt: system_prompt(material, form, &macros),
            persona: section(Source::Persona, material.persona.description),
            cards: Cards::of(material, settings, &macros, &members),
            memories: Memories::of(material, form, &macros),
            chat_start: section(Source::ChatStart, chat_start),
            history,
            nudge: group::nudge(material, form, &macros),
            author_notes: author_notes(material, form, &macros),
            post_history: post_history(material, form, &macros),
            impersonation: impersonation(material, form, &macros),
            tail,
            scan: None,
            lore: BTreeMap::new(),
            material,
            settings,
            seed,
            macros,
            members,
        };
        draft.survey_lore();
        draft.macros.growth.check()?;
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
                name: speaker(turn, &self.macros),
                text: &turn.text,
            })
            .collect::<Vec<_>>();
        // What a person filled in means itself, also within a pattern.
        let escaped = self.macros.filled.map(Filled::escaped);
        let in_pattern = escaped.as_ref().map(|filled| Macros {
            filled: Some(filled),
            ..self.macros.clone()
        });
        let expand = |key: &str, is_pattern: bool| {
            let in_pattern = in_pattern.as_ref().filter(|_| is_pattern);
            let macros = in_pattern.unwrap_or(&self.macros);
            macros.render(key, Purpose::Prompt).into_owned()
        };
        let scan = Scan::new(
            matcher,
            &self.settings.lore,
            messages.into_iter(),
            scan_texts(self.material, &self.macros),
            &expand,
            self.seed,
        );
        let entries = &matcher.book().entries;
        let surveyed = scan.survey(&mut |index| self.searched_text(index));
        for index in surveyed {
            let own = self.macros_of_entry(index);
            let text = own.render_within(
                &entries[index].content,
                Purpose::Prompt,
                &self.macros.growth,
            );
            let role = match entries[index].placement {
                Placement::Depth { role, .. } => role,
                _ => Role::System,
            };
            let source = Source::Lore { entry: index };
            if let Some(piece) = spoken(self.settings.form, source, role, &text, own) {
                self.lore.insert(index, piece);
            }
        }
        self.scan = Some(scan);
    }

    /// A lorebook entry's text as the keys of others are looked for in it.
    pub(super) fn searched_text(&self, index: usize) -> String {
        let entry = self
            .material
            .lore
            .and_then(|matcher| matcher.book().entries.get(index));
        let content = entry.map_or("", |entry| entry.content.as_str());
        let growth = growth::of_searched_text();
        let own = self.macros_of_entry(index);
        let text = own.render_within(content, Purpose::Search, &growth);
        text.into_owned()
    }

    /// The macros that hold in an entry: those of the character whose lorebook it is of.
    fn macros_of_entry(&self, index: usize) -> &Macros<'a> {
        let group = self.material.group.as_ref();
        let book = self
            .material
            .lore
            .and_then(|lore| lore.book().book_of(index));
        let owner = group.zip(book).and_then(|(group, book)| {
            let mut members = group.members.iter();
            // What several have is of who speaks.
            let is_own = |it: &&GroupMember<'_>| it.is_speaking && it.books.contains(&book);
            match members.clone().any(|it| is_own(&it)) {
                true => None,
                false => members.position(|it| it.books.contains(&book)),
            }
        });
        owner
            .and_then(|at| self.members.get(at))
            .unwrap_or(&self.macros)
    }
}

fn macros<'a>(material: &Material<'a>, seed: u64) -> Macros<'a> {
    let newest = |role: Option<Role>| {
        let mut turns = material.history.iter().rev();
        turns
            .find(|turn| role.is_none_or(|role| turn.role == role))
            .map_or("", |turn| &turn.text)
    };
    let user = name::spoken(material.persona.name);
    let mut texts = MacroTexts::of(material.card, material.persona.description);
    if let Some(scenario) = material.scenario {
        texts.scenario = Cow::Borrowed(scenario);
    }
    Macros {
        char: material.card.display_name(),
        user: match user.is_empty() {
            true => Cow::Borrowed(DEFAULT_USER),
            false => user,
        },
        group: material.group.as_ref().map(Group::names),
        texts,
        last: LastMessages {
            any: newest(None),
            user: newest(Some(Role::User)),
            character: newest(Some(Role::Assistant)),
            count: material.history.len() + material.earlier_messages(),
        },
        now: material.now,
        idle_secs: material.idle_secs,
        model: material.model,
        seed,
        session_seed: material.session_seed,
        filled: material.filled,
        growth: growth::of_prompt(),
    }
}

fn scan_texts(material: &Material<'_>, macros: &Macros<'_>) -> ScanTexts {
    let growth = growth::of_prompt();
    let render = |text: &str| {
        let text = macros.render_within(text, Purpose::Search, &growth);
        text.into_owned()
    };
    let is_assistant = |turn: &&Turn<'_>| turn.role == Role::Assistant;
    let count = |messages: usize| u32::try_from(messages).unwrap_or(u32::MAX);
    let spoken = count(material.history.iter().filter(is_assistant).count());
    ScanTexts {
        persona_description: render(&macros.texts.persona),
        character_description: render(&macros.texts.description),
        character_personality: render(&macros.texts.personality),
        character_depth_prompt: render(&macros.texts.depth_prompt),
        scenario: render(&macros.texts.scenario),
        creator_notes: material.card.text(TextField::CreatorNotes).into_owned(),
        trigger: material.kind.trigger(),
        message_count: count(material.history.len()).saturating_add(material.earlier_message_count),
        assistant_count: spoken.saturating_add(material.earlier_assistant_count),
    }
}
