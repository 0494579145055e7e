//! Events that rows know of: the same where they are told first and where they are told again.

use std::time::Duration;

use events::Retellable;
use platform::Timestamp;
use troupe_proto::Reason;
use troupe_proto::events::{
    CharacterCreated, GenerationEnded, GenerationKind, GenerationStarted, GenerationState,
    MessageOrigin, MessageWritten, SessionCreated,
};

use super::tell::Scene;
use crate::domain::generation::State;
use crate::domain::ids::{CharacterId, MessageId, UserId};
use crate::domain::prompt::Kind;
use crate::infrastructure::queries::history::GenerationRow;

/// A person got a character.
pub(super) fn character_created(
    id: CharacterId,
    user: UserId,
    time: Timestamp,
) -> Retellable<CharacterCreated> {
    Retellable {
        event: CharacterCreated {
            character_id: id.to_string(),
            user_id: user.to_string(),
        },
        of: id.to_string(),
        time,
    }
}

/// A session was opened.
pub(super) fn session_created(scene: Scene, time: Timestamp) -> Retellable<SessionCreated> {
    Retellable {
        event: SessionCreated {
            session_id: scene.session_id.to_string(),
            user_id: scene.user_id.to_string(),
            character_id: scene.character(),
        },
        of: scene.session_id.to_string(),
        time,
    }
}

/// A message got a text that no generation wrote.
pub(super) fn written(
    scene: Scene,
    message: MessageId,
    origin: MessageOrigin,
    time: Timestamp,
) -> Retellable<MessageWritten> {
    Retellable {
        event: MessageWritten {
            session_id: scene.session_id.to_string(),
            message_id: message.to_string(),
            user_id: scene.user_id.to_string(),
            character_id: scene.character(),
            generation_id: String::new(),
            origin: origin.into(),
            generation_kind: GenerationKind::Unspecified.into(),
            actor_user_id: scene.actor(),
        },
        of: format!("{message} {}", origin.as_str_name()),
        time,
    }
}

/// A generation began.
pub(super) fn started(row: &GenerationRow) -> Retellable<GenerationStarted> {
    let scene = Scene::from(row);
    Retellable {
        event: GenerationStarted {
            session_id: scene.session_id.to_string(),
            generation_id: row.id.to_string(),
            message_id: row.message_id.to_string(),
            user_id: scene.user_id.to_string(),
            character_id: scene.character(),
            kind: kind(row.kind).into(),
            model_id: row.model_id.clone(),
            actor_user_id: scene.actor(),
        },
        of: row.id.to_string(),
        time: row.create_time,
    }
}

/// A generation gave its message a text; none if it wrote nothing, or runs.
pub(super) fn generated(row: &GenerationRow) -> Option<Retellable<MessageWritten>> {
    let time = row.end_time.filter(|_| row.text_bytes > 0)?;
    let written = written(row.into(), row.message_id, MessageOrigin::Generated, time);
    Some(Retellable {
        event: MessageWritten {
            generation_id: row.id.to_string(),
            generation_kind: kind(row.kind).into(),
            ..written.event
        },
        of: row.id.to_string(),
        time,
    })
}

/// A generation ended; none if it runs.
pub(super) fn ended(
    row: &GenerationRow,
    first_token: Option<Duration>,
) -> Option<Retellable<GenerationEnded>> {
    let (time, scene) = (row.end_time?, Scene::from(row));
    Some(Retellable {
        event: GenerationEnded {
            session_id: scene.session_id.to_string(),
            generation_id: row.id.to_string(),
            message_id: row.message_id.to_string(),
            user_id: scene.user_id.to_string(),
            character_id: scene.character(),
            kind: kind(row.kind).into(),
            state: state(row.state).into(),
            model_id: row.model_id.clone(),
            reason: reason(row.error_reason.as_deref()).into(),
            start_time: Some(row.create_time.into()),
            end_time: Some(time.into()),
            time_to_first_token: first_token.and_then(|took| took.try_into().ok()),
            text_bytes: i32::try_from(row.text_bytes).unwrap_or(i32::MAX),
            actor_user_id: scene.actor(),
        },
        of: row.id.to_string(),
        time,
    })
}

fn kind(kind: Kind) -> GenerationKind {
    match kind {
        Kind::Reply => GenerationKind::Reply,
        Kind::Regenerate => GenerationKind::Regenerate,
        Kind::Continue => GenerationKind::Continue,
        Kind::Impersonate => GenerationKind::Impersonate,
    }
}

fn state(state: State) -> GenerationState {
    match state {
        State::Completed => GenerationState::Completed,
        State::Failed => GenerationState::Failed,
        State::Cancelled => GenerationState::Cancelled,
        State::Interrupted => GenerationState::Interrupted,
        // No event tells the end of one that runs or waits.
        State::Running | State::Pending => GenerationState::Unspecified,
    }
}

fn reason(name: Option<&str>) -> Reason {
    name.and_then(|name| Reason::from_str_name(&format!("REASON_{name}")))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_reason_of_a_failure_in_the_contract() {
        assert_eq!(
            reason(Some("PROVIDER_UNAVAILABLE")),
            Reason::ProviderUnavailable
        );
        assert_eq!(reason(None), Reason::Unspecified);
    }
}
