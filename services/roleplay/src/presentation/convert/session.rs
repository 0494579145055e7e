//! Sessions, branches and how replies are generated.

use prost_types::FieldMask;
use service::{fields, masked};
use tonic::Status;
use troupe_proto::roleplay as pb;

use super::cast::{new_member, turn_choices};
use crate::application::{NewMember, NewSession, NewSessionOf, SessionPatch};
use crate::domain::session::{
    Branch, PromptChoice, PromptChoices, ReplySettings, Session, Setting, TurnChoice,
};

impl From<Session> for pb::Session {
    fn from(session: Session) -> Self {
        let running = session.running_generation_id.map(|id| id.to_string());
        let scenario_id = session.scenario.as_ref().and_then(|it| it.id);
        Self {
            id: session.id.to_string(),
            character_id: session
                .character_id
                .map(|id| id.to_string())
                .unwrap_or_default(),
            character_name: session.character_name,
            persona_id: session
                .me
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
            participant_id: session.me.id.to_string(),
            role: pb::ParticipantRole::from(session.me.role).into(),
            scenario_id: scenario_id.map(|id| id.to_string()).unwrap_or_default(),
            scenario_name: session.scenario.map(|it| it.name).unwrap_or_default(),
            cast: Vec::new(),
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
            prompt: Some(settings.prompt)
                .filter(|choices| !choices.is_silent())
                .map(Into::into),
            turns: Some(settings.turns)
                .filter(|choices| !choices.is_silent())
                .map(Into::into),
        }
    }
}

impl From<PromptChoices> for pb::PromptSettings {
    fn from(choices: PromptChoices) -> Self {
        let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        let position = choices.lore_before_character.map(|before| match before {
            true => pb::LorePosition::BeforeCharacter,
            false => pb::LorePosition::AfterCharacter,
        });
        Self {
            scan_depth: choices.scan_depth.map(number),
            lore_budget_percent: choices.lore_budget_percent.map(number),
            case_sensitive: choices.case_sensitive,
            match_whole_words: choices.match_whole_words,
            recursive_scanning: choices.recursive_scanning,
            max_recursion_steps: choices.max_recursion_steps.map(number),
            include_names: choices.include_names,
            lore_position: position.map(Into::into),
            personality_format: choices.personality_format,
            scenario_format: choices.scenario_format,
        }
    }
}

const CHARACTER: &str = "character_id";

/// The contract's names of the settings.
pub(super) const SETTINGS: [(&str, Setting); 23] = [
    ("settings.max_tokens", Setting::MaxTokens),
    ("settings.temperature", Setting::Temperature),
    ("settings.top_p", Setting::TopP),
    ("settings.top_k", Setting::TopK),
    ("settings.min_p", Setting::MinP),
    ("settings.repetition_penalty", Setting::RepetitionPenalty),
    ("settings.seed", Setting::Seed),
    ("settings.stop", Setting::Stop),
    ("settings.recall", Setting::Recall),
    choice("settings.prompt.scan_depth", PromptChoice::ScanDepth),
    choice(
        "settings.prompt.lore_budget_percent",
        PromptChoice::LoreBudgetPercent,
    ),
    choice(
        "settings.prompt.case_sensitive",
        PromptChoice::CaseSensitive,
    ),
    choice(
        "settings.prompt.match_whole_words",
        PromptChoice::MatchWholeWords,
    ),
    choice(
        "settings.prompt.recursive_scanning",
        PromptChoice::RecursiveScanning,
    ),
    choice(
        "settings.prompt.max_recursion_steps",
        PromptChoice::MaxRecursionSteps,
    ),
    choice("settings.prompt.include_names", PromptChoice::IncludeNames),
    choice(
        "settings.prompt.lore_position",
        PromptChoice::LoreBeforeCharacter,
    ),
    choice(
        "settings.prompt.personality_format",
        PromptChoice::PersonalityFormat,
    ),
    choice(
        "settings.prompt.scenario_format",
        PromptChoice::ScenarioFormat,
    ),
    turns("settings.turns.strategy", TurnChoice::Strategy),
    turns("settings.turns.self_replies", TurnChoice::SelfReplies),
    turns("settings.turns.cards", TurnChoice::Cards),
    turns("settings.turns.nudge_format", TurnChoice::NudgeFormat),
];

