//! Kills of the platform and its servers at random times, under people who write numbered messages; then the account:
//! what was acknowledged is there once, what was seen of a reply is what is stored.
//!
//! CI kills each of them a few times. `cargo xtask chaos` kills more often, with `TROUPE_CHAOS_KILLS` and
//! `TROUPE_CHAOS_SEED`, and prints the ledger.

mod ledger;
mod victims;
mod writer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use testkit::scripted::{self, Reply};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cards::maren;
use crate::person::Person;
use ledger::Ledger;
use victims::{Chance, Stage, Victim};
use writer::{REPLY, Writer};

const WRITERS: usize = 4;
/// Each of them once, in CI.
const KILLS: usize = 3;
/// What comes between kills: time for some writes, and never the same.
const QUIET: std::ops::Range<u64> = 400..2_500;
const DOWN: std::ops::Range<u64> = 0..1_500;

fn number_in(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_and_double_nothing() {
    let kills = number_in("TROUPE_CHAOS_KILLS", KILLS);
    let seed = number_in("TROUPE_CHAOS_SEED", std::process::id() as usize) as u64;
    let model = scripted::serve("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    model.always(Reply::words(REPLY));
    let mut stage = Stage::start(&model).await;
    let ledger = Arc::new(Ledger::default());
    let writers = stage_writers(&stage, &ledger).await;

    let stop = CancellationToken::new();
    let mut writing = JoinSet::new();
    for writer in writers {
        writing.spawn(writer.write_until(stop.clone()));
    }
    let (begin, mut chance) = (Instant::now(), Chance::new(seed));
    for kill in 0..kills {
        pause(chance.pick(QUIET)).await;
        // The first ones in turn, so that a short run has all of them.
        let victim = match Victim::ALL.get(kill) {
            Some(victim) => *victim,
            None => Victim::ALL[chance.pick(0..Victim::ALL.len() as u64) as usize],
        };
        let at = begin.elapsed();
        stage.kill(victim).await;
        pause(chance.pick(DOWN)).await;
        let (back, acknowledged) = (Instant::now(), ledger.acknowledged());
        stage.bring_back(victim).await;
        ledger.more_than(acknowledged).await;
        ledger.note_kill(victim.name(), at, back.elapsed());
    }
    stop.cancel();
    let writers: Vec<Writer> = writing.join_all().await;
    for writer in &writers {
        writer.account(&ledger).await;
    }
    stage.account(&ledger).await;
    println!("seed {seed}\n{ledger}");
    assert_eq!(ledger.faults(), Vec::<String>::new(), "seed {seed}");
}

/// People, each with a session of their own.
async fn stage_writers(stage: &Stage, ledger: &Arc<Ledger>) -> Vec<Writer> {
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let person = Person::register(stage.platform(), &format!("Writer{number}")).await;
        let session = person.open_session(maren()).await;
        writers.push(Writer::new(number, person, session, Arc::clone(ledger)));
    }
    writers
}

/// Lets the writers write, or a dead server be dead: time is what this is about.
async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
