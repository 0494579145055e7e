//! Ends generations: at the end of their jobs, and at start-up those whose jobs died with the process.

use super::{Chats, Error};
use crate::domain::generation::{Ending, Generation, State};
use crate::domain::ids::{GenerationId, MessageId};
use crate::infrastructure::queries::{generations, messages};

impl Chats {
    /// Ends what the last process left running; the text that it stored is kept. To be called before jobs start.
    pub(crate) async fn recover_generations(&self) -> Result<(), Error> {
        for generation in generations::all_running(self.db.read()).await? {
            tracing::warn!(generation.id = %generation.id, "ending a generation that was interrupted");
            self.end_lost(generation, State::Interrupted).await?;
        }
        Ok(())
    }

    /// Ends a generation that has no job.
    pub(super) async fn end_lost(&self, generation: Generation, state: State) -> Result<(), Error> {
        let message = self
            .get_message(generation.session_id, generation.message_id)
            .await?;
        let text = generations::written(self.db.read(), generation.id).await?;
        let ending = Ending::by(state);
        self.end_generation(generation.id, message.id, &message.text, &text, &ending)
            .await
    }

    /// Stores the end of a generation, once, and what it made of its message.
    pub(super) async fn end_generation(
        &self,
        id: GenerationId,
        message: MessageId,
        base: &str,
        text: &str,
        ending: &Ending,
    ) -> Result<(), Error> {
        let now = self.host.clock.now();
        let whole = &[base, text].concat();
        let end = self.db.transaction(|tx| {
            Box::pin(async move {
                if generations::end(tx, id, text, ending, now).await? {
                    messages::set_generated(tx, message, whole.clone(), ending.state).await?;
                }
                Ok(())
            })
        });
        end.await
    }
}
