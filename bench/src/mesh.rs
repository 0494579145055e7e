//! Calls while servers die: our channel and tonic's own balance, by the example that lives beside the channel.

use std::time::Duration;

use anyhow::Result;

use crate::example;
use crate::report::{Bar, Ratio, Section};
use crate::workspace::Workspace;

const WITHIN: Duration = Duration::from_secs(120);
const CLIENTS: [(&str, &str); 3] = [
    ("mesh", "ours, a method that may be repeated"),
    ("mesh_once", "ours, a method that may not"),
    ("tonic", "tonic's balance"),
];
const PHASES: [(&str, &str); 3] = [
    ("one_dead", "one dead from the start"),
    ("killed", "another is killed"),
    ("back", "that one is back"),
];
const CALLERS: u32 = 16;
/// DESIGN section 4: how much slower calls may be while a server dies.
const BAR_P99_FACTOR: f64 = 3.0;

/// Runs the benchmark.
pub(crate) async fn run(workspace: &Workspace) -> Result<Section> {
    let callers = CALLERS.to_string();
    let figures = example::figures(workspace, "mesh_bench", &[&callers], WITHIN).await?;
    let figure = |client: &str, phase: &str, figure: &str| {
        figures.get(&format!("{client}_{phase}_{figure}"))
    };
    let mut rows = Vec::new();
    for (client, client_said) in CLIENTS {
        for (phase, phase_said) in PHASES {
            let of = |name| figure(client, phase, name);
            rows.push(vec![
                format!("{client_said}: {phase_said}"),
                format!("{:.0}", of("answered")?),
                format!("{:.0}", of("failed")?),
                format!("{:.2}", of("median")?),
                format!("{:.2}", of("p99")?),
                format!("{:.1}", of("longest")?),
            ]);
        }
    }
    let failed = |client: &str| -> Result<f64> {
        PHASES
            .iter()
            .map(|(phase, _)| figure(client, phase, "failed"))
            .sum()
    };
    let (ours, once, theirs) = (failed("mesh")?, failed("mesh_once")?, failed("tonic")?);
    let failures = |what: &str, ours: f64, bar: f64| Ratio {
        what: format!("calls that failed while servers died, {what}"),
        ours: format!("{ours:.0}"),
        other: format!("tonic {theirs:.0}"),
        ratio: ours / theirs,
        bar: Some(Bar::at_most(bar, "calls", ours)),
    };
    let (normal, dying) = (
        figure("mesh", "one_dead", "p99")?,
        figure("mesh", "killed", "p99")?,
    );
    Ok(Section {
        title: "Mesh",
        notes: vec![format!(
            "Three endpoints, of which one is dead from the start; the two others are processes that take 5 ms for a call. \
             {CALLERS} callers, one call under way for each, for 3 s in each phase. A method that may not be repeated may fail \
             where it was under way on the process that is killed."
        )],
        columns: vec![
            "client",
            "answered",
            "failed",
            "p50 ms",
            "p99 ms",
            "longest ms",
        ],
        rows,
        ratios: vec![
            failures("may be repeated", ours, 0.0),
            failures("may not", once, f64::from(CALLERS)),
            Ratio {
                what: "p99 while a server is killed".to_owned(),
                ours: format!("{dying:.2} ms"),
                other: format!("before {normal:.2} ms"),
                ratio: dying / normal,
                bar: Some(Bar::at_most(BAR_P99_FACTOR, "times", dying / normal)),
            },
        ],
    })
}
