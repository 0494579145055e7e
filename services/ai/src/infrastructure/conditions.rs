//! Which models are kept away from, told and written down: for whoever hears events, and for `troupe doctor`.

use std::time::Duration;

use events::Outbox;
use platform::trace::Cause;
use platform::{Tasks, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{DbErr, EntityTrait, IntoActiveModel, QueryOrder};
use storage::Database;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use troupe_proto::events::{ProviderState, ProviderStateChanged};

use super::tables::breakers::{Column, Entity, Model};
use crate::domain::breaker::Condition;

/// Something that changed.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// The model that it is about.
    pub(crate) model_id: String,
    /// Why it is kept away from from now on, if it is.
    pub(crate) trouble: Option<Trouble>,
    /// Whether it isn't kept away from any more.
    pub(crate) is_over: bool,
    /// The provider, and how it is now, if that changed.
    pub(crate) provider: Option<(String, Condition)>,
}

/// A model that is kept away from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Its id.
    pub model_id: String,
    /// Which kind of failure was the last, or `slow`.
    pub cause: String,
    /// When it is asked again.
    pub until: Timestamp,
    /// Since when.
    pub since: Timestamp,
}

/// Starts to write down what is sent, in its order, until shutdown.
pub(crate) fn start(database: Database, outbox: Outbox, tasks: &Tasks) -> UnboundedSender<Change> {
    let (sender, mut changes) = unbounded_channel();
    let token = tasks.token().clone();
    tasks.spawn(async move {
        loop {
            let change = token.run_until_cancelled(changes.recv()).await;
            match change {
                Some(Some(change)) => told(&database, &outbox, &change).await,
                Some(None) => return,
                None => return rest(&database, &outbox, changes).await,
            }
        }
    });
    sender
}

/// What had come before the platform stops.
async fn rest(database: &Database, outbox: &Outbox, mut changes: UnboundedReceiver<Change>) {
    changes.close();
    while let Some(change) = changes.recv().await {
        told(database, outbox, &change).await;
    }
}

async fn told(database: &Database, outbox: &Outbox, change: &Change) {
    if let Err(error) = write(database, outbox, change).await {
        tracing::warn!(%error, "how a model's provider is could not be told");
    }
}

async fn write(database: &Database, outbox: &Outbox, change: &Change) -> Result<(), DbErr> {
    let mut last_stands = OnConflict::column(Column::ModelId);
    last_stands.update_columns([Column::Cause, Column::UntilTime, Column::ChangeTime]);
    let (last_stands, cause) = (&last_stands, &Cause::new());
    database
        .transaction(|tx| {
            Box::pin(async move {
                if let Some(trouble) = change.trouble.clone() {
                    let insert = Entity::insert(Model::from(trouble).into_active_model());
                    let insert = insert.on_conflict(last_stands.clone());
                    insert.exec_without_returning(tx).await?;
                }
                if change.is_over {
                    let row = Entity::delete_by_id(change.model_id.as_str());
                    row.exec(tx).await?;
                }
                if let Some((provider, condition)) = &change.provider {
                    let event = ProviderStateChanged {
                        provider: provider.clone(),
                        state: state(*condition).into(),
                    };
                    outbox.add(tx, &event, cause)?;
                }
                Ok::<_, DbErr>(())
            })
        })
        .await
}

fn state(condition: Condition) -> ProviderState {
    match condition {
        Condition::Up => ProviderState::Up,
        Condition::Tried => ProviderState::Tried,
        Condition::Down => ProviderState::Down,
    }
}

/// What is older was another process's, and nobody has asked for the model since.
const NEWS: Duration = Duration::from_hours(1);

/// The models that are kept away from, or were until lately, by their ids.
///
/// # Errors
/// What the database says. A store without the table knows of none.
pub async fn troubles(database: &Database, now: Timestamp) -> Result<Vec<Trouble>, DbErr> {
    if !database.has_table("breakers").await? {
        return Ok(Vec::new());
    }
    let rows = Entity::find().order_by_asc(Column::ModelId);
    let rows = rows.all(database.read()).await?;
    let troubles = rows.into_iter().map(Trouble::from);
    Ok(troubles
        .filter(|trouble| now.since(trouble.until) < NEWS)
        .collect())
}

impl From<Trouble> for Model {
    fn from(trouble: Trouble) -> Self {
        Self {
            model_id: trouble.model_id,
            cause: trouble.cause,
            until_time: trouble.until,
            change_time: trouble.since,
        }
    }
}

impl From<Model> for Trouble {
    fn from(row: Model) -> Self {
        Self {
            model_id: row.model_id,
            cause: row.cause,
            until: row.until_time,
            since: row.change_time,
        }
    }
}
