//! Budgets, in memory and in Redis.

use std::time::Duration;

use platform::Tasks;
use testkit::servers;
use testkit::waiting::eventually;
use troupe_redis::Redis;
use troupe_redis::limits::{Limiter, Rate};

use crate::redis::connect;

/// A bucket of three that doesn't fill while a test runs.
const SLOW: Rate = Rate {
    per_second: 0.001,
    burst: 3,
};

fn alice() -> String {
    "person:alice".to_owned()
}

/// What every implementation does. `make` gives a limiter with a name and a rate, whose buckets are full.
async fn suite(make: impl Fn(&str, Rate) -> Limiter<String>) {
    a_call_costs_what_it_says(&make("cost", SLOW)).await;
    it_says_what_is_left(&make("left", SLOW)).await;
    keys_have_buckets_of_their_own(&make("keys", SLOW)).await;
    a_call_dearer_than_the_bucket_takes_all_of_it(&make("dear", SLOW)).await;
    names_have_buckets_of_their_own(&make("one", SLOW), &make("other", SLOW)).await;
    buckets_fill_again(&make(
        "fast",
        Rate {
            per_second: 20.0,
            burst: 1,
        },
    ))
    .await;
    many_at_once_get_no_more_than_there_is(&make("many", SLOW)).await;
    takes_rates_however_odd(&make).await;
}

async fn a_call_costs_what_it_says(limiter: &Limiter<String>) {
    assert!(limiter.take(&alice(), 2).await.is_ok());
    let wait = limiter.take(&alice(), 2).await.unwrap_err().wait;
    assert!(wait > Duration::from_secs(800), "{wait:?}");
    assert!(wait <= Duration::from_secs(1000), "{wait:?}");
    assert!(limiter.take(&alice(), 1).await.is_ok());
    assert!(limiter.take(&alice(), 1).await.is_err());
}

async fn it_says_what_is_left(limiter: &Limiter<String>) {
    assert_eq!(SLOW.window(), Duration::from_secs(3000));
    let first = limiter.take(&alice(), 1).await.unwrap();
    assert_eq!(first.tokens, 2);
    let second = limiter.take(&alice(), 1).await.unwrap();
    assert_eq!(second.tokens, 1);
    let refused = limiter.take(&alice(), 2).await.unwrap_err();
    assert_eq!(refused.left.tokens, 1, "nothing was taken");
    let third = limiter.take(&alice(), 1).await.unwrap();
    assert_eq!(third.tokens, 0);
    for left in [first, second, refused.left, third] {
        let next = left.next.as_secs_f64();
        assert!(next > 800.0 && next <= 1000.0, "{left:?}");
    }
    let refused = limiter.take(&alice(), 3).await.unwrap_err();
    assert!(refused.left.next <= Duration::from_secs(1000));
    assert!(refused.wait > Duration::from_secs(2800), "{refused:?}");
}

async fn keys_have_buckets_of_their_own(limiter: &Limiter<String>) {
    assert!(limiter.take(&alice(), 3).await.is_ok());
    assert!(limiter.take(&alice(), 1).await.is_err());
    assert!(limiter.take(&"person:bob".to_owned(), 3).await.is_ok());
}

async fn a_call_dearer_than_the_bucket_takes_all_of_it(limiter: &Limiter<String>) {
    assert!(limiter.take(&alice(), 100).await.is_ok());
    assert!(limiter.take(&alice(), 0).await.is_err());
}

async fn names_have_buckets_of_their_own(one: &Limiter<String>, other: &Limiter<String>) {
    assert!(one.take(&alice(), 3).await.is_ok());
    assert!(other.take(&alice(), 3).await.is_ok());
}

async fn buckets_fill_again(limiter: &Limiter<String>) {
    assert!(limiter.take(&alice(), 1).await.is_ok());
    let filled = async {
        while limiter.take(&alice(), 1).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    eventually("a token comes back", filled).await;
}

async fn many_at_once_get_no_more_than_there_is(limiter: &Limiter<String>) {
    let alice = alice();
    let calls = (0..50).map(|_| limiter.take(&alice, 1));
    let answers = futures::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 3);
}

async fn takes_rates_however_odd(make: &impl Fn(&str, Rate) -> Limiter<String>) {
    for (name, per_second, burst) in [("slowest", 1e-12, u32::MAX), ("fastest", 1e12, 1)] {
        let limiter = make(name, Rate { per_second, burst });
        assert!(limiter.take(&alice(), burst).await.is_ok(), "{name}");
    }
    let never = make(
        "never",
        Rate {
            per_second: 1e-12,
            burst: 1,
        },
    );
    assert!(never.take(&alice(), 1).await.is_ok());
    assert!(never.take(&alice(), 1).await.unwrap_err().wait > Duration::from_secs(100_000_000));
}

#[tokio::test]
async fn holds_in_memory() {
    suite(|_, rate| Limiter::in_memory(rate)).await;
}

