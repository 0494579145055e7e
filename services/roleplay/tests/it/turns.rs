//! The main flow: send, reply, regenerate, go on.

use tonic::Code;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay::{
    GenerationSettings, GenerationState, MessageRole, MessageState, SendMessageRequest, Session,
    UpdateSessionRequest,
};
use troupe_proto::types::FinishReason;

use crate::script::{BROKEN_MODEL, TEXT_MODEL, TINY_MODEL, provider_down};
use crate::stage::{Stage, tick, turn};

#[tokio::test]
async fn a_prompt_has_earlier_messages_to_the_letter() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let said = "\"Näh\" \\ 'no'\n\t– [1, {\"a\": null}] 🎭 \u{1}";
    turn(&stage, &alice, &session, said, "'\"\\").await;
    let _watch = alice.send(&session, "And?").await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    assert!(
        prompt.contains(said) && prompt.contains("'\"\\"),
        "{prompt}"
    );
}

#[tokio::test]
async fn streams_a_reply_and_keeps_it() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    tick(&stage);

    let mut watch = alice
        .send(&session.id, "Is the {{char}} here?")
        .await
        .unwrap();
    let started = watch.started().await;
    let said = started.user_message.unwrap();
    assert_eq!(
        (said.text.as_str(), said.speaker_name.as_str()),
        ("Is the Mira here?", "Alice")
    );
    let writing = started.message.unwrap();
    assert_eq!(
        (writing.state(), writing.role()),
        (MessageState::Generating, MessageRole::Character)
    );
    assert_eq!(writing.parent_message_id, said.id);
    let generation = started.generation.unwrap();
    assert_eq!(
        alice.session(&session.id).await.running_generation_id,
        generation.id
    );

    let call = stage.call().await;
    assert_eq!(call.request.generation_id, generation.id);
    assert!(
        call.prompt().contains("Mira keeps the lighthouse of Varn."),
        "{}",
        call.prompt()
    );
    assert!(
        call.prompt().contains("Is the Mira here?"),
        "{}",
        call.prompt()
    );
    call.say(" She");
    watch.reads("She").await;
    call.say(" is. ");
    call.finish();
    let (text, ended) = watch.rest().await;
    assert_eq!(text, " is.");

    let generation = ended.generation.unwrap();
    assert_eq!(generation.state(), GenerationState::Completed);
    assert_eq!(
        (generation.text.as_str(), generation.finish_reason()),
        ("She is.", FinishReason::Stop)
    );
    let usage = generation.usage.unwrap();
    assert_eq!(
        (
            usage.prompt_tokens,
            usage.cached_tokens,
            usage.completion_tokens
        ),
        (100, 60, 7)
    );
    assert_eq!(ended.message.unwrap().text, "She is.");
    assert_eq!(alice.generation(&generation.id).await, generation);

    let path = alice.path(&session.id).await;
    let texts: Vec<&str> = path.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "Come in, Alice. The storm is near.",
            "Is the Mira here?",
            "She is."
        ]
    );
    assert_eq!(path[2].state(), MessageState::Complete);
    let after = alice.session(&session.id).await;
    assert_eq!(after.running_generation_id, "");
    assert!(after.last_use_time.unwrap().seconds > session.last_use_time.unwrap().seconds);
}

#[tokio::test]
async fn knows_what_was_said_before_and_counts_it_once() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    turn(
        &stage,
        &alice,
        &session.id,
        "Tell me of the harbour.",
        "It sleeps.",
    )
    .await;
    let counted = stage.script.counted();

    let watch = alice.send(&session.id, "And the harbour?").await.unwrap();
    let call = stage.call().await;
    for part in [
        "Come in, Alice.",
        "Tell me of the harbour.",
        "It sleeps.",
        "And the harbour?",
        "The harbour froze",
    ] {
        assert!(
            call.prompt().contains(part),
            "{part} is not in {}",
            call.prompt()
        );
    }
    call.finish();
    watch.all().await;
    assert_eq!(
        stage.script.counted(),
        counted + 2,
        "only the last reply and the new message are new"
    );
}

