//! Goodput under more load than can be answered: the platform on one core, the load on another. First the connections of a
//! closed loop at which most is answered, then storms of clients who ask again at once, each after a look at the capacity,
//! since machines are quicker at one time than at another.

mod storm;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::process::Command;

use self::storm::{Figures, Shape, Storm};
use crate::client::Client;
use crate::model;
use crate::platform::Setup;
use crate::process;
use crate::report::{Bar, Ratio, Section};
use crate::workspace::Workspace;

/// Connections of the closed loops among which the capacity is found.
const STEPS: [usize; 5] = [4, 16, 32, 64, 128];
/// Sessions that messages are sent to, each by one client at a time.
const SESSIONS: usize = 3000;
const MANY: usize = 3000;
const CONNECTIONS: usize = 100;
const STREAMS: usize = 50;
/// How long the capacity is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// What to storm.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Kinds of calls that are stormed, one after the other
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Kind::List, Kind::Login, Kind::Send])]
    kinds: Vec<Kind>,
    /// Seconds of each storm
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(2..=60))]
    seconds: u64,
    /// Storms of each shape, of which the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
}

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Listing characters, a cheap read.
    List,
    /// Logging in, which hashes a password.
    Login,
    /// Sending a message and reading the reply.
    Send,
}

/// Runs the benchmark.
pub(crate) async fn run(workspace: &Workspace, args: &Args) -> Result<Section> {
    // Before anything is started, so that it has one worker, and the load generator stays where it is.
    pin(std::process::id(), 1).await?;
    let scripted = model::start(workspace).await?;
    let platform = Setup::new(workspace, "overload", scripted.address, Vec::new())
        .up()
        .await?;
    pin(platform.process.pid(), 0).await?;
    let mut alice = Client::connect(platform.address).await?;
    alice.sign_up().await?;
    let token = alice.token().context("nobody is logged in")?.to_owned();
    let mut rows = Vec::new();
    let mut ratios = Vec::new();
    for kind in &args.kinds {
        let paths = match kind {
            Kind::Send => {
                // The connection that was idle through the storms before was closed.
                alice.connect_again().await?;
                sessions(&mut alice).await?
            }
            _ => Vec::new(),
        };
        let storm = Arc::new(Storm::new(platform.address, &token, *kind, paths)?);
        let (at, peak) = peak(&storm, *kind).await?;
        let name = format!("capacity, at {at} connections");
        rows.push(row(*kind, &name, &peak, peak.goodput));
        for (name, shape) in shapes(peak.goodput) {
            let (mut capacities, mut storms) = (Vec::new(), Vec::new());
            for _ in 0..args.rounds {
                capacities.push(storm.run(shape.at_capacity(at), LOOK).await?);
                let time = Duration::from_secs(args.seconds);
                storms.push(storm.run(shape, time).await?);
            }
            eprintln!("bench: {kind:?}, {name}: {storms:?} of {capacities:?}");
            let (capacity, figures) = (median(capacities)?, median(storms)?);
            rows.push(row(*kind, name, &figures, capacity.goodput));
            ratios.extend(compare(*kind, name, &figures, &capacity));
        }
    }
    Ok(section(rows, ratios))
}

/// What a storm leaves of the capacity, and how much longer it makes the calls that are answered.
fn compare(kind: Kind, name: &str, storm: &Figures, capacity: &Figures) -> [Ratio; 2] {
    let (ours, full) = (storm.accepted_ms[0], capacity.accepted_ms[0]);
    [
        Ratio {
            what: format!("{kind:?}, goodput at {name} (at least 0.8 is better)"),
            ours: format!("{:.0}/s", storm.goodput),
            other: format!("capacity {:.0}/s", capacity.goodput),
            ratio: storm.goodput / capacity.goodput,
            bar: None,
        },
        Ratio {
            what: format!("{kind:?}, p50 of what is answered at {name}"),
            ours: format!("{ours:.1} ms"),
            other: format!("at capacity {full:.1} ms"),
            ratio: ours / full,
            bar: Some(Bar::at_most(2.0, "times", ours / full)),
        },
    ]
}

