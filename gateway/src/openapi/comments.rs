//! Comments of contracts.

use std::collections::{HashMap, HashSet};

use prost_reflect::{DescriptorPool, FileDescriptor, MessageDescriptor};

use super::names::json_name;

/// Leading comments, by file and path in it, with the names of fields as JSON spells them.
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
    let mut names = HashSet::new();
    for file in file.dependencies().chain([file.clone()]) {
        file.messages()
            .for_each(|message| note_names(&message, &mut names));
    }
    commented
        .map(|location| {
            let text = text(location.leading_comments());
            (location.path.clone(), in_json(&text, &names))
        })
        .collect()
}

/// Notes the names of fields that JSON spells otherwise.
fn note_names(message: &MessageDescriptor, names: &mut HashSet<String>) {
    let fields = message.fields().map(|field| field.name().to_owned());
    names.extend(fields.filter(|name| name.contains('_')));
    for inner in message.child_messages() {
        note_names(&inner, names);
    }
}

/// A text whose pieces of code spell these names, alone or in a path, as JSON does.
fn in_json(text: &str, names: &HashSet<String>) -> String {
    let pieces = text.split('`').enumerate().map(|(index, piece)| {
        let is_path = index % 2 == 1 && piece.split('.').any(|part| names.contains(part));
        let spelled = |part: &str| match names.contains(part) {
            true => json_name(part),
            false => part.to_owned(),
        };
        match is_path {
            true => piece.split('.').map(spelled).collect::<Vec<_>>().join("."),
            false => piece.to_owned(),
        }
    });
    pieces.collect::<Vec<_>>().join("`")
}

/// A comment without the space that follows each `//`.
fn text(comment: &str) -> String {
    let lines = comment
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields_are_spelled_as_in_json() {
        let names = HashSet::from(["top_p".to_owned(), "page_size".to_owned()]);
        let text = "`page_size` and `settings.top_p`, but not `over_budget` or page_size";
        let expected = "`pageSize` and `settings.topP`, but not `over_budget` or page_size";
        assert_eq!(in_json(text, &names), expected);
    }
}
