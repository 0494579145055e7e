//! Branches that get other titles, and that go.

use prost_types::FieldMask;
use tonic::{Code, Status};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay::{self as pb, ParticipantRole as Role};

use crate::stage::{Person, Stage, tick, turn};

impl Person {
    async fn change_branch(
        &self,
        session: &str,
        branch: pb::Branch,
        paths: &[&str],
    ) -> Result<pb::Branch, Status> {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let request = self.ask(pb::UpdateBranchRequest {
            session_id: session.to_owned(),
            branch: Some(branch),
            update_mask: Some(FieldMask { paths }),
        });
        let changed = self.sessions().update_branch(request).await?;
        Ok(changed.into_inner().branch.unwrap())
    }

    async fn delete_branch(&self, session: &str, branch: &str) -> Result<(), Status> {
        let request = self.ask(pb::DeleteBranchRequest {
            session_id: session.to_owned(),
            branch_id: branch.to_owned(),
        });
        self.sessions().delete_branch(request).await.map(drop)
    }

    async fn branches(&self, session: &str) -> Vec<pb::Branch> {
        let request = self.ask(pb::ListBranchesRequest {
            session_id: session.to_owned(),
            ..Default::default()
        });
        let listed = self.sessions().list_branches(request).await;
        listed.unwrap().into_inner().branches
    }

    async fn new_branch(&self, session: &str, head: &str) -> pb::Branch {
        let branch = pb::Branch {
            head_message_id: head.to_owned(),
            ..Default::default()
        };
        let request = self.ask(pb::CreateBranchRequest {
            session_id: session.to_owned(),
            branch: Some(branch),
            ..Default::default()
        });
        let made = self.sessions().create_branch(request).await;
        made.unwrap().into_inner().branch.unwrap()
    }
}

#[tokio::test]
async fn a_branch_gets_another_title_and_nothing_else() {
    let stage = Stage::new().await;
    let (alice, bob, eve) = (stage.person(), stage.person(), stage.person());
    let session = alice.open_session().await;
    let (id, main) = (session.id, session.branch.unwrap());
    alice.let_in(&id, &bob, Role::Player).await;
    alice.let_in(&id, &eve, Role::Spectator).await;
    let titled = |branch: &pb::Branch, title: &str| pb::Branch {
        title: title.to_owned(),
        ..branch.clone()
    };
    tick(&stage);
    let sent = titled(&main, "Harbour");
    let changed = alice.change_branch(&id, sent, &["*"]).await.unwrap();
    assert_eq!(changed.title, "Harbour");
    assert_ne!(changed.update_time, main.update_time);
    assert_eq!(
        (&changed.head_message_id, &changed.create_time),
        (&main.head_message_id, &main.create_time)
    );
    assert_eq!(alice.session(&id).await.branch.unwrap(), changed);
    tick(&stage);
    let same = bob.change_branch(&id, changed.clone(), &["title"]).await;
    assert_eq!(same.unwrap(), changed, "it says so already");
    // Without a title it has the one that it would have had.
    let second = alice.new_branch(&id, &main.head_message_id).await;
    let named = bob
        .change_branch(&id, titled(&second, "Mine"), &["title"])
        .await;
    assert_eq!(named.unwrap().title, "Mine");
    for (branch, title) in [(&main, "Main"), (&second, "Branch 2")] {
        let cleared = alice
            .change_branch(&id, titled(branch, ""), &["title"])
            .await;
        assert_eq!(cleared.unwrap().title, title);
    }
    let denied = eve
        .change_branch(&id, titled(&main, "Hers"), &["title"])
        .await;
    assert_eq!(
        reason_of(&denied.unwrap_err()),
        Some(Reason::SessionRoleInsufficient)
    );
    let other = alice.open_session().await.id;
    let elsewhere = alice
        .change_branch(&other, titled(&main, "X"), &["title"])
        .await;
    assert_eq!(elsewhere.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_branch_goes_and_its_messages_stay() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let session = alice.open_session().await;
    let (id, main) = (session.id, session.branch.unwrap());
    alice.let_in(&id, &bob, Role::Player).await;
    let first = turn(&stage, &alice, &id, "one", "A").await;
    let side = alice.new_branch(&id, &first.id).await;
    turn(&stage, &alice, &id, "two", "B").await;
    let path = alice.texts(&id).await;
    let selected = alice.delete_branch(&id, &side.id).await.unwrap_err();
    assert_eq!(
        (selected.code(), reason_of(&selected)),
        (Code::FailedPrecondition, Some(Reason::BranchSelected))
    );
    let denied = bob.delete_branch(&id, &main.id).await.unwrap_err();
    assert_eq!(reason_of(&denied), Some(Reason::SessionRoleInsufficient));
    alice.delete_branch(&id, &main.id).await.unwrap();
    let left = alice.branches(&id).await;
    assert_eq!((left.len(), &left[0].id), (1, &side.id));
    assert_eq!(alice.texts(&id).await, path);
    let again = alice.delete_branch(&id, &main.id).await.unwrap_err();
    assert_eq!(again.code(), Code::NotFound);
    let last = alice.delete_branch(&id, &side.id).await.unwrap_err();
    assert_eq!(reason_of(&last), Some(Reason::BranchSelected));
}
