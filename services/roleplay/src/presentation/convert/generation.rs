//! Generations and what watchers see of them.

use troupe_proto::roleplay as pb;
use troupe_proto::types::{FinishReason, TokenUsage};

use crate::domain::generation::{Finish, Generation, State};
use crate::domain::watch::Event;

impl From<Generation> for pb::Generation {
    fn from(generation: Generation) -> Self {
        let state = match generation.state {
            State::Pending => pb::GenerationState::Pending,
            State::Running => pb::GenerationState::Running,
            State::Completed => pb::GenerationState::Completed,
            State::Cancelled => pb::GenerationState::Cancelled,
            State::Interrupted => pb::GenerationState::Interrupted,
            State::Failed => pb::GenerationState::Failed,
        };
        Self {
            id: generation.id.to_string(),
            session_id: generation.session_id.to_string(),
            message_id: generation.message_id.to_string(),
            state: state.into(),
            next_offset: offset(generation.text.len()),
            text: generation.text,
            finish_reason: finish_reason(generation.finish).into(),
            error: generation.failure.map(|failure| pb::GenerationError {
                reason: failure.reason,
                message: failure.message,
            }),
            model_id: generation.model_id,
            usage: generation.usage.map(|usage| TokenUsage {
                prompt_tokens: usage.prompt_tokens,
                cached_tokens: usage.cached_tokens,
                completion_tokens: usage.completion_tokens,
                cost_pico_usd: usage.cost_pico_usd,
                estimated: usage.estimated,
                ..TokenUsage::default()
            }),
            create_time: Some(generation.create_time.into()),
            end_time: generation.end_time.map(Into::into),
            participant_id: generation
                .participant_id
                .map(|id| id.to_string())
                .unwrap_or_default(),
            next_generation_id: generation
                .next_id
                .map(|id| id.to_string())
                .unwrap_or_default(),
        }
    }
}

impl From<Event> for pb::GenerationEvent {
    fn from(event: Event) -> Self {
        use pb::generation_event::Event as Proto;
        let event = match event {
            Event::Started {
                generation,
                user_message,
                message,
            } => Proto::Started(pb::GenerationStarted {
                generation: Some((*generation).into()),
                user_message: user_message.map(|message| (*message).into()),
                message: Some((*message).into()),
            }),
            Event::Delta {
                offset: start,
                text,
            } => Proto::Delta(pb::TextDelta {
                offset: offset(start),
                next_offset: offset(start + text.len()),
                text,
            }),
            Event::Ended {
                generation,
                message,
            } => Proto::Ended(pb::GenerationEnded {
                generation: Some((*generation).into()),
                message: Some((*message).into()),
            }),
        };
        Self { event: Some(event) }
    }
}

fn finish_reason(finish: Option<Finish>) -> FinishReason {
    match finish {
        Some(Finish::Stop) => FinishReason::Stop,
        Some(Finish::Length) => FinishReason::Length,
        None => FinishReason::Unspecified,
    }
}

fn offset(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}
