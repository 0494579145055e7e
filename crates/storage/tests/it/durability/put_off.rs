//! Writes that are put off: carried out in their order before anybody can miss them, and committed with the rest or not at all.

use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel, QueryOrder};
use troupe_storage::database::Transaction;
use troupe_storage::{Database, Storage};

use super::{open, postgres};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "entries")]
pub(super) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    part: i64,
    text: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(super) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Puts off the insert of a part.
pub(super) fn insert(tx: &Transaction<'_>, id: i64, part: i64, text: &str) {
    let part = Model {
        id,
        part,
        text: text.to_owned(),
    };
    tx.put_off(Entity::insert(part.into_active_model()));
}

async fn texts(db: &impl ConnectionTrait) -> Vec<String> {
    let rows = Entity::find().order_by_asc(Column::Part).all(db).await;
    rows.unwrap().into_iter().map(|row| row.text).collect()
}

/// More than are carried out at once, some of which change what others wrote.
async fn keep_their_order(db: &Database) {
    let write = db.transaction(|tx| {
        Box::pin(async move {
            for part in 0..20 {
                insert(tx, 1, part, "first");
                let again = Entity::update_many()
                    .col_expr(Column::Text, Expr::value(format!("text {part}")))
                    .filter(Column::Part.eq(part));
                tx.put_off(again);
            }
            let found = texts(tx).await;
            insert(tx, 1, 20, "text 20");
            Ok::<_, DbErr>(found)
        })
    });
    let found = write.await.unwrap();
    let expected: Vec<_> = (0..21).map(|part| format!("text {part}")).collect();
    assert_eq!(found, expected[..20]);
    assert_eq!(texts(db.read()).await, expected);
}

/// One that fails fails its transaction, whatever was told to whoever put it off.
async fn fail_with_their_transaction(db: &Database) {
    for reads in [false, true] {
        let write = db.transaction(|tx| {
            Box::pin(async move {
                insert(tx, 2, 0, "lost");
                insert(tx, 1, 0, "taken");
                insert(tx, 2, 1, "lost");
                if reads {
                    Entity::find().count(tx).await?;
                }
                Ok::<_, DbErr>(())
            })
        });
        assert!(write.await.is_err());
        assert_eq!(texts(db.read()).await.len(), 21, "{reads}");
    }
}

#[tokio::test]
async fn in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&Storage::new(folder.path())).await;
    keep_their_order(&db).await;
    fail_with_their_transaction(&db).await;
}

#[tokio::test]
async fn in_postgres() {
    let db = open(&postgres::storage().await).await;
    keep_their_order(&db).await;
    fail_with_their_transaction(&db).await;
}
