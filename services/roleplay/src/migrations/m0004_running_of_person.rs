//! Whose generations are, so that those of a person that run are counted without a look at their sessions.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::uuid_null;

pub(super) struct RunningOfPerson;

impl MigrationName for RunningOfPerson {
    fn name(&self) -> &'static str {
        "m0004_running_of_person"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for RunningOfPerson {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The release before leaves it empty: what it begins isn't counted while both run.
        let mut table = Table::alter();
        table.table("generations").add_column(uuid_null("user_id"));
        manager.alter_table(table).await?;
        let mut owner = Query::select();
        owner
            .column("user_id")
            .from("sessions")
            .and_where(Expr::col(("sessions", "id")).equals(("generations", "session_id")));
        let is_running = || Expr::col("state").eq(Expr::cust("'running'"));
        let mut fill = Query::update();
        fill.table("generations")
            .value("user_id", Expr::SubQuery(None, Box::new(owner.into())))
            .and_where(is_running());
        manager.execute(fill).await?;
        let mut index = Index::create();
        index
            .name("generations_running_of_person")
            .table("generations");
        index.col("user_id").and_where(is_running());
        manager.create_index(index).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
