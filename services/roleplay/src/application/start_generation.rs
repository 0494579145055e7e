//! Stores what a reply begins with, and sets its job going, or lets it wait for its turn. Sending, regenerating and continuing end
//! here.

use mesh::Ctx;
use platform::trace::Cause;
use tokio::sync::watch::Receiver;
use tracing::Instrument;

use super::asking::{Asked, Start, Target, check_available, find_earlier, is_behind};
use super::begin_message::{answered, store_messages};
use super::compile_prompt::CompiledPrompt;
use super::generate::Work;
use super::greetings::{Settled, settle};
use super::live::Progress;
use super::tell::Telling;
use super::wait_in_line::Waiting;
use super::words::Words;
use super::{Chats, Error};
use crate::domain::generation::{Generation, State};
use crate::domain::ids::{GenerationId, MessageId};
use crate::domain::message::Message;
use crate::domain::participant::Right;
use crate::domain::session::Session;
use crate::domain::turn::{Round, Speaker};
use crate::infrastructure::models::Inference;
use crate::infrastructure::queries::generations::NewGeneration;
use crate::infrastructure::queries::history::GenerationRow;
use crate::infrastructure::queries::{generations, participants, sessions};

impl Chats {
    /// Stores the messages and the generation in one transaction and sets the job going. Returns what was stored, for whoever
    /// watches it from its beginning.
    pub(super) async fn start(&self, ctx: &Ctx, mut start: Start) -> Result<Started, Error> {
        let id = GenerationId::new();
        let me = &mut start.session.me;
        if me.persona_id.is_none() {
            start.asked.player_name().clone_into(&mut me.name);
        }
        let speaker = start.asked.speaker();
        let (model_id, greetings, ready) = match start.asked {
            Asked::Now(prompt) => {
                check_available(&prompt.model)?;
                let greetings = prompt.spoken.greetings.clone();
                (prompt.model.id.clone(), greetings, Some(prompt))
            }
            Asked::Later { model_id, .. } => (model_id, Vec::new(), None),
        };
        let receipt = match &ready {
            Some(prompt) => Some(prompt.receipt_json(&start.session)?),
            None => None,
        };
        let new = NewGeneration {
            id,
            kind: start.kind,
            key: start.key,
            model_id,
            receipt,
            create_time: self.clock.now(),
            holder_id: self.hold.id(),
        };
        let ready = ready.map(|prompt| prompt.ready(id, &start.session));
        self.hold.refresh().await?;
        let (chats, cause) = (self.clone(), ctx.cause());
        // A task of its own: a client that leaves between the commit and the job's start would leave a generation
        // behind that nothing runs.
        let beginning = Beginning {
            session: start.session,
            greetings,
            target: start.target,
            may_wait: start.may_wait,
            new,
            speaker,
            round: start.round,
        };
        let begin = async move { chats.begin(beginning, ready, cause).await };
        self.tasks.spawn(begin.in_current_span()).await?
    }

    async fn begin(
        &self,
        beginning: Beginning,
        ready: Option<(Inference, Words)>,
        cause: Cause,
    ) -> Result<Started, Error> {
        let id = beginning.new.id;
        // Before the row is there: who finds the row and no job takes the generation for lost.
        let job = self.live.announce(id);
        let (beginning, cause_of_it) = (&beginning, &cause);
        let stored = self.db.transaction(|tx| {
            Box::pin(async move {
                let telling = self.telling(tx, &beginning.session, cause_of_it);
                self.store(telling, beginning.clone()).await
            })
        });
        let rows = match stored.await? {
            Stored::New(rows) => *rows,
            Stored::Earlier(earlier) => return Ok(Started::Earlier(earlier)),
        };
        job.stored();
        let progress = job.watch();
        match ready.filter(|_| !rows.waits()) {
            Some((inference, words)) => self.spawn(Work {
                job,
                session_id: beginning.session.id,
                message_id: rows.message.id,
                base: rows.message.text.clone(),
                left: rows.left,
                inference,
                words,
                speaker: beginning.speaker,
                round: beginning.round.clone(),
                cause,
            }),
            None => self.wait_in_line(Waiting {
                job,
                id,
                session_id: beginning.session.id,
                user_id: beginning.session.me.user_id,
                message_id: rows.message.id,
                answers: rows.user_message.as_ref().map(|message| message.id),
                kind: rows.generation.kind,
                left: rows.left,
                speaker: Some(beginning.speaker),
                round: beginning.round.clone(),
                cause,
                patient_until: None,
            }),
        }
        Ok(Started::New(Box::new(Begun { rows, progress })))
    }

