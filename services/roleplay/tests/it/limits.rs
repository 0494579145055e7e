//! How many replies of a person are generated at a time.

use std::sync::Arc;

use futures::future::join_all;
use platform::id::UserId;
use testkit::Home;
use testkit::servers::Postgres;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_roleplay::Config;

use crate::stage::{Person, Stage, Watch, turn};

/// The default.
const MOST: usize = 4;

fn is_one_too_many(status: &Status) -> bool {
    let retry = status.get_details_retry_info();
    status.code() == Code::ResourceExhausted
        && reason_of(status) == Some(Reason::TooManyGenerations)
        && retry.is_some_and(|retry| retry.retry_delay.is_some())
}

/// Sends a message in each session at the same time. Returns what runs, and checks that the rest left nothing behind.
async fn send_everywhere(people: &[Person], sessions: &[String]) -> Vec<Watch> {
    let sends = sessions.iter().enumerate();
    let sends = sends.map(|(n, session)| people[n % people.len()].send(session, "Hello"));
    let mut running = Vec::new();
    for (session, sent) in sessions.iter().zip(join_all(sends).await) {
        match sent {
            Ok(watch) => running.push(watch),
            Err(status) => {
                assert!(is_one_too_many(&status), "{status:?}");
                let messages = people[0].path(session).await;
                assert_eq!(messages.len(), 1, "only the greeting");
            }
        }
    }
    running
}

#[tokio::test]
async fn of_twenty_sends_in_twenty_sessions_as_many_run_as_may() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mut sessions = Vec::new();
    for _ in 0..20 {
        sessions.push(alice.open_session().await.id);
    }
    let running = send_everywhere(std::slice::from_ref(&alice), &sessions).await;
    assert_eq!(running.len(), MOST);

    // Somebody else has as many of their own.
    let bob = stage.person();
    let of_bob = bob.open_session().await.id;
    let _running = bob.send(&of_bob, "Hello").await.unwrap();

    // The next one may run once one has ended.
    for _ in 0..MOST {
        stage.call().await.finish();
    }
    for watch in running {
        watch.all().await;
    }
    alice.send(&sessions[0], "Again").await.unwrap();
}

#[tokio::test]
async fn whatever_starts_a_reply_counts_and_a_cancelled_one_makes_room() {
    let config = Config {
        generations_per_person: 1,
        ..Config::default()
    };
    let stage = Stage::with(&config).await;
    let alice = stage.person();
    let (one, other) = (alice.open_session().await.id, alice.open_session().await.id);
    let message = turn(&stage, &alice, &other, "Hello", "Good evening")
        .await
        .id;
    let mut watch = alice.send(&one, "Hello").await.unwrap();
    let running = watch.started().await.generation.unwrap().id;
    let refused = [
        alice.send(&other, "Hello").await.err().unwrap(),
        alice.regenerate(&other, &message).await.err().unwrap(),
        alice.go_on(&other, &message).await.err().unwrap(),
    ];
    assert!(refused.iter().all(is_one_too_many), "{refused:?}");
    assert_eq!(alice.path(&other).await.len(), 3);
    assert_eq!(alice.swipes(&other, &message).await.len(), 1);
    alice.cancel(&running).await;
    alice.go_on(&other, &message).await.unwrap();
}

#[tokio::test]
async fn two_replicas_count_together() {
    let server = Postgres::shared().await.unwrap();
    let home = Arc::new(Home::on(server).unwrap());
    let (one, other) = (
        Stage::on(&home, &Config::default()).await,
        Stage::on(&home, &Config::default()).await,
    );
    let user = UserId::new();
    let people = [one.person_with(user), other.person_with(user)];
    let mut sessions = Vec::new();
    for _ in 0..20 {
        sessions.push(people[0].open_session().await.id);
    }
    let running = send_everywhere(&people, &sessions).await;
    assert_eq!(running.len(), MOST);
}