#[tokio::test]
async fn sends_a_text_with_stops_to_a_model_that_completes_text() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session_with(TEXT_MODEL).await;
    let settings = GenerationSettings {
        max_tokens: Some(50),
        stop: vec!["END".to_owned()],
        seed: Some(7),
        ..Default::default()
    };
    let session = Session {
        settings: Some(settings),
        ..session
    };
    let update = UpdateSessionRequest {
        session: Some(session.clone()),
        update_mask: None,
    };
    alice
        .sessions()
        .update_session(alice.ask(update))
        .await
        .unwrap();

    let watch = alice.send(&session.id, "Hello").await.unwrap();
    let call = stage.call().await;
    assert!(
        call.prompt().ends_with("Alice: Hello\nMira:"),
        "{}",
        call.prompt()
    );
    assert!(
        call.request.stop.contains(&"\nAlice:".to_owned()),
        "{:?}",
        call.request.stop
    );
    assert!(
        call.request.stop.contains(&"END".to_owned()),
        "{:?}",
        call.request.stop
    );
    assert_eq!(call.request.max_tokens, 50);
    assert_eq!(call.request.sampling.unwrap().seed, Some(7));
    call.say(" Hi.\n");
    call.finish_with(FinishReason::Length);
    let (_, text, ended) = watch.all().await;
    assert_eq!(text, "Hi.");
    let generation = ended.generation.unwrap();
    assert_eq!(
        (generation.finish_reason(), generation.model_id.as_str()),
        (FinishReason::Length, TEXT_MODEL)
    );
    let receipt = troupe_proto::roleplay::GetGenerationReceiptRequest {
        generation_id: generation.id,
    };
    let receipt = alice
        .generations()
        .get_generation_receipt(alice.ask(receipt))
        .await
        .unwrap()
        .into_inner()
        .receipt
        .unwrap();
    assert_eq!(receipt.seed, 7);
    assert_eq!(receipt.model_id, TEXT_MODEL);
    assert_eq!(receipt.settings.clone().unwrap().max_tokens, Some(50));
    assert!(
        receipt.spans.len() > 3 && receipt.token_count > 0,
        "{receipt:?}"
    );
}

#[tokio::test]
async fn regenerates_a_reply_as_a_swipe_without_what_it_replaces() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let first = turn(&stage, &alice, &session.id, "Hello", "First try.").await;

    let watch = alice.regenerate(&session.id, &first.id).await.unwrap();
    let call = stage.call().await;
    assert!(!call.prompt().contains("First try."), "{}", call.prompt());
    call.say("Second try.");
    call.finish();
    let (started, _, ended) = watch.all().await;
    assert!(started.user_message.is_none());
    let second = ended.message.unwrap();
    assert_eq!((second.swipe_index, second.swipe_count), (1, 2));
    assert_eq!(second.parent_message_id, first.parent_message_id);
    assert_eq!(alice.texts(&session.id).await[2], "Second try.");
    assert_eq!(alice.swipes(&session.id, &first.id).await.len(), 2);
}

#[tokio::test]
async fn regenerates_a_greeting() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let greeting = alice.path(&session.id).await.remove(0);
    assert_eq!((greeting.swipe_index, greeting.swipe_count), (0, 3));

    let watch = alice.regenerate(&session.id, &greeting.id).await.unwrap();
    let call = stage.call().await;
    call.say("Who is there?");
    call.finish();
    let message = watch.all().await.2.message.unwrap();
    assert_eq!(
        (
            message.swipe_index,
            message.swipe_count,
            message.parent_message_id.as_str()
        ),
        (3, 4, "")
    );
    assert_eq!(alice.texts(&session.id).await, ["Who is there?"]);
}

#[tokio::test]
async fn goes_on_with_the_last_reply() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let reply = turn(&stage, &alice, &session.id, "Hello", "Once upon").await;

    let mut watch = alice.go_on(&session.id, &reply.id).await.unwrap();
    let started = watch.started().await;
    assert_eq!(started.message.unwrap().text, "Once upon");
    let call = stage.call().await;
    assert!(
        call.prompt().ends_with("CHAT_ROLE_ASSISTANT: Once upon"),
        "{}",
        call.prompt()
    );
    call.say(" a time.");
    call.finish();
    let (text, ended) = watch.rest().await;
    assert_eq!(text, " a time.");
    let (generation, message) = (ended.generation.unwrap(), ended.message.unwrap());
    assert_eq!(
        (generation.text.as_str(), message.text.as_str()),
        (" a time.", "Once upon a time.")
    );
    assert_eq!(
        (message.id, message.generation_id),
        (reply.id, generation.id.clone())
    );

    let (started, text, _) = alice.watch(&generation.id, 0).await.unwrap().all().await;
    assert_eq!(started.message.unwrap().text + &text, "Once upon a time.");
}

#[tokio::test]
async fn refuses_to_go_on_with_or_regenerate_what_is_unsuitable() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    turn(&stage, &alice, &session.id, "Hello", "Hi").await;
    let path = alice.path(&session.id).await;
    let refusals = [
        alice.go_on(&session.id, &path[0].id).await.err(),
        alice.go_on(&session.id, &path[1].id).await.err(),
        alice.regenerate(&session.id, &path[1].id).await.err(),
    ];
    for refusal in refusals {
        let status = refusal.unwrap();
        assert_eq!(
            (status.code(), reason_of(&status)),
            (Code::FailedPrecondition, Some(Reason::MessageUnsuitable))
        );
    }
    assert!(!stage.was_asked().await);
}

