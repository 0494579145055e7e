//! Which model writes the replies of a session.

use anyhow::Result;
use troupe_proto::ai::{ListModelsRequest, Model};
use troupe_proto::roleplay::{Session, UpdateSessionRequest};

use super::{Conversation, PAGE_LENGTH, refused};

impl Conversation<'_> {
    /// Shows the models and which one the session uses.
    pub(super) async fn list_models(&mut self) -> Result<()> {
        let used = self.session().await?.model_id;
        for (index, model) in self.models().await?.iter().enumerate() {
            let is_used = if used.is_empty() {
                model.is_default
            } else {
                model.id == used
            };
            let mark = if is_used { '*' } else { ' ' };
            let state = match model.available {
                true => format!("{} tokens window", model.window_tokens),
                false => model.unavailable_reason.clone(),
            };
            self.screen
                .line(&format!("{mark}{:3}  {:32} {state}", index + 1, model.id))?;
        }
        Ok(())
    }

    /// Uses a model, named by id or by its number in the list, from the next reply on.
    pub(super) async fn use_model(&mut self, wanted: String) -> Result<()> {
        let models = self.models().await?;
        let by_number = wanted
            .parse::<usize>()
            .ok()
            .and_then(|n| models.get(n.checked_sub(1)?));
        let model_id = by_number.map_or(wanted, |model| model.id.clone());
        let session = Session {
            id: self.session_id.clone(),
            model_id,
            ..Default::default()
        };
        let update_mask = prost_types::FieldMask {
            paths: vec!["model_id".to_owned()],
        };
        let request = UpdateSessionRequest {
            session: Some(session),
            update_mask: Some(update_mask),
        };
        let answer = self
            .api
            .sessions
            .update_session(request)
            .await
            .map_err(refused)?
            .into_inner();
        let model_id = answer.session.unwrap_or_default().model_id;
        self.screen.note(&format!(
            "{model_id} writes the replies of this session now."
        ))
    }

    async fn models(&mut self) -> Result<Vec<Model>> {
        let answer = self
            .api
            .models
            .list_models(ListModelsRequest {
                page_size: PAGE_LENGTH,
                ..Default::default()
            })
            .await
            .map_err(refused)?;
        Ok(answer.into_inner().models)
    }
}
