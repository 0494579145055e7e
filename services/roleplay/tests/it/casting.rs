//! Who the characters of a session are, and changes of that while it runs.

use troupe_proto::Reason;
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::ParticipantRole as Role;

use crate::people::reason;
use crate::stage::{Stage, turn};
use crate::troupe::{answer, card, round, session_of, session_with, strategy};

#[tokio::test]
async fn a_session_opens_with_the_greeting_of_each() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (session, ids) = session_of(&alice, &["Mira", "Tom", "Wren"]).await;
    assert_eq!(session.character_id, ids[0]);
    assert_eq!(session.character_name, "Mira");
    assert_eq!(session.title, "Mira, Tom, Wren");
    let greetings = [
        ("Mira", "Mira greets Alice before Tom, Wren, Alice."),
        ("Tom", "Tom greets Alice before Mira, Wren, Alice."),
        ("Wren", "Wren greets Alice before Mira, Tom, Alice."),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(alice.said(&session.id).await, greetings);
    let by: Vec<String> = (alice.path(&session.id).await.into_iter())
        .map(|it| it.character_id)
        .collect();
    assert_eq!(by, ids);

    // They follow a change of persona until somebody answers, and then no more.
    alice.plays(&session.id, "Ada").await;
    let said = alice.said(&session.id).await;
    assert_eq!(said[1].1, "Tom greets Ada before Mira, Wren, Ada.");
    let watch = alice.send(&session.id, "Tom?").await.unwrap();
    answer(stage.call().await, "Aye.");
    watch.all().await;
    alice.plays(&session.id, "Eve").await;
    let said = alice.said(&session.id).await;
    for (at, (_, text)) in said[..3].iter().enumerate() {
        assert!(text.contains("greets Ada"), "{at}: {text}");
    }
}

#[tokio::test]
async fn greetings_for_groups_come_first_and_others_are_swipes() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mira = card("Mira").replace(
        "\"first_mes\"",
        "\"group_only_greetings\": [\"Well met.\", \"Late!\"], \"first_mes\"",
    );
    let mira = alice.import(mira).await.unwrap().character.unwrap().id;
    let tom = alice.actor("Tom").await;
    let request = pb::CreateSessionRequest {
        session: Some(pb::Session {
            character_id: tom,
            cast: vec![pb::CastMember {
                character_id: mira.clone(),
                muted: true,
                ..pb::CastMember::default()
            }],
            ..pb::Session::default()
        }),
        ..pb::CreateSessionRequest::default()
    };
    let opened = alice.sessions().create_session(alice.ask(request)).await;
    let opened = opened.unwrap().into_inner();
    assert_eq!(opened.greeting.unwrap().speaker_name, "Tom");
    let session = opened.session.unwrap().id;
    let path = alice.path(&session).await;
    assert_eq!((path.len(), path[1].text.as_str()), (2, "Well met."));
    assert_eq!((path[1].swipe_index, path[1].swipe_count), (0, 2));
    assert!(alice.cast(&session).await[1].muted);
    // Alone, the card's other greeting is the one.
    let alone = pb::CreateSessionRequest {
        session: Some(pb::Session {
            character_id: mira,
            ..pb::Session::default()
        }),
        ..pb::CreateSessionRequest::default()
    };
    let alone = alice.sessions().create_session(alice.ask(alone)).await;
    let greeting = alone.unwrap().into_inner().greeting.unwrap();
    assert_eq!(greeting.text, "Mira greets Alice before Alice.");
}

