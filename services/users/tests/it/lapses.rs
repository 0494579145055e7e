//! Login sessions that nobody renews are over, and what they have open ends with them; those that are renewed go on.

use std::convert::Infallible;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use mesh::{Person, Verifier};
use platform::id::LoginSessionId;
use redis::RedisConfig;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use storage::Database;
use tokio::sync::watch;
use tonic::body::Body;
use tonic::{Code, Status};
use troupe_proto::error::reason_of;
use troupe_proto::{Reason, users as pb};
use troupe_users::Config;

use crate::harness::{PATIENCE, Service, cheap, eventually};

const DAY: Duration = Duration::from_hours(24);
/// How long a refresh token is good for.
const MONTH: Duration = Duration::from_hours(30 * 24);
const INSTANT: Duration = Duration::from_micros(1);

/// What a login session has open, to its end.
type Stream = BoxFuture<'static, Status>;

fn person(verifier: &Verifier, tokens: &pb::TokenPair) -> Person {
    verifier.verify(&tokens.access_token).unwrap()
}

fn open(verifier: &Verifier, person: &Person) -> Stream {
    let stream = verifier.stream(person);
    let answer = std::future::pending::<Result<http::Response<Body>, Infallible>>();
    async move { stream.over(answer).await.unwrap_err() }.boxed()
}

fn is_open(stream: &mut Stream) -> bool {
    stream.now_or_never().is_none()
}

async fn ends(stream: Stream) {
    let ended = tokio::time::timeout(PATIENCE, stream).await;
    assert_eq!(ended.unwrap().code(), Code::Unauthenticated);
}

/// Asks for a pair, again while there is no room.
async fn refresh(service: &Service, tokens: &pb::TokenPair) -> Result<pb::TokenPair, Reason> {
    loop {
        let answer = service.nobody().refresh(tokens).await;
        match answer.map_err(|status| reason_of(&status).unwrap()) {
            Err(Reason::Unavailable | Reason::Overloaded) => tokio::task::yield_now().await,
            answer => return answer,
        }
    }
}

#[tokio::test]
async fn a_session_that_nobody_renews_ends_what_it_has_open() {
    let service = Service::start().await;
    let follower = service.follower().await;
    let lapsing = service.person("alice").await;
    let renewed = service.person("bob").await;
    let alice = person(&service.verifier, &lapsing);
    let ended = [&service.verifier, &follower].map(|verifier| open(verifier, &alice));
    let mut goes_on = open(&follower, &person(&follower, &renewed));
    service.time().advance(29 * DAY);
    let renewed = refresh(&service, &renewed).await.unwrap();
    service.time().advance(DAY);
    for stream in ended {
        ends(stream).await;
    }
    assert!(is_open(&mut goes_on));
    let renewed = refresh(&service, &renewed).await.unwrap();
    service.with(&renewed).profile().await.unwrap();
    let refused = refresh(&service, &lapsing).await.unwrap_err();
    assert_eq!(refused, Reason::RefreshTokenInvalid);
}

#[tokio::test]
async fn a_session_that_begins_while_nothing_lapses_is_found_in_time() {
    let service = Service::start_with(Config {
        access_token_secs: 10,
        refresh_token_secs: 20,
        ..cheap()
    })
    .await;
    // It was looked at before, when there was no session.
    for name in ["alice", "bob"] {
        let tokens = service.person(name).await;
        let stream = open(&service.verifier, &person(&service.verifier, &tokens));
        service.time().advance(Duration::from_secs(20));
        ends(stream).await;
    }
}

#[tokio::test]
async fn a_session_that_lapsed_while_nobody_was_there_ends_with_the_next_start() {
    let service = Service::start().await;
    let tokens = service.person("alice").await;
    let alice = person(&service.verifier, &tokens);
    assert!(service.host.tasks.shut_down(PATIENCE).await);
    service.time().advance(MONTH + DAY);
    let service = service.restart().await;
    ends(open(&service.verifier, &alice)).await;
}

