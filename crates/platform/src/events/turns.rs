//! Waits for the turn to do what one process of several does, and notices when it is lost.

use std::time::Duration;

use sea_orm::DbErr;

use crate::database::Turn;
use crate::{Database, Tasks};

/// Time between tries: a process that died is followed this soon.
const RETRY: Duration = Duration::from_secs(2);
/// Time between questions whether the turn is still ours.
const CHECK: Duration = Duration::from_secs(2);

/// Takes the turn as soon as it is free; `None` once the process stops.
pub(super) async fn take_turn(db: &Database, to: &str, tasks: &Tasks) -> Option<Turn> {
    loop {
        if tasks.token().is_cancelled() {
            return None;
        }
        match db.try_take_turn(to).await {
            Ok(Some(turn)) => return Some(turn),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the database can't be asked whose turn it is"),
        }
        tokio::select! {
            () = tasks.stopping() => return None,
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

/// Completes when the turn is lost.
pub(super) async fn lost(turn: &Turn) -> DbErr {
    loop {
        tokio::time::sleep(CHECK).await;
        if let Err(error) = turn.check().await {
            return error;
        }
    }
}
