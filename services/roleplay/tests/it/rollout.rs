//! Sessions that a process of the release before opens while this one runs too: they have no participants.

use sea_orm::ConnectionTrait;
use troupe_proto::roleplay::{self as pb, ParticipantRole as Role};

use crate::stage::{Person, Stage, turn};

/// A session as the release before 0013 leaves it.
async fn opened_before(stage: &Stage, alice: &Person) -> pb::Session {
    let session = alice.open_session().await;
    let store = stage.store().await.unwrap().unwrap();
    let forget = store.transaction(|tx| {
        Box::pin(async move {
            tx.execute_unprepared("DELETE FROM participants").await?;
            Ok::<_, sea_orm::DbErr>(())
        })
    });
    forget.await.unwrap();
    session
}

#[tokio::test]
async fn is_its_owners_who_can_do_all_and_let_others_in() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let session = opened_before(&stage, &alice).await;
    let id = &session.id;
    assert_eq!(alice.session(id).await, session);
    assert_eq!(session.role(), Role::Owner);
    let listed = alice.people(id).await.unwrap();
    assert_eq!((listed.len(), &listed[0].id), (1, &session.participant_id));
    let request = alice.ask(pb::ListSessionsRequest {
        role: Role::Owner.into(),
        ..Default::default()
    });
    let listed = alice.sessions().list_sessions(request).await.unwrap();
    assert_eq!(listed.into_inner().sessions.len(), 1);
    let reply = turn(&stage, &alice, id, "Hello", "Hi").await;
    alice.bookmark(id, &reply.id, "Here").await.unwrap();
    let said = alice.path(id).await[1].participant_id.clone();
    assert_eq!(said, session.participant_id);

    alice.let_in(id, &bob, Role::Player).await;
    turn(&stage, &bob, id, "Me too", "Hi").await;
    let people = bob.people(id).await.unwrap();
    let roles: Vec<Role> = people.iter().map(pb::Participant::role).collect();
    assert_eq!(roles, [Role::Owner, Role::Player]);
    assert_eq!(people[0].id, session.participant_id);
}
