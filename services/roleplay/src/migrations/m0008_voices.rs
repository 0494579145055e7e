//! In which voice messages are said, which of them models don't read, and texts as searches see them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{boolean, text, text_null};
use sea_orm_migration::sea_orm::ConnectionTrait;

use crate::domain::ids::CharacterId;
use crate::domain::search::folded;

/// Characters that are read at once.
const AT_ONCE: u64 = 500;

pub(super) struct Voices;

impl MigrationName for Voices {
    fn name(&self) -> &'static str {
        "m0008_voices"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Voices {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The release before leaves all of them as they are by default; a search takes the text itself then.
        let messages = [
            text("kind").default("dialogue").take(),
            boolean("hidden").default(false).take(),
            boolean("discarded").default(false).take(),
            text_null("search_text"),
        ];
        for column in messages {
            let mut table = Table::alter();
            table.table("messages").add_column(column);
            manager.alter_table(table).await?;
        }
        let mut memories = Table::alter();
        memories
            .table("memories")
            .add_column(text_null("search_text"));
        manager.alter_table(memories).await?;
        fold_characters(manager.get_connection()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Characters are found by texts that were in lower case and nothing else.
async fn fold_characters(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let mut after = None;
    loop {
        let mut select = Query::select();
        select.columns(["id", "search_text"]).from("characters");
        select.and_where_option(after.map(|after: CharacterId| Expr::col("id").gt(after)));
        select.order_by("id", Order::Asc).limit(AT_ONCE);
        let rows = db.query_all(&select).await?;
        for row in &rows {
            let (id, text): (CharacterId, String) =
                (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            after = Some(id);
            let folded = folded(&text);
            if folded != text {
                let mut update = Query::update();
                update.table("characters").value("search_text", folded);
                update.and_where(Expr::col("id").eq(id));
                db.execute(&update).await?;
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
    }
}
