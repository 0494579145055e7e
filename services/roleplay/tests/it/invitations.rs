//! Invitations: by link and of a person, that end, are revoked, and are counted.

use std::time::Duration;

use futures::future::join_all;
use tonic::Code;
use troupe_proto::Reason;
use troupe_proto::roleplay::{self as pb, ParticipantRole as Role};

use crate::people::{as_role, reason};
use crate::shared_secrets::{receipt, secret_card, tells};
use crate::stage::{Person, Stage, turn};

const INVALID: Option<Reason> = Some(Reason::InvitationInvalid);
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn listed(person: &Person, session: &str) -> Vec<pb::Invitation> {
    let request = person.ask(pb::ListInvitationsRequest {
        session_id: session.to_owned(),
        ..Default::default()
    });
    let listed = person.invitations().list_invitations(request).await;
    listed.unwrap().into_inner().invitations
}

async fn received(person: &Person) -> Vec<pb::Invitation> {
    let request = person.ask(pb::ListReceivedInvitationsRequest::default());
    let listed = person
        .invitations()
        .list_received_invitations(request)
        .await;
    listed.unwrap().into_inner().invitations
}

#[tokio::test]
async fn a_link_lets_in_as_often_as_it_may_also_when_all_come_at_once() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let link = pb::Invitation {
        max_use_count: Some(3),
        ..as_role(Role::Player)
    };
    let token = alice.invite(&session, link).await.unwrap().token;
    let guests: Vec<Person> = (0..10).map(|_| stage.person()).collect();
    let joined = join_all(guests.iter().map(|guest| guest.join(&token))).await;
    let (joined, refused): (Vec<_>, Vec<_>) = joined.into_iter().partition(Result::is_ok);
    assert_eq!(joined.len(), 3);
    for refused in refused {
        assert_eq!(reason(refused), INVALID);
    }
    assert_eq!(alice.people(&session).await.unwrap().len(), 4);
    assert_eq!(listed(&alice, &session).await[0].use_count, 3);
}

#[tokio::test]
async fn accepting_again_changes_nothing_and_counts_nothing() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let session = alice.open_session().await.id;
    let once = pb::Invitation {
        max_use_count: Some(1),
        ..as_role(Role::Spectator)
    };
    let token = alice.invite(&session, once).await.unwrap().token;
    let first = bob.join(&token).await.unwrap();
    let again = bob.join(&token).await.unwrap();
    assert_eq!(first.participant_id, again.participant_id);
    // A link for players makes no player of who watches: roles are for the owner to give.
    let better = alice.link(&session, Role::Player).await;
    assert_eq!(bob.join(&better).await.unwrap().role(), Role::Spectator);
    // Nor of the owner.
    assert_eq!(alice.join(&better).await.unwrap().role(), Role::Owner);
    let counts = listed(&alice, &session).await;
    let counts: Vec<i32> = counts.iter().map(|it| it.use_count).collect();
    assert_eq!(counts, [0, 1]);
}

