//! The connections to Redis through the server's deaths, pauses and returns.

use std::time::Duration;

use platform::Tasks;
use platform::config::ServerUrl;
use testkit::servers;
use testkit::waiting::{PATIENCE, eventually};
use troupe_redis::{Redis, RedisConfig, examine};

/// In which Redis is used again after its return.
const RECOVERY: Duration = Duration::from_secs(10);

/// Connections that wait for their answers however busy the machine is.
pub(crate) async fn connect(config: &RedisConfig) -> Redis {
    let redis = Redis::open(config, &Tasks::new()).unwrap().unwrap();
    eventually("Redis is reached", redis.reached()).await;
    redis.with_patience(PATIENCE)
}

#[tokio::test]
async fn no_address_means_no_connections() {
    let redis = Redis::open(&RedisConfig::default(), &Tasks::new()).unwrap();
    assert!(redis.is_none());
}

#[tokio::test]
async fn refuses_an_address_of_something_else() {
    let config = RedisConfig {
        url: ServerUrl::new("cache.example"),
        ..RedisConfig::default()
    };
    let error = Redis::open(&config, &Tasks::new()).unwrap_err();
    assert!(error.to_string().contains("redis.url"), "{error}");
}

#[tokio::test]
async fn reaches_a_server_that_comes_later() {
    let server = servers::Redis::start().await.unwrap();
    let daemon = server.daemon().unwrap();
    daemon.kill().unwrap();
    let redis = Redis::open(&server.config(), &Tasks::new())
        .unwrap()
        .unwrap();
    daemon.start().unwrap();
    server.ready().await.unwrap();
    eventually("Redis is reached", redis.reached()).await;
}

#[tokio::test]
async fn is_used_again_within_ten_seconds_of_a_return() {
    let server = servers::Redis::start().await.unwrap();
    let daemon = server.daemon().unwrap();
    let redis = connect(&server.config()).await;

    daemon.kill().unwrap();
    eventually("the death is noticed", redis.lost()).await;
    daemon.start().unwrap();
    server.ready().await.unwrap();
    tokio::time::timeout(RECOVERY, redis.reached())
        .await
        .expect("Redis is used again after its death");

    daemon.pause().unwrap();
    eventually("the pause is noticed", redis.lost()).await;
    daemon.resume().unwrap();
    server.ready().await.unwrap();
    tokio::time::timeout(RECOVERY, redis.reached())
        .await
        .expect("Redis is used again after its pause");
}

#[tokio::test]
async fn tells_the_version_or_what_is_wrong() {
    let server = servers::Redis::start().await.unwrap();
    let config = server.config();
    let version = examine(&config).await.unwrap();
    assert!(version.starts_with(|first: char| first.is_ascii_digit()));
    server.daemon().unwrap().kill().unwrap();
    assert!(examine(&config).await.is_err());
}
