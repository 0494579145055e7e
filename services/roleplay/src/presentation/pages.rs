//! Pages of lists: how long they are, and the tokens that lead from one to the next.

use std::fmt::Display;
use std::str::FromStr;

use storage::page::PageTokens;
use tonic::Status;
use troupe_proto::error::invalid_field;

const DEFAULT_SIZE: usize = 50;

/// Seals and opens the page tokens of roleplay.
#[derive(Debug, Clone)]
pub(super) struct Pages(PageTokens);

impl Pages {
    pub(super) fn new(tokens: PageTokens) -> Self {
        Self(tokens)
    }

    /// Where a page begins; none for the first. The scope names the list, the person and the filter.
    pub(super) fn open<T: FromStr>(&self, scope: &str, token: &str) -> Result<Option<T>, Status> {
        let Some(cursor) = self.0.open(scope, token)? else {
            return Ok(None);
        };
        let cursor = std::str::from_utf8(&cursor)
            .ok()
            .and_then(|text| text.parse().ok());
        // Sealed by us and yet not readable: from a release that wrote cursors differently.
        let stale = || invalid_field("page_token", "is out of date: start again without it");
        cursor.map(Some).ok_or_else(stale)
    }

    /// The token of the page that begins at a cursor; empty for none.
    pub(super) fn seal(&self, scope: &str, cursor: Option<impl Display>) -> String {
        cursor
            .map(|cursor| self.0.seal(scope, cursor.to_string().as_bytes()))
            .unwrap_or_default()
    }
}

/// How many things a page has.
pub(super) fn size(asked: i32) -> usize {
    usize::try_from(asked)
        .ok()
        .filter(|size| *size > 0)
        .unwrap_or(DEFAULT_SIZE)
}

/// Cuts a page that was read with one more, and says where the next one begins: behind the last that is left.
pub(super) fn cut<T, C>(
    mut read: Vec<T>,
    size: usize,
    cursor: impl Fn(&T) -> C,
) -> (Vec<T>, Option<C>) {
    if read.len() <= size {
        return (read, None);
    }
    read.truncate(size);
    let next = read.last().map(cursor);
    (read, next)
}
