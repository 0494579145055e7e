//! Prints what a turn costs in a session of 100 messages and in one of 100,000, all of which are remembered: sending a
//! message until the reply has begun (the prompt's history is read and counted, memories are recalled, and everything is
//! stored), and the prompt alone. The service runs behind its server stack with a model that answers at once. Run it in
//! release: `cargo run --release -p troupe-roleplay --example append_bench`.
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
#[path = "../tests/it/script.rs"]
mod script;
#[path = "../tests/it/stage.rs"]
mod stage;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::sea_query::Query;
use sea_orm::{ConnectOptions, ConnectionTrait, DbBackend, DbErr, TransactionTrait, Value};
use stage::{Person, Stage};
use testkit::Home;
use troupe_proto::roleplay::{PreviewPromptRequest, Session};
use troupe_roleplay::Config;
use troupe_roleplay::domain::ids::{MessageId, SessionId};

const SHORT: usize = 100;
const LONG: usize = 100_000;
const TURNS: usize = 300;
const WARM_UP: usize = 20;
const TEXT: &str = "The lamp turns once more over the harbour, and the snow on the quay goes from grey to gold and \
                    back to grey. Somebody is still down there, at the end of the pier.";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let home = Arc::new(Home::new().await?);
    let stage = Stage::on(&home, &Config::default()).await;
    stage.script.always_reply(TEXT);
    let alice = stage.person();
    let mut sessions = Vec::new();
    for length in [SHORT, LONG] {
        let session = alice.open_session().await;
        fill(&home, &session, length).await?;
        sessions.push(session);
    }
    // So that a prompt recalls as it does where events brought the memories.
    stage.memory_index().await.rebuild(|_, _| {}).await?;
    // In turns, so that whatever else the machine does meets both alike.
    let mut sends = [Vec::new(), Vec::new()];
    let mut prompts = [Vec::new(), Vec::new()];
    for turn in 0..WARM_UP + TURNS {
        for (which, session) in sessions.iter().enumerate() {
            let prompt = preview(&alice, session).await?;
            let send = send(&alice, session).await?;
            if turn >= WARM_UP {
                prompts[which].push(prompt);
                sends[which].push(send);
            }
        }
    }
    report("send until the reply begins", sends);
    report("prompt", prompts);
    Ok(())
}

async fn send(alice: &Person, session: &Session) -> Result<Duration, tonic::Status> {
    let started = Instant::now();
    let mut watch = alice.send(&session.id, TEXT).await?;
    watch.started().await;
    let took = started.elapsed();
    watch.rest().await;
    Ok(took)
}

async fn preview(alice: &Person, session: &Session) -> Result<Duration, tonic::Status> {
    let request = alice.ask(PreviewPromptRequest {
        session_id: session.id.clone(),
        ..Default::default()
    });
    let started = Instant::now();
    alice.sessions().preview_prompt(request).await?;
    Ok(started.elapsed())
}

fn report(what: &str, mut times: [Vec<Duration>; 2]) {
    let at = |times: &mut Vec<Duration>, share: f64| {
        times.sort_unstable();
        let last = times.len() - 1;
        times[(last as f64 * share).round() as usize].as_secs_f64() * 1e3
    };
    for (name, share) in [("median", 0.5), ("p99", 0.99)] {
        let [short, long] = [0, 1].map(|which| at(&mut times[which], share));
        let ratio = long / short;
        println!(
            "{what}, {name}: {short:.3} ms after {SHORT} messages, {long:.3} ms after {LONG}, ratio {ratio:.2}"
        );
    }
}

/// Appends messages to a session's branch straight in the table: sending so many would take minutes.
async fn fill(
    home: &Home,
    session: &Session,
    length: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let url = match home.database().url {
        url if url.is_named() => url.reveal().to_owned(),
        _ => format!("sqlite://{}", home.path().join("roleplay.sqlite").display()),
    };
    let mut options = ConnectOptions::new(url);
    options.set_schema_search_path("roleplay");
    let db = sea_orm::Database::connect(options).await?;
    let branch = session.branch.clone().unwrap_or_default();
    let id: SessionId = session.id.parse()?;
    let mut path: Vec<MessageId> = vec![branch.head_message_id.parse()?];
    let mut jumps = vec![None];
    let tx = db.begin().await?;
    for _ in 1..length {
        let jump = jump(&jumps);
        path.push(MessageId::new());
        jumps.push(Some(jump));
        insert(&tx, id, &path, jump).await?;
    }
    let mut head = Query::update();
    head.table("branches")
        .value("head_message_id", path[length - 1]);
    head.and_where(sea_orm::sea_query::ExprTrait::eq(
        sea_orm::sea_query::Expr::col("session_id"),
        id,
    ));
    tx.execute(&head).await?;
    tx.commit().await?;
    if db.get_database_backend() == DbBackend::Sqlite {
        // What comes in years isn't in the log, where it is found more slowly.
        db.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)")
            .await?;
    }
    Ok(())
}

/// Where the next message jumps to, as the service has it: the depth of an ancestor.
fn jump(jumps: &[Option<usize>]) -> usize {
    let parent = jumps.len() - 1;
    let far = jumps[parent].and_then(|near| Some((near, jumps[near]?)));
    match far {
        Some((near, far)) if parent - near == near - far => far,
        _ => parent,
    }
}

/// Stores the last message of a path.
async fn insert(
    tx: &impl ConnectionTrait,
    session: SessionId,
    path: &[MessageId],
    jump: usize,
) -> Result<(), DbErr> {
    let depth = path.len() - 1;
    let author = if depth % 2 == 1 {
        "person"
    } else {
        "character"
    };
    let depth = i32::try_from(depth).unwrap_or(i32::MAX);
    let columns: [(&'static str, Value); 13] = [
        ("id", path[path.len() - 1].into()),
        ("session_id", session.into()),
        ("parent_id", path[path.len() - 2].into()),
        ("jump_id", path[jump].into()),
        ("jump_depth", i32::try_from(jump).unwrap_or(i32::MAX).into()),
        ("author", author.into()),
        ("speaker_name", "Somebody".into()),
        ("text", format!("{TEXT} {depth}").into()),
        ("state", "completed".into()),
        ("depth", depth.into()),
        ("character_count", (1 + depth / 2).into()),
        ("swipe_index", 0.into()),
        ("create_time", i64::from(depth).into()),
    ];
    let mut insert = Query::insert();
    insert
        .into_table("messages")
        .columns(columns.iter().map(|(name, _)| *name));
    insert.values_panic(columns.into_iter().map(|(_, value)| value.into()));
    tx.execute(&insert).await.map(drop)
}
