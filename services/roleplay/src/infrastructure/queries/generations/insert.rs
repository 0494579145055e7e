//! A generation that begins.

use platform::Timestamp;
use sea_orm::{EntityTrait, IntoActiveModel};
use service::RequestKey;
use storage::database::Transaction;

use super::generation;
use crate::domain::generation::{Generation, State};
use crate::domain::ids::{GenerationId, HolderId, MessageId};
use crate::domain::prompt::Kind;
use crate::domain::session::Session;
use crate::infrastructure::tables::generation::{Entity, Model};
use crate::infrastructure::tables::generation_receipt as receipt;

/// A generation to store.
#[derive(Debug, Clone)]
pub(crate) struct NewGeneration {
    pub(crate) id: GenerationId,
    pub(crate) kind: Kind,
    /// What tells a repeat of the request, where it has an id.
    pub(crate) key: Option<RequestKey>,
    pub(crate) model_id: String,
    /// What its prompt was made of, as JSON.
    pub(crate) receipt: String,
    pub(crate) create_time: Timestamp,
    /// The process that runs it.
    pub(crate) holder_id: HolderId,
}

/// Stores a running generation with its receipt, and gives it as it is stored.
pub(crate) fn insert(
    tx: &Transaction<'_>,
    session: &Session,
    message: MessageId,
    new: NewGeneration,
) -> Generation {
    let (request_id, request_hash) = new.key.map(|key| (key.id, key.hash)).unzip();
    let model = Model {
        id: new.id,
        session_id: session.id,
        message_id: message,
        kind: new.kind,
        state: State::Running,
        request_id,
        model_id: new.model_id,
        text: String::new(),
        finish_reason: None,
        error_reason: None,
        error_message: None,
        prompt_tokens: None,
        cached_tokens: None,
        completion_tokens: None,
        cost_pico_usd: None,
        usage_estimated: false,
        create_time: new.create_time,
        end_time: None,
        user_id: Some(session.user_id),
        holder_id: Some(new.holder_id),
        cancel_requested: false,
        request_hash,
    };
    tx.put_off(Entity::insert(model.clone().into_active_model()));
    let receipt = receipt::Model {
        generation_id: new.id,
        receipt: new.receipt,
    };
    tx.put_off(receipt::Entity::insert(receipt.into_active_model()));
    generation(model)
}
