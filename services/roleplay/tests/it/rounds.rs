//! Whose turn it is, and what follows by itself.

use futures::future::join_all;
use troupe_proto::Reason;
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::GenerationState as State;
use troupe_proto::types::ChatRole;

use crate::people::reason;
use crate::script::TEXT_MODEL;
use crate::stage::{Stage, turn};
use crate::troupe::{answer, round, session_of, session_with, strategy};

fn pair(name: &str, text: &str) -> (String, String) {
    (name.to_owned(), text.to_owned())
}

#[tokio::test]
async fn who_is_mentioned_answers_by_their_own_card_and_all_lorebooks() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (session, ids) = session_of(&alice, &["Mira", "Tom"]).await;
    let watch = alice.send(&session.id, "Tom, the harbour!").await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    for said in [
        "Tom is known as Tom.",
        "Mira of Mira's book.",
        "Tom of Tom's book.",
        "Mira: Mira greets Alice before Tom, Alice.",
        "Alice: Tom, the harbour!",
        "[Start a new group chat. Group members: Mira, Tom]",
        "[Write the next reply only as Tom.]",
    ] {
        assert!(prompt.contains(said), "{said}: {prompt}");
    }
    assert!(!prompt.contains("known as Mira"), "{prompt}");
    assert!(call.request.stop.contains(&"\nMira:".to_owned()));
    // What stands before each message isn't written before the reply again.
    call.say("To");
    call.say("m: Aye, ");
    call.say("{{user}}, says {{char}}.");
    call.finish();
    let (_, text, ended) = watch.all().await;
    assert_eq!(text, "Aye, Alice, says Tom.");
    let (generation, message) = (ended.generation.unwrap(), ended.message.unwrap());
    assert_eq!(
        (message.speaker_name.as_str(), &message.character_id),
        ("Tom", &ids[1])
    );
    assert_eq!(generation.next_generation_id, "");
    let speaker = alice.speaker(&generation.id).await;
    assert_eq!(
        (speaker.character_id.as_str(), speaker.name.as_str()),
        (ids[1].as_str(), "Tom")
    );
    assert_eq!(speaker.reason, "mentioned");
}

#[tokio::test]
async fn a_text_model_gets_the_names_of_all_and_stops_at_them() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (session, _) = session_of(&alice, &["Mira", "Tom"]).await;
    let request = pb::UpdateSessionRequest {
        session: Some(pb::Session {
            id: session.id.clone(),
            model_id: TEXT_MODEL.to_owned(),
            ..pb::Session::default()
        }),
        update_mask: None,
    };
    alice
        .sessions()
        .update_session(alice.ask(request))
        .await
        .unwrap();
    let watch = alice.send(&session.id, "Tom?").await.unwrap();
    let call = stage.call().await;
    assert!(
        call.prompt().ends_with("Alice: Tom?\nTom:"),
        "{}",
        call.prompt()
    );
    for name in ["\nAlice:", "\nMira:"] {
        assert!(call.request.stop.contains(&name.to_owned()), "{name}");
    }
    answer(call, " Aye.");
    assert_eq!(watch.all().await.1, "Aye.");
}

#[tokio::test]
async fn in_a_list_all_answer_one_after_the_other() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (session, ids) = session_with(
        &alice,
        &["Mira", "Tom", "Wren"],
        strategy(pb::TurnStrategy::List),
    )
    .await;
    alice.mute(&session.id, &ids[1], true).await;
    let mut watch = alice.send(&session.id, "Well?").await.unwrap();
    let started = watch.started().await;
    assert_eq!(started.user_message.unwrap().text, "Well?");
    let first = started.generation.unwrap();
    assert_eq!(
        alice.session(&session.id).await.running_generation_id,
        first.id
    );
    answer(stage.call().await, "One.");
    let first = watch.rest().await.1.generation.unwrap();
    let mut second = alice.watch(&first.next_generation_id, 0).await.unwrap();
    let started = second.started().await;
    assert!(started.user_message.is_none(), "it follows a character");
    assert_eq!(started.message.unwrap().speaker_name, "Wren");
    let call = stage.call().await;
    assert!(call.prompt().contains("Mira: One."), "{}", call.prompt());
    answer(call, "Two.");
    let ended = second.rest().await.1.generation.unwrap();
    assert_eq!(ended.next_generation_id, "");
    // Who asked for the first pays for all.
    assert_eq!(ended.participant_id, first.participant_id);
    assert_eq!(alice.speaker(&ended.id).await.reason, "listed");
    let said = alice.said(&session.id).await;
    assert_eq!(
        said[3..],
        [
            pair("Alice", "Well?"),
            pair("Mira", "One."),
            pair("Wren", "Two.")
        ]
    );
    assert_eq!(alice.session(&session.id).await.running_generation_id, "");
}

