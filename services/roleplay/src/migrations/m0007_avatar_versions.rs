//! Which picture a character has.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::string;

pub(super) struct AvatarVersions;

impl MigrationName for AvatarVersions {
    fn name(&self) -> &'static str {
        "m0007_avatar_versions"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for AvatarVersions {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The release before leaves it empty, and so do the rows that are there.
        let mut table = Table::alter();
        table
            .table("characters")
            .add_column(string("avatar_version").default(""));
        manager.alter_table(table).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, Database};

    use super::*;
    use crate::domain::avatar::AvatarVersion;
    use crate::domain::ids::{CharacterId, UserId};
    use crate::infrastructure::queries::characters;
    use crate::migrations::Migrator;

    #[tokio::test]
    async fn pictures_that_were_there_stay() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roleplay.sqlite");
        let url = format!("sqlite://{}?mode=rwc", file.display());
        let db = Database::connect(url).await.unwrap();
        Migrator::up(&db, Some(6)).await.unwrap();
        let user = UserId::new();
        let mut ids = Vec::new();
        for has_avatar in [true, false] {
            let id = CharacterId::new();
            ids.push(id);
            let mut row = Query::insert();
            row.into_table("characters");
            row.columns([
                "id",
                "user_id",
                "name",
                "search_text",
                "document",
                "document_bytes",
                "has_avatar",
                "create_time",
                "update_time",
            ]);
            let document = r#"{"name": "Mira", "description": "", "first_mes": ""}"#;
            row.values_panic([
                Expr::val(id),
                Expr::val(user),
                Expr::val("Mira"),
                Expr::val("mira"),
                Expr::val(document),
                Expr::val(52_i64),
                Expr::val(has_avatar),
                Expr::val(5_i64),
                Expr::val(6_i64),
            ]);
            db.execute(&row).await.unwrap();
        }
        Migrator::up(&db, None).await.unwrap();
        let mut found = Vec::new();
        for id in ids {
            found.push(
                characters::find(&db, user, id)
                    .await
                    .unwrap()
                    .unwrap()
                    .avatar,
            );
        }
        assert_eq!(found, [Some(AvatarVersion::named(String::new())), None]);
    }
}
