//! Servers that are missing at the start, gone for a while, and full: what people see then, and that all of it mends
//! itself. `TROUPE_TEST_OUTAGE_SECS` sets how long a server is gone; a few seconds unless it is set.

mod disk;
mod lock;
mod roles;
mod stores;

use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use testkit::scripted::{self, Handle, Reply};
use testkit::servers::{Daemon, Nats, Postgres, Redis};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::cards::maren;
use crate::disks::fill;
use crate::events::waiting;
use crate::person::{Person, nobody};
use crate::platform::{Platform, Setup, eventually, free_address, variable};

const DISK_BYTES: u64 = 192 << 20;

/// How long a server is gone.
fn outage() -> Duration {
    let secs = variable("TROUPE_TEST_OUTAGE_SECS").map_or(3, |text| text.parse().unwrap());
    Duration::from_secs(secs)
}

async fn model() -> Handle {
    let model = scripted::serve("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    model.always(Reply::words("The lamp turns above you."));
    model
}

fn setup(model: &Handle) -> Setup {
    let setup = Setup::new().with("TROUPE__AI__OPENAI__BASE_URL", model.base_url());
    ["READ", "WRITE", "GENERATE"]
        .iter()
        .fold(setup, |setup, class| {
            let rate = format!("TROUPE__GATEWAY__RATES__{class}");
            setup
                .with(&format!("{rate}__PER_SECOND"), "1000")
                .with(&format!("{rate}__BURST"), "1000")
        })
}

/// The status and the text of an address that needs no token.
async fn probe(platform: &Platform, path: &str) -> (StatusCode, String) {
    let answer = nobody(platform).request(Method::GET, path).send();
    let answer = eventually(path, answer).await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

/// Whether a call was refused because something is missing, and says what.
fn lacks(answer: &(StatusCode, Value), what: &str) {
    let (status, refusal) = answer;
    assert_eq!(*status, StatusCode::SERVICE_UNAVAILABLE, "{refusal}");
    let message = refusal["message"].as_str().unwrap_or_default();
    assert!(message.contains(what), "{refusal}");
}

/// Asks until the answer is the one that is waited for; says how long that took.
async fn until<F, A>(what: &str, ask: F) -> Duration
where
    F: Fn() -> A,
    A: Future<Output = bool>,
{
    let begin = Instant::now();
    let asking = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    eventually(what, asking).await;
    println!("{what} after {:.2} s", begin.elapsed().as_secs_f64());
    begin.elapsed()
}

async fn is_up(ann: &Person) -> bool {
    ann.call(Method::GET, "/api/v1/users/me", Value::Null)
        .await
        .0
        .is_success()
}

/// What people and probes see of a platform without its database, and that it comes back by itself.
async fn rides_out(
    gone: impl AsyncFnOnce(),
    back: impl AsyncFnOnce(),
    ann: &Person,
    platform: &Platform,
) {
    gone().await;
    let (status, refusal) = ann.call(Method::GET, "/api/v1/users/me", Value::Null).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{refusal}");
    let details = refusal["details"].as_array().unwrap();
    assert!(
        details
            .iter()
            .any(|detail| detail["reason"] == "UNAVAILABLE"),
        "{refusal}"
    );
    assert!(
        refusal["message"].as_str().unwrap().contains("database"),
        "{refusal}"
    );
    until("not ready", async || {
        probe(platform, "/readyz").await.0 == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
    let (_, said) = probe(platform, "/readyz").await;
    assert!(said.contains("database"), "{said}");
    assert_eq!(
        probe(platform, "/healthz").await.0,
        StatusCode::OK,
        "it lives"
    );
    tokio::time::sleep(outage()).await;
    back().await;
    until("the database serves again", async || is_up(ann).await).await;
    until("ready", async || {
        probe(platform, "/readyz").await.0 == StatusCode::OK
    })
    .await;
}

async fn on_postgres(postgres: &Postgres, model: &Handle) -> (Setup, Platform) {
    let setup = setup(model).with("TROUPE__DATABASE__URL", postgres.new_database().unwrap());
    let platform = setup.start().await;
    (setup, platform)
}

async fn send(ann: &Person, session: &str) -> (StatusCode, Value) {
    let messages = format!("{session}/messages");
    let sent = ann
        .request(Method::POST, &messages)
        .header("accept", "application/x-ndjson")
        .json(&json!({"text": "Good evening!"}))
        .send();
    let answer = eventually("an answer", sent).await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    // Of a stream, the last line.
    let last = text.trim_end().lines().last().unwrap_or_default();
    (
        status,
        serde_json::from_str(last).unwrap_or(Value::String(text)),
    )
}

#[tokio::test]
async fn waits_for_a_database_that_is_missing_at_the_start() {
    let (model, postgres) = (model().await, Postgres::start(None).await.unwrap());
    let address = free_address();
    let setup = setup(&model)
        .with("TROUPE__DATABASE__URL", postgres.new_database().unwrap())
        .with("TROUPE__GATEWAY__LISTEN", &address);
    let daemon = postgres.daemon().unwrap();
    daemon.kill().unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |path: &str| {
        let answer = http
            .get(format!("http://{address}{path}"))
            .send()
            .await
            .ok()?;
        Some((answer.status(), answer.text().await.ok()?))
    };
    let meanwhile = async {
        let says_why = async || {
            let ready = ask("/readyz").await;
            ready.is_some_and(|(status, why)| status == 503 && why.contains("database"))
        };
        until("the start says what it waits for", says_why).await;
        assert_eq!(ask("/healthz").await.unwrap().0, StatusCode::OK, "it lives");
        let (status, refusal) = ask("/api/v1/users/me").await.unwrap();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            refusal.contains("UNAVAILABLE") && refusal.contains("database"),
            "{refusal}"
        );
        tokio::time::sleep(outage()).await;
        daemon.start().unwrap();
    };
    let (platform, ()) = tokio::join!(setup.start(), meanwhile);
    Person::register(&platform, "Ann").await;
}

#[tokio::test]
async fn ends_when_asked_while_it_waits_for_a_database() {
    let model = model().await;
    let setup = setup(&model).with(
        "TROUPE__DATABASE__URL",
        "postgres://troupe@127.0.0.1:9/none",
    );
    let mut waiting = setup
        .command(&["up"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(waiting.stderr.take().unwrap()).lines();
    let told = async {
        while let Some(line) = log.next_line().await.unwrap() {
            if line.contains("waits for PostgreSQL") {
                return;
            }
        }
    };
    eventually("it says that it waits", told).await;
    let pid = Pid::from_raw(waiting.id().unwrap() as i32).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let ended = eventually("it ends", waiting.wait()).await.unwrap();
    assert_eq!(ended.code(), Some(0));
}

#[tokio::test]
async fn rides_out_a_database_that_dies() {
    let (model, postgres) = (model().await, Postgres::start(None).await.unwrap());
    let (_setup, platform) = on_postgres(&postgres, &model).await;
    let ann = Person::register(&platform, "Ann").await;
    let daemon = postgres.daemon().unwrap();
    rides_out(
        async || daemon.kill().unwrap(),
        async || daemon.start().unwrap(),
        &ann,
        &platform,
    )
    .await;
}

#[tokio::test]
async fn rides_out_a_database_that_stands_still() {
    let (model, postgres) = (model().await, Postgres::start(None).await.unwrap());
    let (_setup, platform) = on_postgres(&postgres, &model).await;
    let ann = Person::register(&platform, "Ann").await;
    let daemon = postgres.daemon().unwrap();
    rides_out(
        async || daemon.pause().unwrap(),
        async || daemon.resume().unwrap(),
        &ann,
        &platform,
    )
    .await;
}

#[tokio::test]
async fn keeps_a_reply_that_is_written_while_the_database_is_gone() {
    let (model, postgres) = (model().await, Postgres::start(None).await.unwrap());
    let (_setup, platform) = on_postgres(&postgres, &model).await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    model.push(Reply::words("Hold on to the rail, and to me.").hold_after(3));
    let mut reply = ann.say(&session, "The ship rolls.").await;
    reply.until(|text| text == "Hold on to").await;
    let daemon = postgres.daemon().unwrap();
    daemon.kill().unwrap();
    model.release();
    tokio::time::sleep(outage()).await;
    daemon.start().unwrap();
    let reply = reply.at_end().await;
    assert_eq!(reply.text, "Hold on to the rail, and to me.");
    assert_eq!(
        reply.ended["generation"]["state"],
        "GENERATION_STATE_COMPLETED"
    );
    assert_eq!(ann.messages(&session).await.len(), 3);
}

#[tokio::test]
async fn refuses_writes_while_the_database_s_disk_is_full_and_loses_none() {
    let (model, postgres) = (
        model().await,
        Postgres::start(Some(DISK_BYTES)).await.unwrap(),
    );
    let (_setup, platform) = on_postgres(&postgres, &model).await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    let data = postgres.daemon().unwrap().data();
    fill(&data);
    let mut acknowledged = 0;
    let refusal = loop {
        let (status, answer) = send(&ann, &session).await;
        match status.is_success() && answer.get("ended").is_some() {
            true => acknowledged += 1,
            false => break (status, answer),
        }
    };
    println!("{acknowledged} messages fit before {refusal:?}");
    assert_eq!(
        probe(&platform, "/healthz").await.0,
        StatusCode::OK,
        "it lives"
    );
    std::fs::remove_file(data.join("filler")).unwrap();
    until("people can write again", async || {
        send(&ann, &session).await.1.get("ended").is_some()
    })
    .await;
    let page = ann.get(&format!("{session}/messages?pageSize=200")).await;
    let kept = page["messages"].as_array().unwrap().len();
    assert!(
        kept > 2 * (acknowledged + 1),
        "{kept} are left of {acknowledged}"
    );
}

/// Events wait while their server is away, and nobody notices.
async fn works_without_nats(nats: &Nats, gone: impl FnOnce(&Daemon), back: impl FnOnce(&Daemon)) {
    let model = model().await;
    let setup = setup(&model).with("TROUPE__NATS__URL", nats.url());
    let daemon = nats.daemon().unwrap();
    gone(daemon);
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    assert_eq!(
        ann.say(&session, "Good evening!").await.at_end().await.text,
        "The lamp turns above you."
    );
    assert_eq!(
        probe(&platform, "/readyz").await.0,
        StatusCode::OK,
        "people lack nothing"
    );
    tokio::time::sleep(outage()).await;
    back(daemon);
    until("no event waits", async || waiting(&setup).await == Some(0)).await;
}

#[tokio::test]
async fn keeps_events_for_a_server_that_is_missing_at_the_start() {
    let nats = Nats::start(None).await.unwrap();
    works_without_nats(
        &nats,
        |daemon| daemon.kill().unwrap(),
        |daemon| daemon.start().unwrap(),
    )
    .await;
}

#[tokio::test]
async fn keeps_events_while_their_server_stands_still() {
    let nats = Nats::start(None).await.unwrap();
    works_without_nats(
        &nats,
        |daemon| daemon.pause().unwrap(),
        |daemon| daemon.resume().unwrap(),
    )
    .await;
}

#[tokio::test]
async fn keeps_events_while_their_server_s_disk_is_full() {
    let nats = Nats::start(Some(16 << 20)).await.unwrap();
    let empty = |daemon: &Daemon| std::fs::remove_file(daemon.data().join("filler")).unwrap();
    works_without_nats(&nats, |daemon| fill(&daemon.data()), empty).await;
}

#[tokio::test]
async fn limits_calls_without_redis_and_goes_back_to_it() {
    let (model, redis) = (model().await, Redis::start().await.unwrap());
    let setup = setup(&model)
        .with("TROUPE__REDIS__URL", redis.url())
        .with("TROUPE__GATEWAY__RATES__READ__PER_SECOND", "0.001")
        .with("TROUPE__GATEWAY__RATES__READ__BURST", "5");
    let daemon = redis.daemon().unwrap();
    daemon.kill().unwrap();
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    let mut allowed = 0;
    while is_up(&ann).await {
        allowed += 1;
    }
    assert_eq!(allowed, 5, "the budget of one process holds");
    tokio::time::sleep(outage()).await;
    daemon.start().unwrap();
    redis.ready().await.unwrap();
    until("the budget in Redis is used", async || is_up(&ann).await).await;
}