#[tokio::test]
async fn by_hand_nobody_answers_until_somebody_is_named() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (session, ids) =
        session_with(&alice, &["Mira", "Tom"], strategy(pb::TurnStrategy::Manual)).await;
    let before = alice.path(&session.id).await.len();
    let refused = alice.send(&session.id, "Tom?").await;
    assert_eq!(reason(refused.map(drop)), Some(Reason::NobodyToSpeak));
    assert_eq!(
        alice.path(&session.id).await.len(),
        before,
        "nothing is stored"
    );
    // Who is muted speaks when named.
    alice.mute(&session.id, &ids[1], true).await;
    let watch = alice.send_to(&session.id, "You?", &ids[1]).await.unwrap();
    let [only] = &round(&stage, &alice, watch, "Aye.").await[..] else {
        panic!("one is named")
    };
    assert_eq!(alice.speaker(&only.id).await.reason, "asked");
    let stranger = alice.actor("Wren").await;
    let refused = alice.send_to(&session.id, "You?", &stranger).await;
    assert_eq!(reason(refused.map(drop)), Some(Reason::NotFound));
    // Another character answers what one said, and a message can be answered by another one instead.
    let said = alice.path(&session.id).await;
    let of_tom = said.last().unwrap();
    let request = |message: &str, character: &str| pb::ReplyToMessageRequest {
        session_id: session.id.clone(),
        message_id: message.to_owned(),
        character_id: character.to_owned(),
        ..pb::ReplyToMessageRequest::default()
    };
    let mut messages = alice.messages();
    let answered = messages
        .reply_to_message(alice.ask(request(&of_tom.id, &ids[0])))
        .await;
    let watch = crate::stage::Watch::new(answered.unwrap(), |it| it.event);
    answer(stage.call().await, "Hm.");
    assert_eq!(watch.all().await.2.message.unwrap().speaker_name, "Mira");
    let answered = messages
        .reply_to_message(alice.ask(request(&of_tom.parent_message_id, &ids[0])))
        .await;
    let watch = crate::stage::Watch::new(answered.unwrap(), |it| it.event);
    answer(stage.call().await, "I.");
    let message = watch.all().await.2.message.unwrap();
    assert_eq!(
        (message.speaker_name.as_str(), message.swipe_count),
        ("Mira", 2)
    );
}

#[tokio::test]
async fn a_session_goes_on_by_itself_up_to_its_limit() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (session, _) =
        session_with(&alice, &["Mira", "Tom"], strategy(pb::TurnStrategy::Pooled)).await;
    turn(&stage, &alice, &session.id, "Talk.", "So.").await;
    let watch = alice.play_turns(&session.id, "", Some(5)).await.unwrap();
    let generations = round(&stage, &alice, watch, "And so on.").await;
    assert_eq!(generations.len(), 5);
    assert!(!stage.was_asked().await);
    let said = alice.said(&session.id).await;
    let speakers: Vec<&str> = said[2..].iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(speakers.len(), 7);
    for two in speakers.windows(2) {
        assert_ne!(two[0], two[1], "nobody answers themselves");
    }
    let reasons = join_all(generations.iter().map(|it| alice.speaker(&it.id))).await;
    assert_eq!(reasons[0].reason, "pooled");
    assert_eq!(reasons[1].reason, "chance");
    // The page of generations has them all.
    let request = pb::ListGenerationsRequest {
        session_id: session.id.clone(),
        ..pb::ListGenerationsRequest::default()
    };
    let listed = alice
        .generations()
        .list_generations(alice.ask(request))
        .await;
    let listed = listed.unwrap().into_inner().generations;
    assert_eq!(listed[1].next_generation_id, listed[0].id);
}

#[tokio::test]
async fn whoever_sends_stops_what_was_going_on() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (session, ids) = session_of(&alice, &["Mira", "Tom"]).await;
    let watch = alice
        .play_turns(&session.id, &ids[0], Some(20))
        .await
        .unwrap();
    let call = stage.call().await;
    let waiting = alice.send(&session.id, "Tom, stop!").await.unwrap();
    answer(call, "On and on.");
    let ended = watch.all().await.2.generation.unwrap();
    assert_eq!(ended.next_generation_id, "");
    let generations = round(&stage, &alice, waiting, "Aye.").await;
    assert_eq!(generations.len(), 1, "what was going on is over");
    assert!(!stage.was_asked().await);
    let said = alice.said(&session.id).await;
    let expected = [
        pair("Mira", "On and on."),
        pair("Alice", "Tom, stop!"),
        pair("Tom", "Aye."),
    ];
    assert_eq!(said[2..], expected);
    // So does who adds a message, or turns to another swipe.
    let watch = alice
        .play_turns(&session.id, &ids[0], Some(20))
        .await
        .unwrap();
    let call = stage.call().await;
    let add = pb::AddMessageRequest {
        session_id: session.id.clone(),
        text: "Hm.".to_owned(),
        ..pb::AddMessageRequest::default()
    };
    alice.messages().add_message(alice.ask(add)).await.unwrap();
    answer(call, "And.");
    assert_eq!(
        watch.all().await.2.generation.unwrap().next_generation_id,
        ""
    );
}

