//! The people of the session: who they are, inviting them, and leaving them.

use anyhow::{Context, Result, bail};
use troupe_proto::roleplay::{
    CreateInvitationRequest, DeleteParticipantRequest, Invitation, LeaveSessionRequest,
    ListParticipantsRequest, Participant, ParticipantRole,
};

use super::{Conversation, PAGE_LENGTH, refused};
use crate::chat::command::Invite;

impl Conversation<'_> {
    async fn people(&mut self) -> Result<Vec<Participant>> {
        let request = ListParticipantsRequest {
            session_id: self.session_id.clone(),
            page_size: PAGE_LENGTH,
            page_token: String::new(),
        };
        let page = self.api.participants.list_participants(request).await;
        Ok(page.map_err(refused)?.into_inner().participants)
    }

    /// Shows who takes part.
    pub(super) async fn list_people(&mut self) -> Result<()> {
        let me = self.session().await?.participant_id;
        for (index, person) in self.people().await?.iter().enumerate() {
            let mark = if person.id == me { '*' } else { ' ' };
            let (number, name) = (index + 1, name(person));
            self.screen.line(&format!(
                "{mark}{number:3}  {name} ({})",
                role(person.role())
            ))?;
        }
        Ok(())
    }

    /// Invites a person, or makes a code for whoever has it.
    pub(super) async fn invite(&mut self, invite: Invite) -> Result<()> {
        let role = match invite.watches {
            true => ParticipantRole::Spectator,
            false => ParticipantRole::Player,
        };
        let request = CreateInvitationRequest {
            session_id: self.session_id.clone(),
            invitation: Some(Invitation {
                role: role.into(),
                user_id: invite.user_id.unwrap_or_default(),
                ..Default::default()
            }),
            request_id: platform::id::RequestId::new().to_string(),
        };
        let made = self.api.invitations.create_invitation(request).await;
        let token = made.map_err(refused)?.into_inner().token;
        if token.is_empty() {
            return self.screen.note("Invited: /join shows it to them.");
        }
        self.screen
            .note("Whoever types this within 7 days takes part; it isn't shown again:")?;
        self.screen.line(&format!("/join {token}"))
    }

    /// Removes somebody, by their number in the list.
    pub(super) async fn remove(&mut self, number: usize) -> Result<()> {
        let people = self.people().await?;
        let person = people.get(number - 1);
        let person = person
            .with_context(|| format!("there is no person {number}; /people lists them"))?
            .clone();
        if person.id == self.session().await?.participant_id {
            bail!("that is you: /leave leaves the session");
        }
        let request = DeleteParticipantRequest {
            session_id: self.session_id.clone(),
            participant_id: person.id.clone(),
        };
        let removed = self.api.participants.delete_participant(request).await;
        removed.map_err(refused)?;
        let name = name(&person);
        self.screen.note(&format!(
            "{name} is removed, and no code from before lets them in again."
        ))
    }

    /// Leaves the session for good.
    pub(crate) async fn leave(&mut self) -> Result<()> {
        let request = LeaveSessionRequest {
            session_id: self.session_id.clone(),
            successor_participant_id: String::new(),
        };
        let left = self.api.participants.leave_session(request).await;
        left.map_err(refused)?;
        self.screen.note("You left the session.")
    }
}

fn name(person: &Participant) -> &str {
    match person.name.as_str() {
        "" => "somebody",
        name => name,
    }
}

fn role(role: ParticipantRole) -> &'static str {
    match role {
        ParticipantRole::Owner => "owner",
        ParticipantRole::Player => "player",
        ParticipantRole::Spectator => "spectator",
        ParticipantRole::Unspecified => "?",
    }
}
