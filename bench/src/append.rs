//! Append to a session of 100,000 messages against one of 100, by the example that lives beside the storage.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::example;
use crate::report::{Bar, Ratio, Section};
use crate::workspace::Workspace;

const BAR_MS: f64 = 10.0;
const WITHIN: Duration = Duration::from_secs(300);
const SHORT: &str = "100";
const LONG: &str = "100000";

/// Runs the benchmark.
pub(crate) async fn run(workspace: &Workspace) -> Result<Section> {
    let lines = example::lines(workspace, "troupe-roleplay", "append_bench", &[], WITHIN).await?;
    let of = |messages: &str, figure: &str| {
        let name = format!("messages_{messages}_{figure} ");
        let line = lines.iter().find(|line| line.starts_with(&name));
        let line = line.with_context(|| format!("append_bench printed no {name}"))?;
        example::number_before(line, " ms")
    };
    let row = |messages: &str| -> Result<Vec<String>> {
        let (p50, p99) = (of(messages, "p50")?, of(messages, "p99")?);
        Ok(vec![
            messages.to_owned(),
            format!("{p50:.3}"),
            format!("{p99:.3}"),
        ])
    };
    let ratio = |figure: &str| -> Result<Ratio> {
        let (long, short) = (of(LONG, figure)?, of(SHORT, figure)?);
        Ok(Ratio {
            what: format!("append to 100,000 messages, {figure}"),
            ours: format!("{long:.2} ms"),
            other: format!("to 100 messages {short:.2} ms"),
            ratio: long / short,
            bar: (figure == "p99").then(|| Bar::at_most(BAR_MS, "ms", long)),
        })
    };
    Ok(Section {
        title: "Append",
        notes: vec!["One message appended to a session that holds so many.".to_owned()],
        columns: vec!["messages", "p50 ms", "p99 ms"],
        rows: vec![row(SHORT)?, row(LONG)?],
        ratios: vec![ratio("p50")?, ratio("p99")?],
    })
}