#[tokio::test]
async fn a_cancel_ends_the_running_reply_and_what_would_follow() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (session, ids) = session_of(&alice, &["Mira", "Tom"]).await;
    let watch = alice
        .play_turns(&session.id, &ids[0], Some(20))
        .await
        .unwrap();
    answer(stage.call().await, "One.");
    let first = watch.all().await.2.generation.unwrap();
    let call = stage.call().await;
    call.say("Two");
    let mut second = alice.watch(&first.next_generation_id, 0).await.unwrap();
    second.started().await;
    second.reads("Two").await;
    // Also by the one that it followed, which somebody may still look at.
    let cancelled = alice.cancel(&first.id).await;
    assert_eq!(cancelled.state(), State::Completed);
    let ended = second.rest().await.1.generation.unwrap();
    assert_eq!(
        (ended.state(), ended.next_generation_id.as_str()),
        (State::Cancelled, "")
    );
    assert!(!stage.was_asked().await);
    assert_eq!(alice.session(&session.id).await.running_generation_id, "");
    // One that fails, or says nothing, ends it too.
    for text in ["", " \n"] {
        let watch = alice.play_turns(&session.id, "", Some(20)).await.unwrap();
        answer(stage.call().await, text);
        let ended = watch.all().await.2.generation.unwrap();
        assert_eq!(ended.next_generation_id, "");
    }
    let watch = alice
        .play_turns(&session.id, &ids[1], Some(20))
        .await
        .unwrap();
    let call = stage.call().await;
    call.say("Th");
    call.fail(tonic::Status::unavailable("gone"));
    let ended = watch.all().await.2.generation.unwrap();
    assert_eq!(
        (ended.state(), ended.next_generation_id.as_str()),
        (State::Failed, "")
    );
}

#[tokio::test]
async fn who_is_muted_or_taken_out_meanwhile_is_passed_over() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let names = ["Mira", "Tom", "Wren", "Finn"];
    let (session, ids) = session_with(&alice, &names, strategy(pb::TurnStrategy::List)).await;
    let watch = alice.send(&session.id, "Well?").await.unwrap();
    let call = stage.call().await;
    alice.mute(&session.id, &ids[1], true).await;
    alice.take_out(&session.id, &ids[2], "").await.unwrap();
    answer(call, "One.");
    let next = watch.all().await.2.generation.unwrap().next_generation_id;
    answer(stage.call().await, "Two.");
    alice.watch(&next, 0).await.unwrap().all().await;
    let said = alice.said(&session.id).await;
    assert_eq!(said[5..], [pair("Mira", "One."), pair("Finn", "Two.")]);
    assert!(!stage.was_asked().await);
}

#[tokio::test]
async fn another_text_and_more_of_it_are_of_the_same_speaker() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (session, ids) = session_of(&alice, &["Mira", "Tom"]).await;
    let watch = alice.send(&session.id, "Tom?").await.unwrap();
    answer(stage.call().await, "Aye.");
    let said = watch.all().await.2.message.unwrap();
    let watch = alice.regenerate(&session.id, &said.id).await.unwrap();
    let call = stage.call().await;
    assert!(call.prompt().contains("known as Tom"), "{}", call.prompt());
    answer(call, "Nay.");
    let ended = watch.all().await.2;
    let (generation, swipe) = (ended.generation.unwrap(), ended.message.unwrap());
    assert_eq!(
        (swipe.speaker_name.as_str(), &swipe.character_id),
        ("Tom", &ids[1])
    );
    assert_eq!(alice.speaker(&generation.id).await.reason, "kept");
    let watch = alice.go_on(&session.id, &swipe.id).await.unwrap();
    let call = stage.call().await;
    assert!(call.prompt().contains("known as Tom"), "{}", call.prompt());
    let last = call.messages().pop().unwrap();
    assert_eq!(
        (last.role(), last.content.as_str()),
        (ChatRole::Assistant, "Tom: Nay.")
    );
    answer(call, " Never.");
    assert_eq!(watch.all().await.2.message.unwrap().text, "Nay. Never.");
    // Each greeting is its character's, too.
    let greeting = alice.path(&session.id).await.remove(1);
    let watch = alice.regenerate(&session.id, &greeting.id).await.unwrap();
    answer(stage.call().await, "Ho!");
    let swipe = watch.all().await.2.message.unwrap();
    assert_eq!((swipe.speaker_name.as_str(), swipe.swipe_count), ("Tom", 2));
    alice.take_out(&session.id, &ids[1], "").await.unwrap();
    let wren = alice.actor("Wren").await;
    let member = pb::CastMember {
        character_id: wren,
        ..pb::CastMember::default()
    };
    alice.bring(&session.id, member).await.unwrap();
    let refused = alice.regenerate(&session.id, &said.id).await;
    assert_eq!(reason(refused.map(drop)), Some(Reason::MessageUnsuitable));
}

