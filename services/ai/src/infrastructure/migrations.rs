//! The service's tables through time: forward only, and safe under the release before.

use sea_orm_migration::prelude::*;

mod m0001_usage;
mod m0002_refusals;
mod m0003_usage_details;
mod m0004_embeddings;
mod m0005_attempts;
mod m0006_breakers;

/// Brings the service's tables up to date.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        service::with_shared(vec![
            Box::new(m0001_usage::Migration),
            Box::new(m0002_refusals::Migration),
            Box::new(m0003_usage_details::Migration),
            Box::new(m0004_embeddings::Migration),
            Box::new(m0005_attempts::Migration),
            Box::new(m0006_breakers::Migration),
        ])
    }
}
