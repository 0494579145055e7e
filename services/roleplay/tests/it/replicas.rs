//! Two replicas on one database: what one writes is seen through the other, and what one leaves behind the other ends.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use platform::id::UserId;
use testkit::Home;
use testkit::servers::Postgres;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tonic::Code;
use tonic_types::StatusExt;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay::{
    DeleteSessionRequest, GenerationState, ListMessagesRequest, MessageState, SendMessageRequest,
};
use troupe_roleplay::Config;

use crate::script::Call;
use crate::stage::{Person, Stage, Watch, turn};

/// In which another replica has ended what a dead one left.
const ENDED_WITHIN: Duration = Duration::from_secs(10);
/// Longer than a replica may be silent without losing its generations.
const LONG: Duration = Duration::from_secs(7);

/// A replica whose tasks run apart from the test's, to be paused and killed.
struct Replica {
    stage: Arc<Stage>,
    runtime: Option<Runtime>,
}

impl Replica {
    async fn start(home: &Arc<Home>) -> Self {
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        let home = home.clone();
        let stage = runtime.spawn(async move { Stage::on(&home, &Config::default()).await });
        Self {
            stage: Arc::new(stage.await.unwrap()),
            runtime: Some(runtime),
        }
    }

    /// Acts in the replica, so that what this starts is its own.
    async fn act<F, T>(&self, act: impl FnOnce(Arc<Stage>) -> F) -> T
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let runtime = self.runtime.as_ref().unwrap();
        runtime.spawn(act(self.stage.clone())).await.unwrap()
    }

    /// A generation of a new session that has written so much.
    async fn generate(&self, user: UserId, text: &'static str) -> Running {
        self.act(async move |stage: Arc<Stage>| {
            let alice = stage.person_with(user);
            let session = alice.open_session().await.id;
            let mut watch = alice.send(&session, "Hello").await.unwrap();
            let id = watch.started().await.generation.unwrap().id;
            let call = stage.call().await;
            call.say(text);
            watch.reads(text).await;
            Running {
                session,
                id,
                call,
                watch,
            }
        })
        .await
    }

    /// Holds up everything that the replica does, until what this returns is dropped.
    async fn pause(&self) -> mpsc::Sender<()> {
        let (resume, resumed) = mpsc::channel();
        let (pausing, paused) = oneshot::channel();
        self.runtime.as_ref().unwrap().spawn(async move {
            pausing.send(()).unwrap();
            // The only worker of the runtime waits here.
            let _ = resumed.recv();
        });
        paused.await.unwrap();
        resume
    }

    /// Tasks are dropped where they stand, as a crash leaves them.
    fn kill(mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Running {
    session: String,
    id: String,
    call: Call,
    watch: Watch,
}

async fn home() -> Arc<Home> {
    Arc::new(Home::on(Postgres::shared().await.unwrap()).unwrap())
}

async fn two() -> [Replica; 2] {
    let home = home().await;
    [Replica::start(&home).await, Replica::start(&home).await]
}

#[tokio::test]
async fn those_that_start_at_once_both_work() {
    let home = home().await;
    let (one, two) = tokio::join!(Replica::start(&home), Replica::start(&home));
    for replica in [&one, &two] {
        let alice = replica.stage.person();
        let session = alice.open_session().await;
        turn(&replica.stage, &alice, &session.id, "Hello", "Hi").await;
    }
}

#[tokio::test]
async fn one_that_starts_leaves_the_other_s_generations_alone() {
    let home = home().await;
    let one = Replica::start(&home).await;
    let mut running = one.generate(UserId::new(), "One").await;
    let _two = Replica::start(&home).await;
    running.call.say(" two");
    running.watch.reads(" two").await;
    running.call.finish();
    let ended = running.watch.rest().await.1.generation.unwrap();
    assert_eq!(
        (ended.state(), ended.text.as_str()),
        (GenerationState::Completed, "One two")
    );
}

#[tokio::test]
async fn shows_each_byte_once_through_the_other_from_every_offset() {
    let [one, two] = two().await;
    let user = UserId::new();
    let mut running = one.generate(user, "Né").await;
    let alice = two.stage.person_with(user);
    let (mut said, mut watches) = ("Né".to_owned(), Vec::new());
    let mut behind = Duration::ZERO;
    for piece in [" dans", " la", " brume;", " plus", " tard."] {
        for (offset, _) in said.char_indices().chain([(said.len(), ' ')]) {
            let watch = alice.watch(&running.id, offset.try_into().unwrap()).await;
            watches.push((offset, watch.unwrap()));
        }
        let mut watch = alice
            .watch(&running.id, said.len().try_into().unwrap())
            .await
            .unwrap();
        let started = watch.started().await.generation.unwrap();
        assert_eq!(
            (started.state(), started.text),
            (GenerationState::Running, said.clone())
        );
        running.call.say(piece);
        running.watch.reads(piece).await;
        let seen = Instant::now();
        watch.reads(piece).await;
        behind = behind.max(seen.elapsed());
        said.push_str(piece);
        assert_eq!(alice.generation(&running.id).await.text, said);
    }
    println!("at most {behind:?} behind");
    running.call.finish();
    for (offset, watch) in watches {
        let (started, text, ended) = watch.all().await;
        assert_eq!(started.message.unwrap().text, said[..offset]);
        assert_eq!(text, said[offset..]);
        let (generation, message) = (ended.generation.unwrap(), ended.message.unwrap());
        assert_eq!(generation.state(), GenerationState::Completed);
        assert_eq!(
            (generation.text, message.text),
            (said.clone(), said.clone())
        );
    }
    assert_eq!(running.watch.rest().await.1.message.unwrap().text, said);
}

#[tokio::test]
async fn refuses_offsets_that_the_other_has_not_reached() {
    let [one, two] = two().await;
    let user = UserId::new();
    let running = one.generate(user, "né").await;
    let alice = two.stage.person_with(user);
    for offset in [4, 2] {
        let status = alice.watch(&running.id, offset).await.err().unwrap();
        assert_eq!(reason_of(&status), Some(Reason::OffsetInvalid));
    }
    let bob = two.stage.person();
    let status = bob.watch(&running.id, 0).await.err().unwrap();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn cancels_through_the_other() {
    let [one, two] = two().await;
    let user = UserId::new();
    let mut running = one.generate(user, "Half a").await;
    let alice = two.stage.person_with(user);
    let begin = Instant::now();
    let cancelled = alice.cancel(&running.id).await;
    println!("cancelled after {:?}", begin.elapsed());
    assert_eq!(
        (cancelled.state(), cancelled.text.as_str()),
        (GenerationState::Cancelled, "Half a")
    );
    running.call.dropped().await;
    let message = running.watch.rest().await.1.message.unwrap();
    assert_eq!(message.state(), MessageState::Cancelled);
    assert_eq!(
        alice.cancel(&running.id).await,
        cancelled,
        "an ended one stays as it is"
    );
}

#[tokio::test]
async fn runs_one_generation_a_session_whichever_is_asked() {
    let [one, two] = two().await;
    let user = UserId::new();
    let mut running = one.generate(user, "One").await;
    let alice = two.stage.person_with(user);
    let message = alice.path(&running.session).await.pop().unwrap().id;
    let refusals = [
        alice.regenerate(&running.session, &message).await.err(),
        alice.go_on(&running.session, &message).await.err(),
        alice.edit(&running.session, &message, "no").await.err(),
        alice.delete(&running.session, &message).await.err(),
    ];
    for refusal in refusals {
        let status = refusal.unwrap();
        assert_eq!(reason_of(&status), Some(Reason::GenerationRunning));
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.metadata["generationId"], running.id);
    }
    running.call.finish();
    running.watch.rest().await;
    turn(&two.stage, &alice, &running.session, "Again", "Yes").await;
}

#[tokio::test]
async fn shows_a_repeated_request_the_generation_of_the_first_at_the_other() {
    let [one, two] = two().await;
    let user = UserId::new();
    let request = |session: &str| SendMessageRequest {
        session_id: session.to_owned(),
        text: "Hello".to_owned(),
        request_id: "r-1".to_owned(),
        parent_message_id: String::new(),
        ..Default::default()
    };
    let people = [&one, &two].map(|replica| replica.stage.person_with(user));
    let session = people[0].open_session().await.id;
    let send = async |alice: &Person| alice.send_request(request(&session)).await.unwrap();
    let (first, second) = tokio::join!(send(&people[0]), send(&people[1]));
    let (call, other) = tokio::select! {
        call = one.stage.call() => (call, &two),
        call = two.stage.call() => (call, &one),
    };
    assert!(!other.stage.was_asked().await);
    call.say("Hi");
    call.finish();
    let (first, second) = (first.all().await, second.all().await);
    assert_eq!((first.1.as_str(), second.1.as_str()), ("Hi", "Hi"));
    assert_eq!(first.2, second.2);
    assert_eq!(people[1].texts(&session).await.len(), 3);
}

#[tokio::test]
async fn deleting_a_session_through_the_other_stops_its_generation() {
    let [one, two] = two().await;
    let user = UserId::new();
    let running = one.generate(user, "One").await;
    let alice = two.stage.person_with(user);
    let delete = DeleteSessionRequest {
        session_id: running.session.clone(),
    };
    alice
        .sessions()
        .delete_session(alice.ask(delete))
        .await
        .unwrap();
    running.call.dropped().await;
}

#[tokio::test]
async fn ends_what_a_dead_one_left_with_its_text() {
    let [one, two] = two().await;
    let user = UserId::new();
    let running = one.generate(user, "One two thr").await;
    let alice = two.stage.person_with(user);
    let watch = alice.watch(&running.id, 3).await.unwrap();
    let begin = Instant::now();
    one.kill();
    let ended = tokio::time::timeout(ENDED_WITHIN, watch.all());
    let (_, text, ended) = ended.await.expect("nobody ended it");
    println!("ended after {:?}", begin.elapsed());
    assert_eq!(text, " two thr");
    let (generation, message) = (ended.generation.unwrap(), ended.message.unwrap());
    assert_eq!(
        (generation.state(), generation.text.as_str()),
        (GenerationState::Interrupted, "One two thr")
    );
    assert_eq!(
        (message.state(), message.text.as_str()),
        (MessageState::Interrupted, "One two thr")
    );
    let watch = alice.go_on(&running.session, &message.id).await.unwrap();
    let call = two.stage.call().await;
    call.say("ee.");
    call.finish();
    watch.all().await;
    assert_eq!(alice.texts(&running.session).await[2], "One two three.");
}

#[tokio::test]
async fn one_that_was_paused_writes_nothing_more_once_the_other_took_it_for_dead() {
    let [one, two] = two().await;
    let user = UserId::new();
    let mut running = one.generate(user, "One").await;
    let alice = two.stage.person_with(user);
    let watch = alice.watch(&running.id, 0).await.unwrap();
    let pause = one.pause().await;
    running.call.say(" two");
    let (_, text, ended) = watch.all().await;
    assert_eq!(text, "One");
    let generation = ended.generation.unwrap();
    assert_eq!(generation.state(), GenerationState::Interrupted);
    drop(pause);
    running.call.dropped().await;
    let ended = running.watch.rest().await.1.generation.unwrap();
    assert_eq!(ended, generation);
    assert_eq!(alice.texts(&running.session).await[2], "One");
    // And it works on.
    let mut again = one.generate(user, "Again").await;
    again.call.finish();
    let ended = again.watch.rest().await.1.generation.unwrap();
    assert_eq!(ended.state(), GenerationState::Completed);
}

#[tokio::test]
async fn one_whose_database_is_away_for_long_keeps_its_generations() {
    let server = Postgres::start(None).await.unwrap();
    let home = Arc::new(Home::on(&server).unwrap());
    let [one, two] = [Replica::start(&home).await, Replica::start(&home).await];
    let user = UserId::new();
    let mut running = one.generate(user, "Hold").await;
    let alice = two.stage.person_with(user);
    let watch = alice.watch(&running.id, 0).await.unwrap();
    let daemon = server.daemon().unwrap();
    daemon.kill().unwrap();
    running.call.say(" on");
    // Nothing happens meanwhile that could be waited for.
    tokio::time::sleep(LONG).await;
    daemon.start().unwrap();
    running.call.say(" tight.");
    running.call.finish();
    let (_, text, ended) = watch.all().await;
    assert_eq!(text, "Hold on tight.");
    assert_eq!(
        ended.generation.unwrap().state(),
        GenerationState::Completed
    );
    assert_eq!(running.watch.rest().await.0, " on tight.");
}

#[tokio::test]
async fn one_takes_the_page_tokens_of_the_other() {
    let [one, two] = two().await;
    let user = UserId::new();
    let alice = one.stage.person_with(user);
    let session = alice.open_session().await.id;
    turn(&one.stage, &alice, &session, "Hello", "Hi").await;
    let mut request = ListMessagesRequest {
        session_id: session,
        page_size: 1,
        ..ListMessagesRequest::default()
    };
    let mut seen = 0;
    loop {
        let replica = [&one, &two][seen % 2];
        let alice = replica.stage.person_with(user);
        let mut messages = alice.messages();
        let page = messages.list_messages(alice.ask(request.clone())).await;
        let page = page.unwrap().into_inner();
        seen += page.messages.len();
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(seen, 3);
}

#[tokio::test]
async fn what_a_dead_one_left_running_counts_until_it_is_ended() {
    let [one, two] = two().await;
    let user = UserId::new();
    let mut left = Vec::new();
    for _ in 0..Config::default().generations_per_person {
        left.push(one.generate(user, "One").await);
    }
    let alice = two.stage.person_with(user);
    let session = alice.open_session().await.id;
    let refused = alice.send(&session, "Hello").await.err().unwrap();
    assert_eq!(reason_of(&refused), Some(Reason::TooManyGenerations));
    one.kill();
    let has_room = async {
        while let Err(status) = alice.send(&session, "Hello").await {
            assert_eq!(reason_of(&status), Some(Reason::TooManyGenerations));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(ENDED_WITHIN * 3, has_room)
        .await
        .unwrap();
}
