//! What people in random roles ask for that is for owners, for those who write, or their own.

use tonic::Status;
use troupe_proto::roleplay as pb;

use super::{Role, Story, outcome};
use crate::stage::Person;

impl Story {
    /// What is for owners alone, and what is a person's own.
    pub(super) async fn manage(&mut self, who: usize, at: usize) {
        let (person, model) = (&self.people[who], &self.sessions[at]);
        let request = person.ask(pb::PreviewPromptRequest {
            session_id: model.id.clone(),
            ..Default::default()
        });
        let seen = outcome(person.sessions().preview_prompt(request).await);
        assert_eq!(seen.0, model.to_manage(who), "preview by {who}: {model:?}");
        let request = person.ask(pb::ListInvitationsRequest {
            session_id: model.id.clone(),
            ..Default::default()
        });
        let listed = outcome(person.invitations().list_invitations(request).await);
        assert_eq!(listed.0, model.to_manage(who), "links by {who}: {model:?}");
        let note = outcome(person.try_note(&model.id).await);
        assert_eq!(note.0, model.to_write(who), "note by {who}: {model:?}");
        let last = &model.messages.last().unwrap().0;
        let marked = outcome(person.bookmark(&model.id, last, "Mine").await);
        let all = [Role::Owner, Role::Player, Role::Spectator];
        assert_eq!(
            marked.0,
            model.needs(who, &all),
            "bookmark by {who}: {model:?}"
        );
    }
}

impl Person {
    async fn try_note(&self, session: &str) -> Result<(), Status> {
        let request = self.ask(pb::CreateMemoryRequest {
            session_id: session.to_owned(),
            memory: Some(pb::Memory {
                text: "A note".into(),
                ..Default::default()
            }),
            ..Default::default()
        });
        self.memories().create_memory(request).await.map(drop)
    }
}