const fn choice(name: &str, choice: PromptChoice) -> (&str, Setting) {
    (name, Setting::Prompt(choice))
}

const fn turns(name: &str, choice: TurnChoice) -> (&str, Setting) {
    (name, Setting::Turns(choice))
}

/// The session that is to be opened, with the other characters.
pub(crate) fn new_session(session: pb::Session) -> Result<NewSession, Status> {
    Ok(NewSession {
        first: NewMember::of(fields::id("session.character_id", &session.character_id)?),
        persona_id: fields::optional_id("session.persona_id", &session.persona_id)?,
        title: fields::text("session.title", session.title)?,
        model_id: fields::text("session.model_id", session.model_id)?,
        settings: settings("session", session.settings.unwrap_or_default())?,
        others: new_members(session.cast)?,
        story: None,
    })
}

fn new_members(cast: Vec<pb::CastMember>) -> Result<Vec<NewMember>, Status> {
    cast.into_iter().map(new_member).collect()
}

/// What of a session is given that is started from a scenario.
pub(crate) fn started(session: pb::Session) -> Result<NewSessionOf, Status> {
    let settings = settings("session", session.settings.unwrap_or_default())?;
    let set = SETTINGS.into_iter().map(|(_, setting)| setting);
    Ok(NewSessionOf {
        character_id: fields::optional_id("session.character_id", &session.character_id)?,
        cast: new_members(session.cast)?,
        persona_id: fields::optional_id("session.persona_id", &session.persona_id)?,
        title: fields::text("session.title", session.title)?,
        model_id: fields::text("session.model_id", session.model_id)?,
        set: set.filter(|setting| settings.has(*setting)).collect(),
        settings,
    })
}

/// The change of a session that an update asks for.
pub(crate) fn patch(session: pb::Session, mask: Option<FieldMask>) -> Result<SessionPatch, Status> {
    let settings = settings("session", session.settings.unwrap_or_default())?;
    let mut fields = vec![
        (CHARACTER, !session.character_id.is_empty()),
        ("title", !session.title.is_empty()),
        ("persona_id", !session.persona_id.is_empty()),
        ("model_id", !session.model_id.is_empty()),
        // An answer that is sent back has it, empty.
        ("cast", false),
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

/// How replies are to be generated, as the request says it of a resource.
pub(crate) fn settings(
    resource: &str,
    settings: pb::GenerationSettings,
) -> Result<ReplySettings, Status> {
    let field = format!("{resource}.settings.stop");
    let stop = settings.stop.into_iter();
    let stop = stop.map(|text| fields::text(&field, text));
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
        prompt: prompt_choices(resource, settings.prompt.unwrap_or_default())?,
        turns: turn_choices(resource, settings.turns.unwrap_or_default())?,
    })
}

fn prompt_choices(resource: &str, settings: pb::PromptSettings) -> Result<PromptChoices, Status> {
    let count = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
    let is_before = |position| position == i32::from(pb::LorePosition::BeforeCharacter);
    let text = |name, text: Option<String>| {
        let field = format!("{resource}.settings.prompt.{name}");
        text.map(|it| fields::text(&field, it)).transpose()
    };
    Ok(PromptChoices {
        scan_depth: count(settings.scan_depth),
        lore_budget_percent: count(settings.lore_budget_percent),
        case_sensitive: settings.case_sensitive,
        match_whole_words: settings.match_whole_words,
        recursive_scanning: settings.recursive_scanning,
        max_recursion_steps: count(settings.max_recursion_steps),
        include_names: settings.include_names,
        lore_before_character: settings.lore_position.map(is_before),
        personality_format: text("personality_format", settings.personality_format)?,
        scenario_format: text("scenario_format", settings.scenario_format)?,
    })
}
