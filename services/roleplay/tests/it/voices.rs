//! Who may speak: narrators, people out of their characters, and models in a person's place.

use tonic::{Code, Status};
use troupe_proto::Reason;
use troupe_proto::ai::generate_request::Prompt;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay::{self as pb, MessageKind, MessageRole, MessageState};

use crate::script::TEXT_MODEL;
use crate::stage::{Person, Stage, Watch, turn};

impl Person {
    async fn add(
        &self,
        session: &str,
        kind: MessageKind,
        text: &str,
    ) -> Result<pb::Message, Status> {
        let request = pb::AddMessageRequest {
            session_id: session.to_owned(),
            text: text.to_owned(),
            kind: kind.into(),
            ..Default::default()
        };
        let answer = self.messages().add_message(self.ask(request)).await?;
        Ok(answer.into_inner().message.unwrap())
    }

    async fn impersonate(&self, session: &str) -> Result<Watch, Status> {
        let request = pb::ImpersonatePersonRequest {
            session_id: session.to_owned(),
            ..Default::default()
        };
        let mut messages = self.messages();
        let answer = messages.impersonate_person(self.ask(request)).await?;
        Ok(Watch::new(answer, |response| response.event))
    }
}

#[tokio::test]
async fn a_narrator_speaks_as_the_system_and_under_no_name() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let told = alice
        .add(&id, MessageKind::Narration, "Thunder rolls.")
        .await;
    let told = told.unwrap();
    assert_eq!(
        (told.role(), told.kind(), told.speaker_name.as_str()),
        (MessageRole::User, MessageKind::Narration, "")
    );
    assert!(!stage.was_asked().await, "nobody asked for a reply");
    let watch = alice.reply_to(&id, &told.id).await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    assert!(
        prompt.ends_with("CHAT_ROLE_SYSTEM: Thunder rolls."),
        "{prompt}"
    );
    call.say("*She looks up.*");
    call.finish();
    watch.all().await;
    // A message can be narrated and answered at once.
    let request = pb::SendMessageRequest {
        session_id: id.clone(),
        text: "The lamp goes out.".to_owned(),
        kind: MessageKind::Narration.into(),
        ..Default::default()
    };
    let mut watch = alice.send_request(request).await.unwrap();
    let said = watch.started().await.user_message.unwrap();
    assert_eq!(said.kind(), MessageKind::Narration);
    let call = stage.call().await;
    let prompt = call.prompt();
    assert!(
        prompt.ends_with("CHAT_ROLE_SYSTEM: The lamp goes out."),
        "{prompt}"
    );
    call.say("Oh.");
    call.finish();
    watch.rest().await;
}

#[tokio::test]
async fn a_text_prompt_has_no_name_before_a_narrators_words() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session_with(TEXT_MODEL).await.id;
    alice
        .add(&id, MessageKind::Narration, "Thunder rolls.")
        .await
        .unwrap();
    let watch = alice.send(&id, "Did you hear?").await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    assert!(
        prompt.contains("\nThunder rolls.\nAlice: Did you hear?"),
        "{prompt}"
    );
    call.say("Yes.");
    call.finish();
    watch.all().await;
}

#[tokio::test]
async fn models_never_read_what_is_said_out_of_character() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let aside = MessageKind::OutOfCharacter;
    let said = alice
        .add(&id, aside, "Back in a minute, harbour time.")
        .await;
    let said = said.unwrap();
    assert_eq!((said.kind(), said.speaker_name.as_str()), (aside, "Alice"));
    let watch = alice.send(&id, "Hello").await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    assert!(!prompt.contains("Back in a minute"), "{prompt}");
    assert!(!prompt.contains("The harbour froze"), "{prompt}");
    call.say("Hi.");
    call.finish();
    watch.all().await;
    let texts = ["Back in a minute, harbour time.", "Hello", "Hi."];
    assert_eq!(alice.texts(&id).await[1..], texts);
    let request = pb::SendMessageRequest {
        session_id: id.clone(),
        text: "Brb".to_owned(),
        kind: aside.into(),
        ..Default::default()
    };
    let refused = alice.send_request(request).await.err().unwrap();
    assert_eq!(reason_of(&refused), Some(Reason::InvalidRequest));
}

#[tokio::test]
async fn what_is_said_while_a_reply_is_written_follows_it() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    for reply in ["Hi.", ""] {
        let mut watch = alice.send(&id, "Hello").await.unwrap();
        watch.started().await;
        let call = stage.call().await;
        let added = alice.add(&id, MessageKind::OutOfCharacter, "Slow today");
        let added = added.await.unwrap();
        call.say(reply);
        call.finish();
        watch.rest().await;
        let path = alice.path(&id).await;
        assert_eq!(path.last().unwrap().id, added.id, "{reply}");
    }
    let texts = ["Hello", "Hi.", "Slow today", "Hello", "Slow today"];
    assert_eq!(alice.texts(&id).await[1..], texts);
}

