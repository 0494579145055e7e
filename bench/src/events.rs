//! Events from outbox to effect, in the process and over JetStream, by the example that lives beside them.

use std::time::Duration;

use anyhow::{Context, Result};
use testkit::servers::Nats;

use crate::example;
use crate::report::{Ratio, Section};
use crate::workspace::Workspace;

const WITHIN: Duration = Duration::from_secs(300);
const UNIT: &str = " a second";
/// What has the example handle many events in one transaction.
const IN_BATCHES: &str = "in-batches";

/// Runs the benchmark.
pub(crate) async fn run(workspace: &Workspace) -> Result<Section> {
    let nats = Nats::start(None).await?;
    let lines = async |arguments: &[&str]| {
        example::lines(workspace, "events_bench", arguments, WITHIN).await
    };
    let (embedded, jetstream) = (lines(&[]).await?, lines(&[nats.url()]).await?);
    let embedded_in_batches = lines(&[IN_BATCHES]).await?;
    let jetstream_in_batches = lines(&[IN_BATCHES, nats.url()]).await?;
    let rate = |lines: &[String], what: &str| {
        let line = lines.iter().find(|line| line.contains(what));
        let line = line.with_context(|| format!("events_bench printed no line with {what:?}"))?;
        example::number_before(line, UNIT)
    };
    let effect = "from outbox to effect";
    let (embedded, ours) = (rate(&embedded, effect)?, rate(&jetstream, effect)?);
    let embedded_in_batches = rate(&embedded_in_batches, effect)?;
    let ours_in_batches = rate(&jetstream_in_batches, effect)?;
    let bare = rate(&jetstream, "by a bare publisher")?;
    let row = |what: &str, rate: f64| vec![what.to_owned(), format!("{rate:.0}")];
    Ok(Section {
        title: "Events",
        notes: vec![
            "20,000 events of 500 sessions, 50 in a transaction, until each had its effect once: outbox and inbox in SQLite. \
             The bare publisher sends as many messages of the same size to the same server, which syncs each to disk, with as \
             many acknowledgements under way, and has nothing before or behind it."
                .to_owned(),
        ],
        columns: vec!["way", "events/s"],
        rows: vec![
            row("outbox to effect, in the process", embedded),
            row("the same, many effects in a transaction", embedded_in_batches),
            row("outbox to effect, over JetStream", ours),
            row("the same, many effects in a transaction", ours_in_batches),
            row("bare JetStream publisher", bare),
        ],
        ratios: vec![Ratio {
            what: "events from outbox to effect over JetStream (higher is better)".to_owned(),
            ours: format!("{ours:.0}/s"),
            other: format!("bare publisher {bare:.0}/s"),
            ratio: ours / bare,
            bar: None,
        }],
    })
}
