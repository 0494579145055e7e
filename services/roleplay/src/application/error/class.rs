//! What the caller learns of a failure.

use std::time::Duration;

use storage::database::Outage;
use troupe_proto::{Class, Classify, Reason, error};

use super::Error;
use crate::domain::card::CardError;
use crate::domain::scenario::ScenarioError;

/// About what it takes until one of several replies has ended.
const REPLY_TIME: Duration = Duration::from_secs(5);

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::NotFound(_) => Class::new(Reason::NotFound),
            Self::BranchSelected => Class::new(Reason::BranchSelected),
            Self::AvatarInvalid(_) => {
                Class::new(Reason::AvatarInvalid).violation("image", self.to_string())
            }
            Self::AvatarMissing => Class::new(Reason::AvatarMissing),
            Self::AvatarAddressInvalid(_) => Class::new(Reason::AvatarAddressInvalid),
            Self::AvatarUnreadable(_) => Class::new(Reason::AvatarUnreadable),
            Self::Invalid { field, description } => {
                Class::new(Reason::InvalidRequest).violation(*field, *description)
            }
            Self::RequestIdReused => Class::new(Reason::RequestIdReused)
                .violation(service::REQUEST_ID, "was used for another request"),
            Self::EtagMismatch(_) => Class::new(Reason::EtagMismatch),
            Self::At { field, error } => error.class().violation(*field, error.to_string()),
            Self::Card(error @ CardError::Downgrade) => {
                Class::new(Reason::CardInvalid).violation("spec", error.to_string())
            }
            Self::Card(_) => Class::new(Reason::CardInvalid),
            Self::Scenario(_) => Class::new(Reason::ScenarioInvalid),
            Self::Answers(error) => {
                let class = Class::new(Reason::BlanksUnfilled).fact("blanks", error.blanks());
                class.violation("answers", error.to_string())
            }
            Self::RoleOpen(role) => Class::new(Reason::RoleOpen).fact("role", role),
            Self::CardHidden(_) => Class::new(Reason::CardHidden),
            Self::ListingOff => Class::new(Reason::ListingOff),
            Self::Offset(error) => {
                Class::new(Reason::OffsetInvalid).violation("offset", error.to_string())
            }
            Self::TooManyScenarios(most) => {
                Class::new(Reason::TooManyScenarios).fact("limit", most)
            }
            Self::TooManyShareLinks(most) => {
                Class::new(Reason::TooManyShareLinks).fact("limit", most)
            }
            Self::GenerationRunning(id) => {
                Class::new(Reason::GenerationRunning).fact("generationId", id)
            }
            Self::Refused(refusal) => {
                Class::new(Reason::SessionRoleInsufficient).fact("role", refusal.role().name())
            }
            Self::InvitationInvalid => Class::new(Reason::InvitationInvalid),
            Self::SessionFull(_) => Class::new(Reason::SessionFull),
            Self::TooManyWaiting(_) => {
                Class::new(Reason::TooManyRepliesWaiting).retry_after(REPLY_TIME)
            }
            Self::Unsuitable(_) => Class::new(Reason::MessageUnsuitable),
            Self::CharacterDeleted => Class::new(Reason::CharacterDeleted),
            Self::NobodyToSpeak => Class::new(Reason::NobodyToSpeak),
            Self::Cast(_) => Class::new(Reason::CastUnsuitable),
            Self::PromptTooLong(_) => Class::new(Reason::PromptTooLong),
            Self::TooManyGenerations(_) => {
                Class::new(Reason::TooManyGenerations).retry_after(REPLY_TIME)
            }
            Self::ModelUnavailable { .. } => Class::new(Reason::ProviderUnavailable),
            Self::Stopping => Class::new(Reason::Unavailable),
            Self::Storage(fault) => fault.class(),
            Self::Files(error) => passing(error.passing()),
            Self::Vectors(error) => passing(error.passing()),
            Self::HeldUp(_) => passing(Some(self.to_string())),
            Self::Remote(status) => {
                Class::new(error::reason_of(status).unwrap_or(Reason::Internal))
            }
            Self::Orphaned(_) | Self::GenerationLost(_) => Class::internal(),
            Self::Embedding(_) | Self::Receipt(_) | Self::Task(_) => Class::internal(),
        }
    }
}

/// The failure of a store that may be over later, if there is a text that says so.
fn passing(text: Option<String>) -> Class {
    text.map_or_else(Class::internal, |text| {
        Class::new(Reason::Unavailable)
            .saying(text)
            .retry_after(Outage::RETRY_AFTER)
    })
}

/// The field of a scenario that is at fault.
pub(super) fn part_of_scenario(error: &ScenarioError) -> Option<&'static str> {
    let part = match error {
        ScenarioError::NoName => "name",
        ScenarioError::NamelessRole => "roles",
        ScenarioError::NoOptions { .. } | ScenarioError::BadDefault { .. } => "blanks",
        ScenarioError::TooMany { what, .. }
        | ScenarioError::SameName { what, .. }
        | ScenarioError::BadName { what, .. } => *what,
        ScenarioError::UnknownBlank { place, .. } => *place,
        ScenarioError::TooLarge { .. } | ScenarioError::Nul => return Some("scenario"),
        _ => return None,
    };
    Some(match part {
        "name" => "scenario.name",
        "tags" => "scenario.tags",
        "roles" => "scenario.cast",
        "lorebooks" => "scenario.lorebook_ids",
        "notes" | "a note" => "scenario.notes",
        "variables" | "variable" | "a variable" => "scenario.variables",
        "the premise" => "scenario.premise",
        "the opening" => "scenario.opening",
        "blanks" | "blank" | "options of a blank" => "scenario.blanks",
        _ => return None,
    })
}