#[tokio::test]
async fn what_ended_was_revoked_or_guessed_lets_nobody_in_and_says_no_more() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let session = alice.open_session().await.id;
    let made = alice.invite(&session, as_role(Role::Player)).await.unwrap();
    let invitation = made.invitation.unwrap();
    // 32 bytes that nobody guesses, and that no read shows.
    assert_eq!(made.token.len(), 43);
    for shown in listed(&alice, &session).await {
        assert!(!format!("{shown:?}").contains(&made.token));
    }
    let mut refusals = Vec::new();
    for guess in [
        "x",
        &made.token[1..],
        invitation.id.as_str(),
        &"A".repeat(43),
    ] {
        refusals.push(bob.join(guess).await.unwrap_err());
    }
    refusals.push(bob.accept_id(&invitation.id).await.unwrap_err());
    let revoke = alice.ask(pb::DeleteInvitationRequest {
        session_id: session.clone(),
        invitation_id: invitation.id.clone(),
    });
    alice.invitations().delete_invitation(revoke).await.unwrap();
    refusals.push(bob.join(&made.token).await.unwrap_err());
    let token = alice.link(&session, Role::Player).await;
    stage.time().advance(DAY * 7);
    // With new access tokens.
    let [alice, bob] = [&alice, &bob].map(|it| stage.person_with(it.0.user_id.unwrap()));
    refusals.push(bob.join(&token).await.unwrap_err());
    for refused in &refusals {
        assert_eq!(
            (refused.code(), refused.message()),
            (Code::NotFound, refusals[0].message())
        );
    }
    assert!(alice.people(&session).await.unwrap().len() == 1);

    let too_long = stage.host.clock.now() + DAY * 31;
    let too_long = pb::Invitation {
        expire_time: Some(too_long.into()),
        ..Default::default()
    };
    let refused = alice.invite(&session, too_long).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let as_owner = alice.invite(&session, as_role(Role::Owner)).await;
    assert_eq!(as_owner.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn who_was_removed_comes_back_by_what_was_made_since_alone() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let session = alice.open_session().await.id;
    let old = alice.link(&session, Role::Player).await;
    let participant = bob.join(&old).await.unwrap().participant_id;
    let to_bob = pb::Invitation {
        user_id: bob.user_id(),
        ..as_role(Role::Player)
    };
    alice.invite(&session, to_bob.clone()).await.unwrap();
    let before = received(&bob).await.remove(0).id;
    alice.remove(&session, &participant).await.unwrap();
    assert_eq!(reason(bob.join(&old).await), INVALID);
    assert_eq!(reason(bob.accept_id(&before).await), INVALID);
    assert!(received(&bob).await.is_empty());
    // Others may still use it.
    stage.person().join(&old).await.unwrap();

    let new = alice.link(&session, Role::Spectator).await;
    let back = bob.join(&new).await.unwrap();
    assert_eq!(
        (back.participant_id.as_str(), back.role()),
        (&*participant, Role::Spectator)
    );
    alice.remove(&session, &participant).await.unwrap();
    assert_eq!(reason(bob.join(&new).await), INVALID);
    alice.invite(&session, to_bob).await.unwrap();
    let anew = received(&bob).await.remove(0).id;
    assert_eq!(bob.accept_id(&anew).await.unwrap().role(), Role::Player);

    // Who left by themselves may come back, by what was made since they were removed.
    let newer = alice.link(&session, Role::Player).await;
    bob.leave(&session, "").await.unwrap();
    assert_eq!(reason(bob.join(&new).await), INVALID);
    bob.join(&newer).await.unwrap();
    // Who only watches from now on doesn't play again by it.
    let watches = alice.give_role(&session, &participant, Role::Spectator);
    watches.await.unwrap();
    bob.leave(&session, "").await.unwrap();
    assert_eq!(reason(bob.join(&newer).await), INVALID);
}

#[tokio::test]
async fn an_invitation_of_a_person_is_theirs_alone_and_can_be_declined() {
    let stage = Stage::new().await;
    let (alice, bob, eve) = (stage.person(), stage.person(), stage.person());
    let session = alice.open_session().await;
    let to_bob = pb::Invitation {
        user_id: bob.user_id(),
        max_use_count: Some(9),
        ..as_role(Role::Spectator)
    };
    let made = alice.invite(&session.id, to_bob.clone()).await.unwrap();
    assert_eq!(made.token, "");
    let seen = received(&bob).await.remove(0);
    assert_eq!(Some(&seen), made.invitation.as_ref());
    assert_eq!(
        (seen.session_title.as_str(), seen.max_use_count),
        ("Mira", Some(1))
    );
    assert_eq!(
        reason(bob.find_session(&session.id).await),
        Some(Reason::NotFound)
    );
    assert!(received(&eve).await.is_empty());
    assert_eq!(reason(eve.accept_id(&seen.id).await), INVALID);
    let decline = |id: &str| pb::DeclineInvitationRequest {
        invitation_id: id.to_owned(),
    };
    let other = eve
        .invitations()
        .decline_invitation(eve.ask(decline(&seen.id)))
        .await;
    assert_eq!(reason(other), Some(Reason::NotFound));
    bob.invitations()
        .decline_invitation(bob.ask(decline(&seen.id)))
        .await
        .unwrap();
    assert_eq!(reason(bob.accept_id(&seen.id).await), INVALID);
    assert!(listed(&alice, &session.id).await.is_empty());
    alice.invite(&session.id, to_bob).await.unwrap();
    let again = received(&bob).await.remove(0);
    bob.accept_id(&again.id).await.unwrap();
    assert!(received(&bob).await.is_empty());
    bob.accept_id(&again.id).await.unwrap();
}

