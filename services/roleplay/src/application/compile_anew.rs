//! A prompt that its model finds too long is compiled anew, to the size that the server named. Windows are as operators write them
//! down, and tokens are often estimated.

use mesh::Ctx;
use tonic::Status;
use troupe_proto::{Reason, error};

use super::access::enter;
use super::compile_prompt::Wanted;
use super::{Chats, Error};
use crate::domain::ids::{GenerationId, UserId};
use crate::domain::participant::Right;
use crate::domain::prompt::Kind;
use crate::domain::turn::Speaker;
use crate::infrastructure::models::Inference;
use crate::infrastructure::queries::{generations, history, messages};

/// What was too long.
pub(super) struct TooLong {
    generation_id: GenerationId,
    user_id: UserId,
    model_id: String,
    prompt_tokens: u32,
    max_tokens: u32,
    speaker: Speaker,
}

impl TooLong {
    /// What will be, if its model finds it too long.
    pub(super) fn if_refused(inference: &Inference, speaker: Speaker) -> Self {
        Self {
            generation_id: inference.generation_id,
            user_id: inference.user_id,
            model_id: inference.model_id.clone(),
            prompt_tokens: inference.prompt_tokens,
            max_tokens: inference.max_tokens,
            speaker,
        }
    }

    /// The window that a refusal names, in tokens as we count them: where the server counts more, it holds fewer of ours.
    fn window(&self, refusal: &Status) -> Option<u32> {
        if error::reason_of(refusal) != Some(Reason::ContextLength) {
            return None;
        }
        let figure = |name| error::fact_of(refusal, name)?.parse::<u32>().ok();
        let (window, theirs) = (figure("windowTokens")?, figure("promptTokens"));
        let ours = self.prompt_tokens;
        match theirs.filter(|theirs| *theirs > ours && ours > 0) {
            Some(theirs) => {
                let scaled = u64::from(window) * u64::from(ours) / u64::from(theirs);
                u32::try_from(scaled).ok()
            }
            None => Some(window),
        }
    }
}

impl Chats {
    /// What to ask for instead of what was too long; none if that isn't why it was refused, or nothing shorter is to be had.
    pub(super) async fn shortened(
        &self,
        ctx: &Ctx,
        was: &TooLong,
        refusal: &Status,
    ) -> Option<Inference> {
        let window = was.window(refusal)?;
        match self.compiled_anew(ctx, was, window).await {
            Ok(inference) => inference,
            Err(error) => {
                tracing::warn!(%error, "a prompt that was too long can't be compiled anew");
                None
            }
        }
    }

    /// Compiles the prompt of what is stored, and stores its receipt.
    async fn compiled_anew(
        &self,
        ctx: &Ctx,
        was: &TooLong,
        window: u32,
    ) -> Result<Option<Inference>, Error> {
        let id = was.generation_id;
        let Some(row) = history::generation(self.db.read(), id).await? else {
            return Ok(None);
        };
        let session = enter(self.db.read(), was.user_id, row.session_id, Right::Write).await?;
        let message = messages::find(self.db.read(), session.id, row.message_id).await?;
        let Some(message) = message else {
            return Ok(None);
        };
        let tip = match row.kind {
            Kind::Continue => Some(message.id),
            _ => message.parent_id,
        };
        let gathered = self.gather_within(ctx, &session, tip, window).await?;
        let Some(speaker) = gathered.ensemble.still(was.speaker) else {
            return Ok(None);
        };
        let wanted = Wanted::after(tip, row.kind, speaker);
        let prompt = self.compile(ctx, &session, gathered, wanted).await?;
        let is_shorter =
            prompt.receipt.prompt_tokens < was.prompt_tokens || prompt.max_tokens < was.max_tokens;
        if !is_shorter || prompt.model.id != was.model_id {
            return Ok(None);
        }
        let receipt = prompt.receipt_json(&session)?;
        let db = self.db.statements();
        generations::replace_receipt(&db, id, receipt).await?;
        tracing::info!(
            window_tokens = window,
            "a prompt that was too long is compiled anew"
        );
        Ok(Some(prompt.ready(id, &session).0))
    }
}
