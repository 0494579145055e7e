//! Sessions, branches and how replies are generated.

use service::fields;
use tonic::Status;
use troupe_proto::roleplay as pb;

use crate::domain::session::{Branch, ReplySettings, Session};

impl From<Session> for pb::Session {
    fn from(session: Session) -> Self {
        let running = session.running_generation_id.map(|id| id.to_string());
        Self {
            id: session.id.to_string(),
            character_id: session
                .character_id
                .map(|id| id.to_string())
                .unwrap_or_default(),
            character_name: session.character_name,
            persona_id: session
                .persona_id
                .map(|id| id.to_string())
                .unwrap_or_default(),
            title: session.title,
            model_id: session.model_id,
            settings: Some(session.settings.into()),
            branch: Some(session.branch.into()),
            running_generation_id: running.unwrap_or_default(),
            create_time: Some(session.create_time.into()),
            last_use_time: Some(session.last_use_time.into()),
        }
    }
}

impl From<Branch> for pb::Branch {
    fn from(branch: Branch) -> Self {
        Self {
            id: branch.id.to_string(),
            title: branch.title,
            head_message_id: branch.head.map(|id| id.to_string()).unwrap_or_default(),
            create_time: Some(branch.create_time.into()),
        }
    }
}

impl From<ReplySettings> for pb::GenerationSettings {
    fn from(settings: ReplySettings) -> Self {
        let most = settings.max_tokens.unwrap_or(0);
        Self {
            max_tokens: i32::try_from(most).unwrap_or(i32::MAX),
            temperature: settings.temperature,
            top_p: settings.top_p,
            top_k: settings.top_k,
            min_p: settings.min_p,
            repetition_penalty: settings.repetition_penalty,
            seed: settings.seed,
            stop: settings.stop,
            recall: settings.recall,
        }
    }
}

/// How replies are to be generated.
pub(crate) fn settings(settings: pb::GenerationSettings) -> Result<ReplySettings, Status> {
    let stop = settings
        .stop
        .into_iter()
        .map(|text| fields::text("session.settings.stop", text));
    Ok(ReplySettings {
        max_tokens: u32::try_from(settings.max_tokens)
            .ok()
            .filter(|most| *most > 0),
        temperature: settings.temperature,
        top_p: settings.top_p,
        top_k: settings.top_k,
        min_p: settings.min_p,
        repetition_penalty: settings.repetition_penalty,
        seed: settings.seed,
        stop: stop.collect::<Result<_, _>>()?,
        recall: settings.recall,
    })
}
