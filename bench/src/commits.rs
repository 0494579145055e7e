//! What it costs that an acknowledged write survives a power cut, by the example that lives beside the storage.

use std::time::Duration;

use anyhow::Result;

use crate::example;
use crate::report::{Ratio, Section};
use crate::workspace::Workspace;

const WITHIN: Duration = Duration::from_secs(120);
/// The last of them is compared.
const WRITERS: [u32; 3] = [1, 16, 64];
const WAYS: [(&str, &str); 3] = [
    ("power", "`database.durability = \"power\"`"),
    ("process", "`database.durability = \"process\"`"),
    ("full", "SQLite's own sync in each commit"),
];

/// Runs the benchmark.
pub(crate) async fn run(workspace: &Workspace) -> Result<Section> {
    let figures = example::figures(workspace, "commit_bench", &[], WITHIN).await?;
    let (mut rows, mut ratios) = (Vec::new(), Vec::new());
    for (way, shown) in WAYS {
        for writers in WRITERS {
            let rate = figures.get(&format!("{way}_{writers}_per_second"))?;
            let median = figures.get(&format!("{way}_{writers}_median_ms"))?;
            rows.push(vec![
                shown.to_owned(),
                writers.to_string(),
                format!("{rate:.0}"),
                format!("{median:.2}"),
            ]);
        }
    }
    for other in ["process", "full"] {
        for writers in WRITERS {
            let power = figures.get(&format!("power_{writers}_per_second"))?;
            let rate = figures.get(&format!("{other}_{writers}_per_second"))?;
            ratios.push(Ratio {
                what: format!(
                    "commits that survive a power cut, {writers} writers (higher is better)"
                ),
                ours: format!("{power:.0}/s"),
                other: format!("{other} {rate:.0}/s"),
                ratio: power / rate,
                bar: None,
            });
        }
    }
    Ok(Section {
        title: "Commits",
        notes: vec![
            "Rows of 200 bytes, each in a transaction of its own, in a SQLite file on the disk of the work folder: as many at a \
             time as there are writers. `power` has the log synced before a commit is acknowledged, once for all that were \
             committed meanwhile."
                .to_owned(),
        ],
        columns: vec!["way", "writers", "commits/s", "median, ms"],
        rows,
        ratios,
    })
}
