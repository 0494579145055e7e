//! Kills and pauses of the platform's processes and its servers at random times, under people who write numbered messages;
//! then the account: what was acknowledged is there once, what was seen of a reply is what is stored.
//!
//! CI strikes a few times. `cargo xtask chaos` strikes more often, with `TROUPE_CHAOS_KILLS` and `TROUPE_CHAOS_SEED`, and
//! prints the ledger.

mod ledger;
mod rolling;
mod stage;
mod writer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use testkit::scripted::{self, Handle, Reply};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cards::maren;
use crate::person::Person;
use crate::platform::variable;
use ledger::Ledger;
use stage::{Blow, Chance, Stage};
use writer::{REPLY, Writer};

const WRITERS: usize = 4;
/// In CI: in one process each victim once, of replicas a few.
const KILLS: usize = 3;
const BLOWS: usize = 5;
/// What comes between blows: time for some writes, and never the same.
const QUIET: std::ops::Range<u64> = 400..2_500;
const DOWN: std::ops::Range<u64> = 0..1_500;
/// Longer than another replica waits before it takes over what a silent one had.
const STILL: std::ops::Range<u64> = 500..9_000;

fn number_in(name: &str, default: usize) -> usize {
    variable(name).map_or(default, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_and_double_nothing() {
    let model = model().await;
    let stage = Stage::whole(&model).await;
    strike(stage, &[Blow::Kill], KILLS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_and_pauses_of_replicas_lose_and_double_nothing() {
    let model = model().await;
    let stage = Stage::replicas(&model).await;
    strike(stage, &[Blow::Kill, Blow::Kill, Blow::Pause], BLOWS).await;
}

/// Strikes again and again, and accounts.
async fn strike(mut stage: Stage, blows: &[Blow], default_count: usize) {
    let count = number_in("TROUPE_CHAOS_KILLS", default_count);
    let seed = number_in("TROUPE_CHAOS_SEED", std::process::id() as usize) as u64;
    let ledger = Arc::new(Ledger::new(WRITERS));
    let stop = CancellationToken::new();
    let writing = set_writing(&stage, &ledger, &stop).await;

    let (begin, mut chance) = (Instant::now(), Chance::new(seed));
    let victims = stage.victims();
    for number in 0..count {
        pause(chance.pick(QUIET)).await;
        // In one process the first ones in turn, so that a short run has all of them.
        let victim = match victims.get(number) {
            Some(victim) if victims.len() <= default_count => *victim,
            _ => chance.of(&victims),
        };
        let blow = chance.of(blows);
        let at = begin.elapsed();
        stage.strike(victim, blow).await;
        let down = match blow {
            Blow::Kill => DOWN,
            Blow::Pause => STILL,
        };
        pause(chance.pick(down)).await;
        let (back, acknowledged) = (Instant::now(), ledger.acknowledged());
        stage.bring_back(victim, blow).await;
        ledger.everybody_after(&acknowledged).await;
        let name = format!("{blow} of {}", stage.name(victim));
        ledger.note_blow(name, at, back.elapsed());
    }
    stop.cancel();
    let writers: Vec<Writer> = writing.join_all().await;
    stage.events_settle().await;
    for writer in &writers {
        writer.account().await;
    }
    println!("seed {seed}\n{ledger}");
    assert_eq!(ledger.faults(), Vec::<String>::new(), "seed {seed}");
}

async fn model() -> Handle {
    let address = "127.0.0.1:0".parse().unwrap();
    let model = scripted::serve(address).await.unwrap();
    model.always(Reply::words(REPLY));
    model
}

/// People, each with a session of their own, who write until they are asked to stop.
async fn set_writing(
    stage: &Stage,
    ledger: &Arc<Ledger>,
    stop: &CancellationToken,
) -> JoinSet<Writer> {
    let gateways: Vec<_> = stage.gateways().collect();
    let mut writing = JoinSet::new();
    for number in 0..WRITERS {
        let person = Person::register(gateways[0], &format!("Writer{number}")).await;
        let session = person.open_session(maren()).await;
        let doors = gateways.iter().map(|gateway| person.at(gateway)).collect();
        let writer = Writer::new(number, doors, session, Arc::clone(ledger));
        writing.spawn(writer.write_until(stop.clone()));
    }
    writing
}

/// Lets the writers write, or a dead server be dead: time is what this is about.
async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
