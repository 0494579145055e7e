//! Chats that their callers keep, answered by characters.

use tonic::{Code, Status, Streaming};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::answer_chat_response::Event;
use troupe_proto::types::{ChatRole, FinishReason};

use crate::script::{BROKEN_MODEL, TEXT_MODEL, TINY_MODEL, provider_down};
use crate::stage::{CARD, Person, Stage};

fn line(role: ChatRole, text: &str) -> pb::ChatLine {
    pb::ChatLine {
        role: role.into(),
        text: text.to_owned(),
        name: String::new(),
    }
}

fn chat(character: &str, lines: &[(ChatRole, &str)]) -> pb::AnswerChatRequest {
    pb::AnswerChatRequest {
        character_id: character.to_owned(),
        messages: lines.iter().map(|(role, text)| line(*role, text)).collect(),
        ..pb::AnswerChatRequest::default()
    }
}

async fn answer(
    person: &Person,
    request: pb::AnswerChatRequest,
) -> Result<Streaming<pb::AnswerChatResponse>, Status> {
    let answer = person.characters().answer_chat(person.ask(request)).await?;
    Ok(answer.into_inner())
}

/// Reads to the end.
async fn read(
    answer: &mut Streaming<pb::AnswerChatResponse>,
) -> Result<(String, pb::ReplyFinished), Status> {
    let mut text = String::new();
    loop {
        let part = answer
            .message()
            .await?
            .expect("an answer ends with its end");
        match part.event.unwrap() {
            Event::Delta(delta) => text += &delta.text,
            Event::Finished(finished) => return Ok((text, finished)),
        }
    }
}

async fn mira(person: &Person) -> String {
    person.import(CARD).await.unwrap().character.unwrap().id
}

#[tokio::test]
async fn a_character_answers_by_its_card_and_its_lore_and_nothing_is_stored() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = mira(&alice).await;
    let mut request = chat(
        &id,
        &[
            (ChatRole::User, "Hello"),
            (ChatRole::Assistant, "Yes?"),
            (ChatRole::User, "What of the harbour, {{char}}?"),
        ],
    );
    request.note = "Be brief, {{user}}.".to_owned();
    request.settings = Some(pb::GenerationSettings {
        max_tokens: Some(9),
        temperature: Some(0.5),
        stop: vec!["END".to_owned()],
        ..pb::GenerationSettings::default()
    });
    let mut answer = answer(&alice, request).await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    assert!(
        prompt.contains("Mira keeps the lighthouse of Varn."),
        "{prompt}"
    );
    assert!(
        prompt.contains("The harbour froze last winter."),
        "{prompt}"
    );
    // What its caller says stays as it is.
    assert!(
        prompt.contains("What of the harbour, {{char}}?"),
        "{prompt}"
    );
    assert!(prompt.contains("\n\nBe brief, {{user}}."), "{prompt}");
    assert_eq!(call.request.user_id, alice.0.user_id.unwrap().to_string());
    assert_eq!(
        (call.request.max_tokens, &*call.request.stop),
        (9, &["END".to_owned()][..])
    );
    call.say("  It is cold, {{us");
    call.say("er}}. ");
    call.finish();
    let (text, finished) = read(&mut answer).await.unwrap();
    assert_eq!(text, "It is cold, Alice.");
    assert_eq!(finished.reason(), FinishReason::Stop);
    assert_eq!(finished.usage.unwrap().completion_tokens, 7);
    let sessions = alice.sessions();
    let list = alice.ask(pb::ListSessionsRequest::default());
    let sessions = { sessions }.list_sessions(list).await.unwrap().into_inner();
    assert!(sessions.sessions.is_empty());
}

#[tokio::test]
async fn what_a_character_has_begun_goes_on() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = mira(&alice).await;
    let lines = [
        (ChatRole::User, "Hello"),
        (ChatRole::Assistant, "The storm"),
    ];
    let mut whole = answer(&alice, chat(&id, &lines)).await.unwrap();
    let call = stage.call().await;
    let last = call.messages().pop().unwrap();
    assert_eq!(
        (last.role(), &*last.content),
        (ChatRole::Assistant, "The storm")
    );
    call.finish_with(FinishReason::Length);
    let (_, finished) = read(&mut whole).await.unwrap();
    assert_eq!(finished.reason(), FinishReason::Length);
    let mut request = chat(&id, &lines[..1]);
    request.model_id = TEXT_MODEL.to_owned();
    _ = answer(&alice, request).await.unwrap();
    let prompt = stage.call().await.prompt();
    assert!(prompt.ends_with("Mira:"), "{prompt}");
}

#[tokio::test]
async fn only_those_who_may_open_sessions_get_answers() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let id = mira(&alice).await;
    let refused = answer(&bob, chat(&id, &[(ChatRole::User, "Hi")])).await;
    let refused = refused.err().unwrap();
    assert_eq!(refused.code(), Code::NotFound);
    assert!(!stage.was_asked().await);
}

#[tokio::test]
async fn refusals_and_failures_reach_the_caller() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = mira(&alice).await;
    let asked = |model: &str| pb::AnswerChatRequest {
        model_id: model.to_owned(),
        ..chat(&id, &[(ChatRole::User, "Hi")])
    };
    let cases = [
        ("nowhere/none", Reason::ModelUnknown),
        (BROKEN_MODEL, Reason::ProviderUnavailable),
        (TINY_MODEL, Reason::PromptTooLong),
    ];
    for (model, reason) in cases {
        let refused = answer(&alice, asked(model)).await.err().unwrap();
        assert_eq!(reason_of(&refused), Some(reason), "{model}");
    }
    let mut broken = answer(&alice, asked("")).await.unwrap();
    let call = stage.call().await;
    call.say("The ");
    call.fail(provider_down());
    let failed = read(&mut broken).await.err().unwrap();
    assert_eq!(reason_of(&failed), Some(Reason::ProviderUnavailable));
    let mut cut = answer(&alice, asked("")).await.unwrap();
    drop(stage.call().await);
    let failed = read(&mut cut).await.err().unwrap();
    assert_eq!(reason_of(&failed), Some(Reason::ProviderUnavailable));
}

#[tokio::test]
async fn a_caller_who_goes_away_stops_the_model() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = mira(&alice).await;
    let answer = answer(&alice, chat(&id, &[(ChatRole::User, "Hi")])).await;
    let call = stage.call().await;
    call.say("The");
    drop(answer);
    call.dropped().await;
}
