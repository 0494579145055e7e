//! The shape of the tree: names that no module has, and how long files and functions may be, `main.rs` of the executable above
//! all.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::sizes;
use crate::workspace::Workspace;

/// Names that say nothing about what is inside.
const FORBIDDEN: &[&str] = &[
    "common", "utils", "util", "helpers", "helper", "misc", "core", "mod",
];
const MAIN: &str = "troupe/src/main.rs";
const MAIN_MAX_LINES: usize = 80;

/// Checks the tree.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let mut list = workspace.command("git");
    list.args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "*.rs",
    ]);
    let files = workspace.output(list)?;
    // Git also lists a file that was removed and not yet committed.
    let texts: Vec<(&str, String)> = files
        .lines()
        .filter_map(|file| {
            Some((
                file,
                std::fs::read_to_string(workspace.root().join(file)).ok()?,
            ))
        })
        .collect();
    let mut problems: Vec<String> = files
        .lines()
        .filter_map(|file| Some((file, vague_name(file)?)))
        .map(|(file, name)| format!("{file}: `{name}` says nothing about what is inside"))
        .collect();
    problems.extend(sizes::problems(
        texts.iter().map(|(file, text)| (*file, text.as_str())),
    ));
    let main = texts.iter().find(|(file, _)| *file == MAIN).context(MAIN)?;
    if main.1.lines().count() >= MAIN_MAX_LINES {
        problems.push(format!("{MAIN} has {MAIN_MAX_LINES} lines or more"));
    }
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    println!(
        "{} files have names that say something and are short enough",
        files.lines().count()
    );
    Ok(())
}

fn vague_name(file: &str) -> Option<&str> {
    let stems = Path::new(file).iter().filter_map(|part| part.to_str());
    let mut stems = stems.map(|part| part.strip_suffix(".rs").unwrap_or(part));
    stems.find(|stem| FORBIDDEN.contains(stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_vague_names_of_files_and_folders() {
        assert_eq!(vague_name("services/users/src/utils.rs"), Some("utils"));
        assert_eq!(vague_name("crates/common/src/lib.rs"), Some("common"));
        assert_eq!(vague_name("gateway/src/json/mod.rs"), Some("mod"));
        assert_eq!(vague_name("gateway/src/score.rs"), None);
    }
}
