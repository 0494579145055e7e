//! What SQLite's check of a file says of damage, in a few words: which page it is in, and of which table or index that page is.

use sea_orm::sqlx::{self, Row, SqliteConnection};

/// What there is to say where not even the tables are known.
pub(super) const NO_TABLES: &str = "page 1, or another of the list of its tables, can't be read";
/// The root of the list of tables.
const LIST_OF_TABLES: u32 = 1;

/// Damage in a page that belongs to a tree, which is a table or an index.
#[derive(Debug, PartialEq, Eq)]
struct OfPage<'t> {
    root: u32,
    page: u32,
    what: &'t str,
}

/// The first damage that a check found, in its words, but for what it says of pages.
pub(super) async fn told(connection: &mut SqliteConnection, found: &str) -> String {
    // A line above it names the database, of which there is one.
    let mut lines = found.lines().filter(|line| !line.starts_with("***"));
    let line = lines.next().unwrap_or(found).trim();
    let Some(OfPage { root, page, what }) = OfPage::parse(line) else {
        return line.to_owned();
    };
    match owner(connection, root).await {
        Ok(Some(owner)) => format!("page {page}, of {owner}: {what}"),
        _ => format!("page {page}: {what}"),
    }
}

impl<'t> OfPage<'t> {
    /// Reads `Tree 12 page 34: what`, which may say more of where in the page it is.
    fn parse(line: &'t str) -> Option<Self> {
        let (place, what) = line.split_once(": ")?;
        let mut words = place.split(' ');
        let mut number = |name: &str| match words.next() {
            Some(word) if word == name => words.next()?.parse().ok(),
            _ => None,
        };
        Some(Self {
            root: number("Tree")?,
            page: number("page")?,
            what,
        })
    }
}

async fn owner(connection: &mut SqliteConnection, root: u32) -> sqlx::Result<Option<String>> {
    if root == LIST_OF_TABLES {
        return Ok(Some("the list of its tables".to_owned()));
    }
    let query = "SELECT type, name, tbl_name FROM sqlite_schema WHERE rootpage = ?";
    let found = sqlx::query(query).bind(root).fetch_optional(connection);
    let Some(row) = found.await? else {
        return Ok(None);
    };
    let (kind, name, table): (String, String, String) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(Some(match kind.as_str() {
        "index" => format!("the index {name} of the table {table}"),
        kind => format!("the {kind} {name}"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_which_page_of_which_tree_it_is() {
        let of = |line| OfPage::parse(line).map(|found| (found.root, found.page, found.what));
        let plain = "Tree 7 page 12: btreeInitPage() returns error code 11";
        let what = "btreeInitPage() returns error code 11";
        assert_eq!(of(plain), Some((7, 12, what)));
        let cell = "Tree 2 page 120 cell 17: Rowid 90 out of order";
        assert_eq!(of(cell), Some((2, 120, "Rowid 90 out of order")));
        let child = "Tree 2 page 3 right child: Child page depth differs";
        assert_eq!(of(child), Some((2, 3, "Child page depth differs")));
        for other in [
            "Page 9: never used",
            "NULL value in entries.text",
            "Tree: page",
            "",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
