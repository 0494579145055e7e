//! JSON, gRPC-Web, Connect and gRPC through Troupe's gateway, all but Connect through Envoy, against the same unary call by
//! direct gRPC.

pub(crate) mod compression;
mod envoy;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::contract::{DESCRIPTORS, SERVICE};
use crate::load::{Protocol, Worker};
use crate::process::{Process, Server, free_address};
use crate::report::{Bar, Ratio, Section};
use crate::stats::median;
use crate::workspace::Workspace;

/// How much to measure.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Rounds. In each, every variant runs once.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    /// Seconds that a variant runs in a round.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Connections, each with one request under way.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=1024))]
    connections: u64,
    /// Leaves Envoy out, where its Python package can't be installed.
    #[arg(long)]
    without_envoy: bool,
}

/// A way for the call to reach the upstream.
struct Variant {
    /// Index of the proxy; none for the direct call.
    proxy: Option<usize>,
    protocol: Protocol,
    rounds: Vec<Round>,
}

/// What one variant did in one round. CPU in microseconds a request.
struct Round {
    requests_per_second: f64,
    p50_us: f64,
    p99_us: f64,
    proxy_us: f64,
    upstream_us: f64,
    load_us: f64,
    body_bytes: f64,
}

impl Variant {
    fn new(proxy: Option<usize>, protocol: Protocol) -> Self {
        Self {
            proxy,
            protocol,
            rounds: Vec::new(),
        }
    }

    fn median(&self, figure: impl Fn(&Round) -> f64) -> f64 {
        median(&self.rounds.iter().map(figure).collect::<Vec<_>>())
    }

    /// The middle of the ratios of round to round, which a machine that slows down for a while doesn't move.
    fn median_ratio(&self, other: &Self, figure: impl Fn(&Round) -> f64) -> f64 {
        let pairs = self.rounds.iter().zip(&other.rounds);
        median(
            &pairs
                .map(|(ours, theirs)| figure(ours) / figure(theirs))
                .collect::<Vec<_>>(),
        )
    }
}

/// Runs the benchmark.
pub(crate) async fn run(workspace: &Workspace, args: &Args) -> Result<Section> {
    let descriptors = workspace.scratch().join("bench.binpb");
    std::fs::write(&descriptors, DESCRIPTORS)?;
    let upstream = start_upstream(workspace.scratch()).await?;

    let troupe = start_troupe(workspace, &descriptors, upstream.address).await?;
    let mut proxies = vec![("Troupe", troupe)];
    if !args.without_envoy {
        let envoy = envoy::start(workspace, &descriptors, upstream.address).await?;
        proxies.push(("Envoy", envoy));
    }

    let mut variants = vec![Variant::new(None, Protocol::Grpc)];
    for protocol in [Protocol::Json, Protocol::GrpcWeb, Protocol::Grpc] {
        variants.extend((0..proxies.len()).map(|proxy| Variant::new(Some(proxy), protocol)));
    }
    // Envoy has no bridge from it that takes the messages as they are.
    variants.push(Variant::new(Some(0), Protocol::Connect));
    run_rounds(args, &upstream, &proxies, &mut variants).await?;
    Ok(section(args, &proxies, &variants))
}