#[tokio::test]
async fn characters_join_move_and_leave_a_running_session() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    turn(&stage, &alice, &session.id, "Hello", "Hello.").await;
    let [first] = &alice.cast(&session.id).await[..] else {
        panic!("one character is one member")
    };
    assert_eq!(
        (first.character_id.as_str(), first.position),
        (session.character_id.as_str(), Some(0))
    );

    let tom = alice.actor("Tom").await;
    let wren = alice.actor("Wren").await;
    let member = |id: &str, position| pb::CastMember {
        character_id: id.to_owned(),
        position,
        ..pb::CastMember::default()
    };
    let joined = alice.bring(&session.id, member(&tom, None)).await.unwrap();
    assert_eq!(
        (joined.position, joined.character_name.as_str()),
        (Some(1), "Tom")
    );
    alice
        .bring(&session.id, member(&wren, Some(0)))
        .await
        .unwrap();
    assert_eq!(alice.cast_names(&session.id).await, ["Wren", "Mira", "Tom"]);
    // The first is the session's character.
    assert_eq!(alice.session(&session.id).await.character_id, wren);
    assert_eq!(alice.path(&session.id).await.len(), 3, "nobody greets");
    let again = alice.bring(&session.id, member(&tom, None)).await;
    assert_eq!(reason(again), Some(Reason::CastUnsuitable));

    let moved = alice.recast(&session.id, member(&wren, Some(7)), &["position"]);
    assert_eq!(moved.await.unwrap().position, Some(2));
    assert_eq!(alice.cast_names(&session.id).await, ["Mira", "Tom", "Wren"]);
    assert_eq!(alice.session(&session.id).await.character_name, "Mira");
    let sessions = |character: &str| pb::ListSessionsRequest {
        character_id: character.to_owned(),
        ..pb::ListSessionsRequest::default()
    };
    for id in [&tom, &session.character_id] {
        let listed = alice
            .sessions()
            .list_sessions(alice.ask(sessions(id)))
            .await;
        assert_eq!(listed.unwrap().into_inner().sessions.len(), 1);
    }

    alice
        .take_out(&session.id, &session.character_id, "")
        .await
        .unwrap();
    let gone = alice.take_out(&session.id, &session.character_id, "").await;
    assert_eq!(reason(gone), Some(Reason::NotFound));
    alice.take_out(&session.id, &wren, "").await.unwrap();
    let last = alice.take_out(&session.id, &tom, "").await;
    assert_eq!(reason(last), Some(Reason::CastUnsuitable));
    assert_eq!(alice.session(&session.id).await.character_id, tom);
    // What was said stays, and who is left answers.
    let reply = turn(&stage, &alice, &session.id, "Still here?", "Aye.").await;
    assert_eq!(
        (reply.speaker_name.as_str(), reply.character_id),
        ("Tom", tom)
    );
    assert_eq!(alice.path(&session.id).await[2].speaker_name, "Mira");
}

#[tokio::test]
async fn a_change_on_an_old_state_is_refused() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (session, ids) = session_of(&alice, &["Mira", "Tom"]).await;
    let seen = alice.cast(&session.id).await;
    let mute = pb::CastMember {
        muted: true,
        ..seen[1].clone()
    };
    let muted = alice
        .recast(&session.id, mute.clone(), &["muted"])
        .await
        .unwrap();
    assert!(muted.muted && muted.etag != seen[1].etag);
    let late = alice.recast(&session.id, mute, &["muted"]).await;
    assert_eq!(reason(late), Some(Reason::EtagMismatch));
    let late = alice.take_out(&session.id, &ids[1], &seen[1].etag).await;
    assert_eq!(reason(late), Some(Reason::EtagMismatch));
    // Who moves past another changes the place of that one too.
    let first = pb::CastMember {
        position: Some(0),
        etag: muted.etag.clone(),
        ..muted
    };
    alice
        .recast(&session.id, first, &["position"])
        .await
        .unwrap();
    let late = alice.take_out(&session.id, &ids[0], &seen[0].etag).await;
    assert_eq!(reason(late), Some(Reason::EtagMismatch));
    let member = alice.cast(&session.id).await.remove(1);
    assert_eq!(member.character_id, ids[0]);
    alice
        .take_out(&session.id, &ids[0], &member.etag)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_repeated_request_lets_a_character_join_once() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let tom = alice.actor("Tom").await;
    let request = |muted| pb::CreateCastMemberRequest {
        session_id: session.clone(),
        cast_member: Some(pb::CastMember {
            character_id: tom.clone(),
            muted,
            ..pb::CastMember::default()
        }),
        request_id: "r-1".to_owned(),
        ..pb::CreateCastMemberRequest::default()
    };
    let mut casts = alice.casts();
    let first = casts.create_cast_member(alice.ask(request(false))).await;
    let again = casts.create_cast_member(alice.ask(request(false))).await;
    assert_eq!(first.unwrap().into_inner(), again.unwrap().into_inner());
    let other = casts.create_cast_member(alice.ask(request(true))).await;
    assert_eq!(reason(other), Some(Reason::RequestIdReused));
    assert_eq!(alice.cast(&session).await.len(), 2);
}

