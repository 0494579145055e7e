//! Caches, in memory and in Redis.

use std::time::Duration;

use testkit::servers;
use troupe_platform::cache::Cache;

use crate::redis::{connect, eventually};

const LONG: Duration = Duration::from_secs(3600);

/// What every implementation does.
async fn suite(cache: &Cache) {
    assert_eq!(cache.get("nothing").await, None);
    let bytes = vec![0, 255, b'\r', b'\n'];
    cache.put("a", bytes.clone(), LONG).await;
    assert_eq!(cache.get("a").await, Some(bytes));
    cache.put("a", Vec::new(), LONG).await;
    assert_eq!(cache.get("a").await, Some(Vec::new()));
    cache.remove("a").await.unwrap();
    cache.remove("a").await.unwrap();
    assert_eq!(cache.get("a").await, None);

    cache.put("brief", b"1".to_vec(), LONG).await;
    cache
        .put("brief", b"2".to_vec(), Duration::from_millis(1))
        .await;
    let gone = async {
        while cache.get("brief").await.is_some() {
            tokio::task::yield_now().await;
        }
    };
    eventually("the entry's time is over", gone).await;
}

#[tokio::test]
async fn holds_in_memory() {
    suite(&Cache::in_memory(1 << 20)).await;
}

#[tokio::test]
async fn holds_in_redis() {
    let server = servers::Redis::shared().await.unwrap();
    let config = server.config();
    let redis = connect(&config).await;
    let cache = Cache::shared(&redis, "one");
    suite(&cache).await;
    let elsewhere = Cache::shared(&connect(&config).await, "one");
    cache.put("a", b"1".to_vec(), LONG).await;
    assert_eq!(elsewhere.get("a").await, Some(b"1".to_vec()));
    assert_eq!(Cache::shared(&redis, "other").get("a").await, None);
}

#[tokio::test]
async fn finds_nothing_while_redis_is_away() {
    let server = servers::Redis::start().await.unwrap();
    let redis = connect(&server.config()).await;
    let cache = Cache::shared(&redis, "away");
    cache.put("a", b"1".to_vec(), LONG).await;
    server.daemon().unwrap().kill().unwrap();
    eventually("the death is noticed", redis.lost()).await;
    assert_eq!(cache.get("a").await, None);
    cache.put("a", b"2".to_vec(), LONG).await;
    assert!(cache.remove("a").await.is_err());
}
