//! The files of vectors in a data folder, to look after them before and after they are used.

use std::fs;
use std::path::{Path, PathBuf};

use storage::database::sqlite::refuse_without_own_log;

use super::embedded::file::{BROKEN_SUFFIX, move_aside};
use crate::QdrantConfig;

/// The names of files of vectors end so.
pub const SUFFIX: &str = ".vectors.sqlite";

/// The files of vectors that there are; none where Qdrant has them.
pub fn files(data_dir: &Path, config: &QdrantConfig) -> Vec<PathBuf> {
    named(data_dir, config, SUFFIX)
}

/// Those that were broken, and were put out of the way.
pub fn broken_files(data_dir: &Path, config: &QdrantConfig) -> Vec<PathBuf> {
    named(data_dir, config, &format!("{SUFFIX}{BROKEN_SUFFIX}"))
}

/// Puts a file out of the way that lacks the log which it needs, as one that is broken, and warns of it: what it has may be of
/// several moments. To be called before this process opens it.
pub fn set_aside_without_log(file: &Path) {
    let Err(problem) = refuse_without_own_log(file) else {
        return;
    };
    let problem = problem.what();
    if let Err(error) = move_aside(file, &problem) {
        tracing::warn!(%error, %problem, "the file of vectors can't be put aside: run `troupe memory rebuild`");
    }
}

fn named(data_dir: &Path, config: &QdrantConfig, suffix: &str) -> Vec<PathBuf> {
    // A folder that isn't there has none, and one that can't be read is told of by whoever needs it.
    let Ok(entries) = fs::read_dir(data_dir) else {
        return Vec::new();
    };
    if config.url.is_named() {
        return Vec::new();
    }
    let is_named = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default();
        name.as_encoded_bytes().ends_with(suffix.as_bytes())
    };
    let files = entries.flatten().map(|entry| entry.path());
    let mut files = Vec::from_iter(files.filter(is_named));
    files.sort();
    files
}
