//! Deadlines, on a runtime whose time passes only when everybody waits.

use std::time::Duration;

use tokio::time::Instant;
use tonic::{Code, Request, Status};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::users as pb;

use crate::fake_users::{BUSY, SILENT, World, login};

const DAY: Duration = Duration::from_secs(86_400);

fn assert_exceeded(status: &Status) {
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(reason_of(status), Some(Reason::DeadlineExceeded));
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_when_its_policy_says() {
    let world = World::new();
    let started = Instant::now();
    let refused = world.auth().login(login("hang@")).await.unwrap_err();
    assert_exceeded(&refused);
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_shorter_deadline_of_the_caller_wins_and_a_longer_does_not() {
    let world = World::new();
    for (asked, granted) in [(3, 3), (3600, 10)] {
        let mut request = Request::new(login("hang@"));
        request.set_timeout(Duration::from_secs(asked));
        let started = Instant::now();
        assert_exceeded(&world.auth().login(request).await.unwrap_err());
        assert_eq!(started.elapsed().as_secs(), granted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_ends_at_its_deadline() {
    let world = World::new();
    let watch = pb::WatchAccessRequest {};
    let started = Instant::now();
    let mut stream = world
        .as_role(SILENT)
        .watch_access(watch)
        .await
        .unwrap()
        .into_inner();
    assert!(stream.message().await.unwrap().is_some());
    assert_exceeded(&stream.message().await.unwrap_err());
    assert_eq!(started.elapsed().as_secs(), DAY.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_never_silent_ends_at_its_deadline_too() {
    let world = World::new();
    let watch = pb::WatchAccessRequest {};
    let mut stream = world
        .as_role(BUSY)
        .watch_access(watch)
        .await
        .unwrap()
        .into_inner();
    for _ in 0..1000 {
        assert!(stream.message().await.unwrap().is_some());
    }
    tokio::time::advance(DAY).await;
    let end = loop {
        match stream.message().await {
            // What was read before the deadline is still given.
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended as if it were whole"),
            Err(status) => break status,
        }
    };
    assert_exceeded(&end);
}