/// Runs each variant once in each round.
async fn run_rounds(
    args: &Args,
    upstream: &Server,
    proxies: &[(&'static str, Server)],
    variants: &mut [Variant],
) -> Result<()> {
    for round in 1..=args.rounds {
        for variant in &mut *variants {
            let proxy = variant.proxy.map(|index| &proxies[index]);
            let address = proxy.map_or(upstream.address, |(_, proxy)| proxy.address);
            let name = proxy.map_or("direct", |(name, _)| name);
            let proxy = proxy.map(|(_, proxy)| &proxy.process);
            eprintln!(
                "bench: round {round} of {}: {} {name}",
                args.rounds,
                variant.protocol.name()
            );
            let figures = measure(args, variant.protocol, address, proxy, &upstream.process)
                .await
                .with_context(|| format!("{} {name}", variant.protocol.name()))?;
            variant.rounds.push(figures);
        }
    }
    Ok(())
}

async fn measure(
    args: &Args,
    protocol: Protocol,
    address: SocketAddr,
    proxy: Option<&Process>,
    upstream: &Process,
) -> Result<Round> {
    let mut worker = Worker::start(protocol, address, args.connections, args.seconds).await?;
    let cpu = |worker: &Worker| -> Result<[f64; 3]> {
        let proxy = proxy.map(Process::cpu).transpose()?;
        let all = [proxy.unwrap_or_default(), upstream.cpu()?, worker.cpu()?];
        Ok(all.map(|time| time.as_secs_f64() * 1e6))
    };
    let before = cpu(&worker)?;
    let figures = worker.load().await?;
    let after = cpu(&worker)?;
    worker.finish().await?;
    let spent = |process: usize| (after[process] - before[process]) / figures.requests;
    Ok(Round {
        requests_per_second: figures.requests / figures.seconds,
        p50_us: figures.p50_us,
        p99_us: figures.p99_us,
        proxy_us: spent(0),
        upstream_us: spent(1),
        load_us: spent(2),
        body_bytes: figures.body_bytes,
    })
}

async fn start_upstream(scratch: &Path) -> Result<Server> {
    let address = free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["upstream", "--listen", &address.to_string()]);
    Server::start("upstream", command, address, scratch).await
}

async fn start_troupe(
    workspace: &Workspace,
    descriptors: &Path,
    upstream: SocketAddr,
) -> Result<Server> {
    let executable: PathBuf = workspace.troupe()?;
    let address = free_address()?;
    let mut command = Command::new(executable);
    command
        .args(["serve", "gateway", "--descriptor-set"])
        .arg(descriptors)
        .args(["--upstream", &format!("{SERVICE}=http://{upstream}")])
        .args(["--listen", &address.to_string()])
        // A budget that one address doesn't exhaust; it is still counted.
        .env(
            "TROUPE__GATEWAY__RATES__UNCLASSIFIED__PER_SECOND",
            "1000000",
        )
        .env("TROUPE__GATEWAY__RATES__UNCLASSIFIED__BURST", "1000000")
        // No line a request, as Envoy is configured too.
        .env("TROUPE__LOG__LEVEL", "warn")
        // One worker, as Envoy has; the runtime reads it.
        .env("TOKIO_WORKER_THREADS", "1");
    Server::start("gateway", command, address, workspace.scratch()).await
}

fn section(args: &Args, proxies: &[(&'static str, Server)], variants: &[Variant]) -> Section {
    let name = |variant: &Variant| variant.proxy.map_or("direct", |index| proxies[index].0);
    let row = |variant: &Variant| {
        let us = |figure: fn(&Round) -> f64| format!("{:.1}", variant.median(figure));
        vec![
            format!("{} {}", variant.protocol.name(), name(variant)),
            format!("{:.0}", variant.median(|round| round.requests_per_second)),
            us(|round| round.p50_us),
            us(|round| round.p99_us),
            us(|round| round.proxy_us),
            us(|round| round.upstream_us),
            us(|round| round.load_us),
        ]
    };
    let mut notes = vec![format!(
        "Medians of {} rounds of {} s at {} connections, one request under way on each. CPU is user and system time of \
             the process over the requests of the round. All share the machine's cores, so requests/s and latency are those \
             of the chain and not of the gateway alone.",
        args.rounds, args.seconds, args.connections
    )];
    if args.without_envoy {
        notes.push("**Envoy was left out.**".to_owned());
    }
    Section {
        title: "Gateway",
        notes,
        columns: vec![
            "variant",
            "requests/s",
            "p50 µs",
            "p99 µs",
            "gateway CPU µs",
            "upstream CPU µs",
            "load CPU µs",
        ],
        rows: variants.iter().map(row).collect(),
        ratios: ratios(variants),
    }
}

fn ratios(variants: &[Variant]) -> Vec<Ratio> {
    let find = |proxy, protocol| {
        let mut all = variants.iter();
        all.find(|variant: &&Variant| variant.proxy == proxy && variant.protocol == protocol)
    };
    let Some(direct) = find(None, Protocol::Grpc) else {
        return Vec::new();
    };
    let mut ratios = Vec::new();
    // Of Envoy's: a bar in µs would say more of the machine than of us.
    for (protocol, most) in [
        (Protocol::Json, 0.5),
        (Protocol::GrpcWeb, 0.6),
        (Protocol::Grpc, 0.6),
    ] {
        let Some(ours) = find(Some(0), protocol) else {
            continue;
        };
        let cpu = ours.median(|round| round.proxy_us);
        if let Some(envoy) = find(Some(1), protocol) {
            let ratio = ours.median_ratio(envoy, |round| round.proxy_us);
            ratios.push(Ratio {
                what: format!("{} gateway, CPU a request", protocol.name()),
                ours: format!("{cpu:.1} µs"),
                other: format!("Envoy {:.1} µs", envoy.median(|round| round.proxy_us)),
                ratio,
                bar: Some(Bar::at_most(most, "times", ratio)),
            });
        }
        ratios.push(Ratio {
            what: format!("{} through the gateway, p50", protocol.name()),
            ours: format!("{:.0} µs", ours.median(|round| round.p50_us)),
            other: format!("direct gRPC {:.0} µs", direct.median(|round| round.p50_us)),
            ratio: ours.median_ratio(direct, |round| round.p50_us),
            bar: None,
        });
    }
    if let (Some(ours), Some(web)) = (
        find(Some(0), Protocol::Connect),
        find(Some(0), Protocol::GrpcWeb),
    ) {
        let cpu = |variant: &Variant| format!("{:.1} µs", variant.median(|round| round.proxy_us));
        ratios.push(Ratio {
            what: "Connect gateway, CPU a request".to_owned(),
            ours: cpu(ours),
            other: format!("gRPC-Web {}", cpu(web)),
            ratio: ours.median_ratio(web, |round| round.proxy_us),
            bar: None,
        });
    }
    ratios
}
