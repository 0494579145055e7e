//! The order of a prompt's parts, and the words that come out.

use super::{ChatMessage, Draft, Form, Kind, Prompt, Span, Turn, piece::Piece};
use crate::domain::{
    lorebook::{Activation, Placement},
    role::Role,
};

/// Names at which a reply ends: with those that a person sets, services take 32 stop texts.
const MAX_STOPS: usize = 16;
/// Depth of the author's note, whose neighbours some lorebook entries are.
const NOTE_DEPTH: u32 = 4;

/// What of the draft fits.
pub(super) struct Kept<'d> {
    /// Newest first, with what each costs.
    pub(super) messages: Vec<(&'d Piece<'d>, u32)>,
    pub(super) example_blocks: usize,
    /// With the line that opens the section; empty if there are none.
    pub(super) memories: Vec<&'d Piece<'d>>,
}

/// A piece in its place.
pub(super) struct Placed<'d> {
    pub(super) piece: &'d Piece<'d>,
    tokens: u32,
    /// Pieces put into the history at one place share a message, if they share a role.
    pub(super) injected_at: Option<usize>,
}

/// A piece on its way into the history, before so many of its messages.
struct Injection<'d> {
    before_end: usize,
    /// Nearer to the end: assistant, user, system.
    rank: u8,
    piece: &'d Piece<'d>,
}

impl Draft<'_> {
    /// Every part in the order of the prompt.
    pub(super) fn in_order<'d>(
        &'d self,
        kept: &Kept<'d>,
        activation: &Activation,
        cost: &dyn Fn(&Piece<'_>) -> u32,
    ) -> Vec<Placed<'d>> {
        let mut pieces: Vec<&'d Piece<'d>> = self.head(activation);
        pieces.extend(self.lore_at(activation, &Placement::BeforeExamples));
        pieces.extend(
            self.cards
                .examples
                .iter()
                .take(kept.example_blocks)
                .flatten(),
        );
        pieces.extend(self.lore_at(activation, &Placement::AfterExamples));
        pieces.extend(&kept.memories);
        pieces.extend(&self.chat_start);
        let plain = |piece: &'d Piece<'d>| Placed {
            piece,
            tokens: cost(piece),
            injected_at: None,
        };
        let mut placed: Vec<Placed<'d>> = pieces.into_iter().map(plain).collect();
        let mut injections = self
            .injections(kept.messages.len(), activation)
            .into_iter()
            .peekable();
        for before_end in (0..=kept.messages.len()).rev() {
            while let Some(injection) = injections.next_if(|next| next.before_end == before_end) {
                let piece = injection.piece;
                placed.push(Placed {
                    piece,
                    tokens: cost(piece),
                    injected_at: Some(before_end),
                });
            }
            if let Some(&(piece, tokens)) = before_end
                .checked_sub(1)
                .and_then(|at| kept.messages.get(at))
            {
                placed.push(Placed {
                    piece,
                    tokens,
                    injected_at: None,
                });
            }
        }
        let end = self.nudge.iter().chain(&self.post_history);
        let end = end.chain(&self.impersonation);
        placed.extend(end.chain(&self.tail).map(plain));
        placed
    }

    /// From the system prompt to the scenario, with the lore among them. A text names the persona
    /// last, a chat first, as `SillyTavern`'s defaults do.
    fn head<'d>(&'d self, activation: &Activation) -> Vec<&'d Piece<'d>> {
        let lore = |placement: Placement| self.lore_at(activation, &placement);
        let is_chat = self.settings.form == Form::Chat;
        let mut head: Vec<&'d Piece<'d>> = self.system_prompt.iter().collect();
        head.extend(lore(Placement::BeforeCharacter));
        head.extend(self.persona.iter().filter(|_| is_chat));
        head.extend(lore(Placement::BeforeDescription));
        head.extend(&self.cards.description);
        head.extend(lore(Placement::AfterDescription));
        head.extend(&self.cards.personality);
        head.extend(lore(Placement::AfterPersonality));
        head.extend(&self.cards.scenario);
        head.extend(lore(Placement::AfterScenario));
        head.extend(lore(Placement::AfterCharacter));
        head.extend(self.persona.iter().filter(|_| !is_chat));
        head
    }

    fn lore_at<'d>(&'d self, activation: &Activation, placement: &Placement) -> Vec<&'d Piece<'d>> {
        let Some(matcher) = self.material.lore else {
            return Vec::new();
        };
        let entries = &matcher.book().entries;
        let here = activation
            .fired
            .iter()
            .filter(|index| entries[**index].placement == *placement);
        here.filter_map(|index| self.lore.get(index)).collect()
    }

    /// In the order of the prompt. A depth beyond the history is its beginning; a message that
    /// the model continues is the end.
    fn injections<'d>(&'d self, messages: usize, activation: &Activation) -> Vec<Injection<'d>> {
        let continued = u32::from(self.continues());
        let place = |depth: u32| {
            usize::try_from(depth.saturating_sub(continued))
                .unwrap_or(usize::MAX)
                .min(messages)
        };
        let inject = |depth: u32, piece: &'d Piece<'d>| Injection {
            before_end: place(depth),
            rank: match piece.role {
                Role::Assistant => 0,
                Role::User => 1,
                Role::System => 2,
            },
            piece,
        };
        let mut injections = Vec::new();
        let beside_note = |placement| {
            let lore = self.lore_at(activation, &placement);
            lore.into_iter().map(|piece| inject(NOTE_DEPTH, piece))
        };
        injections.extend(beside_note(Placement::NoteTop));
        let notes = self.author_notes.iter();
        injections.extend(notes.map(|(depth, piece)| inject(*depth, piece)));
        injections.extend(beside_note(Placement::NoteBottom));
        let notes = self.cards.notes.iter();
        injections.extend(notes.map(|(depth, piece)| inject(*depth, piece)));
        let entries = self
            .material
            .lore
            .map_or(&[][..], |matcher| &matcher.book().entries);
        for index in &activation.fired {
            if let (Placement::Depth { depth, .. }, Some(piece)) =
                (&entries[*index].placement, self.lore.get(index))
            {
                injections.push(inject(*depth, piece));
            }
        }
        injections
            .sort_by_key(|injection| (std::cmp::Reverse(injection.before_end), injection.rank));
        injections
    }

    pub(super) fn written(&self, placed: &[Placed<'_>]) -> (Prompt, Vec<Span>) {
        match self.settings.form {
            Form::Chat => {
                let (messages, spans) = chat(placed, self.settings.merge_system_messages);
                (
                    Prompt::Chat {
                        messages,
                        continues_last: self.continues(),
                        stop: match self.material.group {
                            Some(_) => self.stop(),
                            None => Vec::new(),
                        },
                    },
                    spans,
                )
            }
            Form::Text => {
                let (prompt, spans) = text(placed);
                (
                    Prompt::Text {
                        prompt,
                        stop: self.stop(),
                    },
                    spans,
                )
            }
        }
    }

    /// A reply ends where someone else begins to speak. What separates transcripts also breaks scenes, so it ends nothing. Of many
    /// names the newest speakers' count: services take so many stop texts.
    fn stop(&self) -> Vec<String> {
        let names = self.voices.card();
        let (user, char) = (names.user.as_ref(), names.char.as_ref());
        let own = match self.material.kind {
            Kind::Impersonate => user,
            Kind::Reply | Kind::Regenerate | Kind::Continue => char,
        };
        let is_other = |turn: &&Turn<'_>| match (self.material.group, self.material.kind) {
            (Some(_), _) => turn.role != Role::System,
            (None, Kind::Impersonate) => turn.role == Role::Assistant,
            (None, _) => turn.role == Role::User,
        };
        let newest_first = self.material.history.iter().rev().filter(is_other);
        let spoken = newest_first.map(|turn| turn.name.trim());
        let all = [user, char].into_iter().chain(spoken);
        let mut names: Vec<&str> = Vec::new();
        for name in all.chain(self.voices.names()) {
            if !name.is_empty() && name != own && !names.contains(&name) {
                names.push(name);
            }
        }
        names.truncate(MAX_STOPS);
        names.into_iter().map(|name| format!("\n{name}:")).collect()
    }
}

