//! A turn among eight people and six characters against one of one person with one character, by the example that lives beside the
//! service.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::example;
use crate::report::{Bar, Ratio, Section};
use crate::workspace::Workspace;

/// How much more a turn may cost.
const BAR: f64 = 1.3;
const WITHIN: Duration = Duration::from_secs(300);
const ONE: &str = " ms with one of each";
const ALL: &str = " ms with 8 people";

/// Runs the benchmark.
pub(crate) async fn run(workspace: &Workspace) -> Result<Section> {
    let lines = example::lines(workspace, "cast_bench", &[], WITHIN).await?;
    let (mut rows, mut ratios) = (Vec::new(), Vec::new());
    for line in lines.iter().filter(|line| line.contains(ALL)) {
        let (what, _) = line
            .split_once(": ")
            .context("a line of cast_bench names nothing")?;
        let one = example::number_before(line, ONE)?;
        let all = example::number_before(line, ALL)?;
        rows.push(vec![
            what.to_owned(),
            format!("{one:.2}"),
            format!("{all:.2}"),
        ]);
        let (ratio, is_bounded) = (all / one, what.ends_with("median"));
        ratios.push(Ratio {
            what: format!("{what}: 8 people, 6 characters"),
            ours: format!("{all:.2} ms"),
            other: format!("one of each {one:.2} ms"),
            ratio,
            bar: is_bounded.then(|| Bar::at_most(BAR, "times", ratio)),
        });
    }
    ensure!(!rows.is_empty(), "cast_bench printed no line with {ALL:?}");
    Ok(Section {
        title: "Several characters",
        notes: vec![
            "Sending a message until its reply has ended, in turn in a session of one person with one character and in one of \
             eight people with six, of whom the one answers that is mentioned. The model answers at once."
                .to_owned(),
        ],
        columns: vec!["what", "one of each, ms", "8 people, 6 characters, ms"],
        rows,
        ratios,
    })
}
