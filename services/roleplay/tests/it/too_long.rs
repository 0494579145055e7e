//! Prompts that a model finds too long, and replies that break off.

use tonic::Status;
use troupe_proto::roleplay as pb;
use troupe_proto::types::TokenUsage;
use troupe_proto::{Class, Reason};

use crate::stage::{Person, Stage, turn};

/// The refusal of a prompt, with the figures that the server named.
fn too_long(prompt: Option<u32>, window: Option<u32>) -> Status {
    let class = Class::new(Reason::ContextLength);
    let facts = [("promptTokens", prompt), ("windowTokens", window)];
    let known = facts
        .into_iter()
        .filter_map(|(name, fact)| Some((name, fact?)));
    let class = known.fold(class, |class, (name, fact)| class.fact(name, fact));
    class.status_of(&"the prompt is longer than the model's context window")
}

/// A session in which much was said.
async fn a_long_session(stage: &Stage, alice: &Person) -> String {
    let session = alice.open_session().await.id;
    for number in 0..6 {
        let said = format!("said-{number} {}", "word ".repeat(100));
        turn(stage, alice, &session, &said, "Indeed.").await;
    }
    session
}

async fn receipt(alice: &Person, generation: &str) -> pb::PromptReceipt {
    let request = pb::GetGenerationReceiptRequest {
        generation_id: generation.to_owned(),
    };
    let mut generations = alice.generations();
    let answer = generations.get_generation_receipt(alice.ask(request)).await;
    answer.unwrap().into_inner().receipt.unwrap()
}

#[tokio::test]
async fn compiles_a_prompt_that_is_too_long_once_more() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = a_long_session(&stage, &alice).await;
    let watch = alice.send(&session, "And now?").await.unwrap();
    let call = stage.call().await;
    assert!(call.prompt().contains("said-0"));
    call.fail(too_long(None, Some(400)));
    let call = stage.call().await;
    let prompt = call.prompt();
    assert!(
        !prompt.contains("said-0") && prompt.contains("And now?"),
        "{prompt}"
    );
    call.say("Good.");
    call.finish();
    let (started, text, ended) = watch.all().await;
    assert_eq!(text, "Good.");
    let ended = ended.generation.unwrap();
    assert_eq!(ended.state(), pb::GenerationState::Completed);
    // The receipt is that of the prompt that was answered.
    let receipt = receipt(&alice, &started.generation.unwrap().id).await;
    assert_eq!(receipt.window_tokens, 400);
    assert!(receipt.dropped_message_count > 0);
}

#[tokio::test]
async fn goes_by_the_servers_count_of_tokens() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = a_long_session(&stage, &alice).await;
    let watch = alice.send(&session, "And now?").await.unwrap();
    let call = stage.call().await;
    let words = call.prompt().split_whitespace().count();
    // The server counts four times as many tokens, in a window that would hold what we counted.
    let theirs = u32::try_from(4 * words).unwrap();
    call.fail(too_long(Some(theirs), Some(theirs / 2)));
    let call = stage.call().await;
    assert!(call.prompt().split_whitespace().count() < 6 * words / 10);
    call.say("Good.");
    call.finish();
    assert_eq!(watch.all().await.1, "Good.");
}

#[tokio::test]
async fn continues_a_message_with_a_shorter_prompt() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = a_long_session(&stage, &alice).await;
    let last = alice.path(&session).await.pop().unwrap();
    let watch = alice.go_on(&session, &last.id).await.unwrap();
    stage.call().await.fail(too_long(None, Some(400)));
    let call = stage.call().await;
    assert!(call.prompt().contains("Indeed."), "{}", call.prompt());
    call.say(" Quite.");
    call.finish();
    watch.all().await;
    assert_eq!(
        alice.path(&session).await.pop().unwrap().text,
        "Indeed. Quite."
    );
}

#[tokio::test]
async fn gives_up_where_nothing_shorter_helps() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = a_long_session(&stage, &alice).await;
    for refusals in [
        // Twice too long.
        vec![too_long(None, Some(400)), too_long(None, Some(300))],
        // Without a size, or with one that the prompt has.
        vec![too_long(Some(9000), None)],
        vec![too_long(None, Some(100_000))],
        // So small that the character doesn't fit.
        vec![too_long(None, Some(2))],
    ] {
        let watch = alice.send(&session, "And now?").await.unwrap();
        for refusal in refusals {
            stage.call().await.fail(refusal);
        }
        let ended = watch.all().await.2.generation.unwrap();
        assert_eq!(ended.state(), pb::GenerationState::Failed);
        assert_eq!(ended.error.unwrap().reason, "CONTEXT_LENGTH");
    }
}

#[tokio::test]
async fn says_what_a_reply_took_that_broke_off() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let watch = alice.send(&session, "Hello").await.unwrap();
    let call = stage.call().await;
    call.say("Good ");
    let usage = TokenUsage {
        prompt_tokens: 10,
        completion_tokens: 1,
        estimated: true,
        ..TokenUsage::default()
    };
    call.spend(usage);
    call.fail(crate::script::provider_down());
    let ended = watch.all().await.2.generation.unwrap();
    assert_eq!(ended.state(), pb::GenerationState::Failed);
    assert_eq!(ended.usage, Some(usage));
    assert_eq!(alice.texts(&session).await.last().unwrap(), "Good");
}
