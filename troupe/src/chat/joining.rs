//! Joining other people's sessions.

use anyhow::{Context, Result, anyhow};
use troupe_proto::roleplay::{
    AcceptInvitationRequest, ListReceivedInvitationsRequest, ParticipantRole, Session,
};

use super::api::Api;
use super::failure::explain;
use super::screen::Screen;

/// What the ids of invitations begin with.
const INVITATION: &str = "inv_";
const SHOWN_INVITATIONS: i32 = 50;

/// Accepts an invitation: a code that somebody gave, or one of those that [`list`] shows.
pub(crate) async fn join(api: &mut Api, code: &str) -> Result<Session> {
    let (token, invitation_id) = match code.starts_with(INVITATION) {
        true => ("", code),
        false => (code, ""),
    };
    let request = AcceptInvitationRequest {
        token: token.to_owned(),
        invitation_id: invitation_id.to_owned(),
        persona_id: String::new(),
    };
    let accepted = api.invitations.accept_invitation(request).await;
    let accepted = accepted.map_err(|status| anyhow!(explain(&status)))?;
    let session = accepted.into_inner().session;
    session.context("the server sent no session")
}

/// Shows the invitations of the person.
pub(crate) async fn list(api: &mut Api, screen: Screen) -> Result<()> {
    let request = ListReceivedInvitationsRequest {
        page_size: SHOWN_INVITATIONS,
        page_token: String::new(),
    };
    let page = api.invitations.list_received_invitations(request).await;
    let page = page.map_err(|status| anyhow!(explain(&status)))?;
    let invitations = page.into_inner().invitations;
    if invitations.is_empty() {
        return screen
            .note("Nobody has invited you; /join CODE takes a code that somebody gave you.");
    }
    for invitation in invitations {
        let what = match invitation.role() {
            ParticipantRole::Spectator => "to watch",
            _ => "to play",
        };
        let (id, title) = (invitation.id, invitation.session_title);
        screen.line(&format!("/join {id}  {what}: {title}"))?;
    }
    Ok(())
}
