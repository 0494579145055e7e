//! The servers that tests bring up: they answer, die, come back with their data, and leave nothing behind.

use troupe_testkit::servers::{Nats, Postgres, Redis};

#[tokio::test]
async fn postgres_comes_back_with_its_data() {
    let server = Postgres::start(None).await.unwrap();
    server.new_database().unwrap();
    let daemon = server.daemon().unwrap();
    daemon.kill().unwrap();
    assert!(server.new_database().is_err());
    daemon.start().unwrap();
    server.ready().await.unwrap();
    let data = daemon.data();
    assert!(data.join("PG_VERSION").exists());
    drop(server);
    assert!(!data.exists());
}

#[tokio::test]
async fn redis_dies_and_comes_back() {
    let server = Redis::start().await.unwrap();
    let daemon = server.daemon().unwrap();
    daemon.kill().unwrap();
    daemon.start().unwrap();
    server.ready().await.unwrap();
}

#[tokio::test]
async fn nats_dies_and_comes_back() {
    let server = Nats::start(None).await.unwrap();
    let daemon = server.daemon().unwrap();
    daemon.kill().unwrap();
    daemon.start().unwrap();
    server.ready().await.unwrap();
}

#[tokio::test]
async fn shares_a_server_between_tests() {
    let (one, other) = (
        Redis::shared().await.unwrap(),
        Redis::shared().await.unwrap(),
    );
    assert_eq!(one.url(), other.url());
    assert_ne!(one.new_prefix(), other.new_prefix());
}