    async fn store(&self, telling: Telling<'_>, beginning: Beginning) -> Result<Stored, Error> {
        let tx = telling.tx;
        let Beginning {
            session: asked,
            greetings,
            target,
            may_wait,
            new,
            ..
        } = beginning;
        // Read anew: since the prompt was compiled, somebody may have sent, selected or deleted something.
        let user = asked.me.user_id;
        let found = sessions::find_with_load(tx, user, asked.id).await?;
        let (access, load) = found.ok_or(Error::NotFound("session"))?;
        let session = access.grant(Right::Write)?;
        if let Some(earlier) = find_earlier(tx, user, session.id, new.key.as_ref()).await? {
            return Ok(Stored::Earlier(earlier));
        }
        let is_behind = is_behind(&session, &load, may_wait)?;
        let waits = is_behind || new.receipt.is_none() || !target.is_as_seen(&session);
        self.check_few(&load, waits)?;
        let place = match waits {
            true => Some(generations::last_place(tx, session.id).await? + 1),
            false => None,
        };
        for greeting in greetings.iter().filter(|_| !waits) {
            settle(tx, session.id, greeting).await?;
        }
        let (said, message) = store_messages(tx, &session, target, &new).await?;
        tx.put_off(sessions::touch(session.id, new.create_time));
        if asked.me.name != session.me.name {
            tx.put_off(participants::rename(session.me.id, &asked.me.name));
        }
        let receipt = new.receipt.clone().filter(|_| !waits);
        let new = NewGeneration { receipt, ..new };
        let generation = generations::insert(tx, &session, message.id, new, place);
        let begun = GenerationRow::begun(&session, &generation);
        telling.generation_started((!waits).then_some(&begun), said.as_ref())?;
        let left = said.as_ref().map(|said| said.id).or(session.branch.head);
        let user_message = match said {
            None => answered(tx, session.id, generation.kind, &message).await?,
            said => said,
        };
        Ok(Stored::New(Box::new(Rows {
            generation,
            message,
            user_message,
            left,
        })))
    }
}

impl CompiledPrompt {
    /// What a model is asked for with it, and what macros in its answer stand for.
    pub(super) fn ready(self, id: GenerationId, session: &Session) -> (Inference, Words) {
        let inference = Inference {
            generation_id: id,
            user_id: session.me.user_id,
            session_id: Some(session.id),
            model_id: self.model.id,
            settings: session.settings.clone(),
            prompt_tokens: self.receipt.prompt_tokens,
            max_tokens: self.max_tokens,
            stable_bytes: self.stable_bytes,
            prompt: self.prompt,
        };
        (inference, self.spoken.words)
    }
}

/// What a generation begins with, to be stored.
#[derive(Clone)]
struct Beginning {
    session: Session,
    /// The greetings that are answered, if nobody answered them before.
    greetings: Vec<Settled>,
    target: Target,
    may_wait: bool,
    new: NewGeneration,
    /// Who speaks, or is spoken to.
    speaker: Speaker,
    /// What follows by itself.
    round: Round,
}

/// A generation that a request asks for.
pub(crate) enum Started {
    /// It has begun.
    New(Box<Begun>),
    /// The same request came before, and began this one.
    Earlier(GenerationId),
}

/// A generation that has just begun.
pub(crate) struct Begun {
    pub(super) rows: Rows,
    pub(super) progress: Receiver<Progress>,
}

/// What is stored of a generation as it begins.
pub(super) struct Rows {
    pub(super) generation: Generation,
    /// The message that it writes.
    pub(super) message: Message,
    /// The message that it answers.
    pub(super) user_message: Option<Message>,
    /// Where the branch ends without what is written.
    pub(super) left: Option<MessageId>,
}

impl Rows {
    /// Whether it waits for its turn.
    fn waits(&self) -> bool {
        self.generation.state == State::Pending
    }
}

enum Stored {
    /// A generation is to run.
    New(Box<Rows>),
    /// The same request came before.
    Earlier(GenerationId),
}
