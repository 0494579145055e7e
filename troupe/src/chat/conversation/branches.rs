//! Branches of the session.

use anyhow::{Context, Result};
use troupe_proto::roleplay::{
    Branch, CreateBranchRequest, ListBranchesRequest, SelectBranchRequest,
};

use super::{Conversation, OPENING_LENGTH, PAGE_LENGTH, refused};

impl Conversation<'_> {
    /// Begins another branch at a message.
    pub(super) async fn branch(&mut self, place: usize, title: String) -> Result<()> {
        let branch = Branch {
            head_message_id: self.message_at(place).await?.id,
            title,
            ..Default::default()
        };
        let request = CreateBranchRequest {
            session_id: self.session_id.clone(),
            branch: Some(branch),
            ..Default::default()
        };
        let answer = self
            .api
            .sessions
            .create_branch(request)
            .await
            .map_err(refused)?
            .into_inner();
        let title = answer.branch.unwrap_or_default().title;
        self.screen
            .note(&format!("The session is now on the new branch {title}."))
    }

    async fn branches(&mut self) -> Result<Vec<Branch>> {
        let (mut branches, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListBranchesRequest {
                session_id: self.session_id.clone(),
                page_size: PAGE_LENGTH,
                page_token,
            };
            let page = self.api.sessions.list_branches(request).await;
            let page = page.map_err(refused)?.into_inner();
            branches.extend(page.branches);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(branches);
            }
        }
    }

    /// Shows the branches and which one the session is turned to.
    pub(super) async fn list_branches(&mut self) -> Result<()> {
        let current = self.session().await?.branch.unwrap_or_default().id;
        for (index, branch) in self.branches().await?.iter().enumerate() {
            let mark = if branch.id == current { '*' } else { ' ' };
            self.screen
                .line(&format!("{mark}{:3}  {}", index + 1, branch.title))?;
        }
        Ok(())
    }

    /// Turns the session to a branch, by its number in the list.
    pub(super) async fn select_branch(&mut self, number: usize) -> Result<()> {
        let branches = self.branches().await?;
        let branch = branches.get(number - 1);
        let branch_id = branch
            .with_context(|| format!("there is no branch {number}; /branches lists them"))?
            .id
            .clone();
        let request = SelectBranchRequest {
            session_id: self.session_id.clone(),
            branch_id,
        };
        self.api
            .sessions
            .select_branch(request)
            .await
            .map_err(refused)?;
        self.history(OPENING_LENGTH).await
    }
}
