//! The sections that a card and a person both have a say in, and texts that stand in the history.

use super::{
    Form, Kind, Material, Settings, Source,
    piece::Piece,
    settings::{CHAT_SYSTEM_PROMPT, GROUP_SYSTEM_PROMPT, IMPERSONATION_PROMPT, TEXT_SYSTEM_PROMPT},
    voices::Voices,
};
use crate::domain::{
    card::Card,
    macros::{Macros, Purpose},
    role::Role,
};

pub(super) fn system_prompt<'a>(
    material: &Material<'_>,
    form: Form,
    voices: &Voices<'_>,
) -> Option<Piece<'a>> {
    let ours = match form {
        Form::Chat if material.group.is_some() => GROUP_SYSTEM_PROMPT,
        Form::Chat => CHAT_SYSTEM_PROMPT,
        Form::Text => TEXT_SYSTEM_PROMPT,
    };
    let persons = material.system_prompt.unwrap_or(ours);
    overridable(
        &voices.card().texts.system_prompt,
        persons,
        voices,
        |from_card, text| {
            Piece::section(form, Source::SystemPrompt { from_card }, Role::System, text)
        },
    )
}

pub(super) fn post_history<'a>(
    material: &Material<'_>,
    form: Form,
    voices: &Voices<'_>,
) -> Option<Piece<'a>> {
    let of_card = &voices.card().texts.post_history_instructions;
    overridable(
        of_card,
        material.post_history_instructions,
        voices,
        |from_card, text| {
            Piece::section(form, Source::PostHistory { from_card }, Role::System, text)
        },
    )
}

/// What tells a chat model, which otherwise plays the character, to write in the person's place. A text says it by the name that
/// it ends with.
pub(super) fn impersonation<'a>(
    material: &Material<'_>,
    form: Form,
    macros: &Macros<'_>,
) -> Option<Piece<'a>> {
    if material.kind != Kind::Impersonate || form != Form::Chat {
        return None;
    }
    let text = macros.render(IMPERSONATION_PROMPT, Purpose::Prompt);
    Piece::section(form, Source::Impersonation, Role::System, &text)
}

/// The card's text, which may quote the person's as `{{original}}`, or else the person's.
fn overridable<'a>(
    of_card: &str,
    of_person: &str,
    voices: &Voices<'_>,
    piece: impl Fn(bool, &str) -> Option<Piece<'a>>,
) -> Option<Piece<'a>> {
    let original = voices.person().render(of_person, Purpose::Prompt);
    if of_card.trim().is_empty() {
        return piece(false, &original);
    }
    piece(true, &voices.card().render_over(of_card, &original))
}

/// The personality or the scenario, in the words that the settings put around it, which are the person's.
pub(super) fn labelled<'a>(
    settings: &Settings,
    source: Source,
    macros: &Macros<'_>,
    person: &Macros<'_>,
) -> Option<Piece<'a>> {
    let (text, format, name) = match source {
        Source::Personality => {
            let format = &settings.personality_format;
            (&macros.texts.personality, format, "{{personality}}")
        }
        _ => (
            &macros.texts.scenario,
            &settings.scenario_format,
            "{{scenario}}",
        ),
    };
    let render = |text| person.render(text, Purpose::Prompt);
    let text = macros.render(text, Purpose::Prompt);
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let whole = match format.split_once(name) {
        Some((before, after)) => [&*render(before), text, &*render(after)].concat(),
        None => render(format).into_owned(),
    };
    Piece::section(settings.form, source, Role::System, &whole)
}

/// What a card wants to be said within the history, with its depth.
pub(super) fn note<'a>(card: &Card, form: Form, macros: &Macros<'_>) -> Option<(u32, Piece<'a>)> {
    let note = card.depth_prompt()?;
    let text = macros.render(&note.text, Purpose::Prompt);
    Some((
        note.depth,
        spoken(form, Source::CharacterNote, note.role, &text, macros)?,
    ))
}

/// The notes of a scenario's author, each with its depth.
pub(super) fn author_notes<'a>(
    material: &Material<'_>,
    form: Form,
    macros: &Macros<'_>,
) -> Vec<(u32, Piece<'a>)> {
    let notes = material.notes.iter().enumerate();
    let notes = notes.filter_map(|(place, note)| {
        let text = macros.render(&note.text, Purpose::Prompt);
        let source = Source::AuthorNote { place };
        Some((note.depth, spoken(form, source, note.role, &text, macros)?))
    });
    notes.collect()
}

/// A text that stands in the history. In a transcript people speak under their names.
pub(super) fn spoken<'a>(
    form: Form,
    source: Source,
    role: Role,
    text: &str,
    macros: &Macros<'_>,
) -> Option<Piece<'a>> {
    match (form, role) {
        (Form::Chat, _) | (Form::Text, Role::System) => Piece::section(form, source, role, text),
        (Form::Text, Role::User) => Piece::section(
            form,
            source,
            role,
            &format!("{}: {}", macros.user, text.trim()),
        ),
        (Form::Text, Role::Assistant) => Piece::section(
            form,
            source,
            role,
            &format!("{}: {}", macros.char, text.trim()),
        ),
    }
}
