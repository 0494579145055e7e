//! The characters of sessions that have several, whose messages are, and how the roles of scenarios take part.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, boolean, float_null, integer, text, uuid, uuid_null};

use super::m0001_tables::goes_with;

/// The character that a session from a scenario has, in its role.
const FIRST: &str = "INSERT INTO cast_members \
    (session_id, character_id, position, name, role, muted, aliases, create_time, update_time) \
    SELECT s.id, s.character_id, 0, s.character_name, st.role, FALSE, '[]', s.create_time, s.create_time \
    FROM sessions s JOIN session_stories st ON st.session_id = s.id \
    WHERE s.character_id IS NOT NULL AND st.role <> ''";
/// Those that fill its other roles, each in the first of its own.
const OTHERS: &str = "INSERT INTO cast_members \
    (session_id, character_id, position, name, role, muted, aliases, create_time, update_time) \
    SELECT r.session_id, r.character_id, r.place + 1, r.character_name, r.name, FALSE, '[]', s.create_time, s.create_time \
    FROM session_roles r \
    JOIN sessions s ON s.id = r.session_id \
    JOIN session_stories st ON st.session_id = r.session_id \
    WHERE r.character_id IS NOT NULL AND r.character_id <> s.character_id AND r.name <> st.role \
    AND NOT EXISTS (SELECT 1 FROM session_roles o WHERE o.session_id = r.session_id \
    AND o.character_id = r.character_id AND o.place < r.place AND o.name <> st.role)";

pub(super) struct CastMembers;

impl MigrationName for CastMembers {
    fn name(&self) -> &'static str {
        "m0015_cast"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CastMembers {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(members()).await?;
        let mut of_character = Index::create();
        of_character.name("cast_members_character");
        of_character.table("cast_members").col("character_id");
        manager.create_index(of_character).await?;
        // The release before leaves them empty: then a message is of the session's character, and nothing follows a generation.
        for (table, column) in [
            ("messages", uuid_null("character_id")),
            ("generations", uuid_null("next_id")),
            ("scenario_roles", boolean("muted").default(false).take()),
            ("scenario_roles", float_null("talkativeness")),
            ("scenario_roles", text("aliases").default("[]").take()),
        ] {
            let mut alter = Table::alter();
            alter.table(table).add_column(column);
            manager.alter_table(alter).await?;
        }
        one_place_for_who_plays(manager).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Who plays in a session is said by its cast alone. No release knows the columns that go: they came with 0014, after the last one.
async fn one_place_for_who_plays(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    for copy in [FIRST, OTHERS] {
        manager.get_connection().execute_unprepared(copy).await?;
    }
    let mut of_character = Index::drop();
    of_character
        .name("session_roles_character")
        .table("session_roles");
    manager.drop_index(of_character).await?;
    for (table, column) in [
        ("session_roles", "character_id"),
        ("session_stories", "role"),
    ] {
        let mut alter = Table::alter();
        alter.table(table).drop_column(column);
        manager.alter_table(alter).await?;
    }
    Ok(())
}

fn members() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("cast_members")
        .col(uuid("session_id"))
        .col(uuid("character_id"))
        .col(integer("position"))
        .col(text("name"))
        .col(text("role"));
    table
        .col(boolean("muted"))
        .col(float_null("talkativeness"))
        .col(text("aliases"))
        .col(big_integer("create_time"))
        .col(big_integer("update_time"));
    table.primary_key(Index::create().col("session_id").col("character_id"));
    let session = &mut goes_with("cast_members", "session_id", "sessions");
    table.foreign_key(session);
    let character = &mut goes_with("cast_members", "character_id", "characters");
    table.foreign_key(character);
    table
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, Database, DatabaseConnection, EntityTrait, QueryOrder};

    use super::*;
    use crate::domain::ids::{BranchId, CharacterId, SessionId, UserId};
    use crate::infrastructure::tables::cast_member::{Column, Entity};
    use crate::migrations::Migrator;

    async fn insert<const N: usize>(
        db: &DatabaseConnection,
        table: &'static str,
        row: [(&'static str, Expr); N],
    ) {
        let (columns, values) = row.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        let mut insert = Query::insert();
        insert.into_table(table).columns(columns);
        insert.values_panic(values);
        db.execute(&insert).await.unwrap();
    }

    async fn character(db: &DatabaseConnection, name: &str) -> CharacterId {
        let id = CharacterId::new();
        let row = [
            ("id", Expr::val(id)),
            ("user_id", Expr::val(UserId::new())),
            ("name", Expr::val(name)),
            ("search_text", Expr::val("")),
            ("document", Expr::val("{}")),
            ("document_bytes", Expr::val(2_i64)),
            ("has_avatar", Expr::val(false)),
            ("create_time", Expr::val(5_i64)),
            ("update_time", Expr::val(6_i64)),
        ];
        insert(db, "characters", row).await;
        id
    }

    async fn session(db: &DatabaseConnection, character: CharacterId, role: &str) -> SessionId {
        let id = SessionId::new();
        let row = [
            ("id", Expr::val(id)),
            ("user_id", Expr::val(UserId::new())),
            ("character_id", Expr::val(character)),
            ("character_name", Expr::val("Mira")),
            ("title", Expr::val("")),
            ("model_id", Expr::val("")),
            ("settings", Expr::val("{}")),
            ("active_branch_id", Expr::val(BranchId::new())),
            ("create_time", Expr::val(7_i64)),
            ("last_use_time", Expr::val(7_i64)),
        ];
        insert(db, "sessions", row).await;
        let story = [
            ("session_id", Expr::val(id)),
            ("owner_id", Expr::val(UserId::new())),
            ("role", Expr::val(role)),
            ("told", Expr::val("{}")),
            ("origin", Expr::val("{}")),
        ];
        insert(db, "session_stories", story).await;
        id
    }

    #[tokio::test]
    async fn who_filled_roles_plays_them_each_the_first_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roleplay.sqlite");
        let url = format!("sqlite://{}?mode=rwc", file.display());
        let db = Database::connect(url).await.unwrap();
        Migrator::up(&db, Some(14)).await.unwrap();
        let mira = character(&db, "Mira").await;
        let tom = character(&db, "Tom").await;
        let id = session(&db, mira, "Mate").await;
        session(&db, mira, "").await;
        let roles = [
            ("Captain", Some(tom)),
            ("Mate", Some(mira)),
            ("Cook", Some(tom)),
            ("Lookout", Some(mira)),
            ("Pilot", None),
        ];
        for (place, (name, character)) in (0_i32..).zip(roles) {
            let row = [
                ("session_id", Expr::val(id)),
                ("place", Expr::val(place)),
                ("name", Expr::val(name)),
                ("description", Expr::val("")),
                ("character_id", Expr::val(character)),
                ("character_name", Expr::val("Tom")),
            ];
            insert(&db, "session_roles", row).await;
        }
        Migrator::up(&db, None).await.unwrap();
        let found = Entity::find().order_by_asc(Column::Position);
        let found = found.all(&db).await.unwrap().into_iter();
        let found: Vec<_> = found
            .map(|it| (it.session_id, it.character_id, it.name, it.role))
            .collect();
        let played =
            |character, name: &str, role: &str| (id, character, name.to_owned(), role.to_owned());
        assert_eq!(
            found,
            [played(mira, "Mira", "Mate"), played(tom, "Tom", "Captain")]
        );
    }
}
