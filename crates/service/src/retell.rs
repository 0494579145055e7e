//! Tells again what a service's tables know of what happened. Works beside a running platform and without one.

use events::{Events, RegisterError};
use sea_orm::DbErr;
use storage::Database;
use storage::database::OpenError;

use crate::{Host, Service, migrations};

/// Why a history can't be told again.
#[derive(Debug, thiserror::Error)]
pub enum RetellError {
    /// The database can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No process of this version has used the database.
    #[error("its tables aren't up to date: start the platform first, or run `troupe migrate`")]
    Old,
    /// The outbox can't be had.
    #[error(transparent)]
    Outbox(#[from] RegisterError),
    /// The database fails.
    #[error(transparent)]
    Database(#[from] DbErr),
}

/// Has a service tell its history again, which the platform that runs, or starts next, carries. `progress` hears how many rows
/// of how many are done. Returns how many events were told.
///
/// # Errors
/// The database can't be opened, or fails. What was told by then stays told; do it again.
pub async fn retell<S: Service>(
    host: &Host,
    progress: impl Fn(u64, u64),
) -> Result<u64, RetellError> {
    let (storage, name) = (host.storage(), S::ROLE.name());
    let Some(db) = Database::attach(&storage, name).await? else {
        return Err(RetellError::Old);
    };
    let behind = Database::inspect(&storage, name).await?.migrations;
    let mut known = migrations::<S>().into_iter();
    if known.any(|migration| !behind.contains(&migration)) {
        return Err(RetellError::Old);
    }
    // Of its own: whoever carries it looks for what others wrote.
    let outbox = Events::default().register(name, &db, &host.clock)?;
    Ok(events::retell::<S::History>(&db, &outbox, progress).await?)
}
