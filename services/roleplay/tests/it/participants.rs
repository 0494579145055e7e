//! Who may do what in a session of several people.

use std::time::{Duration, Instant};

use mesh::Role as Caller;
use testkit::Witness;
use tonic::Code;
use tonic_types::StatusExt;
use troupe_proto::Reason;
use troupe_proto::events as told;
use troupe_proto::roleplay::generation_service_client::GenerationServiceClient;
use troupe_proto::roleplay::participant_service_client::ParticipantServiceClient;
use troupe_proto::roleplay::{self as pb, ParticipantRole as Role};

use crate::people::reason;
use crate::stage::{Stage, Watch, turn};

const DENIED: Option<Reason> = Some(Reason::SessionRoleInsufficient);
const GONE: Option<Reason> = Some(Reason::NotFound);

#[tokio::test]
async fn each_reads_and_writes_by_their_role_and_pays_for_what_they_ask() {
    let stage = Stage::new().await;
    let (alice, bob, eve) = (stage.person(), stage.person(), stage.person());
    let session = alice.open_session().await.id;
    let player = alice.let_in(&session, &bob, Role::Player).await;
    let watcher = alice.let_in(&session, &eve, Role::Spectator).await;
    let of_bob = turn(&stage, &alice, &session, "Hello", "Hi").await;

    let watch = bob.send(&session, "I am here too.").await.unwrap();
    let call = stage.call().await;
    assert_eq!(call.request.user_id, bob.user_id());
    call.say("So you are.");
    call.finish();
    let (started, _, ended) = watch.all().await;
    let said = started.user_message.unwrap();
    assert_eq!(
        (&said.participant_id, said.role()),
        (&player, pb::MessageRole::User)
    );
    assert_eq!(ended.generation.unwrap().participant_id, player);
    assert_eq!(ended.message.unwrap().participant_id, "");
    let path = eve.path(&session).await;
    assert_eq!(path, alice.path(&session).await);
    let by: Vec<&str> = path.iter().map(|it| it.participant_id.as_str()).collect();
    let owner = alice.session(&session).await.participant_id;
    assert_eq!(by, ["", &owner, "", &player, ""]);

    let refused = eve.send(&session, "Me too.").await.err().unwrap();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let info = refused.get_details_error_info().unwrap();
    assert_eq!(info.metadata["role"], "spectator");
    assert!(refused.message().contains("only watch"), "{refused:?}");
    assert_eq!(reason(eve.say(&session, "x").await), DENIED);
    assert_eq!(reason(eve.regenerate(&session, &of_bob.id).await), DENIED);
    assert_eq!(reason(eve.go_on(&session, &of_bob.id).await), DENIED);
    assert_eq!(reason(eve.reply_to(&session, &said.id).await), DENIED);
    assert_eq!(reason(eve.select(&session, &of_bob.id).await), DENIED);
    assert_eq!(reason(eve.edit(&session, &said.id, "x").await), DENIED);
    assert_eq!(reason(eve.delete(&session, &said.id).await), DENIED);
    assert_eq!(alice.path(&session).await, path);
    assert!(!stage.was_asked().await);

    // A spectator bookmarks for themselves, and nobody else sees it.
    eve.bookmark(&session, &said.id, "Later").await.unwrap();
    let request = pb::ListBookmarksRequest::default();
    let listed = alice.bookmarks().list_bookmarks(alice.ask(request)).await;
    assert!(listed.unwrap().into_inner().bookmarks.is_empty());
    let roles = [
        (owner, Role::Owner),
        (player, Role::Player),
        (watcher, Role::Spectator),
    ];
    let people = bob.people(&session).await.unwrap();
    let listed = people.iter().map(|it| (it.id.clone(), it.role()));
    assert!(listed.eq(roles), "{people:?}");
}