/// The connections of a closed loop at which most is answered, and what was seen then.
async fn peak(storm: &Arc<Storm>, kind: Kind) -> Result<(usize, Figures)> {
    let mut best: Option<(usize, Figures)> = None;
    for connections in STEPS {
        let figures = storm.run(Shape::Closed { connections }, LOOK).await?;
        eprintln!("bench: {kind:?} at {connections}: {figures:?}");
        let is_better = |best: &(usize, Figures)| figures.goodput > best.1.goodput * 1.02;
        if best.as_ref().is_none_or(is_better) {
            best = Some((connections, figures));
        }
    }
    best.context("nothing was measured")
}

impl Shape {
    /// The load of the same kind at which most is answered, where that is so many calls at a time.
    fn at_capacity(self, calls: usize) -> Self {
        match self {
            Self::Streams { streams, .. } => Self::Streams {
                connections: calls.div_ceil(streams),
                streams,
            },
            Self::Closed { .. } | Self::Open { .. } => Self::Closed { connections: calls },
        }
    }
}

/// The storms, where so many calls a second are the capacity.
fn shapes(capacity: f64) -> [(&'static str, Shape); 3] {
    let streams = Shape::Streams {
        connections: CONNECTIONS,
        streams: STREAMS,
    };
    let rate = capacity * 5.0;
    [
        ("five times the capacity", Shape::Open { rate }),
        ("3,000 connections", Shape::Closed { connections: MANY }),
        ("100 connections of 50 streams", streams),
    ]
}

/// The one in the middle by goodput.
fn median(mut runs: Vec<Figures>) -> Result<Figures> {
    runs.sort_by(|one, other| one.goodput.total_cmp(&other.goodput));
    let middle = runs.len() / 2;
    runs.into_iter().nth(middle).context("nothing was measured")
}

async fn pin(process: u32, core: u32) -> Result<()> {
    let mut command = Command::new("taskset");
    command.args(["-acp", &core.to_string(), &process.to_string()]);
    process::run("choosing a core", command).await
}

async fn sessions(alice: &mut Client) -> Result<Vec<String>> {
    let character = alice.import_character().await?;
    let mut paths = Vec::new();
    for _ in 0..SESSIONS {
        let session = alice.open_session(&character).await?;
        paths.push(format!("/api/v1/roleplay/sessions/{session}/messages"));
    }
    Ok(paths)
}

impl Kind {
    /// Method, path and body of a call.
    fn call(self, path: Option<&String>) -> (&'static str, String, Value) {
        match self {
            Self::List => ("GET", "/api/v1/roleplay/characters".to_owned(), Value::Null),
            Self::Login => ("POST", "/api/v1/users/login".to_owned(), Client::login()),
            Self::Send => (
                "POST",
                path.cloned().unwrap_or_default(),
                json!({"text": "Is the inn still open?"}),
            ),
        }
    }

    /// A call of another kind, by which somebody else finds the platform usable.
    fn other(self) -> &'static str {
        match self {
            Self::List => "/api/v1/users/me",
            _ => "/api/v1/roleplay/characters",
        }
    }
}

fn row(kind: Kind, name: &str, figures: &Figures, capacity: f64) -> Vec<String> {
    vec![
        format!("{kind:?}, {name}"),
        format!("{:.0}", figures.goodput),
        format!("{:.0} %", figures.goodput / capacity * 100.0),
        format!("{:.1}", figures.accepted_ms[0]),
        format!("{:.1}", figures.accepted_ms[1]),
        format!("{:.0}", figures.refusals),
        format!("{:.1}", figures.refused_ms[0]),
        figures.failures.to_string(),
        format!("{:.0} %", figures.usable * 100.0),
        format!("{:.1}", figures.other_ms),
    ]
}

fn section(rows: Vec<Vec<String>>, ratios: Vec<Ratio>) -> Section {
    Section {
        title: "Overload",
        notes: vec![
            "The platform is pinned to one core, and the load and the model server to another. Clients of a closed loop ask \
             again at once, whatever they were answered. Those of five times the capacity are 1,000 connections that ask at \
             set times, unless their last answer is still to come. Each second twenty calls of another kind are made meanwhile. \
             Each storm comes after a look at the capacity over the same version of HTTP, with as many streams a connection, \
             several times in turn; the medians are told."
                .to_owned(),
        ],
        columns: vec![
            "storm",
            "goodput/s",
            "of the capacity",
            "accepted p50 ms",
            "accepted p99 ms",
            "refusals/s",
            "refused p50 ms",
            "other failures",
            "other calls answered",
            "other calls p99 ms",
        ],
        rows,
        ratios,
    }
}
