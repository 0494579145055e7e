//! Where the part of a prompt ends that the next prompts of the session are likely to begin with too, so that a provider can keep it:
//! before the first part that comes and goes, or moves.

use super::{
    Form, Source,
    assemble::{Placed, joint},
};
use crate::domain::lorebook::{Activation, Reason};

/// The bytes of the stable part: of the text, or of the contents of messages one after another. `slides` says that messages have
/// fallen out of the window, and more will.
pub(super) fn stable_bytes(
    placed: &[Placed<'_>],
    activation: &Activation,
    form: Form,
    merge_system: bool,
    slides: bool,
) -> usize {
    let mut bytes = 0;
    let mut last: Option<&Placed<'_>> = None;
    for part in placed {
        if !is_stable(part, activation, slides) {
            break;
        }
        let before = last.filter(|_| form == Form::Chat);
        let between = before.and_then(|last| joint(last, part, merge_system));
        bytes += between.map_or(0, str::len) + part.piece.text.len();
        last = Some(part);
    }
    bytes
}

fn is_stable(part: &Placed<'_>, activation: &Activation, slides: bool) -> bool {
    if part.injected_at.is_some() {
        // It stays so far from the end, which moves on.
        return false;
    }
    match &part.piece.source {
        Source::SystemPrompt { .. }
        | Source::Persona
        | Source::Description
        | Source::Personality
        | Source::Scenario
        | Source::ExampleStart { .. }
        | Source::Example { .. }
        | Source::ChatStart => true,
        Source::Lore { entry } => {
            let reason = activation.reasons.get(*entry);
            matches!(reason, Some(Reason::Constant | Reason::Forced))
        }
        Source::Message { .. } => !slides,
        Source::MemoryStart
        | Source::Memory { .. }
        | Source::CharacterNote
        | Source::AuthorNote { .. }
        | Source::PostHistory { .. }
        | Source::Nudge
        | Source::Impersonation
        | Source::Cue => false,
    }
}