#[tokio::test]
async fn players_change_what_they_wrote_and_nothing_else() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let session = alice.open_session().await.id;
    let player = alice.let_in(&session, &bob, Role::Player).await;
    let owner = alice.session(&session).await.participant_id;
    let hers = alice.say(&session, "Hers.").await.unwrap().id;
    let his = bob.say(&session, "His.").await.unwrap().id;
    let reply = turn(&stage, &alice, &session, "And hers.", "Yes.").await;

    assert_eq!(reason(bob.edit(&session, &hers, "x").await), DENIED);
    assert_eq!(reason(bob.edit(&session, &reply.id, "x").await), DENIED);
    assert_eq!(reason(bob.delete_alone(&session, &hers).await), DENIED);
    assert_eq!(
        bob.edit(&session, &his, "Really his.").await.unwrap().text,
        "Really his."
    );
    // With it, what Alice said would go.
    assert_eq!(reason(bob.delete(&session, &his).await), DENIED);
    bob.delete_alone(&session, &his).await.unwrap();
    let last = turn(&stage, &bob, &session, "Bye.", "Bye.").await;
    let bye = bob
        .path(&session)
        .await
        .iter()
        .rev()
        .nth(1)
        .unwrap()
        .id
        .clone();
    assert_eq!(bob.delete(&session, &bye).await.unwrap(), reply.id);
    assert!(!alice.path(&session).await.iter().any(|it| it.id == last.id));
    // The owner may change all.
    alice.edit(&session, &hers, "Changed.").await.unwrap();

    let delete = pb::DeleteSessionRequest {
        session_id: session.clone(),
    };
    let deleted = bob.sessions().delete_session(bob.ask(delete)).await;
    assert_eq!(reason(deleted), DENIED);
    let preview = pb::PreviewPromptRequest {
        session_id: session.clone(),
        ..Default::default()
    };
    let preview = bob.sessions().preview_prompt(bob.ask(preview)).await;
    assert_eq!(reason(preview), DENIED);
    let title = pb::UpdateSessionRequest {
        session: Some(pb::Session {
            id: session.clone(),
            title: "Bob's".into(),
            ..Default::default()
        }),
        update_mask: None,
    };
    let title = bob.sessions().update_session(bob.ask(title)).await;
    assert_eq!(reason(title), DENIED);
    assert_eq!(reason(bob.remove(&session, &owner).await), DENIED);
    assert_eq!(
        reason(bob.give_role(&session, &player, Role::Owner).await),
        DENIED
    );
    let link = bob.invite(&session, pb::Invitation::default()).await;
    assert_eq!(reason(link), DENIED);
}

#[tokio::test]
async fn a_reply_is_cancelled_by_who_asked_for_it_and_by_the_owner() {
    let stage = Stage::new().await;
    let (alice, bob, cid) = (stage.person(), stage.person(), stage.person());
    let session = alice.open_session().await.id;
    alice.let_in(&session, &bob, Role::Player).await;
    alice.let_in(&session, &cid, Role::Player).await;
    for canceller in [&bob, &alice] {
        let mut watch = bob.send(&session, "Hello").await.unwrap();
        let id = watch.started().await.generation.unwrap().id;
        let _call = stage.call().await;
        let request = pb::CancelGenerationRequest {
            generation_id: id.clone(),
        };
        let refused = cid.generations().cancel_generation(cid.ask(request)).await;
        assert_eq!(reason(refused), DENIED);
        let cancelled = canceller.cancel(&id).await;
        assert_eq!(cancelled.state(), pb::GenerationState::Cancelled);
    }
}

