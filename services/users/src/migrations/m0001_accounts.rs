//! Accounts, login sessions, refresh tokens, signing keys, audit events. Times are microseconds since 1970 UTC.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, integer, pk_uuid, string, string_null, string_uniq,
    text, uuid, uuid_null, uuid_uniq, var_binary, var_binary_uniq,
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            users(),
            login_sessions(),
            refresh_tokens(),
            signing_keys(),
            audit_events(),
        ] {
            manager.create_table(table).await?;
        }
        for index in [
            index(
                "login_sessions",
                "login_sessions_by_user",
                &["user_id", "id"],
            ),
            index("login_sessions", "login_sessions_by_end", &["end_time"]),
            index(
                "refresh_tokens",
                "refresh_tokens_by_session",
                &["login_session_id"],
            ),
            index(
                "refresh_tokens",
                "refresh_tokens_by_revocation",
                &["revoke_time"],
            ),
            index("audit_events", "audit_events_by_user", &["user_id", "id"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn users() -> TableCreateStatement {
    Table::create()
        .table("users")
        .col(pk_uuid("id"))
        .col(string("email"))
        .col(string_uniq("email_key"))
        .col(string("password_hash"))
        .col(string("display_name"))
        .col(text("bio"))
        .col(string("locale"))
        .col(boolean("is_admin"))
        .col(big_integer("create_time"))
        .col(big_integer("update_time"))
        .to_owned()
}

fn login_sessions() -> TableCreateStatement {
    Table::create()
        .table("login_sessions")
        .col(pk_uuid("id"))
        .col(uuid("user_id"))
        .col(string("device_name"))
        .col(string_null("client_network"))
        .col(big_integer("create_time"))
        .col(big_integer("last_use_time"))
        .col(big_integer("idle_expire_time"))
        .col(big_integer("expire_time"))
        .col(big_integer_null("end_time"))
        .foreign_key(&mut reference("login_sessions", "user_id", "users"))
        .to_owned()
}

fn refresh_tokens() -> TableCreateStatement {
    Table::create()
        .table("refresh_tokens")
        .col(pk_uuid("id"))
        .col(uuid("login_session_id"))
        .col(var_binary_uniq("token_hash", 32))
        .col(uuid_uniq("access_token_id"))
        .col(big_integer_null("access_use_time"))
        .col(big_integer("create_time"))
        .col(big_integer("expire_time"))
        .col(big_integer_null("spend_time"))
        .col(uuid_null("successor_id"))
        .col(big_integer_null("revoke_time"))
        .foreign_key(&mut reference(
            "refresh_tokens",
            "login_session_id",
            "login_sessions",
        ))
        .to_owned()
}

/// The newest key that isn't retired signs; the others that aren't retired still verify.
fn signing_keys() -> TableCreateStatement {
    Table::create()
        .table("signing_keys")
        .col(string("id").primary_key())
        .col(var_binary("seed", 32))
        .col(big_integer("create_time"))
        .col(big_integer_null("retire_time"))
        .to_owned()
}

fn audit_events() -> TableCreateStatement {
    Table::create()
        .table("audit_events")
        .col(pk_uuid("id"))
        .col(uuid("user_id"))
        .col(integer("action"))
        .col(big_integer("create_time"))
        .col(string_null("client_address"))
        .col(uuid_null("login_session_id"))
        .col(string("request_id"))
        .foreign_key(&mut reference("audit_events", "user_id", "users"))
        .to_owned()
}

fn reference(
    table: &'static str,
    column: &'static str,
    target: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, column)
        .to(target, "id")
        .to_owned()
}

fn index(
    table: &'static str,
    name: &'static str,
    columns: &[&'static str],
) -> IndexCreateStatement {
    let mut index = Index::create();
    index.table(table).name(name);
    for column in columns {
        index.col(*column);
    }
    index
}