#[tokio::test]
async fn a_deleted_character_leaves_its_sessions_to_the_next() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (session, ids) = session_of(&alice, &["Mira", "Tom"]).await;
    let watch = alice.send(&session.id, "Mira?").await.unwrap();
    answer(stage.call().await, "Yes?");
    let mine = watch.all().await.2.message.unwrap();
    alice.delete_character(&ids[0]).await;
    let now = alice.session(&session.id).await;
    assert_eq!(
        (now.character_id, now.character_name),
        (ids[1].clone(), "Tom".to_owned())
    );
    assert_eq!(alice.cast_names(&session.id).await, ["Tom"]);
    assert_eq!(alice.path(&session.id).await[3].character_id, ids[0]);
    let reply = turn(&stage, &alice, &session.id, "And you?", "Aye.").await;
    assert_eq!(reply.speaker_name, "Tom");
    // Who is left takes over what a single character would.
    let watch = alice.regenerate(&session.id, &mine.id).await.unwrap();
    answer(stage.call().await, "Gone.");
    assert_eq!(watch.all().await.2.message.unwrap().speaker_name, "Tom");
    alice.delete_character(&ids[1]).await;
    let now = alice.session(&session.id).await;
    assert_eq!(
        (now.character_id.as_str(), now.character_name.as_str()),
        ("", "Tom")
    );
    let nobody = alice.send(&session.id, "Hello?").await;
    assert_eq!(reason(nobody), Some(Reason::CharacterDeleted));
    let wren = alice.actor("Wren").await;
    let member = pb::CastMember {
        character_id: wren,
        ..pb::CastMember::default()
    };
    alice.bring(&session.id, member).await.unwrap();
    let reply = turn(&stage, &alice, &session.id, "Hello?", "Hello.").await;
    assert_eq!(reply.speaker_name, "Wren");
}

#[tokio::test]
async fn another_character_for_the_session_takes_the_part_of_the_first() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (session, ids) = session_of(&alice, &["Mira", "Tom"]).await;
    alice.mute(&session.id, &ids[0], true).await;
    let newer = alice.actor("Mira Vale").await;
    let request = pb::UpdateSessionRequest {
        session: Some(pb::Session {
            id: session.id.clone(),
            character_id: newer,
            ..pb::Session::default()
        }),
        update_mask: None,
    };
    alice
        .sessions()
        .update_session(alice.ask(request))
        .await
        .unwrap();
    let cast = alice.cast(&session.id).await;
    assert_eq!(cast.len(), 2);
    assert_eq!(
        (cast[0].character_name.as_str(), cast[0].muted),
        ("Mira Vale", true)
    );
}