#[tokio::test]
async fn who_is_removed_sees_nothing_more_also_not_in_what_is_open() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let session = alice.open_session().await.id;
    let player = alice.let_in(&session, &bob, Role::Player).await;
    let mine = turn(&stage, &bob, &session, "A secret word", "Hm.").await;
    bob.bookmark(&session, &mine.id, "Mine").await.unwrap();
    let mut sent = alice.send(&session, "Go on").await.unwrap();
    let id = sent.started().await.generation.unwrap().id;
    let call = stage.call().await;
    let mut open = bob.watch(&id, 0).await.unwrap();
    open.started().await;
    call.say("One");
    open.reads("One").await;

    alice.remove(&session, &player).await.unwrap();
    let removed = Instant::now();
    let end = open.next().await.unwrap().unwrap_err();
    assert!(removed.elapsed() < Duration::from_secs(1));
    assert_eq!(end.code(), Code::NotFound);
    assert!(open.next().await.is_none());
    call.say(" two");
    sent.reads("One two").await;

    assert_eq!(reason(bob.watch(&id, 0).await), GONE);
    assert_eq!(reason(bob.find_session(&session).await), GONE);
    assert_eq!(reason(bob.send(&session, "Hey").await), GONE);
    assert_eq!(reason(bob.people(&session).await), GONE);
    let request = pb::SearchMessagesRequest {
        query: "secret".into(),
        ..Default::default()
    };
    let found = bob
        .messages()
        .search_messages(bob.ask(request.clone()))
        .await;
    assert!(found.unwrap().into_inner().messages.is_empty());
    let found = alice.messages().search_messages(alice.ask(request)).await;
    assert_eq!(found.unwrap().into_inner().messages.len(), 1);
    let listed = bob
        .bookmarks()
        .list_bookmarks(bob.ask(pb::ListBookmarksRequest::default()))
        .await;
    assert!(listed.unwrap().into_inner().bookmarks.is_empty());
    let receipt = pb::GetGenerationReceiptRequest {
        generation_id: mine.generation_id,
    };
    let receipt = bob
        .generations()
        .get_generation_receipt(bob.ask(receipt))
        .await;
    assert_eq!(reason(receipt), GONE);
    // What they said stays, and is theirs.
    let path = alice.path(&session).await;
    assert_eq!(path[1].participant_id, player);
    assert_eq!(alice.people(&session).await.unwrap().len(), 1);
    call.finish();
    sent.rest().await;
}

#[tokio::test]
async fn a_session_goes_over_to_another_when_its_owner_leaves() {
    let stage = Stage::new().await;
    let people = [
        stage.person(),
        stage.person(),
        stage.person(),
        stage.person(),
    ];
    let [alice, eve, bob, cid] = &people;
    let session = alice.open_session().await;
    let id = &session.id;
    alice.let_in(id, eve, Role::Spectator).await;
    let of_bob = alice.let_in(id, bob, Role::Player).await;
    let of_cid = alice.let_in(id, cid, Role::Player).await;
    turn(&stage, alice, id, "Hello", "Hi").await;

    // Who has joined first among those who play.
    alice.leave(id, "").await.unwrap();
    assert_eq!(reason(alice.find_session(id).await), GONE);
    assert_eq!(bob.session(id).await.role(), Role::Owner);
    // The character stays, though it isn't theirs.
    turn(&stage, bob, id, "Still there?", "Yes.").await;
    let read = pb::GetCharacterRequest {
        character_id: session.character_id.clone(),
    };
    let read = bob.characters().get_character(bob.ask(read)).await;
    let read = read.unwrap().into_inner().character.unwrap();
    assert!(!read.owned && read.card.is_none() && read.description.is_empty());
    // Whom they name.
    assert_eq!(reason(cid.leave(id, &of_bob).await), DENIED);
    bob.leave(id, &of_cid).await.unwrap();
    assert_eq!(cid.session(id).await.role(), Role::Owner);
    // Nobody plays: who watches.
    cid.leave(id, "").await.unwrap();
    assert_eq!(eve.session(id).await.role(), Role::Owner);
    turn(&stage, eve, id, "Now I speak", "At last.").await;
    // Nobody is left.
    eve.leave(id, "").await.unwrap();
    for person in &people {
        assert_eq!(reason(person.find_session(id).await), GONE);
    }
}