#[tokio::test]
async fn holds_in_redis() {
    let server = servers::Redis::shared().await.unwrap();
    let redis = connect(&server.config()).await;
    suite(|name, rate| Limiter::shared(&redis, name, rate)).await;
}

#[tokio::test]
async fn processes_share_one_budget() {
    let server = servers::Redis::shared().await.unwrap();
    let config = server.config();
    let one = Limiter::shared(&connect(&config).await, "shared", SLOW);
    let other = Limiter::shared(&connect(&config).await, "shared", SLOW);
    assert!(one.take(&alice(), 2).await.is_ok());
    assert!(other.take(&alice(), 2).await.is_err());
    assert!(other.take(&alice(), 1).await.is_ok());
    assert!(one.take(&alice(), 1).await.is_err());
}

#[tokio::test]
async fn nobody_waits_longer_where_the_clock_of_redis_was_set_back() {
    let server = servers::Redis::shared().await.unwrap();
    let redis = connect(&server.config()).await;
    let limiter = Limiter::shared(&redis, "back", SLOW);
    assert!(limiter.take(&alice(), 1).await.is_ok());
    // As if it had been emptied years later.
    let key = redis.key(format_args!("limit:back:{}", alice()));
    assert_eq!(server.command(&format!("SET {key} 9e15")).unwrap(), "+OK");
    let refused = limiter.take(&alice(), 1).await.unwrap_err();
    assert!(refused.wait <= SLOW.window(), "{:?}", refused.wait);
}

#[tokio::test]
async fn keys_go_away_when_buckets_are_full() {
    let server = servers::Redis::start().await.unwrap();
    let redis = connect(&server.config()).await;
    let rate = Rate {
        per_second: 50.0,
        burst: 1,
    };
    let limiter = Limiter::shared(&redis, "brief", rate);
    assert!(limiter.take(&alice(), 1).await.is_ok());
    // All but the one by which the watch finds out that Redis can be written.
    let gone = async { while server.command("DBSIZE").unwrap() != ":1" {} };
    eventually("the key goes away", gone).await;
}

#[tokio::test]
async fn works_with_limits_of_its_own_while_redis_is_missing() {
    let server = servers::Redis::start().await.unwrap();
    server.daemon().unwrap().kill().unwrap();
    let redis = Redis::open(&server.config(), &Tasks::new())
        .unwrap()
        .unwrap();
    let limiter = Limiter::shared(&redis, "missing", SLOW);
    assert!(limiter.take(&alice(), 3).await.is_ok());
    assert!(limiter.take(&alice(), 1).await.is_err());
}

#[tokio::test]
async fn goes_on_when_redis_dies_or_stands_still_and_uses_it_again() {
    let server = servers::Redis::start().await.unwrap();
    let daemon = server.daemon().unwrap();
    let config = server.config();
    let redis = Redis::open(&config, &Tasks::new()).unwrap().unwrap();
    eventually("Redis is reached", redis.reached()).await;
    let limiter = Limiter::shared(&redis, "outage", SLOW);

    daemon.pause().unwrap();
    let decisions = async {
        for who in 0..1000 {
            let key = format!("person:{who}");
            assert!(limiter.take(&key, 3).await.is_ok(), "not refused");
            assert!(limiter.take(&key, 1).await.is_err(), "not unlimited");
        }
    };
    // If each waited for Redis, they would take over a minute.
    let decided = tokio::time::timeout(Duration::from_secs(30), decisions);
    decided
        .await
        .expect("no more than a few decisions wait for Redis");
    daemon.resume().unwrap();
    daemon.kill().unwrap();
    eventually("the death is noticed", redis.lost()).await;
    assert!(limiter.take(&alice(), 3).await.is_ok());

    daemon.start().unwrap();
    server.ready().await.unwrap();
    eventually("Redis is reached again", redis.reached()).await;
    let patient = redis.with_patience(Duration::from_secs(60));
    let limiter = Limiter::shared(&patient, "outage", SLOW);
    assert!(limiter.take(&alice(), 3).await.is_ok());
    let other = Limiter::shared(&connect(&config).await, "outage", SLOW);
    assert!(
        other.take(&alice(), 1).await.is_err(),
        "the budget is shared again"
    );
}

#[tokio::test]
async fn goes_on_while_redis_is_full() {
    let server = servers::Redis::start().await.unwrap();
    let redis = connect(&server.config()).await;
    let limiter = Limiter::shared(&redis, "full", SLOW);
    server.command("CONFIG SET maxmemory 1").unwrap();
    eventually("the watch can't write", redis.lost()).await;
    assert!(limiter.take(&alice(), 3).await.is_ok());
    assert!(limiter.take(&alice(), 1).await.is_err());
    server.command("CONFIG SET maxmemory 0").unwrap();
    eventually("Redis can be written again", redis.reached()).await;
}
