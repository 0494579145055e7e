//! Messages that are deleted alone or hidden, and changes that must not meet another one.

use tonic::{Code, Status};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;

use crate::stage::{Person, Stage, tick, turn};

impl Person {
    /// Deletes a message and nothing else, and returns where the session's branch ends now.
    pub(crate) async fn delete_alone(
        &self,
        session: &str,
        message: &str,
    ) -> Result<String, Status> {
        let request = pb::DeleteMessageRequest {
            session_id: session.to_owned(),
            message_id: message.to_owned(),
            keep_following: true,
            etag: String::new(),
        };
        self.messages().delete_message(self.ask(request)).await?;
        Ok(self.session(session).await.branch.unwrap().head_message_id)
    }

    async fn hide(&self, session: &str, message: &str, hidden: bool) -> pb::Message {
        let message = pb::Message {
            id: message.to_owned(),
            hidden,
            ..Default::default()
        };
        let mask = &["hidden"];
        self.change(session, message, mask).await.unwrap()
    }

    async fn change(
        &self,
        session: &str,
        message: pb::Message,
        paths: &[&str],
    ) -> Result<pb::Message, Status> {
        let request = pb::UpdateMessageRequest {
            session_id: session.to_owned(),
            message: Some(message),
            update_mask: Some(prost_types::FieldMask {
                paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            }),
        };
        let answer = self.messages().update_message(self.ask(request)).await?;
        Ok(answer.into_inner().message.unwrap())
    }
}

/// What the next prompt has.
async fn next_prompt(stage: &Stage, person: &Person, session: &str) -> String {
    let watch = person.send(session, "Go on.").await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    call.say("Well.");
    call.finish();
    watch.all().await;
    prompt
}

#[tokio::test]
async fn what_follows_a_message_that_is_deleted_alone_stays() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    for (said, reply) in [("one", "A1"), ("two", "A2"), ("three", "A3")] {
        turn(&stage, &alice, &id, said, reply).await;
    }
    let path = alice.path(&id).await;
    let head = path.last().unwrap().id.clone();
    let left = alice.delete_alone(&id, &path[3].id).await.unwrap();
    assert_eq!(left, head);
    assert_eq!(
        alice.texts(&id).await[1..],
        ["one", "A1", "A2", "three", "A3"]
    );
    let after = alice.path(&id).await;
    assert_eq!(after[3].parent_message_id, path[2].id);
    assert_eq!((after[3].swipe_index, after[3].swipe_count), (0, 1));
    let prompt = next_prompt(&stage, &alice, &id).await;
    assert!(
        prompt.contains("three") && !prompt.contains("two"),
        "{prompt}"
    );
    // The very first goes too, and what comes last.
    alice.delete_alone(&id, &path[0].id).await.unwrap();
    let head = alice.path(&id).await.pop().unwrap();
    let left = alice.delete_alone(&id, &head.id).await.unwrap();
    assert_eq!(left, head.parent_message_id);
    let texts = ["one", "A1", "A2", "three", "A3", "Go on."];
    assert_eq!(alice.texts(&id).await, texts);
    let gone = alice.delete_alone(&id, &path[3].id).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
}

#[tokio::test]
async fn the_swipes_of_a_message_that_is_deleted_alone_stay_in_their_order() {
    let stage = Stage::new().await;
    stage.script.always_reply("Reply");
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let reply = alice.send(&id, "one").await.unwrap().all().await;
    let first = reply.2.message.unwrap();
    let second = alice.regenerate(&id, &first.id).await.unwrap().all().await;
    let second = second.2.message.unwrap();
    let third = alice.regenerate(&id, &first.id).await.unwrap().all().await;
    let third = third.2.message.unwrap();
    // Two ways go on from the second.
    for text in ["left", "right"] {
        let request = pb::SendMessageRequest {
            session_id: id.clone(),
            text: text.to_owned(),
            parent_message_id: second.id.clone(),
            ..Default::default()
        };
        alice.send_request(request).await.unwrap().all().await;
    }
    let before = alice.texts(&id).await;
    alice.delete_alone(&id, &second.id).await.unwrap();
    let texts = [before[0].as_str(), "one", "right", "Reply"];
    assert_eq!(alice.texts(&id).await, texts);
    let swipes = alice.swipes(&id, &first.id).await;
    let swipes: Vec<_> = swipes
        .iter()
        .map(|swipe| (swipe.id.as_str(), swipe.text.as_str(), swipe.swipe_index))
        .collect();
    assert_eq!(swipes.len(), 4);
    assert_eq!(swipes[0], (first.id.as_str(), "Reply", 0));
    assert_eq!((swipes[1].1, swipes[1].2), ("left", 1));
    assert_eq!((swipes[2].1, swipes[2].2), ("right", 2));
    assert_eq!(swipes[3], (third.id.as_str(), "Reply", 3));
}

