//! Open login sessions by when they lapse; and the networks of logins apart from the sessions, which are deleted some time
//! after their end.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, uuid};

pub(super) struct Lapses;

impl MigrationName for Lapses {
    fn name(&self) -> &'static str {
        "m0003_lapses"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Lapses {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite would look at all open ones by the index of ends, as long as that has them too.
        let mut ends = Index::drop();
        ends.name("login_sessions_by_end").table("login_sessions");
        manager.drop_index(ends).await?;
        let has_ended = Expr::col("end_time").is_not_null();
        let is_open = Expr::col("end_time").is_null();
        for (name, column, of) in [
            ("login_sessions_by_end", "end_time", has_ended),
            ("login_sessions_by_lapse", "idle_expire_time", is_open),
        ] {
            let mut index = Index::create();
            index.name(name).table("login_sessions");
            index.col(column).and_where(of);
            manager.create_index(index).await?;
        }
        manager.create_table(known_networks()).await?;
        let mut logins = Index::create();
        logins
            .name("known_networks_by_login")
            .table("known_networks")
            .col("login_time");
        manager.create_index(logins).await?;
        manager.execute(fill()?).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn known_networks() -> TableCreateStatement {
    let mut owner = ForeignKey::create();
    owner.from("known_networks", "user_id").to("users", "id");
    Table::create()
        .table("known_networks")
        .col(uuid("user_id"))
        .col(string("network"))
        .col(big_integer("login_time"))
        .primary_key(Index::create().col("user_id").col("network"))
        .foreign_key(&mut owner)
        .to_owned()
}

/// What the release before knows by its sessions. A network that it meets while both run is new to this one until the next
/// login from there.
fn fill() -> Result<InsertStatement, DbErr> {
    let mut logins = Query::select();
    logins
        .columns(["user_id", "client_network"])
        .expr(Expr::col("create_time").max())
        .from("login_sessions")
        .and_where(Expr::col("client_network").is_not_null())
        .group_by_columns(["user_id", "client_network"]);
    let mut fill = Query::insert();
    fill.into_table("known_networks")
        .columns(["user_id", "network", "login_time"])
        .select_from(logins)
        .map_err(|error| DbErr::Migration(error.to_string()))?;
    Ok(fill)
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, Database};

    use super::*;
    use crate::migrations::Migrator;

    #[tokio::test]
    async fn the_networks_of_earlier_logins_stay_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users.sqlite");
        let url = format!("sqlite://{}?mode=rwc", file.display());
        let db = Database::connect(url).await.unwrap();
        Migrator::up(&db, Some(2)).await.unwrap();
        let logins = "
            INSERT INTO users VALUES (x'01', 'a', 'a', '', '', '', '', FALSE, 0, 0);
            INSERT INTO login_sessions VALUES
                (x'02', x'01', '', '192.0.2.1', 5, 5, 9, 9, NULL),
                (x'03', x'01', '', '192.0.2.1', 7, 7, 9, 9, 8),
                (x'04', x'01', '', '192.0.2.2', 6, 6, 9, 9, NULL),
                (x'05', x'01', '', NULL, 6, 6, 9, 9, NULL);";
        db.execute_unprepared(logins).await.unwrap();
        Migrator::up(&db, None).await.unwrap();
        let mut known = Query::select();
        known
            .columns(["network", "login_time"])
            .from("known_networks")
            .order_by("network", Order::Asc);
        let rows = db.query_all(&known).await.unwrap().into_iter();
        let rows = rows.map(|row| {
            let network: String = row.try_get("", "network").unwrap();
            (network, row.try_get::<i64>("", "login_time").unwrap())
        });
        let expected = [("192.0.2.1", 7), ("192.0.2.2", 6)];
        assert_eq!(
            Vec::from_iter(rows),
            expected.map(|(network, time)| (network.to_owned(), time))
        );
    }
}
