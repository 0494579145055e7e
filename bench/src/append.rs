//! A turn in a session of 100,000 messages against one of 100, by the example that lives beside the storage.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::example;
use crate::report::{Bar, Ratio, Section};
use crate::workspace::Workspace;

const BAR_MS: f64 = 10.0;
const WITHIN: Duration = Duration::from_secs(300);
const SHORT: &str = " ms after 100 messages";
const LONG: &str = " ms after 100000";

/// Runs the benchmark.
pub(crate) async fn run(workspace: &Workspace) -> Result<Section> {
    let lines = example::lines(workspace, "append_bench", &[], WITHIN).await?;
    let (mut rows, mut ratios) = (Vec::new(), Vec::new());
    for line in lines.iter().filter(|line| line.contains(LONG)) {
        let (what, _) = line
            .split_once(": ")
            .context("a line of append_bench names nothing")?;
        let (short, long) = (
            example::number_before(line, SHORT)?,
            example::number_before(line, LONG)?,
        );
        rows.push(vec![
            what.to_owned(),
            format!("{short:.2}"),
            format!("{long:.2}"),
        ]);
        let is_bounded = what.starts_with("send") && what.ends_with("p99");
        ratios.push(Ratio {
            what: format!("{what}: 100,000 messages"),
            ours: format!("{long:.2} ms"),
            other: format!("100 messages {short:.2} ms"),
            ratio: long / short,
            bar: is_bounded.then(|| Bar::at_most(BAR_MS, "ms", long)),
        });
    }
    ensure!(
        !rows.is_empty(),
        "append_bench printed no line with {LONG:?}"
    );
    Ok(Section {
        title: "Append",
        notes: vec![
            "Sending a message until the reply begins (the prompt compiled, everything stored), and compiling the prompt \
             alone, in turn in a session of 100 messages and in one of 100,000. All messages are remembered, and the \
             prompts recall."
                .to_owned(),
        ],
        columns: vec!["what", "100 messages, ms", "100,000 messages, ms"],
        rows,
        ratios,
    })
}
