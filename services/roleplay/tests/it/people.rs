//! People who take part in one another's sessions: what they ask for, in few words.

use mesh::Channel;
use tonic::Status;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::ParticipantRole as Role;
use troupe_proto::roleplay::invitation_service_client::InvitationServiceClient;
use troupe_proto::roleplay::participant_service_client::ParticipantServiceClient;

use crate::stage::Person;

impl Person {
    pub(crate) fn participants(&self) -> ParticipantServiceClient<Channel> {
        ParticipantServiceClient::new(self.0.channel.clone())
    }

    pub(crate) fn invitations(&self) -> InvitationServiceClient<Channel> {
        InvitationServiceClient::new(self.0.channel.clone())
    }

    pub(crate) fn user_id(&self) -> String {
        self.0.user_id.unwrap().to_string()
    }

    pub(crate) async fn invite(
        &self,
        session: &str,
        invitation: pb::Invitation,
    ) -> Result<pb::CreateInvitationResponse, Status> {
        self.invite_by("", session, invitation).await
    }

    pub(crate) async fn invite_by(
        &self,
        request_id: &str,
        session: &str,
        invitation: pb::Invitation,
    ) -> Result<pb::CreateInvitationResponse, Status> {
        let request = pb::CreateInvitationRequest {
            session_id: session.to_owned(),
            invitation: Some(invitation),
            request_id: request_id.to_owned(),
        };
        let made = self
            .invitations()
            .create_invitation(self.ask(request))
            .await;
        Ok(made?.into_inner())
    }

    /// The token of a new link.
    pub(crate) async fn link(&self, session: &str, role: Role) -> String {
        self.invite(session, as_role(role)).await.unwrap().token
    }

    async fn accept(&self, request: pb::AcceptInvitationRequest) -> Result<pb::Session, Status> {
        let accepted = self
            .invitations()
            .accept_invitation(self.ask(request))
            .await;
        let accepted = accepted?.into_inner();
        let (session, part) = (accepted.session.unwrap(), accepted.participant.unwrap());
        assert_eq!(
            (part.user_id, &part.id),
            (self.user_id(), &session.participant_id)
        );
        Ok(session)
    }

    pub(crate) async fn join(&self, token: &str) -> Result<pb::Session, Status> {
        self.join_as(token, "").await
    }

    pub(crate) async fn join_as(&self, token: &str, persona: &str) -> Result<pb::Session, Status> {
        self.accept(pb::AcceptInvitationRequest {
            token: token.to_owned(),
            persona_id: persona.to_owned(),
            ..Default::default()
        })
        .await
    }

    pub(crate) async fn accept_id(&self, invitation: &str) -> Result<pb::Session, Status> {
        self.accept(pb::AcceptInvitationRequest {
            invitation_id: invitation.to_owned(),
            ..Default::default()
        })
        .await
    }

    /// Lets somebody into a session of this person. The id of the participant.
    pub(crate) async fn let_in(&self, session: &str, guest: &Person, role: Role) -> String {
        let token = self.link(session, role).await;
        let joined = guest.join(&token).await.unwrap();
        assert_eq!((joined.id.as_str(), joined.role()), (session, role));
        joined.participant_id
    }

    pub(crate) async fn people(&self, session: &str) -> Result<Vec<pb::Participant>, Status> {
        let request = pb::ListParticipantsRequest {
            session_id: session.to_owned(),
            ..Default::default()
        };
        let listed = self
            .participants()
            .list_participants(self.ask(request))
            .await;
        Ok(listed?.into_inner().participants)
    }

    pub(crate) async fn give_role(
        &self,
        session: &str,
        participant: &str,
        role: Role,
    ) -> Result<pb::Participant, Status> {
        let participant = pb::Participant {
            id: participant.to_owned(),
            role: role.into(),
            ..Default::default()
        };
        self.change_participant(session, participant).await
    }

    /// Plays a persona in a session.
    pub(crate) async fn play(
        &self,
        session: &str,
        participant: &str,
        persona: &str,
    ) -> Result<pb::Participant, Status> {
        let participant = pb::Participant {
            id: participant.to_owned(),
            persona_id: persona.to_owned(),
            ..Default::default()
        };
        self.change_participant(session, participant).await
    }

    async fn change_participant(
        &self,
        session: &str,
        participant: pb::Participant,
    ) -> Result<pb::Participant, Status> {
        let request = pb::UpdateParticipantRequest {
            session_id: session.to_owned(),
            participant: Some(participant),
            update_mask: None,
        };
        let changed = self
            .participants()
            .update_participant(self.ask(request))
            .await;
        Ok(changed?.into_inner().participant.unwrap())
    }

    pub(crate) async fn remove(&self, session: &str, participant: &str) -> Result<(), Status> {
        let request = pb::DeleteParticipantRequest {
            session_id: session.to_owned(),
            participant_id: participant.to_owned(),
        };
        let removed = self
            .participants()
            .delete_participant(self.ask(request))
            .await;
        removed.map(drop)
    }

    pub(crate) async fn leave(&self, session: &str, successor: &str) -> Result<(), Status> {
        let request = pb::LeaveSessionRequest {
            session_id: session.to_owned(),
            successor_participant_id: successor.to_owned(),
        };
        let left = self.participants().leave_session(self.ask(request)).await;
        left.map(drop)
    }

    pub(crate) async fn find_session(&self, session: &str) -> Result<pb::Session, Status> {
        let request = self.ask(pb::GetSessionRequest {
            session_id: session.to_owned(),
        });
        let found = self.sessions().get_session(request).await?;
        Ok(found.into_inner().session.unwrap())
    }

    pub(crate) async fn say(&self, session: &str, text: &str) -> Result<pb::Message, Status> {
        let request = pb::AddMessageRequest {
            session_id: session.to_owned(),
            text: text.to_owned(),
            ..Default::default()
        };
        let added = self.messages().add_message(self.ask(request)).await?;
        Ok(added.into_inner().message.unwrap())
    }

    pub(crate) async fn new_persona(&self, name: &str, description: &str) -> String {
        let request = self.ask(pb::CreatePersonaRequest {
            persona: Some(pb::Persona {
                name: name.to_owned(),
                description: description.to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        });
        let made = self.personas().create_persona(request).await.unwrap();
        made.into_inner().persona.unwrap().id
    }
}

/// An invitation by link.
pub(crate) fn as_role(role: Role) -> pb::Invitation {
    pb::Invitation {
        role: role.into(),
        ..Default::default()
    }
}

/// For what somebody was refused.
#[track_caller]
pub(crate) fn reason<T>(refused: Result<T, Status>) -> Option<Reason> {
    let refused = refused.err().expect("it was allowed");
    Some(reason_of(&refused).unwrap_or_else(|| panic!("{refused:?}")))
}
