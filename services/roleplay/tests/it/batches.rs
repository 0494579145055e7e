//! Many things that are deleted at once: all of them or none.

use tonic::{Code, Status};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay::{self as pb, ParticipantRole as Role};

use crate::avatars::png;
use crate::stage::{CARD, Person, Stage, turn};

impl Person {
    async fn delete_messages(
        &self,
        session: &str,
        ids: &[&str],
        alone: bool,
    ) -> Result<(), Status> {
        let request = pb::BatchDeleteMessagesRequest {
            session_id: session.to_owned(),
            message_ids: owned(ids),
            keep_following: alone,
        };
        let mut messages = self.messages();
        let deleted = messages.batch_delete_messages(self.ask(request));
        deleted.await.map(drop)
    }

    async fn delete_sessions(&self, ids: &[&str]) -> Result<(), Status> {
        let session_ids = owned(ids);
        let request = self.ask(pb::BatchDeleteSessionsRequest { session_ids });
        let mut sessions = self.sessions();
        let deleted = sessions.batch_delete_sessions(request);
        deleted.await.map(drop)
    }

    async fn delete_characters(&self, ids: &[&str]) -> Result<(), Status> {
        let character_ids = owned(ids);
        let request = self.ask(pb::BatchDeleteCharactersRequest { character_ids });
        let mut characters = self.characters();
        let deleted = characters.batch_delete_characters(request);
        deleted.await.map(drop)
    }

    async fn delete_entries(&self, book: &str, ids: &[&str], etag: &str) -> Result<(), Status> {
        let request = pb::BatchDeleteLorebookEntriesRequest {
            lorebook_id: book.to_owned(),
            entry_ids: owned(ids),
            etag: etag.to_owned(),
        };
        let mut lorebooks = self.lorebooks();
        let deleted = lorebooks.batch_delete_lorebook_entries(self.ask(request));
        deleted.await.map(drop)
    }
}

fn owned(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn code(result: Result<(), Status>) -> Code {
    result.err().map_or(Code::Ok, |status| status.code())
}

fn reason(result: Result<(), Status>) -> Option<Reason> {
    result.err().as_ref().and_then(reason_of)
}

/// An id that nothing has.
fn nothing_like(id: &str) -> String {
    let other = if id.ends_with('0') { '1' } else { '0' };
    let start = &id[..id.len() - 1];
    format!("{start}{other}")
}

#[tokio::test]
async fn deletes_messages_with_what_follows_or_alone() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    for (said, reply) in [("one", "A"), ("two", "B"), ("three", "C")] {
        turn(&stage, &alice, &id, said, reply).await;
    }
    // Newest last: greeting, one, A, two, B, three, C.
    let path = alice.path(&id).await;
    let at = |place: usize| path[place].id.as_str();
    let gone = nothing_like(at(1));
    let missing = alice.delete_messages(&id, &[at(1), &gone], true).await;
    assert_eq!(code(missing), Code::NotFound);
    assert_eq!(alice.path(&id).await.len(), path.len(), "all or none");
    // What is named twice is deleted once.
    let alone = alice
        .delete_messages(&id, &[at(1), at(4), at(1)], true)
        .await;
    alone.unwrap();
    assert_eq!(alice.texts(&id).await[1..], ["A", "two", "three", "C"]);
    // The second goes with the first.
    let rest = alice.delete_messages(&id, &[at(3), at(5)], false).await;
    rest.unwrap();
    assert_eq!(alice.texts(&id).await[1..], ["A"]);
    assert_eq!(
        alice.session(&id).await.branch.unwrap().head_message_id,
        at(2)
    );
}

#[tokio::test]
async fn a_player_deletes_none_where_one_is_somebody_elses() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let id = alice.open_session().await.id;
    alice.let_in(&id, &bob, Role::Player).await;
    let hers = alice.say(&id, "Hers").await.unwrap().id;
    let his = bob.say(&id, "His").await.unwrap().id;
    let denied = bob.delete_messages(&id, &[&his, &hers], true).await;
    assert_eq!(reason(denied), Some(Reason::SessionRoleInsufficient));
    assert_eq!(alice.texts(&id).await[1..], ["Hers", "His"]);
    let stranger = stage.person();
    let refused = stranger.delete_messages(&id, &[&his], true).await;
    assert_eq!(code(refused), Code::NotFound);
    bob.delete_messages(&id, &[&his], true).await.unwrap();
    assert_eq!(alice.texts(&id).await[1..], ["Hers"]);
}

