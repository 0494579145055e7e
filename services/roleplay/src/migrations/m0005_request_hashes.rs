//! What requests with an id asked for, so that another under the same id is refused.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::binary_null;

pub(super) struct RequestHashes;

impl MigrationName for RequestHashes {
    fn name(&self) -> &'static str {
        "m0005_request_hashes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for RequestHashes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The release before leaves it empty, and so do the rows that are there: their repeats aren't compared.
        let mut table = Table::alter();
        table
            .table("generations")
            .add_column(binary_null("request_hash"));
        manager.alter_table(table).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
