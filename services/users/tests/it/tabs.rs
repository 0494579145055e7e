//! Ten thousand refreshes as tabs, lost answers and thieves make them: nobody honest is logged out, every thief is.

use std::sync::Mutex;
use std::time::Duration;

use futures::future::join_all;
use redis::RedisConfig;
use troupe_proto::error::reason_of;
use troupe_proto::{Reason, users as pb};

use crate::harness::{PASSWORD, Service, email};

const REFRESHES: u32 = 10_000;
const GRACE: Duration = Duration::from_secs(10);
const AFTER_GRACE: Duration = Duration::from_secs(11);

/// The same throws in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// What is counted.
#[derive(Debug, Default)]
struct Seen {
    refreshes: u32,
    superseded: u32,
    lost_answers: u32,
    stored_too_late: u32,
    thieves: u32,
}

/// A person with one login session, whose tabs share a store of tokens.
struct Family<'a> {
    services: &'a [Service],
    name: String,
    store: Mutex<pb::TokenPair>,
    /// Pairs of before, the oldest first.
    spent: Vec<pb::TokenPair>,
    dice: Dice,
    seen: Mutex<Seen>,
}

impl<'a> Family<'a> {
    async fn new(services: &'a [Service], number: u64) -> Self {
        let name = format!("person{number}");
        Self {
            services,
            store: Mutex::new(services[0].person(&name).await),
            name,
            spent: Vec::new(),
            dice: Dice(number * 7 + 1),
            seen: Mutex::default(),
        }
    }

    fn stored(&self) -> pb::TokenPair {
        self.store.lock().unwrap().clone()
    }

    /// One request for a pair, through one of the replicas; again while those have no room.
    async fn ask(&self, replica: usize, pair: &pb::TokenPair) -> Result<pb::TokenPair, Reason> {
        let service = &self.services[replica % self.services.len()];
        loop {
            let answer = service.nobody().refresh(pair).await;
            self.seen.lock().unwrap().refreshes += 1;
            match answer.map_err(|status| reason_of(&status).unwrap()) {
                Err(Reason::Unavailable | Reason::Overloaded) => tokio::task::yield_now().await,
                answer => return answer,
            }
        }
    }

    /// What a tab does: sends what it read, stores what it gets, and reads the store again where it is behind.
    async fn tab(&self, replica: usize, read: pb::TokenPair) {
        match self.ask(replica, &read).await {
            Ok(pair) => *self.store.lock().unwrap() = pair,
            Err(Reason::TokenSuperseded) => {
                self.seen.lock().unwrap().superseded += 1;
                let stored = self.stored().refresh_token;
                assert_ne!(stored, read.refresh_token, "{}", self.name);
            }
            Err(reason) => panic!("{} is logged out: {reason:?}", self.name),
        }
    }

    /// Calls with what is stored. Where two tabs got a pair each, and the one that was replaced was stored last, the tab has
    /// to wait until its refresh token is good again.
    async fn uses(&self, replica: usize) {
        let service = &self.services[replica % self.services.len()];
        while let Err(status) = service.with(&self.stored()).profile().await {
            match reason_of(&status) {
                Some(Reason::Unavailable | Reason::Overloaded) => {
                    tokio::task::yield_now().await;
                }
                Some(Reason::TokenInvalid) => {
                    self.seen.lock().unwrap().stored_too_late += 1;
                    return;
                }
                reason => panic!("{}: {reason:?}", self.name),
            }
        }
    }

    async fn honest_round(&mut self) {
        let (before, replica) = (self.stored(), self.dice.roll(2));
        match self.dice.roll(4) {
            // Some tabs at once.
            0 => {
                let tabs = 2 + self.dice.roll(3);
                join_all((0..tabs).map(|tab| self.tab(replica + tab, before.clone()))).await;
            }
            // Answers that get lost.
            1 => {
                for lost in 0..=self.dice.roll(2) {
                    let answer = self.ask(replica + lost, &before).await;
                    answer.unwrap_or_else(|reason| panic!("{}: {reason:?}", self.name));
                    self.seen.lock().unwrap().lost_answers += 1;
                }
                self.tab(replica + 1, before.clone()).await;
            }
            // A tab that is behind while another goes on.
            2 => {
                self.tab(replica, before.clone()).await;
                self.uses(replica + 1).await;
                self.tab(replica + 1, before.clone()).await;
            }
            _ => self.tab(replica, before.clone()).await,
        }
        if self.dice.roll(3) > 0 {
            self.uses(replica).await;
        }
        self.spent.push(before);
    }

    /// A thief takes a pair of any age, and uses it while the owner's tabs go on; whoever's tokens stay good is found out.
    async fn theft(&mut self) {
        let (stored, replica) = (self.stored(), self.dice.roll(2));
        let steals_newest = self.spent.is_empty() || self.dice.roll(2) == 0;
        let mut loot = match steals_newest {
            true => stored.clone(),
            false => self.spent[self.dice.roll(self.spent.len())].clone(),
        };
        // The owner is there: the pair in the store is in use.
        self.uses(replica).await;
        for _ in 0..=self.dice.roll(3) {
            match self.ask(replica, &loot).await {
                Ok(pair) => loot = pair,
                Err(_) => break,
            }
        }
        let uses = self.dice.roll(2) == 0;
        if uses {
            _ = self.services[0].with(&loot).profile().await;
        }
        self.seen.lock().unwrap().thieves += 1;
        self.spent.push(loot);
    }

    /// After the grace both the owner and the thief come again: nothing of the session stays good for the thief.
    async fn reckoning(&mut self) {
        let loot = self.spent.pop().unwrap();
        let owner = self.ask(0, &self.stored()).await;
        if let Ok(pair) = owner {
            *self.store.lock().unwrap() = pair;
            self.uses(1).await;
        }
        if loot.refresh_token != self.stored().refresh_token {
            let thief = self.ask(1, &loot).await;
            assert!(thief.is_err(), "the thief of {} has tokens", self.name);
        }
        for service in self.services {
            service.refuses(&loot).await;
        }
        let nobody = self.services[0].nobody();
        let again = nobody.login(&email(&self.name), PASSWORD).await;
        *self.store.lock().unwrap() = again.unwrap();
        self.spent.clear();
    }
}

async fn play(services: &[Service], families: u64) {
    let mut people = Vec::new();
    for number in 0..families {
        people.push(Family::new(services, number).await);
    }
    let (mut refreshes, mut dice, mut round) = (0, Dice(99), 0);
    while refreshes < REFRESHES {
        round += 1;
        let robbed = (round % 10 == 0).then(|| dice.roll(people.len()));
        join_all(people.iter_mut().enumerate().map(async |(number, family)| {
            match Some(number) == robbed {
                true => family.theft().await,
                false => family.honest_round().await,
            }
        }))
        .await;
        services[0]
            .time()
            .advance(AFTER_GRACE + GRACE * dice.roll(10) as u32);
        if let Some(robbed) = robbed {
            people[robbed].reckoning().await;
        }
        refreshes = people
            .iter()
            .map(|family| family.seen.lock().unwrap().refreshes)
            .sum();
    }
    let seen: Vec<_> = people
        .iter()
        .map(|family| family.seen.lock().unwrap())
        .collect();
    println!("{refreshes} refreshes, {round} rounds: {:?}", &seen[..3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_refreshes_log_nobody_honest_out_and_catch_every_thief() {
    play(&[Service::start().await], 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_through_two_replicas() {
    play(&Service::start_two(RedisConfig::default()).await, 20).await;
}
