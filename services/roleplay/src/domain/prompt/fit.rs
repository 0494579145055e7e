//! The second step: what fits the window, in which order it was promised room.

use super::{
    Draft, FitError, Form, LoreTrace, MemoryReport, Receipt, Settings, Source,
    assemble::{Kept, Placed},
    piece::Piece,
    stable::stable_bytes,
};
use crate::domain::{
    lorebook::{Activation, EntryTexts, Found, Matcher},
    role::Role,
};

/// What every reply costs beside its messages, as the field counts it.
const REPLY_PRIMER_TOKENS: u32 = 3;
/// How many parts an error names.
const NAMED_PARTS: usize = 3;

/// A message of a chat prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    /// Who speaks.
    pub role: Role,
    /// The speaker's name, where the settings ask for it.
    pub name: Option<String>,
    /// The text.
    pub content: String,
}

/// What the model is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Messages with roles.
    Chat {
        /// In their order.
        messages: Vec<ChatMessage>,
        /// The last message is the beginning of the reply: the model goes on from it.
        continues_last: bool,
        /// Where the reply ends; nothing where there is one character, whose roles say enough.
        stop: Vec<String>,
    },
    /// A text to go on from. What the model writes after a name begins with a space.
    Text {
        /// The text.
        prompt: String,
        /// Where the reply ends.
        stop: Vec<String>,
    },
}

/// A prompt that fits, and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    /// What the model is sent.
    pub prompt: Prompt,
    /// Where each part comes from and why.
    pub receipt: Receipt,
    /// How many bytes of the prompt, from its beginning, the next prompts of the session are likely to begin with too: of the
    /// text, or of the contents of the messages one after another.
    pub stable_bytes: usize,
}

