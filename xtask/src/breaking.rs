//! What breaks clients of the contracts. Until 1.0 that is allowed, where the changelog says so in the same change: a line under
//! "Breaking" that names the message, or whatever else it is that breaks.

use std::collections::HashSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The changelog.
pub(crate) const CHANGELOG: &str = "CHANGELOG.md";
const SECTION: &str = "### Breaking";

/// What `buf breaking` finds.
#[derive(Debug, Deserialize)]
struct Finding {
    path: String,
    message: String,
}

/// Runs `buf breaking --error-format json`, and refuses what the changelog doesn't tell of. `before` is the changelog of the
/// commit that the contracts are compared with.
pub(crate) fn check(mut buf: Command, before: &str, now: &str) -> Result<()> {
    let output = buf.output().context("can't start buf")?;
    let found = String::from_utf8_lossy(&output.stdout);
    let findings: Vec<Finding> = found
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .with_context(|| format!("buf says {found}"))?;
    ensure!(
        output.status.success() || !findings.is_empty(),
        "buf failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let new = new_lines(before, now);
    let (told, untold): (Vec<_>, Vec<_>) = findings.iter().partition(|it| it.is_told(&new));
    for Finding { path, message } in told {
        println!("breaks, as {CHANGELOG} says: {path}: {message}");
    }
    let untold: Vec<_> = untold
        .into_iter()
        .map(|it| format!("{}: {}", it.path, it.message))
        .collect();
    ensure!(
        untold.is_empty(),
        "no new line under `{SECTION}` in {CHANGELOG} names what breaks here:\n{}",
        untold.join("\n")
    );
    Ok(())
}

impl Finding {
    fn is_told(&self, new: &str) -> bool {
        let subject = self.subject();
        subject.is_some_and(|it| new.contains(&format!("`{it}`")))
    }

    /// What breaks: the message that a field is in, and so on.
    fn subject(&self) -> Option<&str> {
        let kinds = ["message \"", "enum \"", "service \"", "RPC \""];
        let (_, rest) = kinds.iter().find_map(|it| self.message.split_once(it))?;
        rest.split('"').next()
    }
}

/// The lines under "Breaking" of the newest version that weren't there before.
fn new_lines(before: &str, now: &str) -> String {
    let known: HashSet<&str> = section(before).collect();
    let new = section(now).filter(|line| !known.contains(line));
    new.collect::<Vec<_>>().join("\n")
}

fn section(changelog: &str) -> impl Iterator<Item = &str> {
    let lines = changelog.lines().skip_while(|line| *line != SECTION);
    lines.skip(1).take_while(|line| !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "# Changelog\n\n### Added\n\n- `New`.\n\n### Breaking\n\n- `Old` has no name.\n\n### Changed\n\n- `Other`.\n";

    fn finding(message: &str) -> Finding {
        Finding {
            path: String::new(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn a_break_is_told_by_a_new_line_that_names_it() {
        let now = BEFORE.replace(
            "### Changed",
            "- `Answer` has no\n  `head` any more.\n\n### Changed",
        );
        let new = new_lines(BEFORE, &now);
        let deleted =
            "Previously present field \"1\" with name \"head\" on message \"Answer\" was deleted.";
        assert!(finding(deleted).is_told(&new));
        let type_of = |name: &str| {
            format!(
                "Field \"7\" with name \"size\" on message \"{name}\" changed type from \"int64\" to \"int32\"."
            )
        };
        for name in ["Old", "New", "Other", "Answers", "head"] {
            assert_eq!(
                finding(&type_of(name)).is_told(&new),
                name == "head",
                "{name}"
            );
        }
        let file = finding("Previously present file \"a.proto\" was deleted.");
        assert!(!file.is_told(&new));
        assert!(!finding(deleted).is_told(&new_lines(&now, &now)));
    }
}
