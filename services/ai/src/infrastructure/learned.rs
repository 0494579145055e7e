//! What model servers refused, so that they aren't asked for it again: written when it is learned, read at the next start.

use platform::{Clock, Tasks, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};
use storage::Database;

use super::tables::refusals::{Column, Entity, Model};

/// The table of refusals. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Learned {
    database: Database,
    clock: Clock,
    tasks: Tasks,
}

/// Something that a server refuses for a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lesson {
    /// The server's base URL.
    pub server: String,
    /// The server's own name for the model.
    pub model: String,
    /// What it refuses, such as `no_top_k` or `alternating_roles`.
    pub refusal: String,
    /// When that was learned.
    pub create_time: Timestamp,
}

impl Learned {
    pub(crate) fn new(database: Database, clock: Clock, tasks: Tasks) -> Self {
        Self {
            database,
            clock,
            tasks,
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What was learned of a server, by this process or another one.
    pub(crate) async fn of_server(&self, server: &str) -> Result<Vec<Lesson>, DbErr> {
        let rows = Entity::find().filter(Column::Server.eq(server));
        let rows = rows.all(self.database.read()).await?;
        Ok(rows.into_iter().map(Lesson::from).collect())
    }

    /// Writes down what was learned, in the background: nobody waits for it.
    pub(crate) fn record(&self, server: &str, model: &str, refusal: &str) {
        let row = Model {
            server: server.to_owned(),
            model: model.to_owned(),
            refusal: refusal.to_owned(),
            create_time: self.clock.now(),
        };
        let database = self.database.clone();
        self.tasks.spawn(async move {
            if let Err(error) = write(&database, &row).await {
                tracing::warn!(%error, "what a model server refuses could not be stored");
            }
        });
    }
}

/// All that was learned, by server, model and refusal.
///
/// # Errors
/// What the database says. A store without the table has learned nothing.
pub async fn lessons(database: &Database) -> Result<Vec<Lesson>, DbErr> {
    if !database.has_table("refusals").await? {
        return Ok(Vec::new());
    }
    let rows = Entity::find()
        .order_by_asc(Column::Server)
        .order_by_asc(Column::Model);
    let rows = rows
        .order_by_asc(Column::Refusal)
        .all(database.read())
        .await?;
    Ok(rows.into_iter().map(Lesson::from).collect())
}

async fn write(database: &Database, row: &Model) -> Result<(), DbErr> {
    let mut first_stands = OnConflict::columns([Column::Server, Column::Model, Column::Refusal]);
    first_stands.do_nothing();
    let first_stands = &first_stands;
    database
        .transaction(|tx| {
            Box::pin(async move {
                let insert = Entity::insert(row.clone().into_active_model());
                insert
                    .on_conflict(first_stands.clone())
                    .exec_without_returning(tx)
                    .await?;
                Ok::<_, DbErr>(())
            })
        })
        .await
}

impl From<Model> for Lesson {
    fn from(row: Model) -> Self {
        Self {
            server: row.server,
            model: row.model,
            refusal: row.refusal,
            create_time: row.create_time,
        }
    }
}