#[tokio::test]
async fn a_repeated_request_adds_a_message_once_and_a_blank_one_is_none() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let request = |text: &str| pb::AddMessageRequest {
        session_id: id.clone(),
        text: text.to_owned(),
        request_id: "once".to_owned(),
        ..Default::default()
    };
    let add = async |text: &str| {
        let mut messages = alice.messages();
        let added = messages.add_message(alice.ask(request(text))).await?;
        Ok::<_, Status>(added.into_inner().message.unwrap())
    };
    let first = add("Hello").await.unwrap();
    assert_eq!(add("Hello").await.unwrap(), first);
    let other = add("Other").await.unwrap_err();
    assert_eq!(reason_of(&other), Some(Reason::RequestIdReused));
    assert_eq!(alice.texts(&id).await.len(), 2);
    let blank = alice.add(&id, MessageKind::Dialogue, " \n").await;
    assert_eq!(blank.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn the_model_writes_in_the_persons_place() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    turn(&stage, &alice, &id, "Hello", "Who are you?").await;
    let mut watch = alice.impersonate(&id).await.unwrap();
    let message = watch.started().await.message.unwrap();
    assert_eq!(
        (message.role(), message.speaker_name.as_str()),
        (MessageRole::User, "Alice")
    );
    let call = stage.call().await;
    let Some(Prompt::Chat(prompt)) = call.request.prompt.clone() else {
        panic!("no chat");
    };
    let last = prompt.messages.last().unwrap();
    assert!(
        last.content.contains("you write for Alice"),
        "{}",
        last.content
    );
    call.say("I am Alice.");
    call.finish();
    let written = watch.rest().await.1.message.unwrap();
    assert_eq!(
        alice.texts(&id).await[1..],
        ["Hello", "Who are you?", "I am Alice."]
    );
    // It can be written anew, and answered as any other.
    let watch = alice.regenerate(&id, &written.id).await.unwrap();
    let call = stage.call().await;
    assert!(call.prompt().contains("you write for Alice"));
    call.say("Nobody.");
    call.finish();
    let other = watch.all().await.2.message.unwrap();
    assert_eq!((other.role(), other.swipe_count), (MessageRole::User, 2));
    let watch = alice.reply_to(&id, &other.id).await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    assert!(prompt.ends_with("CHAT_ROLE_USER: Nobody."), "{prompt}");
    assert!(!prompt.contains("you write for"), "{prompt}");
    call.say("Then go.");
    call.finish();
    watch.all().await;
}

#[tokio::test]
async fn what_the_model_begins_in_the_persons_place_is_kept_or_gone_when_it_is_cancelled() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    turn(&stage, &alice, &id, "Hello", "Who are you?").await;
    let before = alice.path(&id).await;
    let mut watch = alice.impersonate(&id).await.unwrap();
    let silent = watch.started().await.generation.unwrap().id;
    let _call = stage.call().await;
    alice.cancel(&silent).await;
    watch.rest().await;
    assert_eq!(alice.path(&id).await, before);

    let mut watch = alice.impersonate(&id).await.unwrap();
    let begun = watch.started().await.generation.unwrap().id;
    let call = stage.call().await;
    call.say("I am");
    watch.reads("I am").await;
    alice.cancel(&begun).await;
    let kept = watch.rest().await.1.message.unwrap();
    assert_eq!(
        (kept.role(), kept.state(), kept.text.as_str()),
        (MessageRole::User, MessageState::Cancelled, "I am")
    );
    let watch = alice.reply_to(&id, &kept.id).await.unwrap();
    let call = stage.call().await;
    assert!(call.prompt().ends_with("CHAT_ROLE_USER: I am"));
    call.say("Yes?");
    call.finish();
    watch.all().await;
    assert_eq!(
        alice.texts(&id).await[2..],
        ["Who are you?", "I am", "Yes?"]
    );
}

#[tokio::test]
async fn a_text_prompt_ends_with_the_name_of_the_person_whom_the_model_writes_for() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session_with(TEXT_MODEL).await.id;
    let watch = alice.impersonate(&id).await.unwrap();
    let call = stage.call().await;
    let Some(Prompt::Text(prompt)) = call.request.prompt.clone() else {
        panic!("no text");
    };
    assert!(prompt.text.ends_with("\nAlice:"), "{}", prompt.text);
    let stop = &call.request.stop;
    assert!(stop.contains(&"\nMira:".to_owned()), "{stop:?}");
    assert!(!stop.contains(&"\nAlice:".to_owned()), "{stop:?}");
    call.say(" Hello.");
    call.finish();
    watch.all().await;
}
