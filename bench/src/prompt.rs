//! Prompt compilation for 200 lore entries and 500 messages, by the example that lives beside the compiler.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::example;
use crate::report::{Bar, Ratio, Section};
use crate::workspace::Workspace;

const BAR_MS: f64 = 1.0;
const WITHIN: Duration = Duration::from_secs(120);
const UNIT: &str = " ms a prompt";

/// Runs the benchmark.
pub(crate) async fn run(workspace: &Workspace) -> Result<Section> {
    let lines = example::lines(workspace, "compile_bench", &[], WITHIN).await?;
    let (mut rows, mut ratios) = (Vec::new(), Vec::new());
    for line in lines.iter().filter(|line| line.contains(UNIT)) {
        let ms = example::number_before(line, UNIT)?;
        let (form, figures) = line.split_once(": ").unwrap_or((line, ""));
        rows.push(vec![form.to_owned(), figures.to_owned()]);
        ratios.push(Ratio {
            what: format!("prompt compilation ({form})"),
            ours: format!("{ms:.2} ms"),
            other: format!("bar {BAR_MS} ms"),
            ratio: ms / BAR_MS,
            bar: Some(Bar::at_most(BAR_MS, "ms", ms)),
        });
    }
    ensure!(
        !rows.is_empty(),
        "compile_bench printed no line with {UNIT:?}"
    );
    Ok(Section {
        title: "Prompt compilation",
        notes: vec![
            "A lorebook of 200 entries and a chat of 500 messages; means of 200 prompts. A window of 131,072 tokens takes \
             the whole chat. With six characters their cards are joined, and the lorebook is of one of them."
                .to_owned(),
        ],
        columns: vec!["form", "figures"],
        rows,
        ratios,
    })
}
