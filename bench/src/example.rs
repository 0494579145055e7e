//! The benchmarks that live beside what they measure: examples of a crate, run as they are.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::process;
use crate::workspace::Workspace;

/// Runs an example within a time, and gives the lines that it prints.
pub(crate) async fn lines(
    workspace: &Workspace,
    name: &str,
    arguments: &[&str],
    within: Duration,
) -> Result<Vec<String>> {
    let executable = workspace.example(name)?;
    let mut command = Command::new(executable);
    command.args(arguments).current_dir(workspace.scratch());
    let output = process::output_of(&format!("running {name}"), command, within).await?;
    Ok(output.lines().map(str::to_owned).collect())
}

/// Runs an example that prints one `name value unit` a line, and gives its figures.
pub(crate) async fn figures(
    workspace: &Workspace,
    name: &str,
    arguments: &[&str],
    within: Duration,
) -> Result<Figures> {
    let lines = lines(workspace, name, arguments, within).await?;
    let values = lines.iter().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
    });
    Ok(Figures {
        example: name.to_owned(),
        values: values.collect(),
    })
}

/// What an example measured.
pub(crate) struct Figures {
    example: String,
    values: HashMap<String, f64>,
}

impl Figures {
    /// A figure by its name.
    pub(crate) fn get(&self, name: &str) -> Result<f64> {
        let value = self.values.get(name).copied();
        value.with_context(|| format!("{} printed no {name}", self.example))
    }
}

/// The number that stands before `unit` in a line.
pub(crate) fn number_before(line: &str, unit: &str) -> Result<f64> {
    let number = line
        .split_once(unit)
        .and_then(|(before, _)| before.split_whitespace().next_back())
        .and_then(|word| word.parse().ok());
    number.with_context(|| format!("no number before {unit:?} in {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_number_before_its_unit() {
        let line = "Chat, window 8192: 1.250 ms a prompt (12 spans)";
        assert_eq!(number_before(line, " ms a prompt").unwrap(), 1.25);
        assert!(number_before(line, " µs").is_err());
    }
}
