//! The dispatcher in the process: hands events from the outbox to the consumers, and takes them for sent once every
//! consumer is through with them. What a stop leaves unfinished stands in the outbox, and comes again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, try_join_all};
use platform::id::EventId;
use storage::Database;
use tokio::sync::oneshot::{self, Sender};

use super::runner::{Death, Delivery, Runner, Settle};
use super::tables::dead_letter;
use super::transport::{SendError, Transport};
use super::{Envelope, Failure, queries};

/// Time between looks for dead letters that somebody wants tried again.
const REPLAY_POLL: Duration = Duration::from_secs(2);
/// Dead letters that are read at once.
const REPLAYS: u64 = 64;

/// The consumers of the process.
pub(super) struct Dispatcher {
    pub(super) runners: Vec<Arc<Runner>>,
}

impl Transport for Dispatcher {
    fn system(&self) -> &'static str {
        "troupe"
    }

    fn send(&self, envelope: Envelope) -> BoxFuture<'static, Result<(), SendError>> {
        let runners = self.runners.iter();
        let interested = runners.filter(|runner| runner.wants(&envelope.type_name));
        let submitted: Vec<_> = interested
            .map(|runner| {
                let (done, is_done) = oneshot::channel();
                let settle = Answer::to(runner, done);
                let envelope = envelope.clone();
                runner.submit(Delivery { envelope, settle });
                is_done
            })
            .collect();
        Box::pin(async move {
            let all = try_join_all(submitted).await;
            all.map(drop).map_err(|_| SendError::Stopping)
        })
    }

    /// Consumers are through with what was sent, and dead letters have rows of their own.
    fn may_lose(&self) -> bool {
        false
    }

    fn gone(&self, events: &[EventId]) {
        for runner in &self.runners {
            runner.let_go.note(events);
        }
    }

    fn check<'a>(
        &'a self,
        _: &'static str,
        _: &'a Database,
    ) -> BoxFuture<'a, Result<bool, SendError>> {
        Box::pin(std::future::ready(Ok(false)))
    }
}

/// What the relay waits for.
struct Answer {
    runner: Arc<Runner>,
    done: Sender<WasBuried>,
    is_buried: AtomicBool,
}

/// Whether an event that its consumer is through with became a dead letter.
struct WasBuried(bool);

impl Answer {
    fn to(runner: &Arc<Runner>, done: Sender<WasBuried>) -> Box<Self> {
        Box::new(Self {
            runner: Arc::clone(runner),
            done,
            is_buried: AtomicBool::new(false),
        })
    }
}

impl Settle for Answer {
    fn system(&self) -> &'static str {
        "troupe"
    }

    fn done(self: Box<Self>) -> BoxFuture<'static, ()> {
        // Without a relay that waits, the event comes again and is found in the inbox.
        let _gone = self.done.send(WasBuried(self.is_buried.into_inner()));
        Box::pin(std::future::ready(()))
    }

    fn bury<'a>(
        &'a self,
        envelope: &'a Envelope,
        death: &'a Death,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            bury(&self.runner, envelope, death).await?;
            self.is_buried.store(true, Ordering::Relaxed);
            Ok(())
        })
    }
}

async fn bury(runner: &Runner, envelope: &Envelope, death: &Death) -> Result<(), Failure> {
    let letter = dead_letter::Model {
        consumer: runner.consumer.name.to_owned(),
        event_id: envelope.id,
        type_name: envelope.type_name.clone(),
        subject: envelope.subject.clone(),
        key: envelope.key.clone(),
        time: envelope.time,
        payload: envelope.payload.clone(),
        request_id: envelope.cause.request_id.to_string(),
        traceparent: envelope.cause.trace.to_string(),
        problem: death.problem.clone(),
        tries: i32::try_from(death.tries).unwrap_or(i32::MAX),
        dead_time: death.time,
        replay_time: None,
        is_retold: envelope.is_retold,
    };
    let letter = &letter;
    let bury = runner
        .consumer
        .db
        .transaction(|tx| Box::pin(async move { Ok(queries::bury(tx, letter.clone()).await?) }));
    bury.await
}

/// Tries dead letters again that somebody wants tried again, until the process stops.
pub(super) async fn replay(runner: Arc<Runner>) {
    loop {
        if let Err(error) = replay_all(&runner).await {
            tracing::warn!(consumer = runner.consumer.name, %error, "dead letters can't be tried again yet");
        }
        tokio::select! {
            () = runner.tasks.stopping() => return,
            () = tokio::time::sleep(REPLAY_POLL) => {}
        }
    }
}

async fn replay_all(runner: &Arc<Runner>) -> Result<(), Failure> {
    let consumer = &runner.consumer;
    let letters = queries::to_replay(consumer.db.read(), consumer.name, REPLAYS).await?;
    for letter in letters {
        let (id, asked) = (letter.event_id, letter.replay_time);
        let (done, is_done) = oneshot::channel();
        let settle = Answer::to(runner, done);
        let envelope = letter.try_into()?;
        runner.submit(Delivery { envelope, settle });
        match is_done.await {
            // Somebody may have asked for it once more by now.
            Ok(WasBuried(true)) => continue,
            Ok(WasBuried(false)) => {}
            Err(_stopping) => return Ok(()),
        }
        let forget = consumer.db.transaction(|tx| {
            let name = consumer.name;
            Box::pin(async move { queries::unbury(tx, name, id, asked).await })
        });
        forget.await?;
    }
    Ok(())
}
