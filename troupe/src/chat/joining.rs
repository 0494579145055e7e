//! Joining other people's sessions.

use anyhow::{Context, Result, anyhow};
use troupe_proto::roleplay::{
    AcceptInvitationRequest, InvitationPreview, ListReceivedInvitationsRequest, ParticipantRole,
    PreviewInvitationRequest, Session,
};

use super::api::Api;
use super::failure::explain;
use super::input::{Input, is_yes};
use super::screen::Screen;

/// What the ids of invitations begin with.
const INVITATION: &str = "inv_";
const SHOWN_INVITATIONS: i32 = 50;

/// Accepts an invitation, once the person has seen what it is to and says yes: a code that somebody gave, or one of those that
/// [`list`] shows. None if they don't.
pub(crate) async fn join(
    api: &mut Api,
    input: &mut Input,
    screen: Screen,
    code: &str,
) -> Result<Option<Session>> {
    let (token, invitation_id) = match code.starts_with(INVITATION) {
        true => (String::new(), code.to_owned()),
        false => (code.to_owned(), String::new()),
    };
    let request = PreviewInvitationRequest {
        token: token.clone(),
        invitation_id: invitation_id.clone(),
    };
    let preview = api.invitations.preview_invitation(request).await;
    let preview = preview.map_err(|status| anyhow!(explain(&status)))?;
    let preview = preview.into_inner().invitation_preview.unwrap_or_default();
    screen.line(&told(&preview))?;
    let answer = input.ask("Take part? [y/N] ").await?;
    if !answer.is_some_and(|answer| is_yes(&answer)) {
        screen.note("You didn't accept it; the same /join asks again.")?;
        return Ok(None);
    }
    let request = AcceptInvitationRequest {
        token,
        invitation_id,
        persona_id: String::new(),
    };
    let accepted = api.invitations.accept_invitation(request).await;
    let accepted = accepted.map_err(|status| anyhow!(explain(&status)))?;
    let session = accepted.into_inner().session;
    session.context("the server sent no session").map(Some)
}

/// Who invites, and to what.
fn told(preview: &InvitationPreview) -> String {
    let inviter = match preview.inviter_name.as_str() {
        "" => "Somebody who has left",
        name => name,
    };
    let (what, title) = (to_what(preview.role()), &preview.session_title);
    let mut told = format!("{inviter} invites you {what}: {title}");
    if preview.character_name != *title && !preview.character_name.is_empty() {
        told.push_str(&format!(", with {}", preview.character_name));
    }
    told
}

fn to_what(role: ParticipantRole) -> &'static str {
    match role {
        ParticipantRole::Spectator => "to watch",
        _ => "to play",
    }
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
            .note("Nobody has invited you; /join CODE takes a code that somebody gave you, and /whoami shows what to send to who wants to invite you.");
    }
    for invitation in invitations {
        let what = to_what(invitation.role());
        let (id, title) = (invitation.id, invitation.session_title);
        screen.line(&format!("/join {id}  {what}: {title}"))?;
    }
    Ok(())
}
