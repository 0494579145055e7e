//! Runs the steps of a task under headings, counts what passed and failed, and sums it up.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// What the steps so far came to.
#[derive(Default)]
pub(crate) struct Report {
    steps: Vec<Step>,
    notes: Vec<String>,
}

struct Step {
    name: String,
    counts: Counts,
    seconds: u64,
    error: Option<String>,
}

/// Tests that passed and failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Those that passed.
    pub(crate) passed: u64,
    /// Those that failed.
    pub(crate) failed: u64,
}

impl Report {
    /// Runs a step. One that fails is noted, and the next ones run all the same.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce(&mut Counts) -> Result<()>) {
        println!("\n=== {name}\n");
        let _ = std::io::stdout().flush();
        let start = Instant::now();
        let mut counts = Counts::default();
        let error = work(&mut counts).err().map(|e| format!("{e:#}"));
        if let Some(error) = &error {
            println!("error: {error}");
        }
        // A step that counts no tests is itself one.
        match &error {
            Some(_) if counts.failed == 0 => counts.failed = 1,
            None if counts == Counts::default() => counts.passed = 1,
            _ => {}
        }
        let seconds = start.elapsed().as_secs();
        self.steps.push(Step {
            name: name.to_owned(),
            counts,
            seconds,
            error,
        });
    }

    /// Runs a command as a step.
    pub(crate) fn command(&mut self, name: &str, command: Command) {
        self.step(name, |counts| run(command, counts));
    }

    /// Has the summary say what no step did.
    pub(crate) fn note(&mut self, text: String) {
        println!("\n!!! {text}");
        self.notes.push(text);
    }

    /// Prints the summary; its last line is the sum of all counts.
    pub(crate) fn finish(self) -> ExitCode {
        println!("\n=== Summary\n");
        let mut sum = Counts::default();
        for Step {
            name,
            counts,
            seconds,
            error,
        } in &self.steps
        {
            let mark = if error.is_some() { "FAILED" } else { "ok" };
            let Counts { passed, failed } = counts;
            println!("{mark:6} {name:44} {passed:5} passed {failed:3} failed {seconds:5} s");
            sum.add(*counts);
        }
        for note in &self.notes {
            println!("\n!!! {note}");
        }
        println!("\n{} passed, {} failed", sum.passed, sum.failed);
        match sum.failed {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// The counts in a closing line: `test result: ok. 3 passed; 1 failed; ..` or `3 passed, 1 failed`.
    fn of_line(line: &str) -> Option<Self> {
        let line = line.trim();
        let line = match line.strip_prefix("test result: ") {
            Some(result) => result.split_once(". ")?.1,
            None => line,
        };
        let mut parts = line.split([',', ';']).map(str::trim);
        let passed = parts.next()?.strip_suffix(" passed")?.parse().ok()?;
        let failed = parts.next()?.strip_suffix(" failed")?.parse().ok()?;
        Some(Self { passed, failed })
    }
}

/// Runs a command, shows what it prints, and adds up the closing lines of test runners in it.
pub(crate) fn run(mut command: Command, counts: &mut Counts) -> Result<()> {
    println!("$ {}", shown(&command));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("can't start {}", shown(&command)))?;
    let stdout = child.stdout.take().context("no output to read")?;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        if let Some(more) = Counts::of_line(&line) {
            counts.add(more);
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{} ended with {status}", shown(&command));
    }
    Ok(())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_closing_lines_of_test_runners() {
        let cargo =
            "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 7 filtered out";
        assert_eq!(
            Counts::of_line(cargo),
            Some(Counts {
                passed: 12,
                failed: 3
            })
        );
        assert_eq!(
            Counts::of_line("4 passed, 0 failed"),
            Some(Counts {
                passed: 4,
                failed: 0
            })
        );
        assert_eq!(Counts::of_line("running 4 tests"), None);
    }

    #[test]
    fn counts_a_command_that_fails_without_a_closing_line() {
        let mut report = Report::default();
        report.command("false", Command::new("false"));
        report.command("true", Command::new("true"));
        let counts: Vec<Counts> = report.steps.iter().map(|s| s.counts).collect();
        assert_eq!(
            counts,
            [
                Counts {
                    passed: 0,
                    failed: 1
                },
                Counts {
                    passed: 1,
                    failed: 0
                }
            ]
        );
        assert!(report.steps[0].error.is_some());
    }
}