#[tokio::test]
async fn a_repeated_request_makes_one_invitation_whose_newest_token_holds() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let session = alice.open_session().await.id;
    let make = || alice.invite_by("r-1", &session, as_role(Role::Player));
    let (first, second) = (make().await.unwrap(), make().await.unwrap());
    assert_eq!(first.invitation, second.invitation);
    assert_eq!(listed(&alice, &session).await.len(), 1);
    assert_eq!(reason(bob.join(&first.token).await), INVALID);
    bob.join(&second.token).await.unwrap();
    let other = alice
        .invite_by("r-1", &session, as_role(Role::Spectator))
        .await;
    assert_eq!(reason(other), Some(Reason::RequestIdReused));
}

#[tokio::test]
async fn a_session_takes_so_many_people_and_no_more() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let token = alice.link(&session, Role::Spectator).await;
    for _ in 1..50 {
        stage.person().join(&token).await.unwrap();
    }
    let late = stage.person();
    assert_eq!(reason(late.join(&token).await), Some(Reason::SessionFull));
    let last = alice.people(&session).await.unwrap().pop().unwrap();
    alice.remove(&session, &last.id).await.unwrap();
    late.join(&token).await.unwrap();
}

#[tokio::test]
async fn a_guest_of_a_session_reads_nothing_of_its_card() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let character = alice.character(secret_card()).await;
    let session = alice.open_with(&character, "").await.unwrap();
    alice.let_in(&session.id, &bob, Role::Player).await;
    let seen = bob.get_character(&character).await.unwrap();
    assert!(!tells(&seen) && seen.card.is_none() && seen.name == "Mira");
    let said = turn(&stage, &bob, &session.id, "[{{description}}]", "Hm.").await;
    assert!(!tells(&bob.texts(&session.id).await));
    assert!(!tells(&receipt(&bob, &said.generation_id).await));
    assert!(tells(&receipt(&alice, &said.generation_id).await));
    let request = pb::PreviewPromptRequest {
        character_id: String::new(),
        session_id: session.id,
    };
    let refused = bob.sessions().preview_prompt(bob.ask(request)).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
}

async fn preview(
    person: &Person,
    token: &str,
    invitation: &str,
) -> Result<pb::InvitationPreview, tonic::Status> {
    let request = pb::PreviewInvitationRequest {
        token: token.to_owned(),
        invitation_id: invitation.to_owned(),
    };
    let request = person.ask(request);
    let shown = person.invitations().preview_invitation(request).await?;
    Ok(shown.into_inner().invitation_preview.unwrap())
}

#[tokio::test]
async fn who_may_accept_sees_before_what_it_is_to_and_nobody_else_does() {
    let stage = Stage::new().await;
    let (alice, bob, eve) = (stage.person(), stage.person(), stage.person());
    let session = alice.open_session().await;
    let link = pb::Invitation {
        max_use_count: Some(1),
        ..as_role(Role::Spectator)
    };
    let made = alice.invite(&session.id, link).await.unwrap();
    let expire_time = made.invitation.as_ref().unwrap().expire_time;
    let shown = pb::InvitationPreview {
        inviter_name: "Alice".to_owned(),
        session_title: session.title.clone(),
        character_name: "Mira".to_owned(),
        role: Role::Spectator.into(),
        expire_time,
    };
    for _ in 0..2 {
        assert_eq!(preview(&eve, &made.token, "").await.unwrap(), shown);
    }
    // It was no use, and let nobody in.
    assert_eq!(listed(&alice, &session.id).await[0].use_count, 0);
    assert_eq!(
        reason(eve.find_session(&session.id).await),
        Some(Reason::NotFound)
    );
    bob.join(&made.token).await.unwrap();
    // Who takes part may accept it again.
    assert_eq!(preview(&bob, &made.token, "").await.unwrap(), shown);
    assert_eq!(reason(preview(&eve, &made.token, "").await), INVALID);
    assert_eq!(reason(preview(&eve, "a guess", "").await), INVALID);
    assert_eq!(reason(preview(&eve, "", "").await), INVALID);

    let of_eve = pb::Invitation {
        user_id: eve.user_id(),
        ..as_role(Role::Player)
    };
    let made = alice.invite(&session.id, of_eve).await.unwrap();
    let id = made.invitation.unwrap().id;
    assert_eq!(preview(&eve, "", &id).await.unwrap().role(), Role::Player);
    assert_eq!(reason(preview(&stage.person(), "", &id).await), INVALID);
    stage.time().advance(DAY * 8);
    let eve = stage.person_with(eve.0.user_id.unwrap());
    assert_eq!(reason(preview(&eve, "", &id).await), INVALID);
}
