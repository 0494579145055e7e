//! Counts of failed logins, in memory and in Redis.

use platform::Tasks;
use testkit::servers;

use super::*;

const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn in_memory() -> LoginBackoff {
    LoginBackoff::new(None)
}

/// Counts of the test's own in the Redis that tests share, waited for however busy the machine is.
async fn in_redis() -> LoginBackoff {
    let server = servers::Redis::shared().await.unwrap();
    let redis = Redis::open(&server.config(), &Tasks::new())
        .unwrap()
        .unwrap();
    redis.reached().await;
    LoginBackoff {
        shared: Some(RedisCounts::patient(&redis)),
        ..in_memory()
    }
}

fn network(last: u8) -> Option<Network> {
    Some(Network::of([192, 0, 2, last].into()))
}

async fn begin(backoff: &LoginBackoff, email_key: &str, from: u8) -> Result<Attempt, TooEarly> {
    backoff.begin(email_key, network(from), false, START).await
}

async fn fail_from(backoff: &LoginBackoff, from: u8, times: u32) {
    for _ in 0..times {
        begin(backoff, "alice", from).await.unwrap();
    }
}

#[tokio::test]
async fn strangers_hold_up_strangers_and_not_the_owner() {
    for backoff in [in_memory(), in_redis().await] {
        for from in 1..=5 {
            fail_from(&backoff, from, 1).await;
        }
        assert!(begin(&backoff, "alice", 9).await.is_err());
        let from_nowhere = backoff.begin("alice", None, false, START).await;
        assert!(from_nowhere.is_err());
        let owner = backoff.begin("alice", network(9), true, START).await;
        assert!(owner.is_ok());
    }
}

#[tokio::test]
async fn counts_a_network_over_all_accounts() {
    for backoff in [in_memory(), in_redis().await] {
        for account in ["a", "b", "c", "d", "e"] {
            begin(&backoff, account, 1).await.unwrap();
        }
        assert!(begin(&backoff, "f", 1).await.is_err());
        assert!(begin(&backoff, "f", 2).await.is_ok());
    }
}

#[tokio::test]
async fn success_forgives_the_account_and_not_the_network() {
    for backoff in [in_memory(), in_redis().await] {
        fail_from(&backoff, 1, 4).await;
        begin(&backoff, "mallory", 1).await.unwrap();
        let later = START + Duration::from_secs(1);
        let own = backoff.begin("mallory", network(1), false, later).await;
        own.unwrap().succeeded().await;
        fail_from(&backoff, 2, 1).await;
        assert!(begin(&backoff, "alice", 3).await.is_err());
        let wait = begin(&backoff, "mallory", 1).await.unwrap_err();
        assert_eq!(wait.wait, Duration::from_secs(1));
    }
}

#[tokio::test]
async fn an_attempt_that_was_not_looked_at_is_not_counted() {
    for backoff in [in_memory(), in_redis().await] {
        for _ in 0..20 {
            begin(&backoff, "alice", 1).await.unwrap().undo().await;
        }
    }
}

#[tokio::test]
async fn reports_a_wait_once() {
    for backoff in [in_memory(), in_redis().await] {
        fail_from(&backoff, 1, 5).await;
        assert!(begin(&backoff, "alice", 1).await.unwrap_err().is_first);
        assert!(!begin(&backoff, "alice", 1).await.unwrap_err().is_first);
    }
}

/// The scripts say once more what the domain says: whatever happens, both decide alike.
#[tokio::test]
async fn redis_decides_as_memory_does() {
    let (memory, redis) = (in_memory(), in_redis().await);
    let (mut now, mut dice) = (START, Dice(7));
    for step in 0..600 {
        now = now + Duration::from_millis([0, 1, 900, 7_000, 70_000][dice.roll(5)]);
        if dice.roll(100) == 0 {
            now = now + Duration::from_secs(16 * 60);
        }
        let email_key = ["alice", "bob"][dice.roll(2)];
        let network = [None, network(1), network(2)][dice.roll(3)];
        let is_known = dice.roll(4) == 0;
        let one = memory.begin(email_key, network, is_known, now).await;
        let other = redis.begin(email_key, network, is_known, now).await;
        match (one, other) {
            (Ok(one), Ok(other)) => match dice.roll(6) {
                0 => (one.succeeded().await, other.succeeded().await),
                1 => (one.undo().await, other.undo().await),
                _ => ((), ()),
            },
            (one, other) => {
                assert_eq!(one.unwrap_err(), other.unwrap_err(), "step {step}");
                ((), ())
            }
        };
    }
}

/// The same throws in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % sides
    }
}

#[tokio::test]
async fn replicas_share_counts_and_go_on_alone() {
    let server = servers::Redis::start().await.unwrap();
    let redis = Redis::open(&server.config(), &Tasks::new())
        .unwrap()
        .unwrap();
    redis.reached().await;
    let replica = || LoginBackoff {
        shared: Some(RedisCounts::patient(&redis)),
        ..in_memory()
    };
    let (one, other) = (replica(), replica());
    fail_from(&one, 1, 3).await;
    fail_from(&other, 2, 2).await;
    assert!(begin(&one, "alice", 3).await.is_err());

    let attempt = begin(&one, "bob", 9).await.unwrap();
    server.daemon().unwrap().kill().unwrap();
    redis.lost().await;
    attempt.succeeded().await;
    fail_from(&one, 1, 5).await;
    assert!(
        begin(&one, "alice", 3).await.is_err(),
        "it counts by itself"
    );
}
