//! Comments of contracts.

use std::collections::HashMap;

use prost_reflect::{DescriptorPool, FileDescriptor};

/// Leading comments, by file and path in it.
#[derive(Debug)]
pub(super) struct Comments {
    by_file: HashMap<String, HashMap<Vec<i32>, String>>,
}

impl Comments {
    /// Reads the source info of a pool; without it there are no comments.
    pub(super) fn new(pool: &DescriptorPool) -> Self {
        let files = pool
            .files()
            .map(|file| (file.name().to_owned(), of_file(&file)));
        Self {
            by_file: files.collect(),
        }
    }

    /// The comment before what lies at `path`; empty where there is none.
    pub(super) fn of(&self, file: &FileDescriptor, path: &[i32]) -> &str {
        let comments = self.by_file.get(file.name());
        comments
            .and_then(|comments| comments.get(path))
            .map_or("", String::as_str)
    }
}

fn of_file(file: &FileDescriptor) -> HashMap<Vec<i32>, String> {
    let source = file.file_descriptor_proto().source_code_info.as_ref();
    let locations = source
        .map(|source| source.location.as_slice())
        .unwrap_or_default();
    let commented = locations
        .iter()
        .filter(|location| location.leading_comments.is_some());
    commented
        .map(|location| (location.path.clone(), text(location.leading_comments())))
        .collect()
}

/// A comment without the space that follows each `//`.
fn text(comment: &str) -> String {
    let lines = comment
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// The first sentence of a comment, without its full stop.
pub(super) fn summary(comment: &str) -> String {
    let first = comment
        .split("\n\n")
        .next()
        .unwrap_or_default()
        .replace('\n', " ");
    let end = first.find(". ").unwrap_or(first.len());
    first[..end].trim_end_matches('.').to_owned()
}
