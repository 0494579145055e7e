//! The tables of the users service. Forward only: a change is a new migration, never an edit of an old one.

mod m0001_accounts;
mod m0002_revocations;
mod m0003_lapses;

use sea_orm_migration::prelude::*;

/// Brings the tables up to date.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        service::with_shared(vec![
            Box::new(m0001_accounts::Migration),
            Box::new(m0002_revocations::Migration),
            Box::new(m0003_lapses::Lapses),
        ])
    }
}