impl Draft<'_> {
    /// Fits the draft into the window: fixed parts first, lore within its budget, the newest
    /// message, memories within theirs, then history from new to old until one message doesn't
    /// fit, then examples.
    /// `count` says how many tokens a text has, for each of [`Draft::texts`].
    ///
    /// # Errors
    /// The parts that can't be left out don't fit.
    pub fn fit(&self, count: impl Fn(&str) -> u32) -> Result<Compiled, FitError> {
        let settings = self.settings;
        let reserved = settings
            .max_reply_tokens
            .saturating_add(REPLY_PRIMER_TOKENS);
        let available = settings
            .window_tokens
            .checked_sub(reserved)
            .filter(|left| *left > 0);
        let available = available.ok_or(FitError::NoRoom {
            max_reply_tokens: settings.max_reply_tokens,
            window_tokens: settings.window_tokens,
        })?;
        let overhead = match settings.form {
            Form::Chat => settings.message_overhead_tokens,
            Form::Text => 0,
        };
        let meter = Meter {
            count: &count,
            overhead,
        };
        let activation = self.decide_lore(&meter);
        let mut left = self.room_beside_fixed(available, &activation, &meter)?;
        let mut kept = Kept {
            messages: Vec::new(),
            example_blocks: 0,
            memories: Vec::new(),
        };
        if settings.pin_examples {
            self.keep_examples(&mut kept, &mut left, &meter);
        }
        let memory = self.keep_memories(&mut kept, &mut left, &|piece| meter.cost(piece));
        self.keep_history(&mut kept, &mut left, &meter);
        if !settings.pin_examples {
            self.keep_examples(&mut kept, &mut left, &meter);
        }
        let placed = self.in_order(&kept, &activation, &|piece| meter.cost(piece));
        Ok(self.compiled(&placed, &kept, activation, memory, &meter))
    }

    fn decide_lore(&self, meter: &Meter<'_>) -> Activation {
        let none = Activation {
            reasons: Vec::new(),
            fired: Vec::new(),
            used_tokens: 0,
            budget_tokens: 0,
        };
        let (Some(scan), Some(matcher)) = (&self.scan, self.material.lore) else {
            return none;
        };
        let share =
            u64::from(self.settings.window_tokens) * u64::from(self.settings.lore.budget_percent);
        let share = u32::try_from((share + 50) / 100).unwrap_or(u32::MAX).max(1);
        let budget = matcher
            .book()
            .token_budget
            .map_or(share, |cap| share.min(cap));
        let texts = EntryTexts {
            searched: &mut |index| self.searched_text(index),
            tokens: &mut |index| self.lore.get(&index).map_or(0, |piece| meter.cost(piece)),
        };
        scan.decide(budget, texts)
    }

    /// Tokens that are left for history and examples.
    fn room_beside_fixed(
        &self,
        available_tokens: u32,
        activation: &Activation,
        meter: &Meter<'_>,
    ) -> Result<u32, FitError> {
        let newest = self
            .history
            .first()
            .filter(|_| !self.continues())
            .map(|piece| meter.cost(piece));
        let lore = activation.used_tokens;
        let parts = self
            .fixed()
            .map(|piece| (piece.source.name().to_owned(), meter.cost(piece)));
        let mut parts: Vec<(String, u32)> = parts.collect();
        let fixed_tokens = sum(parts.iter().map(|(_, tokens)| *tokens)).saturating_add(lore);
        let needed_tokens = fixed_tokens.saturating_add(newest.unwrap_or(0));
        if needed_tokens <= available_tokens {
            return Ok(available_tokens - fixed_tokens);
        }
        parts.push(("lorebook".to_owned(), lore));
        parts.push(("newest message".to_owned(), newest.unwrap_or(0)));
        parts.sort_by_key(|(_, tokens)| std::cmp::Reverse(*tokens));
        parts.truncate(NAMED_PARTS);
        parts.retain(|(_, tokens)| *tokens > 0);
        Err(FitError::TooLarge {
            needed_tokens,
            available_tokens,
            biggest: parts,
        })
    }

    fn keep_history<'d>(&'d self, kept: &mut Kept<'d>, left: &mut u32, meter: &Meter<'_>) {
        for piece in &self.history {
            let cost = meter.cost(piece);
            let Some(rest) = left.checked_sub(cost) else {
                return;
            };
            *left = rest;
            kept.messages.push((piece, cost));
        }
    }

    /// Whole dialogues, from the first on.
    fn keep_examples<'d>(&'d self, kept: &mut Kept<'d>, left: &mut u32, meter: &Meter<'_>) {
        for block in &self.cards.examples {
            let cost = sum(block.iter().map(|piece| meter.cost(piece)));
            let Some(rest) = left.checked_sub(cost) else {
                return;
            };
            *left = rest;
            kept.example_blocks += 1;
        }
    }

    /// Whether the model goes on from a message that it began.
    pub(super) fn continues(&self) -> bool {
        self.tail
            .as_ref()
            .is_some_and(|tail| tail.source != Source::Cue)
    }

    fn compiled(
        &self,
        placed: &[Placed<'_>],
        kept: &Kept<'_>,
        activation: Activation,
        memory: MemoryReport,
        meter: &Meter<'_>,
    ) -> Compiled {
        let (prompt, spans) = self.written(placed);
        let sent = kept.messages.len() + usize::from(self.continues());
        let all = self.material.history.len() + self.material.earlier_messages();
        let Settings {
            form,
            merge_system_messages,
            ..
        } = self.settings;
        let slides = all > sent;
        let stable_bytes = stable_bytes(placed, &activation, *form, *merge_system_messages, slides);
        let receipt = Receipt {
            prompt_tokens: sum(spans.iter().map(|span| span.tokens))
                .saturating_add(REPLY_PRIMER_TOKENS),
            spans,
            lore_budget_tokens: activation.budget_tokens,
            lore: self.traces(activation, meter),
            memory,
            dropped_messages: all - sent,
            dropped_examples: self.cards.examples.len() - kept.example_blocks,
            kind: self.material.kind,
            seed: self.seed,
            session_seed: self.material.session_seed,
            now: self.material.now,
            idle_secs: self.material.idle_secs,
            model: self.material.model.to_owned(),
            settings: self.settings.clone(),
        };
        Compiled {
            prompt,
            receipt,
            stable_bytes,
        }
    }

    fn traces(&self, activation: Activation, meter: &Meter<'_>) -> Vec<LoreTrace> {
        let book = self.material.lore.map(Matcher::book);
        let entries = book.map_or(&[][..], |book| &book.entries);
        let reasons = activation.reasons.into_iter();
        let traces = entries
            .iter()
            .zip(reasons)
            .enumerate()
            .map(|(index, (entry, reason))| {
                let piece = self.lore.get(&index).filter(|_| reason.fired());
                LoreTrace {
                    entry: index,
                    id: entry.id.clone(),
                    book: book.and_then(|book| Some(book.book_of(index)?.to_string())),
                    title: entry.title().to_owned(),
                    message_id: reason.found().and_then(|found| self.message_id(found)),
                    placement: piece.map(|_| entry.placement.clone()),
                    tokens: piece.map_or(0, |piece| meter.cost(piece)),
                    reason,
                }
            });
        traces.collect()
    }

    fn message_id(&self, found: &Found) -> Option<String> {
        let Found::Message(from_newest) = found else {
            return None;
        };
        let turn = self.material.history.iter().rev().nth(*from_newest)?;
        Some(turn.id.to_string())
    }
}

/// Counts what a piece costs in the prompt.
struct Meter<'c> {
    count: &'c dyn Fn(&str) -> u32,
    /// Per message, in chat form.
    overhead: u32,
}

impl Meter<'_> {
    fn cost(&self, piece: &Piece<'_>) -> u32 {
        (self.count)(&piece.text).saturating_add(self.overhead)
    }
}

fn sum(tokens: impl Iterator<Item = u32>) -> u32 {
    tokens.fold(0, u32::saturating_add)
}