#[tokio::test]
async fn cards_are_joined_and_seen_before_anything_is_generated() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let turns = pb::TurnSettings {
        cards: Some(pb::PromptCards::Joined.into()),
        nudge_format: Some("Go, {{char}}.".to_owned()),
        ..strategy(pb::TurnStrategy::Manual)
    };
    let (session, ids) = session_with(&alice, &["Mira", "Tom"], turns).await;
    let preview = |character: &str| pb::PreviewPromptRequest {
        session_id: session.id.clone(),
        character_id: character.to_owned(),
    };
    let previewed = alice
        .sessions()
        .preview_prompt(alice.ask(preview(&ids[1])))
        .await;
    let previewed = previewed.unwrap().into_inner();
    let text: String = previewed
        .messages
        .into_iter()
        .map(|it| it.content + "\n")
        .collect();
    for said in ["known as Mira", "known as Tom", "Go, Tom."] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let receipt = previewed.receipt.unwrap();
    assert_eq!(receipt.speaker.unwrap().name, "Tom");
    assert!(receipt.spans.iter().any(|it| it.source == "nudge"));
    assert!(!stage.was_asked().await);
}

#[tokio::test]
async fn one_character_speaks_as_before() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let watch = alice.send(&session.id, "Hello").await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    for said in ["Write the next reply", "group chat", "Mira:"] {
        assert!(!prompt.contains(said), "{said}: {prompt}");
    }
    assert_eq!(call.request.stop, [""; 0]);
    answer(call, "Mira: waves.");
    let (_, text, ended) = watch.all().await;
    assert_eq!(text, "Mira: waves.");
    let generation = ended.generation.unwrap();
    assert_eq!(generation.next_generation_id, "");
    assert_eq!(ended.message.unwrap().character_id, session.character_id);
    assert_eq!(alice.speaker(&generation.id).await.reason, "alone");
    // It doesn't answer itself, unless it is named or that is allowed.
    let refused = alice.play_turns(&session.id, "", Some(3)).await;
    assert_eq!(reason(refused.map(drop)), Some(Reason::NobodyToSpeak));
    let watch = alice
        .play_turns(&session.id, &session.character_id, None)
        .await
        .unwrap();
    assert_eq!(round(&stage, &alice, watch, "And.").await.len(), 1);
    let request = pb::UpdateSessionRequest {
        session: Some(pb::Session {
            id: session.id.clone(),
            settings: Some(pb::GenerationSettings {
                turns: Some(pb::TurnSettings {
                    self_replies: Some(true),
                    ..pb::TurnSettings::default()
                }),
                ..pb::GenerationSettings::default()
            }),
            ..pb::Session::default()
        }),
        update_mask: None,
    };
    let updated = alice
        .sessions()
        .update_session(alice.ask(request))
        .await
        .unwrap();
    let settings = updated.into_inner().session.unwrap().settings.unwrap();
    assert_eq!(settings.turns.unwrap().self_replies, Some(true));
    let watch = alice.play_turns(&session.id, "", Some(3)).await.unwrap();
    assert_eq!(round(&stage, &alice, watch, "And.").await.len(), 3);
}

#[tokio::test]
async fn a_repeated_request_plays_once() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (session, ids) = session_of(&alice, &["Mira", "Tom"]).await;
    let request = || pb::PlayTurnsRequest {
        session_id: session.id.clone(),
        character_id: ids[0].clone(),
        max_replies: None,
        request_id: "r-1".to_owned(),
    };
    let first = alice.messages().play_turns(alice.ask(request())).await;
    let first = crate::stage::Watch::new(first.unwrap(), |it| it.event);
    answer(stage.call().await, "One.");
    let first = first.all().await.2.generation.unwrap();
    let again = alice.messages().play_turns(alice.ask(request())).await;
    let again = crate::stage::Watch::new(again.unwrap(), |it| it.event);
    assert_eq!(again.all().await.2.generation.unwrap().id, first.id);
    assert!(!stage.was_asked().await);
}
