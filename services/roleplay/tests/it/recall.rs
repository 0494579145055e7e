//! What prompts recall.

use tonic::Code;
use troupe_proto::roleplay::{self as pb, RecallState};
use troupe_roleplay::{Config, MemoryConfig};

use crate::embedder::Mood;
use crate::stage::{Person, Stage, turn};

/// A session whose searches may take long on a busy machine.
async fn a_patient_stage() -> Stage {
    Stage::with(&waiting_ms(30_000)).await
}

fn waiting_ms(recall_timeout_ms: u64) -> Config {
    let memory = MemoryConfig {
        recall_timeout_ms,
        ..MemoryConfig::default()
    };
    Config {
        memory,
        ..Config::default()
    }
}

/// Two of these fill the model's window.
fn filler() -> String {
    "so ".repeat(2_500)
}

/// A turn that is remembered, and so much after it that it has left the window. Returns its reply.
async fn a_long_session(stage: &Stage, alice: &Person, session: &str) -> pb::Message {
    let question = "Where did you hide the red boat?";
    let reply = turn(stage, alice, session, question, "In the northern cave.").await;
    for _ in 0..2 {
        turn(stage, alice, session, &filler(), "Yes.").await;
    }
    reply
}

/// Sends a message and returns the prompt that the model gets.
async fn asks(stage: &Stage, alice: &Person, session: &str, text: &str) -> String {
    let watch = alice.send(session, text).await.unwrap();
    let call = stage.call().await;
    call.say("Hm.");
    let prompt = call.prompt();
    call.finish();
    watch.all().await;
    prompt
}

async fn report(alice: &Person, session: &str) -> pb::MemoryReport {
    let request = pb::PreviewPromptRequest {
        session_id: session.to_owned(),
        ..Default::default()
    };
    let answer = alice.sessions().preview_prompt(alice.ask(request)).await;
    answer
        .unwrap()
        .into_inner()
        .receipt
        .unwrap()
        .memory
        .unwrap()
}

const QUESTION: &str = "Tell me again: where is the red boat hidden?";

#[tokio::test]
async fn recalls_what_has_left_the_window() {
    let stage = a_patient_stage().await;
    stage.follow_events().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let told = a_long_session(&stage, &alice, &session).await;
    alice.remembers(&session, 7).await;

    let prompt = asks(&stage, &alice, &session, QUESTION).await;
    let section = prompt.find("[Past events").expect("no memories");
    assert!(
        section < prompt.find("[Start a new Chat]").unwrap(),
        "{prompt}"
    );
    assert!(
        prompt.contains("Alice: Where did you hide the red boat?"),
        "{prompt}"
    );

    let said = alice.path(&session).await;
    let receipt = pb::GetGenerationReceiptRequest {
        generation_id: said.last().unwrap().generation_id.clone(),
    };
    let receipt = alice
        .generations()
        .get_generation_receipt(alice.ask(receipt))
        .await;
    let receipt = receipt.unwrap().into_inner().receipt.unwrap();
    let memory = receipt.memory.clone().unwrap();
    assert_eq!(memory.state(), RecallState::Recalled);
    let recalled = memory.memories.iter().filter(|it| it.reason == "recalled");
    let ids: Vec<&str> = recalled.map(|it| it.message_id.as_str()).collect();
    assert!(
        ids.contains(&told.parent_message_id.as_str()),
        "{receipt:?}"
    );
    let mut spans = receipt.spans.iter();
    assert!(spans.any(|span| span.source == "memory"), "{receipt:?}");
}

#[tokio::test]
async fn asks_for_no_vectors_while_the_window_holds_the_whole_session() {
    let stage = a_patient_stage().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    turn(&stage, &alice, &session, "Where?", "In the northern cave.").await;
    assert_eq!(
        report(&alice, &session).await.state(),
        RecallState::NotNeeded
    );
    assert_eq!(stage.embedder.asked(), 0);
    alice.note(&session, "She lies.", false).await;
    assert_eq!(
        report(&alice, &session).await.state(),
        RecallState::Recalled
    );
    assert_eq!(stage.embedder.asked(), 1);
}

