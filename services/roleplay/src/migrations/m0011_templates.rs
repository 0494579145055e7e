//! Which greetings still have their macros, because nobody has answered them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::boolean;

pub(super) struct Templates;

impl MigrationName for Templates {
    fn name(&self) -> &'static str {
        "m0011_templates"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Templates {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The release before resolves greetings at once and knows no such messages; nor are there any yet.
        let mut messages = Table::alter();
        messages
            .table("messages")
            .add_column(boolean("is_template").default(false));
        manager.alter_table(messages).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
