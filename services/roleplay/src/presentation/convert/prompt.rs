//! Prompts and their receipts.

use troupe_proto::roleplay as pb;
use troupe_proto::types::ChatRole;

use crate::application::{CompiledPrompt, KeptReceipt};
use crate::domain::lorebook::{Problem, Reason};
use crate::domain::prompt::{LoreTrace, MemoryReport, MemoryTrace, Prompt, Recall, Receipt, Span};

impl From<CompiledPrompt> for pb::PreviewPromptResponse {
    fn from(compiled: CompiledPrompt) -> Self {
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
            receipt: Some(receipt(compiled.receipt, compiled.estimated)),
        }
    }
}

impl From<KeptReceipt> for pb::PromptReceipt {
    fn from(kept: KeptReceipt) -> Self {
        Self {
            settings: Some(kept.settings.into()),
            ..receipt(kept.receipt, kept.estimated)
        }
    }
}

fn receipt(receipt: Receipt, estimated: bool) -> pb::PromptReceipt {
    pb::PromptReceipt {
        spans: receipt.spans.into_iter().map(span).collect(),
        lore: receipt.lore.into_iter().map(lore).collect(),
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

fn span(span: Span) -> pb::PromptSpan {
    pb::PromptSpan {
        source: span.source.name().to_owned(),
        source_id: span.source.id().unwrap_or_default(),
        role: ChatRole::from(span.role).into(),
        token_count: number(span.tokens),
        size_bytes: number(span.size_bytes),
    }
}

fn lore(trace: LoreTrace) -> pb::LoreEntryTrace {
    let matched_key = match &trace.reason {
        Reason::Key { key, .. }
        | Reason::Excluded { key }
        | Reason::SecondaryNotMet { key }
        | Reason::PatternFailed { key, .. } => key.clone(),
        _ => String::new(),
    };
    pb::LoreEntryTrace {
        entry_id: trace.id.unwrap_or_else(|| trace.entry.to_string()),
        name: trace.title,
        active: trace.reason.fired(),
        reason: reason_name(&trace.reason).to_owned(),
        matched_key,
        token_count: number(trace.tokens),
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
