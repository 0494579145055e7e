//! Sessions, branches and how replies are generated.

use prost_types::FieldMask;
use service::{fields, masked};
use tonic::Status;
use troupe_proto::roleplay as pb;

use crate::application::{NewSession, SessionPatch};
use crate::domain::session::{Branch, ReplySettings, Session, Setting};

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
            update_time: Some(session.update_time.into()),
        }
    }
}

impl From<Branch> for pb::Branch {
    fn from(branch: Branch) -> Self {
        Self {
            id: branch.id.to_string(),
            session_id: branch.session_id.to_string(),
            title: branch.title,
            head_message_id: branch.head.map(|id| id.to_string()).unwrap_or_default(),
            create_time: Some(branch.create_time.into()),
            update_time: Some(branch.update_time.into()),
        }
    }
}

impl From<ReplySettings> for pb::GenerationSettings {
    fn from(settings: ReplySettings) -> Self {
        let most = settings.max_tokens;
        Self {
            max_tokens: most.map(|most| i32::try_from(most).unwrap_or(i32::MAX)),
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

const CHARACTER: &str = "character_id";

/// The contract's names of the settings.
const SETTINGS: [(&str, Setting); 9] = [
    ("settings.max_tokens", Setting::MaxTokens),
    ("settings.temperature", Setting::Temperature),
    ("settings.top_p", Setting::TopP),
    ("settings.top_k", Setting::TopK),
    ("settings.min_p", Setting::MinP),
    ("settings.repetition_penalty", Setting::RepetitionPenalty),
    ("settings.seed", Setting::Seed),
    ("settings.stop", Setting::Stop),
    ("settings.recall", Setting::Recall),
];

/// The session that is to be opened.
pub(crate) fn new_session(session: pb::Session) -> Result<NewSession, Status> {
    Ok(NewSession {
        character_id: fields::id("session.character_id", &session.character_id)?,
        persona_id: fields::optional_id("session.persona_id", &session.persona_id)?,
        title: fields::text("session.title", session.title)?,
        model_id: fields::text("session.model_id", session.model_id)?,
        settings: settings(session.settings.unwrap_or_default())?,
    })
}

/// The change of a session that an update asks for.
pub(crate) fn patch(session: pb::Session, mask: Option<FieldMask>) -> Result<SessionPatch, Status> {
    let settings = settings(session.settings.unwrap_or_default())?;
    let mut fields = vec![
        (CHARACTER, !session.character_id.is_empty()),
        ("title", !session.title.is_empty()),
        ("persona_id", !session.persona_id.is_empty()),
        ("model_id", !session.model_id.is_empty()),
    ];
    fields.extend(SETTINGS.map(|(name, setting)| (name, settings.has(setting))));
    let named = masked(mask, &fields)?;
    let is_named = |name: &str| named.contains(&name);
    let title = fields::text("session.title", session.title)?;
    let persona_id = fields::optional_id("session.persona_id", &session.persona_id)?;
    let model_id = fields::text("session.model_id", session.model_id)?;
    let changed = SETTINGS.iter().filter(|(name, _)| is_named(name));
    // An answer that is sent back has it, and so have all fields together.
    let character_id = Some(session.character_id).filter(|_| is_named(CHARACTER));
    let character_id = character_id.unwrap_or_default();
    Ok(SessionPatch {
        character_id: fields::optional_id("session.character_id", &character_id)?,
        title: is_named("title").then_some(title),
        persona_id: is_named("persona_id").then_some(persona_id),
        model_id: is_named("model_id").then_some(model_id),
        changed_settings: changed.map(|(_, setting)| *setting).collect(),
        settings,
    })
}

/// How replies are to be generated.
fn settings(settings: pb::GenerationSettings) -> Result<ReplySettings, Status> {
    let stop = settings
        .stop
        .into_iter()
        .map(|text| fields::text("session.settings.stop", text));
    Ok(ReplySettings {
        max_tokens: settings
            .max_tokens
            .and_then(|most| u32::try_from(most).ok()),
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
