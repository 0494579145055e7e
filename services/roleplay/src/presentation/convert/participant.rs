//! Participants, their roles, and invitations.

use prost_types::FieldMask;
use service::{fields, masked};
use tonic::Status;
use troupe_proto::error::invalid_field;
use troupe_proto::roleplay as pb;

use crate::application::{NewInvitation, ParticipantPatch, Preview};
use crate::domain::invitation::Invitation;
use crate::domain::name;
use crate::domain::participant::{Participant, ParticipantRole};

/// The role that a request names.
pub(crate) fn role(role: pb::ParticipantRole) -> Option<ParticipantRole> {
    match role {
        pb::ParticipantRole::Unspecified => None,
        pb::ParticipantRole::Owner => Some(ParticipantRole::Owner),
        pb::ParticipantRole::Player => Some(ParticipantRole::Player),
        pb::ParticipantRole::Spectator => Some(ParticipantRole::Spectator),
    }
}

impl From<ParticipantRole> for pb::ParticipantRole {
    fn from(role: ParticipantRole) -> Self {
        match role {
            ParticipantRole::Owner => Self::Owner,
            ParticipantRole::Player => Self::Player,
            ParticipantRole::Spectator => Self::Spectator,
        }
    }
}

impl From<Participant> for pb::Participant {
    fn from(participant: Participant) -> Self {
        let name = shown_name(&participant);
        let seat = participant.seat;
        Self {
            id: seat.id.to_string(),
            session_id: participant.session_id.to_string(),
            user_id: seat.user_id.to_string(),
            role: pb::ParticipantRole::from(seat.role).into(),
            persona_id: seat.persona_id.map(|id| id.to_string()).unwrap_or_default(),
            name,
            create_time: Some(participant.create_time.into()),
            update_time: Some(participant.update_time.into()),
        }
    }
}

/// What the others see somebody called.
fn shown_name(participant: &Participant) -> String {
    let name = match &participant.persona {
        Some((name, _)) => name,
        None => &participant.seat.name,
    };
    name::spoken(name).into_owned()
}

impl From<Preview> for pb::InvitationPreview {
    fn from(preview: Preview) -> Self {
        let (invitation, inviter) = (preview.invitation, preview.inviter.as_ref());
        Self {
            inviter_name: inviter.map(shown_name).unwrap_or_default(),
            session_title: invitation.session_title,
            character_name: invitation.character_name,
            role: pb::ParticipantRole::from(invitation.role).into(),
            expire_time: Some(invitation.expire_time.into()),
        }
    }
}

/// The change of a participant that an update asks for.
pub(crate) fn patch(
    participant: &pb::Participant,
    mask: Option<FieldMask>,
) -> Result<ParticipantPatch, Status> {
    let asked = role(participant.role());
    let set = [
        ("role", asked.is_some()),
        ("persona_id", !participant.persona_id.is_empty()),
    ];
    let named = masked(mask, &set)?;
    if asked.is_none() && named.contains(&"role") {
        return Err(invalid_field("participant.role", "must say which role"));
    }
    let persona = fields::optional_id("participant.persona_id", &participant.persona_id)?;
    Ok(ParticipantPatch {
        role: asked.filter(|_| named.contains(&"role")),
        persona_id: named.contains(&"persona_id").then_some(persona),
    })
}

/// The invitation that is to be made.
pub(crate) fn new_invitation(invitation: &pb::Invitation) -> Result<NewInvitation, Status> {
    let most = invitation.max_use_count;
    Ok(NewInvitation {
        role: role(invitation.role()).unwrap_or(ParticipantRole::Player),
        user_id: fields::optional_id("invitation.user_id", &invitation.user_id)?,
        max_uses: most.and_then(|most| u32::try_from(most).ok()),
        expire_time: fields::time("invitation.expire_time", invitation.expire_time)?,
    })
}

impl From<Invitation> for pb::Invitation {
    fn from(invitation: Invitation) -> Self {
        let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        let invited = invitation.user_id.map(|id| id.to_string());
        Self {
            id: invitation.id.to_string(),
            session_id: invitation.session_id.to_string(),
            session_title: invitation.session_title,
            role: pb::ParticipantRole::from(invitation.role).into(),
            user_id: invited.unwrap_or_default(),
            inviter_participant_id: invitation.inviter_id.to_string(),
            max_use_count: invitation.max_uses.map(number),
            use_count: number(invitation.use_count),
            create_time: Some(invitation.create_time.into()),
            expire_time: Some(invitation.expire_time.into()),
        }
    }
}