#[tokio::test]
async fn says_why_a_model_failed_before_the_first_token_and_takes_the_message_for_another_try() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    stage.script.refuse_next(provider_down());
    let (_, text, ended) = alice.send(&session.id, "Hello").await.unwrap().all().await;
    assert_eq!(text, "");
    let (generation, message) = (ended.generation.unwrap(), ended.message.unwrap());
    assert_eq!(
        (generation.state(), message.state()),
        (GenerationState::Failed, MessageState::Failed)
    );
    let error = generation.error.unwrap();
    assert_eq!(
        (error.reason.as_str(), error.message.as_str()),
        ("PROVIDER_UNAVAILABLE", "the provider is down")
    );
    assert_eq!(alice.texts(&session.id).await[1..], ["Hello"]);

    let watch = alice.regenerate(&session.id, &message.id).await.unwrap();
    let call = stage.call().await;
    call.say("Here I am.");
    call.finish();
    watch.all().await;
    let path = alice.path(&session.id).await;
    assert_eq!(
        (path[2].text.as_str(), path[2].swipe_count),
        ("Here I am.", 1)
    );
}

#[tokio::test]
async fn keeps_the_text_until_then_when_the_model_fails_midway_or_breaks_off() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    for breaks_off in [false, true] {
        let watch = alice.send(&session.id, "Hello").await.unwrap();
        let call = stage.call().await;
        call.say("Half a");
        if breaks_off {
            drop(call)
        } else {
            call.fail(provider_down())
        }
        let (_, text, ended) = watch.all().await;
        assert_eq!(text, "Half a");
        let (generation, message) = (ended.generation.unwrap(), ended.message.unwrap());
        assert_eq!(
            (message.state(), message.text.as_str()),
            (MessageState::Failed, "Half a")
        );
        assert_eq!(generation.error.unwrap().reason, "PROVIDER_UNAVAILABLE");
    }
}

#[tokio::test]
async fn marks_a_reply_that_a_filter_ended_as_failed() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let watch = alice.send(&session.id, "Hello").await.unwrap();
    let call = stage.call().await;
    call.say("I");
    call.finish_with(FinishReason::ContentFilter);
    let generation = watch.all().await.2.generation.unwrap();
    assert_eq!(generation.error.unwrap().reason, "CONTENT_REFUSED");
    assert_eq!(
        generation.usage.unwrap().completion_tokens,
        7,
        "what a filter ends is charged as well"
    );
}

#[tokio::test]
async fn stores_nothing_when_no_prompt_can_be_made() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let expected = [
        (TINY_MODEL, Code::FailedPrecondition, Reason::PromptTooLong),
        (BROKEN_MODEL, Code::Unavailable, Reason::ProviderUnavailable),
    ];
    for (model, code, reason) in expected {
        let session = alice.open_session_with(model).await;
        let status = alice.send(&session.id, "Hello").await.err().unwrap();
        assert_eq!(
            (status.code(), reason_of(&status)),
            (code, Some(reason)),
            "{model}"
        );
        assert_eq!(alice.texts(&session.id).await.len(), 1, "{model}");
        assert_eq!(alice.session(&session.id).await.running_generation_id, "");
    }
}

#[tokio::test]
async fn answers_any_message_by_forking_there() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    turn(&stage, &alice, &session.id, "one", "reply one").await;
    turn(&stage, &alice, &session.id, "two", "reply two").await;
    let path = alice.path(&session.id).await;

    let request = SendMessageRequest {
        session_id: session.id.clone(),
        text: "another".to_owned(),
        parent_message_id: path[0].id.clone(),
        request_id: String::new(),
        ..Default::default()
    };
    let watch = alice.send_request(request).await.unwrap();
    let call = stage.call().await;
    assert!(!call.prompt().contains("reply one"), "{}", call.prompt());
    call.say("reply another");
    call.finish();
    watch.all().await;
    assert_eq!(
        alice.texts(&session.id).await[1..],
        ["another", "reply another"]
    );

    let back = alice.select(&session.id, &path[1].id).await.unwrap();
    assert_eq!((back.swipe_index, back.swipe_count), (0, 2));
    assert_eq!(
        alice.texts(&session.id).await[1..],
        ["one", "reply one", "two", "reply two"]
    );
}

#[tokio::test]
async fn shows_the_edited_text_to_the_model() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let reply = turn(&stage, &alice, &session.id, "Hello", "I hate you.").await;
    tick(&stage);
    let blank = alice.edit(&session.id, &reply.id, "").await.unwrap_err();
    assert_eq!(reason_of(&blank), Some(Reason::InvalidRequest));
    let edited = alice.edit(&session.id, &reply.id, "I like you.").await;
    let edited = edited.unwrap();
    assert_eq!(
        (edited.text.as_str(), edited.state()),
        ("I like you.", MessageState::Complete)
    );
    assert!(edited.edit_time.is_some());

    let watch = alice.send(&session.id, "Really?").await.unwrap();
    let call = stage.call().await;
    assert!(
        call.prompt().contains("I like you.") && !call.prompt().contains("I hate you."),
        "{}",
        call.prompt()
    );
    call.finish();
    watch.all().await;
    let (started, text, _) = alice
        .watch(&edited.generation_id, 0)
        .await
        .unwrap()
        .all()
        .await;
    assert_eq!(
        (started.message.unwrap().text.as_str(), text.as_str()),
        ("I like you.", "I hate you.")
    );
}