#[tokio::test]
async fn goes_on_without_recall_where_the_embedder_is_away_or_stuck() {
    let stage = Stage::with(&waiting_ms(1_000)).await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    a_long_session(&stage, &alice, &session).await;
    alice.note(&session, "She lies.", true).await;
    for (mood, problem) in [
        (Mood::Away, "the embedder is away"),
        (Mood::Stuck, "the search took longer than 1000 ms"),
    ] {
        stage.embedder.be(mood);
        let report = report(&alice, &session).await;
        assert_eq!(
            (report.state(), report.problem.as_str()),
            (RecallState::Unavailable, problem)
        );
        assert_eq!(report.memories[0].reason, "pinned");
        let prompt = asks(&stage, &alice, &session, QUESTION).await;
        assert!(prompt.contains("She lies."), "{prompt}");
    }
    stage.embedder.be(Mood::Away);
    let request = pb::SearchMemoriesRequest {
        session_id: session,
        query: QUESTION.to_owned(),
        page_size: 0,
    };
    let search = alice.memories().search_memories(alice.ask(request)).await;
    assert_eq!(search.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn recalls_neither_other_swipes_nor_what_is_disabled() {
    let stage = a_patient_stage().await;
    stage.follow_events().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let told = a_long_session(&stage, &alice, &session).await;
    let memories = alice.remembers(&session, 7).await;
    let of = |message: &str| {
        memories
            .iter()
            .find(|memory| memory.message_id == message)
            .unwrap()
    };

    let disabled = pb::Memory {
        disabled: true,
        ..of(&told.parent_message_id).clone()
    };
    alice
        .change_memory(&session, disabled, &["disabled"])
        .await
        .unwrap();
    let pinned = pb::Memory {
        pinned: true,
        ..of(&told.id).clone()
    };
    alice
        .change_memory(&session, pinned, &["pinned"])
        .await
        .unwrap();
    let prompt = asks(&stage, &alice, &session, QUESTION).await;
    assert!(!prompt.contains("Where did you hide"), "{prompt}");
    assert!(prompt.contains("Mira: In the northern cave."), "{prompt}");

    // Another greeting: nothing of what was said after the first one happened here.
    let greeting = alice.path(&session).await.remove(0);
    let other = alice.swipes(&session, &greeting.id).await.remove(1);
    alice.select(&session, &other.id).await.unwrap();
    for _ in 0..2 {
        turn(&stage, &alice, &session, &filler(), "Yes.").await;
    }
    // Twice: what is known of a branch is of use when it goes on.
    for _ in 0..2 {
        let prompt = asks(&stage, &alice, &session, QUESTION).await;
        assert!(!prompt.contains("northern cave"), "{prompt}");
    }

    alice.select(&session, &greeting.id).await.unwrap();
    for _ in 0..2 {
        let prompt = asks(&stage, &alice, &session, QUESTION).await;
        assert!(prompt.contains("Mira: In the northern cave."), "{prompt}");
    }
}

#[tokio::test]
async fn recalls_nothing_where_it_is_switched_off() {
    let stage = a_patient_stage().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    alice.note(&session.id, "She lies.", true).await;
    let settings = pb::GenerationSettings {
        recall: Some(false),
        ..Default::default()
    };
    let request = pb::UpdateSessionRequest {
        session: Some(pb::Session {
            settings: Some(settings),
            ..session.clone()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["settings".to_owned()],
        }),
    };
    alice
        .sessions()
        .update_session(alice.ask(request))
        .await
        .unwrap();
    let report = report(&alice, &session.id).await;
    assert_eq!(
        (report.state(), report.memories.len()),
        (RecallState::Off, 0)
    );
}

#[tokio::test]
async fn recalls_nothing_of_what_is_hidden_from_models() {
    let stage = a_patient_stage().await;
    stage.follow_events().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let told = a_long_session(&stage, &alice, &session).await;
    let memories = alice.remembers(&session, 7).await;
    let of_message = |id: &str| {
        let found = memories.iter().find(|memory| memory.message_id == id);
        found.unwrap().clone()
    };
    let reply = of_message(&told.id);
    let pinned = pb::Memory {
        pinned: true,
        ..reply
    };
    let pinned = alice.change_memory(&session, pinned, &["pinned"]).await;
    drop(pinned.unwrap());
    let prompt = asks(&stage, &alice, &session, QUESTION).await;
    assert!(
        prompt.contains("Where did you hide the red boat?"),
        "{prompt}"
    );
    assert!(prompt.contains("In the northern cave."), "{prompt}");
    for id in [&told.id, &told.parent_message_id] {
        let request = pb::UpdateMessageRequest {
            session_id: session.clone(),
            message: Some(pb::Message {
                id: id.clone(),
                hidden: true,
                ..Default::default()
            }),
            update_mask: None,
        };
        let hidden = alice.messages().update_message(alice.ask(request)).await;
        assert!(hidden.unwrap().into_inner().message.unwrap().hidden);
    }
    let prompt = asks(&stage, &alice, &session, QUESTION).await;
    assert!(
        !prompt.contains("Where did you hide the red boat?"),
        "{prompt}"
    );
    assert!(!prompt.contains("In the northern cave."), "{prompt}");
}