#[tokio::test]
async fn an_owner_hands_the_session_over_and_stays() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let session = alice.open_session().await.id;
    let of_bob = alice.let_in(&session, &bob, Role::Spectator).await;
    let of_alice = alice.session(&session).await.participant_id;
    let own = alice.give_role(&session, &of_alice, Role::Player).await;
    assert_eq!(own.unwrap_err().code(), Code::InvalidArgument);
    alice
        .give_role(&session, &of_bob, Role::Owner)
        .await
        .unwrap();
    let roles = bob.people(&session).await.unwrap();
    let roles: Vec<Role> = roles.iter().map(pb::Participant::role).collect();
    assert_eq!(roles, [Role::Player, Role::Owner]);
    assert_eq!(reason(alice.remove(&session, &of_bob).await), DENIED);
    bob.give_role(&session, &of_alice, Role::Spectator)
        .await
        .unwrap();
    assert_eq!(reason(alice.say(&session, "x").await), DENIED);
    bob.remove(&session, &of_alice).await.unwrap();
    assert_eq!(reason(alice.find_session(&session).await), GONE);
}

#[tokio::test]
async fn lists_the_sessions_that_one_takes_part_in_by_role() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let (hers, his) = (alice.open_session().await.id, bob.open_session().await.id);
    alice.let_in(&hers, &bob, Role::Spectator).await;
    let listed = async |role: Role| {
        let request = bob.ask(pb::ListSessionsRequest {
            role: role.into(),
            ..Default::default()
        });
        let listed = bob.sessions().list_sessions(request).await.unwrap();
        let mut ids: Vec<String> = Vec::new();
        for session in listed.into_inner().sessions {
            assert_eq!(session, bob.session(&session.id).await);
            ids.push(session.id);
        }
        ids.sort();
        ids
    };
    assert_eq!(listed(Role::Unspecified).await, [hers.clone(), his.clone()]);
    assert_eq!(listed(Role::Owner).await, [his]);
    assert_eq!(listed(Role::Spectator).await, [hers]);
    assert!(listed(Role::Player).await.is_empty());
}

#[tokio::test]
async fn two_may_call_their_requests_alike() {
    let stage = Stage::new().await;
    stage.script.always_reply("Hi");
    let (alice, bob) = (stage.person(), stage.person());
    let session = alice.open_session().await.id;
    alice.let_in(&session, &bob, Role::Player).await;
    let request = pb::SendMessageRequest {
        session_id: session.clone(),
        text: "Hello".into(),
        request_id: "r-1".into(),
        ..Default::default()
    };
    for person in [&alice, &bob, &alice] {
        person
            .send_request(request.clone())
            .await
            .unwrap()
            .all()
            .await;
    }
    assert_eq!(alice.path(&session).await.len(), 5);
}

#[tokio::test]
async fn each_plays_their_own_persona_and_prompts_know_who_speaks() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let session = alice.open_session().await.id;
    let ada = alice.new_persona("Ada", "{{user}} is a sailor.").await;
    let ben = bob.new_persona("Ben", "{{user}} is a cook.").await;
    let of_alice = alice.session(&session).await.participant_id;
    alice.play(&session, &of_alice, &ada).await.unwrap();
    let token = alice.link(&session, Role::Player).await;
    let joined = bob.join_as(&token, &ben).await.unwrap();
    assert_eq!(joined.persona_id, ben);
    assert_eq!(alice.session(&session).await.persona_id, ada);
    let stolen = bob.play(&session, &joined.participant_id, &ada).await;
    assert_eq!(reason(stolen), GONE);
    let for_her = bob.play(&session, &of_alice, &ben).await;
    assert_eq!(reason(for_her), DENIED);

    turn(&stage, &alice, &session, "{{user}} knocks.", "Come in.").await;
    let watch = bob.send(&session, "{{user}} follows.").await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    call.say("Welcome, {{user}}.");
    call.finish();
    let (started, text, _) = watch.all().await;
    assert_eq!(text, "Welcome, Ben.");
    let said = started.user_message.unwrap();
    assert_eq!(said.persona_id, ben);
    assert_eq!(
        (said.speaker_name.as_str(), said.text.as_str()),
        ("Ben", "Ben follows.")
    );
    for part in [
        "Ada: Ada knocks.",
        "Ben: Ben follows.",
        "Ben is a cook.",
        "Ada: Ada is a sailor.",
    ] {
        assert!(prompt.contains(part), "{part} is missing: {prompt}");
    }
    // Both read the greeting as it speaks to the owner.
    let greeting = "Come in, Ada. The storm is near.";
    assert_eq!(alice.path(&session).await[0].text, greeting);
    assert_eq!(bob.path(&session).await[0].text, greeting);
    let names = alice.people(&session).await.unwrap();
    let names: Vec<&str> = names.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["Ada", "Ben"]);
}

