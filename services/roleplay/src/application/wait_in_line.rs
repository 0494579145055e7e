//! Replies that wait: a session has one generation at a time, and each other one that is asked for stands in line.
//!
//! What waits belongs to the process that was asked for it, as what runs does. A process that stops ends what waits in it as
//! interrupted; what was said stays, and can be answered anew. What waits in one that dies is taken over by another, or by the next.

use std::time::{Duration, Instant};

use mesh::{Ctx, Role};
use platform::trace::Cause;
use tonic::Status;
use tracing::Instrument;

use super::access::enter;
use super::asking::check_available;
use super::compile_prompt::{CompiledPrompt, Wanted};
use super::generate::{Work, failed};
use super::greetings::settle;
use super::live::{Job, ended};
use super::recover_generations::Outcome;
use super::{Chats, Error};
use crate::domain::generation::{Ending, State};
use crate::domain::ids::{GenerationId, MessageId, SessionId, UserId};
use crate::domain::participant::Right;
use crate::domain::prompt::Kind;
use crate::domain::session::Session;
use crate::domain::turn::{Round, Speaker};
use crate::infrastructure::queries::generations::{self, Beginning, Place};
use crate::infrastructure::queries::history;
use crate::infrastructure::queries::messages;

/// Time between looks at what another process generates before.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// For a prompt.
const PREPARATION: Duration = Duration::from_secs(30);

/// A generation that waits for its turn.
pub(super) struct Waiting {
    pub(super) job: Job,
    pub(super) id: GenerationId,
    pub(super) session_id: SessionId,
    /// Who asked for it.
    pub(super) user_id: UserId,
    /// The message that it will write.
    pub(super) message_id: MessageId,
    /// The message that it will answer, if that is what it is for.
    pub(super) answers: Option<MessageId>,
    pub(super) kind: Kind,
    /// Where the branch ends if nothing is written.
    pub(super) left: Option<MessageId>,
    /// Who is to speak, or is spoken to; none where only the message says it.
    pub(super) speaker: Option<Speaker>,
    /// What follows by itself.
    pub(super) round: Round,
    /// The request that asked for it.
    pub(super) cause: Cause,
    /// Until when it goes on waiting where what it needs is away: one that was taken over may be there before its neighbours.
    pub(super) patient_until: Option<Instant>,
}

/// What a wait comes to.
enum Turn {
    /// It can begin.
    Ready(Box<(Session, CompiledPrompt)>),
    /// It ends before it began.
    Over(Ending),
    /// It is gone, with what it would have answered.
    Gone,
}

/// Whether a generation began.
enum Began {
    Yes,
    /// Another one came before.
    NotYet,
    /// Somebody ended it, or deleted what it would have answered.
    Gone,
}

impl Chats {
    /// Lets a generation wait; shutdown waits for it to be ended.
    pub(super) fn wait_in_line(&self, waiting: Waiting) {
        let (chats, id) = (self.clone(), waiting.id);
        let span = tracing::info_span!("waiting generation", role = "roleplay", generation.id = %id, request.id = %waiting.cause.request_id);
        let wait = async move { chats.wait(waiting).await };
        self.tasks.spawn(wait.instrument(span));
    }

    async fn wait(&self, waiting: Waiting) {
        loop {
            let turn = tokio::select! {
                biased;
                () = waiting.job.cancelled() => Turn::Over(Ending::by(State::Cancelled)),
                // Another process has ended it.
                () = waiting.job.lost() => Turn::Gone,
                () = self.tasks.stopping() => Turn::Over(Ending::by(State::Interrupted)),
                turn = self.turn(&waiting) => turn,
            };
            let ready = match turn {
                Turn::Ready(ready) => *ready,
                Turn::Over(ending) => return self.end_waiting(&waiting, &ending).await,
                Turn::Gone => return,
            };
            // Not given up half-way: one that has begun must run.
            match self.let_begin(&waiting, &ready).await {
                Ok(Began::Yes) => return self.go_to_work(waiting, ready),
                Ok(Began::NotYet) => {}
                Ok(Began::Gone) => return,
                Err(error) => return self.end_waiting(&waiting, &ending_of(error)).await,
            }
        }
    }

