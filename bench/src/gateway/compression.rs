//! A list in JSON through the gateway, compressed in each way and not at all: what it costs and what it saves.

use anyhow::Result;

use super::{Args, Variant, run_rounds, start_troupe, start_upstream};
use crate::contract::DESCRIPTORS;
use crate::load::Protocol;
use crate::report::{Ratio, Section};
use crate::workspace::Workspace;

const CODINGS: [Protocol; 4] = [
    Protocol::List,
    Protocol::ListZstd,
    Protocol::ListBrotli,
    Protocol::ListGzip,
];

/// Runs the benchmark.
pub(crate) async fn run(workspace: &Workspace, args: &Args) -> Result<Section> {
    let descriptors = workspace.scratch().join("compression.binpb");
    std::fs::write(&descriptors, DESCRIPTORS)?;
    let upstream = start_upstream(workspace.scratch()).await?;
    let troupe = start_troupe(workspace, &descriptors, upstream.address).await?;
    let proxies = [("Troupe", troupe)];
    let mut variants = CODINGS.map(|protocol| Variant::new(Some(0), protocol));
    run_rounds(args, &upstream, &proxies, &mut variants).await?;
    Ok(section(args, &variants))
}

fn section(args: &Args, variants: &[Variant]) -> Section {
    let row = |variant: &Variant| {
        vec![
            variant.protocol.name().to_owned(),
            format!("{:.0}", variant.median(|round| round.body_bytes)),
            format!("{:.1}", variant.median(|round| round.proxy_us)),
            format!("{:.1}", variant.median(|round| round.p50_us)),
        ]
    };
    let (plain, coded) = variants.split_at(1);
    let ratios = coded.iter().flat_map(|variant| {
        let name = variant.protocol.name();
        let ratio = |what, unit, figure: fn(&super::Round) -> f64| Ratio {
            what: format!("{name}, {what}"),
            ours: format!("{:.0}{unit}", variant.median(figure)),
            other: format!("as it is {:.0}{unit}", plain[0].median(figure)),
            ratio: variant.median_ratio(&plain[0], figure),
            bar: None,
        };
        [
            ratio("bytes of the body", "", |round| round.body_bytes),
            ratio("CPU of the gateway a request", " µs", |round| {
                round.proxy_us
            }),
        ]
    });
    Section {
        title: "Compression",
        notes: vec![format!(
            "A list of twenty entries, by GET. Medians of {} rounds of {} s at {} connections, one request under way on each.",
            args.rounds, args.seconds, args.connections
        )],
        columns: vec!["coding", "bytes", "gateway CPU µs", "p50 µs"],
        rows: variants.iter().map(row).collect(),
        ratios: ratios.collect(),
    }
}
