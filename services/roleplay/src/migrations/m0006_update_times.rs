//! When sessions and branches last changed, and the generations of a session in their order.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer_null;

pub(super) struct UpdateTimes;

impl MigrationName for UpdateTimes {
    fn name(&self) -> &'static str {
        "m0006_update_times"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for UpdateTimes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The release before leaves them empty, and so do the rows that are there: as far as is known, they never changed.
        for name in ["sessions", "branches"] {
            let mut table = Table::alter();
            table
                .table(name)
                .add_column(big_integer_null("update_time"));
            manager.alter_table(table).await?;
        }
        let mut index = Index::create();
        index.name("generations_session").table("generations");
        index.col("session_id").col("id");
        manager.create_index(index).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use platform::Timestamp;
    use sea_orm::{ConnectionTrait, Database};

    use super::*;
    use crate::domain::ids::{BranchId, SessionId, UserId};
    use crate::domain::participant::Right;
    use crate::infrastructure::queries::sessions;
    use crate::migrations::Migrator;

    #[tokio::test]
    async fn what_was_there_stays_and_never_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roleplay.sqlite");
        let url = format!("sqlite://{}?mode=rwc", file.display());
        let db = Database::connect(url).await.unwrap();
        Migrator::up(&db, Some(5)).await.unwrap();
        let (session, branch, user) = (SessionId::new(), BranchId::new(), UserId::new());
        let text = |text: &str| Expr::val(text.to_owned());
        let mut row = Query::insert();
        row.into_table("sessions");
        row.columns([
            "id",
            "user_id",
            "active_branch_id",
            "create_time",
            "last_use_time",
            "character_name",
            "title",
            "model_id",
            "settings",
        ]);
        row.values_panic([
            Expr::val(session),
            Expr::val(user),
            Expr::val(branch),
            Expr::val(5_i64),
            Expr::val(7_i64),
            text("Mira"),
            text("Mira"),
            text(""),
            text("{}"),
        ]);
        db.execute(&row).await.unwrap();
        let mut row = Query::insert();
        row.into_table("branches");
        row.columns(["id", "session_id", "title", "create_time"]);
        row.values_panic([
            Expr::val(branch),
            Expr::val(session),
            text("Main"),
            Expr::val(6_i64),
        ]);
        db.execute(&row).await.unwrap();
        Migrator::up(&db, None).await.unwrap();
        let found = sessions::find(&db, user, session).await.unwrap().unwrap();
        let found = found.grant(Right::Manage).unwrap();
        assert_eq!(found.update_time, Timestamp::from_micros(5));
        assert_eq!(found.branch.update_time, Timestamp::from_micros(6));
    }
}
