//! Takes over replies that wait, and whose process is gone: nothing of them was written, so that any process can go on with them.

use std::time::{Duration, Instant};

use platform::trace::Cause;

use super::wait_in_line::Waiting;
use super::{Chats, Error};
use crate::domain::ids::GenerationId;
use crate::domain::prompt::Kind;
use crate::domain::turn::Round;
use crate::infrastructure::queries::{generations, messages};

/// How long one waits for its neighbours, which may begin with it.
const PATIENCE: Duration = Duration::from_secs(60);

impl Chats {
    /// Takes over a generation that waits and whose process is gone. False if it isn't such a one.
    pub(super) async fn adopt_waiting(&self, id: GenerationId) -> Result<bool, Error> {
        if self.live.find(id).is_some() {
            return Ok(false);
        }
        // Before the row is this process's: who finds it without a job takes it for lost.
        let job = self.live.announce(id);
        let holder = self.hold.id();
        let adopt = self.db.transaction(|tx| {
            Box::pin(async move {
                let Some(model) = generations::adopt(tx, id, holder).await? else {
                    return Ok(None);
                };
                let message = messages::find(tx, model.session_id, model.message_id).await?;
                Ok::<_, Error>(message.map(|message| (model, message.parent_id)))
            })
        });
        let Some((model, parent)) = adopt.await? else {
            return Ok(false);
        };
        let Some(user_id) = model.user_id else {
            return Ok(false);
        };
        job.stored();
        tracing::info!(generation.id = %id, "a reply that waits was taken over");
        self.wait_in_line(Waiting {
            job,
            id,
            session_id: model.session_id,
            user_id,
            message_id: model.message_id,
            answers: parent.filter(|_| model.kind == Kind::Reply),
            kind: model.kind,
            left: parent.filter(|_| model.kind == Kind::Reply),
            speaker: None,
            // What was to follow it went with its process.
            round: Round::default(),
            cause: Cause::new(),
            patient_until: Some(Instant::now() + PATIENCE),
        });
        Ok(true)
    }
}
