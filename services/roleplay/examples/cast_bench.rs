//! Prints what a turn costs in a session of one person with one character, and in one of eight people with six: sending a message until
//! its reply has ended. In both, one character answers; in the second it is mentioned. The service runs behind its server stack with a
//! model that answers at once. Run it in release: `cargo run --release -p troupe-roleplay --example cast_bench`.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "it shares its stage with the tests"
)]
#![expect(dead_code, reason = "the tests use more of the stage")]

#[path = "../tests/it/embedder.rs"]
mod embedder;
#[path = "../tests/it/people.rs"]
mod people;
#[path = "../tests/it/script.rs"]
mod script;
#[path = "../tests/it/stage.rs"]
mod stage;
#[path = "../tests/it/troupe.rs"]
mod troupe;

use std::time::{Duration, Instant};

use stage::{Person, Stage};
use troupe_proto::roleplay::ParticipantRole;

const CHARACTERS: [&str; 6] = ["Mira", "Tom", "Wren", "Finn", "Ada", "Lars"];
const PEOPLE: usize = 8;
/// Enough turns that the window is as full in both sessions.
const WARM_UP: usize = 60;
const TURNS: usize = 300;
const REPLY: &str =
    "The lamp turns once more over the harbour, and the snow on the quay goes from grey to gold.";

#[tokio::main]
async fn main() -> Result<(), tonic::Status> {
    let stage = Stage::new().await;
    stage.script.always_reply(REPLY);
    let alice = stage.person();
    let (alone, _) = troupe::session_of(&alice, &CHARACTERS[..1]).await;
    let (together, _) = troupe::session_of(&alice, &CHARACTERS).await;
    let mut people = vec![alice.clone()];
    while people.len() < PEOPLE {
        let guest = stage.person();
        alice
            .let_in(&together.id, &guest, ParticipantRole::Player)
            .await;
        people.push(guest);
    }
    // In turns, so that whatever else the machine does meets both alike.
    let mut times = [Vec::new(), Vec::new()];
    for turn in 0..WARM_UP + TURNS {
        let name = CHARACTERS[turn % CHARACTERS.len()];
        let one = send(&alice, &alone.id, "Mira, what is in the harbour?").await?;
        let text = format!("{name}, what is in the harbour?");
        let all = send(&people[turn % PEOPLE], &together.id, &text).await?;
        if turn >= WARM_UP {
            times[0].push(one);
            times[1].push(all);
        }
    }
    report(times);
    Ok(())
}

async fn send(person: &Person, session: &str, text: &str) -> Result<Duration, tonic::Status> {
    let started = Instant::now();
    let (.., ended) = person.send(session, text).await?.all().await;
    let took = started.elapsed();
    let next = ended.generation.unwrap_or_default().next_generation_id;
    assert_eq!(next, "", "one character answers");
    Ok(took)
}

fn report(mut times: [Vec<Duration>; 2]) {
    let at = |times: &mut Vec<Duration>, share: f64| {
        times.sort_unstable();
        let last = times.len() - 1;
        times[(last as f64 * share).round() as usize].as_secs_f64() * 1e3
    };
    for (name, share) in [("median", 0.5), ("p99", 0.99)] {
        let [one, all] = [0, 1].map(|which| at(&mut times[which], share));
        let ratio = all / one;
        println!(
            "turn, {name}: {one:.3} ms with one of each, {all:.3} ms with {PEOPLE} people and {} characters, ratio {ratio:.2}",
            CHARACTERS.len()
        );
    }
}
