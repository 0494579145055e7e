//! Who takes part in sessions, invitations to them, whose messages are, and replies that wait for their turn.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, binary_null, integer, integer_null, pk_uuid, text, uuid,
    uuid_null,
};

use super::m0001_tables::goes_with;

pub(super) struct Participants;

impl MigrationName for Participants {
    fn name(&self) -> &'static str {
        "m0013_participants"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Participants {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(participants()).await?;
        manager.create_table(invitations()).await?;
        // The release before leaves them empty: then a message is of the one who opened the session, and nothing waits.
        for (table, column) in [
            ("messages", uuid_null("participant_id")),
            ("messages", uuid_null("persona_id")),
            ("generations", uuid_null("participant_id")),
            ("generations", integer_null("place")),
        ] {
            let mut alter = Table::alter();
            alter.table(table).add_column(column);
            manager.alter_table(alter).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        // Two people may call their requests alike.
        let mut requests = Index::drop();
        requests.name("generations_request").table("generations");
        manager.drop_index(requests).await?;
        let mut requests = index(
            "generations_request_of_person",
            "generations",
            &["session_id", "request_id", "user_id"],
        );
        requests.unique();
        manager.create_index(requests).await?;
        manager.execute(owners()?).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn participants() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("participants")
        .col(pk_uuid("id"))
        .col(uuid("session_id"))
        .col(uuid("user_id"));
    table
        .col(text("role"))
        .col(uuid_null("persona_id"))
        .col(text("name"));
    table
        .col(big_integer("create_time"))
        .col(big_integer("update_time"))
        .col(big_integer_null("end_time"))
        .col(uuid_null("barred_until"));
    table.foreign_key(&mut goes_with("participants", "session_id", "sessions"));
    table
}

fn invitations() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("invitations")
        .col(pk_uuid("id"))
        .col(uuid("session_id"))
        .col(uuid("inviter_id"))
        .col(uuid_null("user_id"));
    table
        .col(binary_null("token_hash"))
        .col(text("role"))
        .col(integer_null("max_uses"))
        .col(integer("use_count"));
    table
        .col(big_integer("create_time"))
        .col(big_integer("expire_time"));
    table.foreign_key(&mut goes_with("invitations", "session_id", "sessions"));
    table
}

fn index(
    name: &'static str,
    table: &'static str,
    columns: &[&'static str],
) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(*column);
    }
    index
}

fn indexes() -> Vec<IndexCreateStatement> {
    let waits = || Expr::col("state").eq(Expr::cust("'pending'"));
    let waiting = |name, columns| {
        let mut index = index(name, "generations", columns);
        index.and_where(waits());
        index
    };
    let mut once = index(
        "participants_once",
        "participants",
        &["session_id", "user_id"],
    );
    once.unique();
    let mut tokens = index("invitations_token", "invitations", &["token_hash"]);
    tokens.unique();
    vec![
        once,
        tokens,
        index(
            "participants_user",
            "participants",
            &["user_id", "session_id"],
        ),
        index("participants_persona", "participants", &["persona_id"]),
        index("invitations_session", "invitations", &["session_id", "id"]),
        index("invitations_user", "invitations", &["user_id", "id"]),
        waiting("generations_waiting", &["session_id", "place"]),
        waiting("generations_waiting_of_person", &["user_id"]),
        waiting("generations_waiting_held", &["holder_id"]),
    ]
}

/// Each session gets the one who opened it, under the session's own number.
fn owners() -> Result<InsertStatement, DbErr> {
    let mut sessions = Query::select();
    sessions.columns(["id", "id", "user_id"]);
    sessions.expr(Expr::cust("'owner'"));
    sessions.column("persona_id").expr(Expr::cust("''"));
    sessions.columns(["create_time", "create_time"]);
    sessions.from("sessions");
    let mut insert = Query::insert();
    insert.into_table("participants").columns([
        "id",
        "session_id",
        "user_id",
        "role",
        "persona_id",
        "name",
        "create_time",
        "update_time",
    ]);
    let selected = insert.select_from(sessions);
    selected.map_err(|error| DbErr::Custom(error.to_string()))?;
    Ok(insert)
}
