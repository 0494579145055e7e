//! Events from outbox to effect, in the process and over JetStream, by the example that lives beside them.

use std::time::Duration;

use anyhow::{Context, Result};
use testkit::servers::Nats;

use crate::example;
use crate::report::{Ratio, Section};
use crate::workspace::Workspace;

const WITHIN: Duration = Duration::from_secs(300);
const UNIT: &str = " a second";

/// Runs the benchmark.
pub(crate) async fn run(workspace: &Workspace) -> Result<Section> {
    let nats = Nats::start(None).await?;
    let embedded = example::lines(workspace, "events_bench", &[], WITHIN).await?;
    let jetstream = example::lines(workspace, "events_bench", &[nats.url()], WITHIN).await?;
    let rate = |lines: &[String], what: &str| {
        let line = lines.iter().find(|line| line.contains(what));
        let line = line.with_context(|| format!("events_bench printed no line with {what:?}"))?;
        example::number_before(line, UNIT)
    };
    let effect = "from outbox to effect";
    let (embedded, ours) = (rate(&embedded, effect)?, rate(&jetstream, effect)?);
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
            row("outbox to effect, over JetStream", ours),
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
