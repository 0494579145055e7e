//! Strangers who guess for hours, and the owner who comes from somewhere new.

use std::net::{IpAddr, Ipv6Addr};

use super::*;

const EVERY: Duration = Duration::from_millis(250);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_hours(1);
/// What the domain says of the worst hour, and of 250 networks.
const MOST_AN_HOUR: usize = 1_870;
const FROM_250: usize = 820;

/// Guesses at one account, four in a second, from one address after another.
struct Attack {
    backoff: LoginBackoff,
    address: fn(u32) -> IpAddr,
    addresses: u32,
    now: Timestamp,
    step: u32,
    /// When a guess was looked at.
    looked_at: Vec<Timestamp>,
}

impl Attack {
    fn new(backoff: LoginBackoff, addresses: u32, address: fn(u32) -> IpAddr) -> Self {
        Self {
            backoff,
            address,
            addresses,
            now: START,
            step: 0,
            looked_at: Vec::new(),
        }
    }

    async fn goes_on(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = self.now + EVERY;
            let from = Network::of((self.address)(self.step % self.addresses));
            self.step += 1;
            let guess = self.backoff.begin("alice", Some(from), false, self.now);
            if guess.await.is_ok() {
                self.looked_at.push(self.now);
            }
        }
    }

    /// How long the owner takes to get in from an address, mistyping the password at first.
    async fn owner_takes(&mut self, address: &str, mistypes: u32) -> Duration {
        let (from, began) = (Network::of(address.parse().unwrap()), self.now);
        let mut wrong = 0;
        while self.now.since(began) <= MINUTE {
            let attempt = self.backoff.begin("alice", Some(from), false, self.now);
            let pause = match attempt.await {
                Ok(attempt) if wrong == mistypes => {
                    attempt.succeeded().await;
                    return self.now.since(began);
                }
                Ok(_) => {
                    wrong += 1;
                    Duration::from_secs(4)
                }
                Err(early) => early.wait,
            };
            self.goes_on(pause).await;
        }
        panic!("the owner isn't let in at {address}");
    }

    /// The most guesses that were looked at within an hour.
    fn most_in_an_hour(&self) -> usize {
        let in_hour = |start: &Timestamp| {
            let within = |time: &&Timestamp| **time >= *start && time.since(*start) < HOUR;
            self.looked_at.iter().filter(within).count()
        };
        self.looked_at.iter().map(in_hour).max().unwrap_or(0)
    }
}

fn scattered(number: u32) -> IpAddr {
    let [_, _, c, d] = number.wrapping_mul(40_503).to_be_bytes();
    [11, c, d, 7].into()
}

fn of_one_hoster(number: u32) -> IpAddr {
    [198, 51, 100, number as u8].into()
}

fn of_ipv6(network: u32, number: u32) -> IpAddr {
    let bits = u128::from(network) << 96 | u128::from(number) << 64 | 1;
    Ipv6Addr::from_bits(bits).into()
}

fn of_one_ipv6_allocation(number: u32) -> IpAddr {
    of_ipv6(0x2001_0db8, number)
}

#[tokio::test]
async fn the_owner_gets_in_within_a_minute_from_an_address_never_seen() {
    let addresses: [fn(u32) -> IpAddr; 3] = [scattered, of_one_hoster, of_one_ipv6_allocation];
    for address in addresses {
        let mut attack = Attack::new(in_memory(), 250, address);
        let mut times = Vec::new();
        for (number, wait) in [0, 1, 10, 60, 240, 3_600, 7_200].into_iter().enumerate() {
            attack.goes_on(Duration::from_secs(wait)).await;
            let owner = format!("203.0.113.{number}");
            times.push(attack.owner_takes(&owner, 0).await);
            // One near the strangers, and one who mistypes.
            times.push(
                attack
                    .owner_takes(&format!("198.51.100.{}", 251 + number % 4), 0)
                    .await,
            );
            times.push(attack.owner_takes(&format!("2a00:{number}::1"), 2).await);
        }
        assert!(times.iter().all(|time| *time < MINUTE), "{times:?}");
        let most = attack.most_in_an_hour();
        assert!(most <= FROM_250, "{most}");
        println!(
            "{most} guesses in the worst hour, {} in all",
            attack.looked_at.len()
        );
    }
}

#[tokio::test]
async fn with_redis_the_owner_gets_in_as_well() {
    let mut attack = Attack::new(in_redis().await, 250, scattered);
    for (number, wait) in [1, 60, 240, 900].into_iter().enumerate() {
        attack.goes_on(Duration::from_secs(wait)).await;
        let time = attack.owner_takes(&format!("203.0.113.{number}"), 2).await;
        assert!(time < MINUTE, "{time:?}");
    }
    let most = attack.most_in_an_hour();
    assert!(most <= FROM_250, "{most}");
}

#[tokio::test]
async fn more_networks_than_any_table_has_don_t_make_more_guesses() {
    let addresses: [fn(u32) -> IpAddr; 3] = [scattered, of_one_ipv6_allocation, |number| {
        of_ipv6(0x2600_0000 + number % 16, number)
    }];
    for (number, address) in addresses.into_iter().enumerate() {
        let mut attack = Attack::new(in_memory(), u32::MAX, address);
        for _ in 0..30 {
            attack.goes_on(HOUR / 10).await;
            // The scattered fill every table; networks of a few providers don't.
            if number > 0 {
                attack.owner_takes("203.0.113.9", 0).await;
            }
        }
        let most = attack.most_in_an_hour();
        assert!(most <= MOST_AN_HOUR, "{most}");
        println!(
            "{most} guesses in the worst hour, {} in all",
            attack.looked_at.len()
        );
    }
}

#[tokio::test]
async fn what_is_kept_is_bounded_and_refusals_add_nothing() {
    let backoff = in_memory();
    for number in 0..20_000 {
        let account = format!("nobody{number}");
        _ = begin(&backoff, &account, 1).await;
    }
    let kept = backoff.local.kept();
    assert!(kept <= 3 * 5 + 1, "{kept}");
    for number in 0..40_000 {
        let account = format!("nobody{number}");
        let from = Some(Network::of(scattered(number)));
        _ = backoff.begin(&account, from, false, START).await;
    }
    let kept = backoff.local.kept();
    assert!(kept <= memory::MemoryCounts::MOST, "{kept}");
}
