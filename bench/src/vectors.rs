//! Vectors in the embedded store, and in Qdrant if one is named, by the example that lives beside them.

use std::time::Duration;

use anyhow::Result;

use crate::example;
use crate::report::{Ratio, Section};
use crate::workspace::Workspace;

const WITHIN: Duration = Duration::from_secs(900);
const EMBEDDED: &str = "embedded";
const QDRANT: &str = "qdrant";
const SHAPES: [(&str, &str); 2] = [
    ("one_partition", "all in one partition"),
    ("small_partitions", "100 in each partition"),
];
/// What the example prints of each store and shape.
const FIGURES: [&str; 4] = ["insert", "search_median", "search_p99", "recall"];

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Points that are stored
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    points: u64,
    /// Address of a Qdrant server's gRPC port, such as http://127.0.0.1:6334 [default: none]
    #[arg(long, env = "TROUPE_TEST_QDRANT_URL", value_name = "URL")]
    qdrant: Option<String>,
}

/// Runs the benchmark.
pub(crate) async fn run(workspace: &Workspace, args: &Args) -> Result<Section> {
    let points = args.points.to_string();
    let arguments: Vec<&str> = std::iter::once(&*points)
        .chain(args.qdrant.as_deref())
        .collect();
    let figures = example::figures(workspace, "vectors_bench", &arguments, WITHIN).await?;
    let figure =
        |store: &str, shape: &str, figure: &str| figures.get(&format!("{store}_{shape}_{figure}"));
    let mut notes = vec![format!(
        "{points} points of 384 dimensions, in clusters as those of texts are; the ten nearest of a partition, 100 times. Memories \
         of a session are a partition, so the small ones are what Troupe has."
    )];
    let mut stores = vec![EMBEDDED];
    match args.qdrant {
        Some(_) => stores.push(QDRANT),
        None => notes.push(
            "**Qdrant was not measured:** name a server with `--qdrant URL`; it is in no package registry.".to_owned(),
        ),
    }
    let (mut rows, mut ratios) = (Vec::new(), Vec::new());
    for (shape, said) in SHAPES {
        for store in &stores {
            let figures = FIGURES.map(|of| figure(store, shape, of));
            let [insert, median, p99, recall] = figures;
            rows.push(vec![
                format!("{store}, {said}"),
                format!("{:.0}", insert?),
                format!("{:.2}", median?),
                format!("{:.2}", p99?),
                format!("{:.3}", recall?),
            ]);
        }
        if args.qdrant.is_some() {
            let ours = figure(EMBEDDED, shape, FIGURES[1])?;
            let theirs = figure(QDRANT, shape, FIGURES[1])?;
            ratios.push(Ratio {
                what: format!("vector search, {said}"),
                ours: format!("{ours:.2} ms"),
                other: format!("Qdrant {theirs:.2} ms"),
                ratio: ours / theirs,
                bar: None,
            });
        }
    }
    Ok(Section {
        title: "Vectors",
        notes,
        columns: vec![
            "store",
            "stored/s",
            "search p50 ms",
            "search p99 ms",
            "recall of 10",
        ],
        rows,
        ratios,
    })
}