    /// Waits until nothing is before it, and makes its prompt of what has been said by then.
    async fn turn(&self, waiting: &Waiting) -> Turn {
        loop {
            match generations::place(self.db.read(), waiting.session_id, waiting.id).await {
                Ok(Place::First) => break,
                Ok(Place::Behind(before)) => self.wait_for(before).await,
                Ok(Place::Gone) => return Turn::Gone,
                Err(error) => {
                    tracing::debug!(%error, "a reply waits, as the database does");
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        }
        loop {
            match self.prepare(waiting).await {
                Ok(Some(ready)) => return Turn::Ready(Box::new(ready)),
                Ok(None) => return Turn::Over(Ending::by(State::Cancelled)),
                Err(error) if waiting.is_patient() && error.is_passing() => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Err(error) => return Turn::Over(ending_of(error)),
            }
        }
    }

    /// Waits for the end of what is before, or for a while where another process has it.
    async fn wait_for(&self, before: GenerationId) {
        match self.live.find(before) {
            Some(watched) => ended(watched.progress).await,
            None => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }

    /// The session and the prompt; none if there is nothing to answer any more, or who asked may not have it answered.
    async fn prepare(&self, waiting: &Waiting) -> Result<Option<(Session, CompiledPrompt)>, Error> {
        let ctx = Ctx::of_job(Role::Roleplay, &waiting.cause, PREPARATION);
        let (user, id) = (waiting.user_id, waiting.session_id);
        let session = match enter(self.db.read(), user, id, Right::Write).await {
            Err(Error::NotFound(_) | Error::Refused(_)) => return Ok(None),
            session => session?,
        };
        let message = messages::find(self.db.read(), session.id, waiting.message_id).await?;
        let Some(message) = message else {
            return Ok(None);
        };
        let answers = waiting.answers;
        if answers.is_some() && message.parent_id != answers {
            return Ok(None);
        }
        let gathered = self.gather(&ctx, &session, message.parent_id).await?;
        let ensemble = &gathered.ensemble;
        let speaker = match waiting.speaker {
            Some(speaker) => speaker,
            None => self.speaker_of(&session, ensemble, &message).await?,
        };
        // Meanwhile the character may have been taken out.
        let speaker = ensemble.still(speaker).ok_or(Error::NobodyToSpeak)?;
        let wanted = Wanted::after(message.parent_id, waiting.kind, speaker);
        let prompt = self.compile(&ctx, &session, gathered, wanted).await?;
        check_available(&prompt.model)?;
        Ok(Some((session, prompt)))
    }

    async fn let_begin(
        &self,
        waiting: &Waiting,
        (session, prompt): &(Session, CompiledPrompt),
    ) -> Result<Began, Error> {
        let id = waiting.id;
        let beginning = &Beginning {
            id,
            holder_id: self.hold.id(),
            model_id: prompt.model.id.clone(),
            receipt: prompt.receipt_json(session)?,
        };
        let (greetings, cause) = (&prompt.spoken.greetings, &waiting.cause);
        let begin = || {
            self.db.transaction(|tx| {
                Box::pin(async move {
                    match generations::place(tx, session.id, id).await? {
                        Place::First => {}
                        Place::Behind(_) => return Ok(Began::NotYet),
                        // The answer to a commit may get lost, and only this job lets it run.
                        Place::Gone => {
                            let open = generations::find_open(tx, id).await?;
                            let holder = open.and_then(|open| open.holder_id);
                            return Ok(match holder == Some(self.hold.id()) {
                                true => Began::Yes,
                                false => Began::Gone,
                            });
                        }
                    }
                    if !generations::begin(tx, beginning.clone()).await? {
                        return Ok(Began::Gone);
                    }
                    for greeting in greetings {
                        settle(tx, session.id, greeting).await?;
                    }
                    if let Some(row) = history::generation(tx, id).await? {
                        let telling = self.telling(tx, &row, cause);
                        telling.generation_started(Some(&row), None)?;
                    }
                    Ok::<_, Error>(Began::Yes)
                })
            })
        };
        self.patiently(&waiting.job, begin).await
    }

    fn go_to_work(&self, waiting: Waiting, (session, prompt): (Session, CompiledPrompt)) {
        let speaker = prompt.speaker;
        let (inference, words) = prompt.ready(waiting.id, &session);
        self.spawn(Work {
            job: waiting.job,
            session_id: waiting.session_id,
            message_id: waiting.message_id,
            base: String::new(),
            left: waiting.left,
            inference,
            words,
            speaker,
            round: waiting.round,
            cause: waiting.cause,
        });
    }

    /// Ends what never began: nothing is left of its message.
    async fn end_waiting(&self, waiting: &Waiting, ending: &Ending) {
        let end = || {
            let outcome = Outcome {
                id: waiting.id,
                message_id: waiting.message_id,
                base: "",
                text: "",
                left: waiting.left,
                ending,
                first_token: None,
                next: None,
            };
            self.end_generation(outcome, &waiting.cause)
        };
        if let Err(error) = self.patiently(&waiting.job, end).await {
            tracing::error!(%error, "the end of a generation that waited can't be stored");
        }
    }
}

impl Waiting {
    fn is_patient(&self) -> bool {
        self.patient_until.is_some_and(|end| Instant::now() < end)
    }
}

fn ending_of(error: Error) -> Ending {
    failed(&Status::from(error))
}