#[tokio::test]
async fn players_let_characters_speak_and_only_the_owner_changes_who_they_are() {
    let stage = Stage::new().await;
    let (alice, bob, eve) = (stage.person(), stage.person(), stage.person());
    let (session, ids) =
        session_with(&alice, &["Mira", "Tom"], strategy(pb::TurnStrategy::Manual)).await;
    alice.let_in(&session.id, &bob, Role::Player).await;
    assert_eq!(bob.cast_names(&session.id).await, ["Mira", "Tom"]);
    let own = bob.actor("Wren").await;
    let member = |id: &str| pb::CastMember {
        character_id: id.to_owned(),
        ..pb::CastMember::default()
    };
    let joined = bob.bring(&session.id, member(&own)).await;
    assert_eq!(reason(joined), Some(Reason::SessionRoleInsufficient));
    let out = bob.take_out(&session.id, &ids[1], "").await;
    assert_eq!(reason(out), Some(Reason::SessionRoleInsufficient));
    let muted = bob.recast(&session.id, member(&ids[1]), &["muted"]).await;
    assert_eq!(reason(muted), Some(Reason::SessionRoleInsufficient));
    // A character of somebody else's is none of the owner's to bring.
    let others = alice.bring(&session.id, member(&own)).await;
    assert_eq!(reason(others), Some(Reason::NotFound));
    let watch = bob.play_turns(&session.id, &ids[1], None).await.unwrap();
    let generations = round(&stage, &bob, watch, "Ho!").await;
    assert_eq!(generations.len(), 1);
    let get = pb::GetCastMemberRequest {
        session_id: session.id.clone(),
        character_id: ids[0].clone(),
    };
    let stranger = eve.casts().get_cast_member(eve.ask(get.clone())).await;
    assert_eq!(reason(stranger), Some(Reason::NotFound));
    let member = bob.casts().get_cast_member(bob.ask(get)).await.unwrap();
    assert_eq!(
        member.into_inner().cast_member.unwrap().character_name,
        "Mira"
    );
    let stranger = eve.play_turns(&session.id, &ids[0], None).await;
    assert_eq!(
        stranger.map(drop).map_err(|it| it.code()),
        Err(tonic::Code::NotFound)
    );
}

#[tokio::test]
async fn an_alias_and_the_will_to_speak_decide_who_answers() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (session, ids) = session_of(&alice, &["Mira", "Tom"]).await;
    let lady = pb::CastMember {
        character_id: ids[0].clone(),
        aliases: vec!["the grey lady".to_owned()],
        ..pb::CastMember::default()
    };
    let lady = alice.recast(&session.id, lady, &["aliases"]).await.unwrap();
    assert_eq!(lady.aliases, ["the grey lady"]);
    let asked = "Where is the Grey Lady, and where a grey cat?";
    let watch = alice.send(&session.id, asked).await.unwrap();
    let said = round(&stage, &alice, watch, "Here.").await;
    let speakers: Vec<_> = alice.said(&session.id).await.split_off(3);
    assert_eq!((said.len(), speakers[0].0.as_str()), (1, "Mira"));

    let tom = |talkativeness| pb::CastMember {
        character_id: ids[1].clone(),
        talkativeness,
        ..pb::CastMember::default()
    };
    let loud = alice.recast(&session.id, tom(Some(1.0)), &["talkativeness"]);
    assert_eq!(loud.await.unwrap().talkativeness, Some(1.0));
    let watch = alice.send(&session.id, "Hm.").await.unwrap();
    let [only] = &round(&stage, &alice, watch, "Ho!").await[..] else {
        panic!("Mira speaks only when she is mentioned")
    };
    let speaker = alice.speaker(&only.id).await;
    assert_eq!(
        (speaker.name.as_str(), speaker.reason.as_str()),
        ("Tom", "talkative")
    );
    let quiet = alice.recast(&session.id, tom(None), &["talkativeness"]);
    assert_eq!(quiet.await.unwrap().talkativeness, None);
    let too_much = alice.recast(&session.id, tom(Some(1.5)), &["talkativeness"]);
    assert_eq!(reason(too_much.await), Some(Reason::InvalidRequest));
}

#[tokio::test]
async fn nothing_follows_for_somebody_who_was_removed() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let (session, ids) = session_of(&alice, &["Mira", "Tom"]).await;
    let member = alice.let_in(&session.id, &bob, Role::Player).await;
    let watch = bob
        .play_turns(&session.id, &ids[0], Some(20))
        .await
        .unwrap();
    let call = stage.call().await;
    let request = pb::DeleteParticipantRequest {
        session_id: session.id.clone(),
        participant_id: member,
    };
    let mut people = alice.participants();
    people.delete_participant(alice.ask(request)).await.unwrap();
    drop(watch);
    let running = alice.session(&session.id).await.running_generation_id;
    if !running.is_empty() {
        answer(call, "On.");
        alice.watch(&running, 0).await.unwrap().all().await;
    }
    assert_eq!(alice.session(&session.id).await.running_generation_id, "");
    assert!(!stage.was_asked().await);
}
