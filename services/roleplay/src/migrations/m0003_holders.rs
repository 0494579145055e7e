//! The processes that run generations, so that several can share a database.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, boolean, pk_uuid, uuid_null};

pub(super) struct Holders;

impl MigrationName for Holders {
    fn name(&self) -> &'static str {
        "m0003_holders"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Holders {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut holders = Table::create();
        holders
            .table("holders")
            .col(pk_uuid("id"))
            .col(big_integer("beats"));
        manager.create_table(holders).await?;
        // The release before leaves them as they are by default: such a generation has no holder that is alive.
        let columns = [
            uuid_null("holder_id"),
            boolean("cancel_requested").default(false).take(),
        ];
        for column in columns {
            let mut table = Table::alter();
            table.table("generations").add_column(column);
            manager.alter_table(table).await?;
        }
        let mut held = Index::create();
        held.name("generations_held").table("generations");
        held.col("holder_id")
            .and_where(Expr::col("state").eq(Expr::cust("'running'")));
        manager.create_index(held).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
