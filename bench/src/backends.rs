//! The main calls on the embedded parts, on real servers, and in a process for each role, in turn.

mod calls;
mod servers;

use std::time::Duration;

use anyhow::{Context, Result};

use crate::model;
use crate::platform::Setup;
use crate::process::Server;
use crate::report::{Ratio, Section};
use crate::stats::{median, percentile};
use crate::workspace::Workspace;
use calls::{Call, Person};
use servers::Servers;

/// Rounds whose figures aren't taken.
const WARM_UP: u64 = 20;

/// How much to measure.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Times that each call is made on each side, in turn
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    calls: u64,
}

/// A platform and what was measured of it.
struct Side {
    name: &'static str,
    person: Person,
    /// In milliseconds, for each of [`Call::ALL`].
    times: [Vec<f64>; Call::ALL.len()],
}

impl Side {
    /// A side with somebody who is signed in at the platform that was started last.
    async fn new(name: &'static str, running: &[Server]) -> Result<Self> {
        let platform = running.last().context("no platform was started")?;
        Ok(Self {
            name,
            person: Person::sign_up(platform.address).await?,
            times: Default::default(),
        })
    }
}

/// Runs the benchmark.
pub(crate) async fn run(workspace: &Workspace, args: &Args) -> Result<Section> {
    let model = model::start(workspace).await?;
    let servers = Servers::start().await?;
    let setup = |name, variables| Setup::new(workspace, name, model.address, variables);
    let mut running = vec![setup("embedded", Vec::new()).up().await?];
    let mut sides = vec![Side::new("embedded", &running).await?];
    running.push(setup("servers", servers.variables("servers")?).up().await?);
    sides.push(Side::new("servers", &running).await?);
    running.extend(
        setup("processes", servers.variables("processes")?)
            .processes()
            .await?,
    );
    sides.push(Side::new("processes", &running).await?);
    eprintln!("bench: {} times each call on either side", args.calls);
    for round in 0..WARM_UP + args.calls {
        for (index, call) in Call::ALL.into_iter().enumerate() {
            for side in &mut sides {
                let took: Duration = side.person.time(call).await?;
                if round >= WARM_UP {
                    side.times[index].push(took.as_secs_f64() * 1e3);
                }
            }
        }
    }
    Ok(section(args, &sides))
}

fn section(args: &Args, sides: &[Side]) -> Section {
    let (mut rows, mut ratios) = (Vec::new(), Vec::new());
    for (index, call) in Call::ALL.into_iter().enumerate() {
        for side in sides {
            let times = &side.times[index];
            let ms = |value: f64| format!("{value:.2}");
            let name = format!("{}, {}", call.name(), side.name);
            rows.push(vec![name, ms(median(times)), ms(percentile(times, 99))]);
        }
        let [embedded, servers, processes] =
            [0, 1, 2].map(|side| median(&sides[side].times[index]));
        let ratio = |what: &str, ours: f64, than: &str, other: f64| Ratio {
            what: format!("{} {what}, p50", call.name()),
            ours: format!("{ours:.2} ms"),
            other: format!("{than} {other:.2} ms"),
            ratio: ours / other,
            bar: None,
        };
        ratios.push(ratio("on real servers", servers, "embedded", embedded));
        ratios.push(ratio(
            "in four processes",
            processes,
            "one process",
            servers,
        ));
    }
    Section {
        title: "Backends",
        notes: vec![format!(
            "{} times each, one call under way at a time, over JSON. Embedded: SQLite, the process's own memory, its \
             dispatcher, a folder. Servers: PostgreSQL with fsync, Redis, NATS JetStream that syncs each message, and an S3 \
             store inside the benchmark's process. Processes: the same servers, and a process for each role, over mutual TLS. \
             All on this machine, so that no network is counted, and the machine's cores are shared. Replies and embeddings come from a scripted server that answers at once.",
            args.calls
        )],
        columns: vec!["call", "p50 ms", "p99 ms"],
        rows,
        ratios,
    }
}
