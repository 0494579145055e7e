//! Counts of failed logins, in memory and in Redis.

use platform::Tasks;
use testkit::servers;

use super::*;

mod attack;

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

/// Uses up the tries of a network, and all that the slow count gives for nothing.
async fn slow_down(backoff: &LoginBackoff, email_key: &str) {
    for from in 1..=4 {
        while backoff
            .begin(email_key, network(from), false, START)
            .await
            .is_ok()
        {}
    }
}

#[tokio::test]
async fn strangers_hold_up_strangers_and_nobody_from_anywhere_else() {
    for backoff in [in_memory(), in_redis().await] {
        slow_down(&backoff, "alice").await;
        assert!(begin(&backoff, "alice", 2).await.is_err());
        for from in 9..=20 {
            begin(&backoff, "alice", from).await.unwrap();
        }
        let owner = backoff.begin("alice", network(2), true, START).await;
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
async fn success_forgives_neither_the_network_nor_others() {
    for backoff in [in_memory(), in_redis().await] {
        for account in ["a", "b", "c", "mallory"] {
            begin(&backoff, account, 1).await.unwrap();
        }
        let own = begin(&backoff, "mallory", 1).await.unwrap();
        own.succeeded().await;
        begin(&backoff, "mallory", 1).await.unwrap();
        let wait = begin(&backoff, "mallory", 1).await.unwrap_err();
        assert_eq!(wait.wait, Duration::from_secs(1));
        slow_down(&backoff, "alice").await;
        begin(&backoff, "alice", 9).await.unwrap().succeeded().await;
        assert!(begin(&backoff, "alice", 2).await.is_err());
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
        for _ in 0..5 {
            begin(&backoff, "alice", 1).await.unwrap();
        }
        assert!(begin(&backoff, "alice", 1).await.unwrap_err().is_first);
        assert!(!begin(&backoff, "alice", 1).await.unwrap_err().is_first);
    }
}

#[tokio::test]
async fn holds_who_comes_too_early_until_those_under_way_are_done() {
    for backoff in [in_memory(), in_redis().await] {
        let mut under_way = Vec::new();
        for (number, account) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
            let at = START + Duration::from_millis(number as u64);
            let attempt = backoff.begin(account, network(1), false, at).await;
            under_way.push(attempt.unwrap());
        }
        let mut held = Box::pin(begin(&backoff, "f", 1));
        let a_moment = Duration::from_millis(300);
        assert!(tokio::time::timeout(a_moment, &mut held).await.is_err());
        assert!(begin(&backoff, "g", 2).await.is_ok(), "elsewhere");
        under_way.remove(0).succeeded().await;
        under_way.push(held.await.unwrap());
        // They all fail, and so many count.
        let next = begin(&backoff, "g", 1);
        let fail = async { under_way.clear() };
        assert!(tokio::join!(next, fail).0.unwrap_err().is_first);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_held_for_long_and_only_so_many_are() {
    let backoff = in_memory();
    let mut under_way = Vec::new();
    for account in ["a", "b", "c", "d", "e"] {
        under_way.push(begin(&backoff, account, 1).await.unwrap());
    }
    let began = tokio::time::Instant::now();
    let refused = futures::future::join_all((0..1_000).map(async |_| {
        assert!(begin(&backoff, "f", 1).await.is_err());
        began.elapsed()
    }));
    let refused = refused.await;
    let held = refused.iter().filter(|wait| !wait.is_zero()).count();
    assert_eq!(held, 32);
    assert!(began.elapsed() < Duration::from_secs(3));
}

/// The scripts say once more what the domain says: whatever happens, both decide alike.
#[tokio::test]
async fn redis_decides_as_memory_does() {
    let (memory, redis) = (in_memory(), in_redis().await);
    let (mut now, mut dice) = (START, Dice(7));
    for step in 0..1_500 {
        now = now + Duration::from_millis([0, 1, 900, 7_000, 70_000][dice.roll(5)]);
        if dice.roll(100) == 0 {
            now = now + Duration::from_secs([16 * 60, 61 * 60, 23 * 3600][dice.roll(3)]);
        }
        let email_key = ["alice", "bob"][dice.roll(2)];
        let network = [None, network(1), network(2), network(3)][dice.roll(4)];
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

/// The same where the table fills.
#[tokio::test]
async fn redis_fills_its_table_as_memory_does() {
    let (memory, redis) = (in_memory(), in_redis().await);
    let mut now = START;
    for number in 0..1_600_u32 {
        now = now + Duration::from_millis(250);
        let [_, _, c, d] = number.to_be_bytes();
        let spread = if number < 400 {
            [10, c, d, 1]
        } else {
            [10, 9, (number / 100) as u8, d]
        };
        let from = Some(Network::of(spread.into()));
        let one = memory.begin("alice", from, false, now).await;
        let other = redis.begin("alice", from, false, now).await;
        match (one, other) {
            (Ok(_), Ok(_)) => {}
            (one, other) => assert_eq!(one.unwrap_err(), other.unwrap_err(), "{number}"),
        }
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
    for number in 0..5 {
        begin([&one, &other][number % 2], "alice", 1).await.unwrap();
    }
    assert!(begin(&other, "alice", 1).await.is_err());

    let attempt = begin(&one, "bob", 9).await.unwrap();
    server.daemon().unwrap().kill().unwrap();
    redis.lost().await;
    attempt.succeeded().await;
    for _ in 0..5 {
        begin(&one, "alice", 1).await.unwrap();
    }
    assert!(
        begin(&one, "alice", 1).await.is_err(),
        "it counts by itself"
    );
}
