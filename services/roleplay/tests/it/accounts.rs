//! What becomes of the sessions of somebody whose account is deleted.

use platform::trace::Cause;
use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};
use storage::Database;
use testkit::waiting::eventually;
use troupe_proto::Reason;
use troupe_proto::events::AccountDeleted;
use troupe_proto::roleplay::ParticipantRole as Role;

use crate::people::reason;
use crate::stage::Stage;

/// The tables of a service that tells of accounts.
struct Users;

#[async_trait::async_trait]
impl MigratorTrait for Users {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        events::migrations()
    }
}

#[tokio::test]
async fn what_they_own_goes_to_others_or_goes_and_they_are_nowhere() {
    let stage = Stage::new().await;
    let host = &stage.host;
    let db = Database::open::<Users>(&host.storage(), "users").await;
    let db = db.unwrap();
    let outbox = host.events.register("users", &db, &host.clock).unwrap();
    stage.follow_events().await;
    let (alice, bob) = (stage.person(), stage.person());
    let (shared, alone) = (alice.open_session().await.id, alice.open_session().await.id);
    let of_bob = bob.open_session().await.id;
    alice.let_in(&shared, &bob, Role::Player).await;
    bob.let_in(&of_bob, &alice, Role::Player).await;
    let deleted = &AccountDeleted {
        user_id: alice.user_id(),
    };
    let tell = db.transaction(|tx| {
        let outbox = outbox.clone();
        Box::pin(async move { outbox.add(tx, deleted, &Cause::new()).map(drop) })
    });
    tell.await.unwrap();
    eventually("the session changes hands", async {
        while bob.session(&shared).await.role() != Role::Owner {
            tokio::task::yield_now().await;
        }
    })
    .await;
    eventually("they are nowhere", async {
        while bob.people(&of_bob).await.unwrap().len() > 1
            || alice.find_session(&alone).await.is_ok()
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for session in [&shared, &alone, &of_bob] {
        let found = alice.find_session(session).await;
        assert_eq!(reason(found), Some(Reason::NotFound));
    }
}