#[tokio::test]
async fn a_service_asks_who_may_see_a_session_and_shows_one_reply_to_many() {
    let stage = Stage::new().await;
    let (alice, eve, stranger) = (stage.person(), stage.person(), stage.person());
    let session = alice.open_session().await.id;
    let watcher = alice.let_in(&session, &eve, Role::Spectator).await;
    let mut realtime = ParticipantServiceClient::new(stage.as_role(Caller::Realtime));
    let mut access = async |user_id: String| {
        let request = pb::CheckSessionAccessRequest {
            session_id: session.clone(),
            user_id,
        };
        let answer = realtime.check_session_access(request).await;
        answer.map(tonic::Response::into_inner)
    };
    let of_eve = access(eve.user_id()).await.unwrap();
    assert_eq!(
        (of_eve.participant_id.as_str(), of_eve.role()),
        (&*watcher, Role::Spectator)
    );
    assert!(of_eve.can_watch && !of_eve.can_write);
    assert!(access(alice.user_id()).await.unwrap().can_write);
    assert_eq!(reason(access(stranger.user_id()).await), GONE);
    alice.remove(&session, &watcher).await.unwrap();
    assert_eq!(reason(access(eve.user_id()).await), GONE);

    let mut sent = alice.send(&session, "Hello").await.unwrap();
    let generation_id = sent.started().await.generation.unwrap().id;
    let call = stage.call().await;
    call.say("Hi");
    sent.reads("Hi").await;
    let mut realtime = GenerationServiceClient::new(stage.as_role(Caller::Realtime));
    let request = pb::AttachGenerationRequest {
        generation_id,
        offset: 1,
    };
    let attached = realtime.attach_generation(request).await.unwrap();
    let attached = Watch::new(attached, |answer| answer.event);
    call.finish();
    assert_eq!(attached.all().await.1, "i");
}

#[tokio::test]
async fn tells_of_who_comes_goes_and_changes() {
    let stage = Stage::new().await;
    let mut witness = Witness::enter(&stage.host).await.unwrap();
    let (alice, bob) = (stage.person(), stage.person());
    let session = alice.open_session().await.id;
    let invitation = pb::Invitation {
        user_id: bob.user_id(),
        ..Default::default()
    };
    let made = alice.invite(&session, invitation).await.unwrap();
    let invitation = made.invitation.unwrap();
    let participant = bob.accept_id(&invitation.id).await.unwrap().participant_id;
    turn(&stage, &bob, &session, "Hello", "Hi").await;
    alice
        .give_role(&session, &participant, Role::Spectator)
        .await
        .unwrap();
    alice.remove(&session, &participant).await.unwrap();

    let invited: told::InvitationCreated = witness.hear_of().await;
    assert_eq!(
        (invited.invitation_id, invited.user_id),
        (invitation.id, bob.user_id())
    );
    assert_eq!(invited.actor_user_id, alice.user_id());
    let joined: told::ParticipantJoined = witness.hear_of().await;
    assert_eq!(
        (&joined.participant_id, &joined.user_id),
        (&participant, &bob.user_id())
    );
    assert_eq!(
        (joined.role(), joined.owner_user_id),
        (told::ParticipantRole::Player, alice.user_id())
    );
    let written: told::MessageWritten = witness.hear_of().await;
    assert_eq!(
        (written.user_id, written.actor_user_id),
        (alice.user_id(), bob.user_id())
    );
    let started: told::GenerationStarted = witness.hear_of().await;
    assert_eq!(started.actor_user_id, bob.user_id());
    let changed: told::ParticipantRoleChanged = witness.hear_of().await;
    assert_eq!(changed.role(), told::ParticipantRole::Spectator);
    let left: told::ParticipantLeft = witness.hear_of().await;
    assert!(left.removed && left.actor_user_id == alice.user_id());
}
