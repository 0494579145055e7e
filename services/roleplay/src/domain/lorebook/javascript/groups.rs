//! The groups of a pattern, which must be known before any of them is referred to.

/// The groups of a pattern that can be referred to, with their names.
pub(super) struct Groups(Vec<Option<String>>);

impl Groups {
    pub(super) fn of(pattern: &str) -> Self {
        let mut groups = Vec::new();
        let (mut escaped, mut in_class) = (false, false);
        for (at, c) in pattern.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                ']' => in_class = false,
                '[' => in_class = true,
                '(' if !in_class => groups.extend(captured(&pattern[at + 1..])),
                _ => {}
            }
        }
        Self(groups)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn has_names(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    pub(super) fn named(&self, name: &str) -> Option<usize> {
        let place = self.0.iter().position(|it| it.as_deref() == Some(name))?;
        Some(place + 1)
    }
}

/// The name of a group that captures, or that it has none; nothing if it doesn't capture.
pub(super) fn captured(behind_parenthesis: &str) -> Option<Option<String>> {
    let Some(kind) = behind_parenthesis.strip_prefix('?') else {
        return Some(None);
    };
    let name = kind.strip_prefix('<')?.split_once('>')?.0;
    let is_name = !name.is_empty() && !name.starts_with(['=', '!']);
    is_name.then(|| Some(name.to_owned()))
}