#[tokio::test]
async fn a_branch_that_ended_in_a_message_that_is_deleted_alone_ends_before_it() {
    let stage = Stage::new().await;
    stage.script.always_reply("Reply");
    let alice = stage.person();
    let session = alice.open_session().await;
    let (id, main) = (session.id, session.branch.unwrap().id);
    alice.send(&id, "one").await.unwrap().all().await;
    let end = alice.path(&id).await.pop().unwrap();
    let branch = pb::CreateBranchRequest {
        session_id: id.clone(),
        branch: Some(pb::Branch {
            head_message_id: end.id.clone(),
            ..Default::default()
        }),
        request_id: String::new(),
    };
    let branch = alice.sessions().create_branch(alice.ask(branch)).await;
    drop(branch.unwrap());
    alice.send(&id, "two").await.unwrap().all().await;
    alice.delete_alone(&id, &end.id).await.unwrap();
    assert_eq!(alice.texts(&id).await[1..], ["one", "two", "Reply"]);
    let list = pb::ListMessagesRequest {
        session_id: id,
        branch_id: main,
        ..Default::default()
    };
    let list = alice.messages().list_messages(alice.ask(list)).await;
    assert_eq!(list.unwrap().into_inner().messages[0].text, "one");
}

#[tokio::test]
async fn a_reply_is_written_to_its_end_while_a_message_before_it_is_deleted() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    turn(&stage, &alice, &id, "one", "A1").await;
    let said = alice.path(&id).await[1].id.clone();
    let mut watch = alice.send(&id, "two").await.unwrap();
    let writing = watch.started().await.message.unwrap();
    let call = stage.call().await;
    call.say("A2");
    let refused = alice.delete_alone(&id, &writing.id).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::GenerationRunning));
    alice.delete_alone(&id, &said).await.unwrap();
    call.finish();
    watch.rest().await;
    assert_eq!(alice.texts(&id).await[1..], ["A1", "two", "A2"]);
}

#[tokio::test]
async fn models_do_not_read_what_is_hidden_and_people_do() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    turn(&stage, &alice, &id, "Is the harbour far?", "Not far.").await;
    let said = alice.path(&id).await[1].clone();
    assert!(!said.hidden);
    let hidden = alice.hide(&id, &said.id, true).await;
    assert!(hidden.hidden && hidden.edit_time.is_none());
    assert_ne!(hidden.etag, said.etag);
    let prompt = next_prompt(&stage, &alice, &id).await;
    assert!(!prompt.contains("Is the harbour far?"), "{prompt}");
    assert!(prompt.contains("Not far."), "{prompt}");
    // Neither does lore look there.
    assert!(!prompt.contains("The harbour froze"), "{prompt}");
    assert_eq!(alice.path(&id).await[1].text, "Is the harbour far?");
    let shown = alice.hide(&id, &said.id, false).await;
    assert_eq!(shown.etag, said.etag);
    let prompt = next_prompt(&stage, &alice, &id).await;
    assert!(prompt.contains("Is the harbour far?"), "{prompt}");
}

#[tokio::test]
async fn a_message_that_is_hidden_is_not_continued() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let reply = turn(&stage, &alice, &id, "Hello", "Hi").await;
    alice.hide(&id, &reply.id, true).await;
    let refused = alice.go_on(&id, &reply.id).await.err().unwrap();
    assert_eq!(reason_of(&refused), Some(Reason::MessageUnsuitable));
}

#[tokio::test]
async fn of_two_tabs_only_one_that_saw_a_message_changes_it() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let seen = turn(&stage, &alice, &id, "Hello", "Hi").await;
    assert_eq!(seen.etag, alice.path(&id).await[2].etag);
    let edit = |text: &str| pb::Message {
        id: seen.id.clone(),
        text: text.to_owned(),
        etag: seen.etag.clone(),
        ..Default::default()
    };
    tick(&stage);
    let first = alice.change(&id, edit("First"), &["text"]).await.unwrap();
    let second = alice.change(&id, edit("Second"), &["text"]).await;
    let refused = second.unwrap_err();
    assert_eq!(
        (refused.code(), reason_of(&refused)),
        (Code::Aborted, Some(Reason::EtagMismatch))
    );
    let delete = |etag: &str| pb::DeleteMessageRequest {
        session_id: id.clone(),
        message_id: seen.id.clone(),
        keep_following: false,
        etag: etag.to_owned(),
    };
    let mut messages = alice.messages();
    let refused = messages.delete_message(alice.ask(delete(&seen.etag))).await;
    let refused = refused.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::EtagMismatch));
    assert_eq!(alice.texts(&id).await[2], "First");
    let deleted = messages
        .delete_message(alice.ask(delete(&first.etag)))
        .await;
    deleted.unwrap();
    assert_eq!(alice.texts(&id).await.len(), 2);
}
