//! Prompts and their receipts.

use troupe_proto::roleplay as pb;
use troupe_proto::types::ChatRole;

use crate::application::{CompiledPrompt, KeptReceipt, KeptSpeaker};
use crate::domain::lorebook::{Problem, Reason, entry_ids};
use crate::domain::prompt::{
    LoreTrace, MemoryReport, MemoryTrace, Prompt, Recall, Receipt, Source, Span,
};

impl From<CompiledPrompt> for pb::PreviewPromptResponse {
    fn from(compiled: CompiledPrompt) -> Self {
        let speaker = compiled.kept_speaker().map(speaker_trace);
        let (messages, text) = match compiled.prompt {
            Prompt::Chat { messages, .. } => (messages, String::new()),
            Prompt::Text { prompt, .. } => (Vec::new(), prompt),
        };
        let messages = messages.into_iter().map(|message| pb::PromptMessage {
            role: ChatRole::from(message.role).into(),
            content: message.content,
            name: message.name.unwrap_or_default(),
        });
        Self {
            messages: messages.collect(),
            text,
            receipt: Some(pb::PromptReceipt {
                speaker,
                ..receipt(compiled.receipt, compiled.estimated)
            }),
        }
    }
}

impl From<KeptReceipt> for pb::PromptReceipt {
    fn from(kept: KeptReceipt) -> Self {
        Self {
            settings: Some(kept.settings.into()),
            speaker: kept.speaker.map(speaker_trace),
            ..receipt(kept.receipt, kept.estimated)
        }
    }
}

fn receipt(receipt: Receipt, estimated: bool) -> pb::PromptReceipt {
    let ids = known_by(&receipt.lore);
    let spans = receipt.spans.into_iter().map(|part| span(part, &ids));
    let traces = receipt.lore.into_iter().zip(&ids);
    pb::PromptReceipt {
        spans: spans.collect(),
        lore: traces.map(|(trace, known)| lore(trace, known)).collect(),
        dropped_message_count: number(receipt.dropped_messages),
        // All 64 bits count, and no sign.
        seed: receipt.seed.cast_signed(),
        window_tokens: number(receipt.settings.window_tokens),
        reserved_tokens: number(receipt.settings.max_reply_tokens),
        estimated,
        memory: Some(memory_report(receipt.memory)),
        model_id: receipt.model,
        token_count: number(receipt.prompt_tokens),
        settings: None,
        speaker: None,
    }
}

fn speaker_trace(speaker: KeptSpeaker) -> pb::SpeakerTrace {
    pb::SpeakerTrace {
        character_id: speaker.id,
        name: speaker.name,
        reason: speaker.call.name().to_owned(),
    }
}

fn memory_report(report: MemoryReport) -> pb::MemoryReport {
    let (state, problem) = match report.recall {
        Recall::Off => (pb::RecallState::Off, String::new()),
        Recall::NotNeeded => (pb::RecallState::NotNeeded, String::new()),
        Recall::Recalled => (pb::RecallState::Recalled, String::new()),
        Recall::Unavailable { problem } => (pb::RecallState::Unavailable, problem),
    };
    pb::MemoryReport {
        state: state.into(),
        problem,
        budget_tokens: number(report.budget_tokens),
        memories: report.memories.into_iter().map(memory).collect(),
    }
}

fn memory(trace: MemoryTrace) -> pb::MemoryTrace {
    pb::MemoryTrace {
        memory_id: trace.id,
        message_id: trace.message_id.unwrap_or_default(),
        pinned: trace.pinned,
        score: trace.score,
        active: trace.outcome.is_in(),
        reason: trace.outcome.name().to_owned(),
        token_count: number(trace.tokens),
    }
}

/// By what an entry of lore is known.
#[derive(Clone, Default)]
struct Known {
    /// Its id in its book.
    id: String,
    /// The book's id.
    book: String,
}

/// By what the entries of a prompt are known. Those of a book stand together.
fn known_by(lore: &[LoreTrace]) -> Vec<Known> {
    let books = lore.chunk_by(|one, next| one.book == next.book);
    let known = books.flat_map(|of_book| {
        let ids = entry_ids(of_book.iter().map(|trace| trace.id.as_deref()));
        ids.into_iter().zip(of_book).map(|(id, trace)| Known {
            id,
            book: trace.book.clone().unwrap_or_default(),
        })
    });
    known.collect()
}

fn span(span: Span, lore: &[Known]) -> pb::PromptSpan {
    let known = match span.source {
        Source::Lore { entry } => lore.get(entry).cloned().unwrap_or_default(),
        ref source => Known {
            id: source.id().unwrap_or_default(),
            book: String::new(),
        },
    };
    pb::PromptSpan {
        source: span.source.name().to_owned(),
        source_id: known.id,
        role: ChatRole::from(span.role).into(),
        token_count: number(span.tokens),
        size_bytes: number(span.size_bytes),
        lorebook_id: known.book,
    }
}

fn lore(trace: LoreTrace, known: &Known) -> pb::LoreEntryTrace {
    let matched_key = match &trace.reason {
        Reason::Key { key, .. }
        | Reason::Excluded { key }
        | Reason::SecondaryNotMet { key }
        | Reason::PatternFailed { key, .. } => key.clone(),
        _ => String::new(),
    };
    pb::LoreEntryTrace {
        entry_id: known.id.clone(),
        name: trace.title,
        active: trace.reason.fired(),
        reason: reason_name(&trace.reason).to_owned(),
        matched_key,
        token_count: number(trace.tokens),
        lorebook_id: known.book.clone(),
    }
}

/// The names that the stored receipt has too.
fn reason_name(reason: &Reason) -> &'static str {
    match reason {
        Reason::Constant => "constant",
        Reason::Forced => "forced",
        Reason::Key { .. } => "key",
        Reason::Disabled => "disabled",
        Reason::EmptyContent => "empty_content",
        Reason::OtherTrigger => "other_trigger",
        Reason::TooEarly { .. } => "too_early",
        Reason::NotThisTurn => "not_this_turn",
        Reason::WaitsForRecursion => "waits_for_recursion",
        Reason::Suppressed => "suppressed",
        Reason::NoKeyMatched => "no_key_matched",
        Reason::NoUsableKey => "no_usable_key",
        Reason::PatternFailed { problem, .. } => match problem {
            Problem::Invalid => "pattern_invalid",
            Problem::TooLarge => "pattern_too_large",
            Problem::Unsupported => "pattern_unsupported",
            Problem::OutOfSteps => "pattern_out_of_steps",
        },
        Reason::Excluded { .. } => "excluded",
        Reason::SecondaryNotMet { .. } => "secondary_not_met",
        Reason::LostGroup { .. } => "lost_group",
        Reason::LostRoll { .. } => "lost_roll",
        Reason::OverBudget { .. } => "over_budget",
        Reason::NoPlace => "no_place",
    }
}

fn number<T: TryInto<i32>>(count: T) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}