/// Sets when a session lapses, and holds its row until told to go on. False if it had ended.
async fn renew_and_hold(
    store: &Database,
    tokens: &pb::TokenPair,
    lapse: i64,
    held: &watch::Sender<bool>,
    go_on: &watch::Receiver<bool>,
) -> bool {
    let id: LoginSessionId = tokens.login_session_id.parse().unwrap();
    let renewal = store.transaction(|tx| {
        Box::pin(async move {
            let mut renew = Query::update();
            renew
                .table("login_sessions")
                .value("idle_expire_time", lapse)
                .and_where(Expr::col("id").eq(id))
                .and_where(Expr::col("end_time").is_null());
            let renewed = tx.execute(&renew).await?;
            held.send_replace(true);
            let _ = go_on.clone().wait_for(|is_told| *is_told).await;
            Ok::<_, DbErr>(renewed.rows_affected() > 0)
        })
    });
    renewal.await.unwrap()
}

/// Waits until a transaction waits for what another holds.
async fn somebody_waits(store: &Database) {
    let waiting = "SELECT COUNT(*) AS n FROM pg_stat_activity \
                   WHERE wait_event_type = 'Lock' AND datname = current_database()";
    eventually("a transaction waits for another", async || {
        let count = Statement::from_string(DbBackend::Postgres, waiting);
        let row = store.read().query_one_raw(count).await.unwrap().unwrap();
        row.try_get::<i64>("", "n").unwrap() > 0
    })
    .await;
}

#[tokio::test]
async fn a_session_that_is_being_renewed_as_it_lapses_goes_on() {
    let services = Service::start_two(RedisConfig::default()).await;
    let (renewed, lapsing) = (
        services[0].person("alice").await,
        services[1].person("bob").await,
    );
    let opened = |tokens| {
        let person = person(&services[0].verifier, tokens);
        services
            .each_ref()
            .map(|service| open(&service.verifier, &person))
    };
    let (goes_on, ended) = (opened(&renewed), opened(&lapsing));
    let store = services[0].store().await;
    let (held, mut is_held) = watch::channel(false);
    let (go_on, is_told) = watch::channel(false);
    let lapse = (services[0].clock().now() + 2 * MONTH).micros();
    let renewing = renew_and_hold(&store, &renewed, lapse, &held, &is_told);
    let lapses = async {
        is_held.wait_for(|is_held| *is_held).await.unwrap();
        services[0].time().advance(MONTH);
        // It saw the session as it was before, and can't end it yet.
        somebody_waits(&store).await;
        go_on.send_replace(true);
    };
    let (is_renewed, ()) = tokio::join!(renewing, lapses);
    assert!(is_renewed);
    for stream in ended {
        ends(stream).await;
    }
    for mut stream in goes_on {
        assert!(is_open(&mut stream));
    }
}

/// People who refresh at the last instant of their sessions: each is honoured or refused, and that holds.
async fn race(services: &[Service]) {
    for round in 0..5 {
        let lapsing = services[0].person(&format!("lapsing{round}")).await;
        let lapsing = person(&services[0].verifier, &lapsing);
        let ended = services
            .iter()
            .map(|service| open(&service.verifier, &lapsing));
        let ended: Vec<Stream> = ended.collect();
        let mut racers = Vec::new();
        for number in 0..8 {
            let service = &services[number % services.len()];
            let tokens = service.person(&format!("person{round}-{number}")).await;
            let person = person(&service.verifier, &tokens);
            racers.push((service, tokens, open(&service.verifier, &person)));
        }
        services[0].time().advance(MONTH - INSTANT);
        let refreshes = racers
            .iter()
            .map(|(service, tokens, _)| refresh(service, tokens));
        let lapse = async {
            tokio::task::yield_now().await;
            services[0].time().advance(INSTANT);
        };
        let (answers, ()) = tokio::join!(futures::future::join_all(refreshes), lapse);
        for stream in ended {
            ends(stream).await;
        }
        for ((service, _, mut stream), answer) in racers.into_iter().zip(answers) {
            match answer {
                Ok(pair) => {
                    service.with(&pair).profile().await.unwrap();
                    refresh(service, &pair).await.unwrap();
                    assert!(is_open(&mut stream));
                }
                Err(reason) => {
                    assert_eq!(reason, Reason::RefreshTokenInvalid);
                    ends(stream).await;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_at_the_last_instant_is_honoured_or_refused_for_good() {
    race(&[Service::start().await]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_through_two_replicas() {
    race(&Service::start_two(RedisConfig::default()).await).await;
}
