//! The load generator: a closed loop on one thread. Every connection sends a request, reads the whole answer, checks it
//! and sends the next. It runs as a process of its own, so that its CPU time is counted apart.

mod protocol;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http_body_util::BodyExt;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::task::JoinSet;

use crate::connection::Connection;
use crate::stats;

pub(crate) use protocol::Protocol;
use protocol::{Answer, Call};
pub(crate) use worker::{Figures, Worker};

const WARM_UP_REQUESTS_PER_CONNECTION: u64 = 50;
const WARM_UP_AT_MOST: Duration = Duration::from_secs(10);
/// Beyond the end of the loop, for answers that are still on their way.
const GRACE: Duration = Duration::from_secs(10);

/// What to load, how and for how long.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Loopback address to call.
    #[arg(long)]
    address: SocketAddr,
    /// Protocol to speak.
    #[arg(long, value_enum)]
    protocol: Protocol,
    /// Connections, each with one request under way.
    #[arg(long, default_value_t = 32)]
    connections: u64,
    /// How long to measure.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Requests after which to stop early.
    #[arg(long, default_value_t = 1_000_000)]
    requests: u64,
}

/// How much may still be sent.
struct Budget {
    requests: AtomicU64,
    until: Instant,
}

impl Budget {
    fn new(requests: u64, time: Duration) -> Arc<Self> {
        Arc::new(Self {
            requests: AtomicU64::new(requests),
            until: Instant::now() + time,
        })
    }

    fn take(&self) -> bool {
        let one_less = |left: u64| left.checked_sub(1);
        let (get, set) = (Ordering::Relaxed, Ordering::Relaxed);
        Instant::now() < self.until && self.requests.try_update(set, get, one_less).is_ok()
    }
}

/// Warms up, prints `ready`, waits for a line on standard input, loads, prints the figures and waits for the end of
/// standard input, so that the one who asked can read its CPU time.
pub(crate) async fn run(args: Args) -> Result<()> {
    if !args.address.ip().is_loopback() {
        bail!("{} isn't a loopback address", args.address);
    }
    let call = Arc::new(Call::new(args.protocol, args.address)?);
    let mut drivers = JoinSet::new();
    let mut connections = Vec::new();
    for _ in 0..args.connections {
        connections.push(call.connect(&mut drivers).await?);
    }
    let warm_up = WARM_UP_REQUESTS_PER_CONNECTION * args.connections;
    let budget = Budget::new(warm_up, WARM_UP_AT_MOST);
    let (connections, _) = drive(connections, &call, budget, WARM_UP_AT_MOST).await?;

    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    println!("ready");
    lines.next_line().await?;
    let time = Duration::from_secs(args.seconds);
    let start = Instant::now();
    let (_, samples) = drive(connections, &call, Budget::new(args.requests, time), time).await?;
    let elapsed = start.elapsed();
    let figures = Figures {
        requests: samples.len() as f64,
        seconds: elapsed.as_secs_f64(),
        p50_us: stats::percentile(&samples, 50),
        p99_us: stats::percentile(&samples, 99),
        body_bytes: call.body_bytes() as f64,
    };
    println!("{}", figures.line());
    lines.next_line().await?;
    Ok(())
}

/// Runs every connection until the budget is spent; gives them back with all latencies in microseconds.
async fn drive(
    connections: Vec<Connection>,
    call: &Arc<Call>,
    budget: Arc<Budget>,
    time: Duration,
) -> Result<(Vec<Connection>, Vec<f64>)> {
    let mut loops = JoinSet::new();
    for connection in connections {
        loops.spawn(closed_loop(
            connection,
            Arc::clone(call),
            Arc::clone(&budget),
        ));
    }
    let all = async {
        let (mut connections, mut samples) = (Vec::new(), Vec::new());
        while let Some(ended) = loops.join_next().await {
            let (connection, latencies) = ended??;
            connections.push(connection);
            samples.extend(latencies);
        }
        anyhow::Ok((connections, samples))
    };
    tokio::time::timeout(time + GRACE, all)
        .await
        .context("answers are missing 10 s after the end of the load")?
}

async fn closed_loop(
    mut connection: Connection,
    call: Arc<Call>,
    budget: Arc<Budget>,
) -> Result<(Connection, Vec<f64>)> {
    let mut latencies = Vec::new();
    while budget.take() {
        let start = Instant::now();
        let answer = exchange(&mut connection, &call).await?;
        latencies.push(start.elapsed().as_secs_f64() * 1e6);
        call.check(&answer)?;
    }
    Ok((connection, latencies))
}

async fn exchange(connection: &mut Connection, call: &Call) -> Result<Answer> {
    let response = connection.send(call.request()).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await?;
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        trailers: body.trailers().cloned(),
        body: body.to_bytes(),
    })
}