#[tokio::test]
async fn deletes_no_message_while_one_of_them_is_written() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let first = turn(&stage, &alice, &id, "one", "A").await;
    let watch = alice.send(&id, "two").await.unwrap();
    let call = stage.call().await;
    let running = alice.path(&id).await.pop().unwrap().id;
    let refused = alice
        .delete_messages(&id, &[&first.id, &running], true)
        .await;
    assert_eq!(reason(refused), Some(Reason::GenerationRunning));
    assert_eq!(alice.texts(&id).await[1..3], ["one", "A"]);
    call.say("B");
    call.finish();
    watch.all().await;
    alice
        .delete_messages(&id, &[&first.id, &running], true)
        .await
        .unwrap();
    assert_eq!(alice.texts(&id).await[1..], ["one", "two"]);
}

#[tokio::test]
async fn deletes_sessions_of_their_owner() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let (first, second) = (alice.open_session().await.id, alice.open_session().await.id);
    let his = bob.open_session().await.id;
    bob.let_in(&his, &alice, Role::Player).await;
    let denied = alice.delete_sessions(&[&first, &his]).await;
    assert_eq!(reason(denied), Some(Reason::SessionRoleInsufficient));
    let missing = alice
        .delete_sessions(&[&first, &nothing_like(&first)])
        .await;
    assert_eq!(code(missing), Code::NotFound);
    // One that runs is ended first.
    let _watch = alice.send(&second, "Hello").await.unwrap();
    let _call = stage.call().await;
    alice.delete_sessions(&[&first, &second]).await.unwrap();
    for id in [&first, &second] {
        assert!(alice.find_session(id).await.is_err());
    }
    assert!(bob.find_session(&his).await.is_ok());
}

#[tokio::test]
async fn deletes_characters_with_their_pictures() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(alice.import(png()).await.unwrap().character.unwrap().id);
    }
    let his = bob.import(CARD).await.unwrap().character.unwrap().id;
    let mut named: Vec<&str> = ids.iter().map(String::as_str).collect();
    named.push(&his);
    assert_eq!(code(alice.delete_characters(&named).await), Code::NotFound);
    assert_eq!(stage.avatar_files(), 10, "all or none");
    named.pop();
    alice.delete_characters(&named).await.unwrap();
    assert_eq!(stage.avatar_files(), 0);
    assert_eq!(
        code(alice.delete_characters(&named[..1]).await),
        Code::NotFound
    );
}

#[tokio::test]
async fn deletes_entries_of_the_lorebook_that_was_seen() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let book = alice.lorebook("Varn").await;
    let mut ids = Vec::new();
    for key in ["a", "b", "c"] {
        ids.push(alice.entry(&book.id, key, key).await.id);
    }
    let stale = alice.delete_entries(&book.id, &[&ids[0]], &book.etag).await;
    assert_eq!(reason(stale), Some(Reason::EtagMismatch));
    let missing = alice.delete_entries(&book.id, &[&ids[0], "nine"], "").await;
    assert_eq!(code(missing), Code::NotFound);
    assert_eq!(alice.entries(&book.id).await.len(), 3);
    let seen = alice.get_book(&book.id).await.unwrap().etag;
    let deleted = alice
        .delete_entries(&book.id, &[&ids[2], &ids[0]], &seen)
        .await;
    deleted.unwrap();
    let left = alice.entries(&book.id).await;
    assert_eq!((left.len(), left[0].id.as_str()), (1, ids[1].as_str()));
}

#[tokio::test]
async fn takes_a_hundred_at_a_time_and_one_at_least() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let ids = vec![id.as_str(); 101];
    for refused in [&ids[..0], &ids[..]] {
        let refused = alice.delete_sessions(refused).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains("session_ids"), "{refused}");
    }
    alice.delete_sessions(&ids[..100]).await.unwrap();
}