fn chat(placed: &[Placed<'_>], merge_system: bool) -> (Vec<ChatMessage>, Vec<Span>) {
    let mut messages: Vec<ChatMessage> = Vec::new();
    let mut spans = Vec::with_capacity(placed.len());
    let mut last: Option<&Placed<'_>> = None;
    for part in placed {
        let joint = last.and_then(|last| joint(last, part, merge_system));
        match (messages.last_mut(), joint) {
            (Some(message), Some(joint)) => {
                message.content.push_str(joint);
                message.content.push_str(&part.piece.text);
            }
            _ => messages.push(ChatMessage {
                role: part.piece.role,
                name: part.piece.name.clone(),
                content: part.piece.text.to_string(),
            }),
        }
        spans.push(span(part, messages.len() - 1));
        last = Some(part);
    }
    (messages, spans)
}

/// What stands between two parts that share a message; `None` if they don't.
pub(super) fn joint(
    last: &Placed<'_>,
    next: &Placed<'_>,
    merge_system: bool,
) -> Option<&'static str> {
    let same_place = last.injected_at.is_some() && last.injected_at == next.injected_at;
    if same_place && last.piece.role == next.piece.role {
        return Some("\n");
    }
    let is_plain_system =
        |part: &Placed<'_>| part.piece.role == Role::System && part.piece.name.is_none();
    (merge_system && is_plain_system(last) && is_plain_system(next)).then_some("\n\n")
}

fn text(placed: &[Placed<'_>]) -> (String, Vec<Span>) {
    let mut prompt = String::with_capacity(placed.iter().map(|part| part.piece.text.len()).sum());
    let mut spans = Vec::with_capacity(placed.len());
    for part in placed {
        spans.push(span(part, prompt.len()));
        prompt.push_str(&part.piece.text);
    }
    (prompt, spans)
}

fn span(part: &Placed<'_>, position: usize) -> Span {
    Span {
        source: part.piece.source.clone(),
        role: part.piece.role,
        position,
        tokens: part.tokens,
        size_bytes: part.piece.text.len(),
    }
}
