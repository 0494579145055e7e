//! Presence, in memory and in Redis.

use std::time::Duration;

use testkit::servers;
use troupe_platform::Clock;
use troupe_platform::presence::Presence;

use crate::redis::{connect, eventually};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(50);

/// What every implementation does. `make` gives rooms with a name and a time after which members are gone.
async fn suite(make: impl Fn(&str, Duration) -> Presence) {
    let presence = make("long", LONG);
    assert!(presence.members("room").await.is_empty());
    assert!(presence.enter("room", "bob").await);
    assert!(presence.enter("room", "alice").await);
    assert!(!presence.enter("room", "alice").await);
    assert!(!presence.heartbeat("room", "alice").await);
    assert!(presence.enter("elsewhere", "alice").await);
    assert_eq!(presence.members("room").await, ["alice", "bob"]);
    assert_eq!(presence.count("room").await, 2);
    assert!(presence.leave("room", "alice").await);
    assert!(!presence.leave("room", "alice").await);
    assert!(!presence.leave("nowhere", "alice").await);
    assert_eq!(presence.members("room").await, ["bob"]);
    assert_eq!(presence.members("elsewhere").await, ["alice"]);

    let brief = make("brief", SHORT);
    assert!(brief.enter("room", "alice").await);
    let gone = async {
        while brief.count("room").await > 0 {
            tokio::task::yield_now().await;
        }
    };
    eventually("nothing was heard for too long", gone).await;
    assert!(brief.members("room").await.is_empty());
    assert!(!brief.leave("room", "alice").await);
    assert!(brief.heartbeat("room", "alice").await, "back again");
}

#[tokio::test]
async fn holds_in_memory() {
    suite(|_, ttl| Presence::in_memory(Clock::system(), ttl)).await;
}

#[tokio::test]
async fn holds_in_redis() {
    let server = servers::Redis::shared().await.unwrap();
    let redis = connect(&server.config()).await;
    suite(|name, ttl| Presence::shared(&redis, name, Clock::system(), ttl)).await;
}

#[tokio::test]
async fn processes_see_one_another_and_each_its_own_while_redis_is_away() {
    let server = servers::Redis::start().await.unwrap();
    let config = server.config();
    let (here, there) = (connect(&config).await, connect(&config).await);
    let presence = |redis| Presence::shared(redis, "rooms", Clock::system(), LONG);
    let (one, other) = (presence(&here), presence(&there));
    one.enter("room", "alice").await;
    other.enter("room", "bob").await;
    assert_eq!(one.members("room").await, ["alice", "bob"]);

    let daemon = server.daemon().unwrap();
    daemon.kill().unwrap();
    eventually("the death is noticed", here.lost()).await;
    assert_eq!(one.members("room").await, ["alice"]);
    assert_eq!(one.count("room").await, 1);

    daemon.start().unwrap();
    server.ready().await.unwrap();
    eventually("Redis is reached again", here.reached()).await;
    assert!(one.heartbeat("room", "alice").await, "Redis had forgotten");
    assert_eq!(one.members("room").await, ["alice"]);
}
