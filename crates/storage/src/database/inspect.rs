//! What a store is and has behind it. Changes nothing, and waits for nobody.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, EntityTrait, Statement};
use sea_orm_migration::{
    IntoSchemaManagerConnection, MigratorTrait, SchemaManager, seaql_migrations,
};

/// A look at the store of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Of the database itself, such as `15.18`.
    pub version: String,
    /// The names of the migrations that it has behind it, oldest first; none before the first start.
    pub migrations: Vec<String>,
}

/// The first column of the first row.
pub(super) async fn first_text(db: &DatabaseConnection, sql: &str) -> Result<String, DbErr> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(statement).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))?;
    row.try_get_by_index(0)
}

/// The migrations behind a store.
pub(super) async fn migrations(db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let is_new = match db.get_database_backend() {
        DbBackend::Postgres => {
            let table = "SELECT coalesce(to_regclass('seaql_migrations')::text, '')";
            first_text(db, table).await?.is_empty()
        }
        _ => false,
    };
    if is_new {
        return Ok(Vec::new());
    }
    let applied = seaql_migrations::Entity::find().all(db).await?;
    let mut names: Vec<String> = applied.into_iter().map(|row| row.version).collect();
    // They are numbered.
    names.sort();
    Ok(names)
}

/// A migration behind a store that a migrator doesn't know, if there is one: a newer version has used the store.
pub(super) async fn unknown_migration<'c, M, C>(db: &'c C) -> Result<Option<String>, DbErr>
where
    M: MigratorTrait,
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    if !SchemaManager::new(db).has_table("seaql_migrations").await? {
        return Ok(None);
    }
    let known = migration_names::<M>();
    let applied = seaql_migrations::Entity::find().all(db).await?;
    let mut names = applied.into_iter().map(|row| row.version);
    Ok(names.find(|name| !known.contains(name)))
}

/// The names of the migrations that a migrator knows, oldest first.
pub fn migration_names<M: MigratorTrait>() -> Vec<String> {
    let migrations = M::migrations();
    migrations
        .iter()
        .map(|migration| migration.name().to_owned())
        .collect()
}
