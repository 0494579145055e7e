//! Ends generations: at the end of their jobs, and at start-up those whose jobs died with the process.

use platform::trace::Cause;
use troupe_proto::events::MessageOrigin;

use super::{Chats, Error};
use crate::domain::generation::{Ending, Generation, State};
use crate::domain::ids::{GenerationId, MessageId};
use crate::infrastructure::queries::{generations, messages, sessions};

/// What a generation wrote, and how it ended.
pub(super) struct Outcome<'a> {
    pub(super) id: GenerationId,
    pub(super) message_id: MessageId,
    /// What the message held before.
    pub(super) base: &'a str,
    pub(super) text: &'a str,
    pub(super) ending: &'a Ending,
}

impl Chats {
    /// Ends what the last process left running; the text that it stored is kept. To be called before jobs start.
    pub(crate) async fn recover_generations(&self) -> Result<(), Error> {
        for generation in generations::all_running(self.db.read()).await? {
            tracing::warn!(generation.id = %generation.id, "ending a generation that was interrupted");
            self.end_lost(generation, State::Interrupted, Cause::new())
                .await?;
        }
        Ok(())
    }

    /// Ends a generation that has no job.
    pub(super) async fn end_lost(
        &self,
        generation: Generation,
        state: State,
        cause: Cause,
    ) -> Result<(), Error> {
        let message = self
            .get_message(generation.session_id, generation.message_id)
            .await?;
        let text = generations::written(self.db.read(), generation.id).await?;
        let ending = Ending::by(state);
        let written = Outcome {
            id: generation.id,
            message_id: message.id,
            base: &message.text,
            text: &text,
            ending: &ending,
        };
        self.end_generation(written, &cause).await
    }

    /// Stores the end of a generation, once, and what it made of its message.
    pub(super) async fn end_generation(
        &self,
        outcome: Outcome<'_>,
        cause: &Cause,
    ) -> Result<(), Error> {
        let now = self.host.clock.now();
        let Outcome {
            id,
            message_id,
            base,
            text,
            ending,
        } = outcome;
        let whole = &[base, text].concat();
        let end = self.db.transaction(|tx| {
            Box::pin(async move {
                if !generations::end(tx, id, text, ending, now).await? {
                    return Ok(());
                }
                messages::set_generated(tx, message_id, whole.clone(), ending.state).await?;
                let session = sessions::of_message(tx, message_id).await?;
                if let Some(session) = session.filter(|_| !text.is_empty()) {
                    let telling = self.telling(tx, &session, cause);
                    let origin = MessageOrigin::Generated;
                    telling.written(message_id, Some(id), origin).await?;
                }
                Ok(())
            })
        });
        end.await
    }
}
