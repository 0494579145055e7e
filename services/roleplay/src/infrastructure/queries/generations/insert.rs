//! A generation that begins.

use platform::Timestamp;
use sea_orm::{EntityTrait, IntoActiveModel};
use service::RequestKey;
use storage::database::Transaction;

use super::{generation, stored};
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
    /// What its prompt was made of, as JSON; none if it waits, and its prompt isn't made yet.
    pub(crate) receipt: Option<String>,
    pub(crate) create_time: Timestamp,
    /// The process that runs it.
    pub(crate) holder_id: HolderId,
}

/// Stores a generation of who looks at the session, and gives it as it is stored: one that runs, with its receipt, or one that
/// waits at a place.
pub(crate) fn insert(
    tx: &Transaction<'_>,
    session: &Session,
    message: MessageId,
    new: NewGeneration,
    place: Option<u32>,
) -> Generation {
    let (request_id, request_hash) = new.key.map(|key| (key.id, key.hash)).unzip();
    let model = Model {
        id: new.id,
        session_id: session.id,
        message_id: message,
        kind: new.kind,
        state: match place {
            Some(_) => State::Pending,
            None => State::Running,
        },
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
        user_id: Some(session.me.user_id),
        holder_id: Some(new.holder_id),
        cancel_requested: false,
        request_hash,
        participant_id: Some(session.me.id),
        place: place.map(stored),
        next_id: None,
    };
    tx.put_off(Entity::insert(model.clone().into_active_model()));
    if let Some(receipt) = new.receipt {
        keep_receipt(tx, new.id, receipt);
    }
    generation(model)
}

/// Stores what a generation's prompt was made of.
pub(super) fn keep_receipt(tx: &Transaction<'_>, id: GenerationId, receipt: String) {
    let receipt = receipt::Model {
        generation_id: id,
        receipt,
    };
    tx.put_off(receipt::Entity::insert(receipt.into_active_model()));
}
