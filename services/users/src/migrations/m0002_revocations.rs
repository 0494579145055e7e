//! What was revoked lately, so that several processes can share a database.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, pk_auto, uuid_null};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let revocations = Table::create()
            .table("revocations")
            .col(pk_auto("seq").big_integer())
            .col(uuid_null("login_session_id"))
            .col(uuid_null("access_token_id"))
            .col(big_integer("create_time"))
            .to_owned();
        manager.create_table(revocations).await
    }
}
