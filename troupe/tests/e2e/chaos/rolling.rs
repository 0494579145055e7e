//! One process after the other is stopped and started again, as an operator does who brings a new version in.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::ledger::Ledger;
use super::stage::Stage;
use super::writer::Writer;
use super::{WRITERS, model, set_writing};
use crate::person::Person;

/// What may be asked twice.
const READS: [&str; 3] = [
    "/api/v1/users/me",
    "/api/v1/roleplay/characters",
    "/api/v1/ai/models",
];

/// Somebody who reads all the time, at whichever gateway takes connections.
struct Reader {
    doors: Vec<Person>,
    calls: usize,
    failures: Vec<String>,
}

impl Reader {
    async fn read_until(mut self, stop: CancellationToken) -> Self {
        while !stop.is_cancelled() {
            for path in READS {
                if let Err(failure) = self.read(path).await {
                    self.failures.push(failure);
                }
                self.calls += 1;
            }
        }
        self
    }

    /// As a load balancer does: a gateway that takes no connection, or closes it before the answer, isn't asked again
    /// before the other was.
    async fn read(&mut self, path: &str) -> Result<(), String> {
        let mut broken = String::new();
        for _ in 0..self.doors.len() {
            match ask(&self.doors[0], path).await {
                Ok((status, _)) if status.is_success() => return Ok(()),
                Ok((status, text)) => return Err(format!("{path}: {status} {text}")),
                Err(error) => broken = format!("{path}: {error:?}"),
            }
            self.doors.rotate_left(1);
        }
        Err(broken)
    }
}

async fn ask(person: &Person, path: &str) -> reqwest::Result<(StatusCode, String)> {
    let answer = person.request(Method::GET, path).send().await?;
    Ok((answer.status(), answer.text().await?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_fails_no_call_that_may_be_made_twice() {
    let model = model().await;
    let mut stage = Stage::replicas(&model).await;
    let ledger = Arc::new(Ledger::new(WRITERS));
    let stop = CancellationToken::new();
    let writing = set_writing(&stage, &ledger, &stop).await;
    let mut reading = JoinSet::new();
    let reader = Person::register(stage.gateways().next().unwrap(), "Reader").await;
    reading.spawn(
        Reader {
            doors: stage.gateways().map(|gateway| reader.at(gateway)).collect(),
            calls: 0,
            failures: Vec::new(),
        }
        .read_until(stop.clone()),
    );

    for index in 0..stage.count() {
        assert_eq!(stage.restart(index).await, Some(0));
        ledger.everybody_after(&ledger.acknowledged()).await;
    }
    stop.cancel();
    let writers: Vec<Writer> = writing.join_all().await;
    stage.events_settle().await;
    for writer in &writers {
        writer.account().await;
        assert_eq!(writer.interrupted(), Vec::<&str>::new(), "replies go on");
    }
    for reader in reading.join_all().await {
        println!("{} reads, {} failed", reader.calls, reader.failures.len());
        assert_eq!(reader.failures, Vec::<String>::new());
    }
    assert_eq!(ledger.faults(), Vec::<String>::new());
}
