//! What the service tells others of what happens in it.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use storage::Database;
use testkit::servers::Postgres;
use testkit::{Home, Witness};
use troupe_proto::events::{MessageOrigin, MessageWritten, MessagesDeleted, SessionDeleted};
use troupe_proto::roleplay as pb;
use troupe_roleplay::Config;

use crate::script::PATIENCE;
use crate::stage::{Stage, turn};

#[tokio::test]
async fn tells_of_each_message_that_got_its_text_and_of_each_that_went() {
    let stage = Stage::new().await;
    let mut witness = Witness::enter(&stage.host).await.unwrap();
    let alice = stage.person();
    let session = alice.open_session().await;
    let swipes = alice.path(&session.id).await[0].swipe_count;
    for _ in 0..swipes {
        let greeting = witness.hear_of::<MessageWritten>().await;
        assert_eq!(greeting.origin(), MessageOrigin::Greeting);
        assert_eq!(greeting.session_id, session.id);
        assert_eq!(greeting.character_id, session.character_id);
        assert!(greeting.user_id.starts_with("usr_"));
    }

    let reply = turn(&stage, &alice, &session.id, "Hello", "Hi").await;
    let sent = witness.hear_of::<MessageWritten>().await;
    assert_eq!(sent.origin(), MessageOrigin::Sent);
    assert_eq!(sent.message_id, reply.parent_message_id);
    let generated = witness.hear_of::<MessageWritten>().await;
    assert_eq!(generated.origin(), MessageOrigin::Generated);
    assert_eq!(generated.message_id, reply.id);
    assert_eq!(generated.generation_id, reply.generation_id);

    let edited = alice.edit(&session.id, &reply.id, "Welcome").await;
    edited.unwrap();
    let edited = witness.hear_of::<MessageWritten>().await;
    assert_eq!(edited.origin(), MessageOrigin::Edited);
    assert_eq!(edited.message_id, reply.id);

    alice.delete(&session.id, &sent.message_id).await.unwrap();
    let deleted = witness.hear().await.unwrap();
    let mut ids = deleted.read::<MessagesDeleted>().unwrap().message_ids;
    ids.sort();
    assert_eq!(ids, [sent.message_id, reply.id]);

    let delete = pb::DeleteSessionRequest {
        session_id: session.id.clone(),
    };
    let deleted = alice.sessions().delete_session(alice.ask(delete)).await;
    deleted.unwrap();
    let deleted = witness.hear().await.unwrap();
    let deleted: SessionDeleted = deleted.read().unwrap();
    assert_eq!(deleted.session_id, session.id);
}

#[tokio::test]
async fn tells_of_a_reply_that_was_cancelled_if_it_has_text() {
    let stage = Stage::new().await;
    let mut witness = Witness::enter(&stage.host).await.unwrap();
    let alice = stage.person();
    let session = alice.open_session().await;
    while witness.hear_of::<MessageWritten>().await.message_id
        != alice.path(&session.id).await[0].id
    {}
    let session = session.id.as_str();

    let mut watch = alice.send(session, "Quiet, please").await.unwrap();
    let silent = watch.started().await.generation.unwrap().id;
    let _call = stage.call().await;
    alice.cancel(&silent).await;
    let mut watch = alice.send(session, "Speak").await.unwrap();
    let spoken = watch.started().await.generation.unwrap().id;
    let call = stage.call().await;
    call.say("Well");
    watch.reads("Well").await;
    alice.cancel(&spoken).await;

    let mut origins = Vec::new();
    let last = loop {
        let written = witness.hear_of::<MessageWritten>().await;
        if written.origin() != MessageOrigin::Greeting {
            origins.push(written.origin());
        }
        if !written.generation_id.is_empty() {
            break written;
        }
    };
    assert_eq!(last.generation_id, spoken);
    let expected = [
        MessageOrigin::Sent,
        MessageOrigin::Sent,
        MessageOrigin::Generated,
    ];
    assert_eq!(origins, expected);
}

/// How often whoever carries events is seen to ask whether it still may, which is every two seconds.
const LOOKS: usize = 5;
/// In which connections may be opened for other reasons, on a busy machine.
const WINDOWS: usize = 4;

/// Connections that were ever made to the database, and when each holder of a lock last asked something.
async fn connections(db: &Database) -> (i64, Vec<String>) {
    let read = db.read();
    let ask = |sql: &str| Statement::from_string(DbBackend::Postgres, sql);
    let sessions = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()";
    let sessions = read.query_one_raw(ask(sessions)).await.unwrap().unwrap();
    let holders = "SELECT a.query_start::text FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
        WHERE l.locktype = 'advisory' AND a.datname = current_database()";
    let holders = read.query_all_raw(ask(holders)).await.unwrap();
    let holders = holders.iter().map(|row| row.try_get_by_index(0).unwrap());
    (sessions.try_get_by_index(0).unwrap(), holders.collect())
}

#[tokio::test]
async fn an_idle_process_takes_the_lock_of_its_outbox_once() {
    let home = Arc::new(Home::on(Postgres::shared().await.unwrap()).unwrap());
    let stage = Stage::on(&home, &Config::default()).await;
    stage.follow_events().await;
    let db = Database::attach(&stage.host.storage(), "roleplay")
        .await
        .unwrap();
    let db = db.unwrap();
    let mut grown = Vec::new();
    for _ in 0..WINDOWS {
        let (before, _) = connections(&db).await;
        let looking = tokio::time::timeout(PATIENCE, holders_change(&db));
        looking.await.unwrap();
        let (after, _) = connections(&db).await;
        grown.push(after - before);
        // One who loses the lock tries it with a new connection at each of these times. A pool may have grown by one or two.
        if after - before < LOOKS as i64 - 1 {
            return;
        }
    }
    panic!("somebody opens connections for ever: {grown:?}");
}

/// Waits until the holder of the lock of the outbox has been seen anew a few times; there is never more than one.
async fn holders_change(db: &Database) {
    let (mut looks, mut last) = (0, Vec::new());
    while looks <= LOOKS {
        let (_, holders) = connections(db).await;
        assert!(holders.len() <= 1, "one holds the lock of the outbox");
        if !holders.is_empty() && holders != last {
            (looks, last) = (looks + 1, holders);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
