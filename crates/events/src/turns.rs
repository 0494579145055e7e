//! Leader election: waits for the leader's lease (the turn) of one task, and notices when it is lost.

use std::time::Duration;

use platform::Tasks;
use sea_orm::DbErr;
use storage::Database;
use storage::database::Turn;

/// Time between tries: a process that died is followed this soon.
const RETRY: Duration = Duration::from_secs(2);
/// Time between questions whether the turn is still ours.
const CHECK: Duration = Duration::from_secs(2);

/// Takes the turn as soon as it is free; `None` once the process stops.
pub(super) async fn take_turn(db: &Database, to: &str, tasks: &Tasks) -> Option<Turn> {
    let mut waiting = db.wait_for_turn(to);
    let mut was_asked = true;
    loop {
        if tasks.token().is_cancelled() {
            return None;
        }
        let taken = waiting.try_take().await;
        let is_asked = taken.is_ok();
        match taken {
            Ok(Some(turn)) => return Some(turn),
            Err(error) if was_asked => {
                tracing::warn!(%error, turn = to, "the database can't be asked whose turn it is");
            }
            Ok(None) | Err(_) => {}
        }
        was_asked = is_asked;
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
