//! SQLite's checkpoints, which fold a log into its file, and what they come to.
//! <https://www.sqlite.org/pragma.html#pragma_wal_checkpoint>

use sea_orm::sqlx::{self, Row, SqliteConnection};

/// How far a checkpoint goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    /// It does nothing, and tells how long the log is.
    Look,
    /// It takes what it can without waiting for anybody or holding anybody up.
    Beside,
    /// It waits for readers, and writers wait for it; then the next write begins the log anew, over what stands in it.
    Restart,
    /// The same, and it cuts the log off.
    Empty,
}

/// How a log was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Folded {
    /// Whether it couldn't go as far as it should, because others read or write.
    pub(super) is_held_up: bool,
    /// Pages in the log.
    pub(super) pages: u32,
    /// Those of them that are in the file as well.
    pub(super) in_file: u32,
}

impl Folded {
    /// Pages that aren't in the file.
    pub(super) fn left(self) -> u32 {
        self.pages.saturating_sub(self.in_file)
    }

    /// Whether the file has all that the log has.
    pub(super) fn is_whole(self) -> bool {
        !self.is_held_up && self.in_file == self.pages
    }
}

/// Folds a log in. That it was held up is no error.
pub(super) async fn fold(connection: &mut SqliteConnection, how: Fold) -> sqlx::Result<Folded> {
    let checkpoint = match how {
        Fold::Look => "PRAGMA wal_checkpoint(NOOP)",
        Fold::Beside => "PRAGMA wal_checkpoint(PASSIVE)",
        Fold::Restart => "PRAGMA wal_checkpoint(RESTART)",
        Fold::Empty => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    let row = sqlx::query(checkpoint).fetch_one(connection).await?;
    // Nothing is known of the log while somebody else folds it in.
    let pages = |count: i64| u32::try_from(count).unwrap_or_default();
    Ok(Folded {
        is_held_up: row.try_get::<i64, _>(0)? != 0,
        pages: pages(row.try_get(1)?),
        in_file: pages(row.try_get(2)?),
    })
}
