//! Stores what a reply begins with, and sets its job going. Sending, regenerating and continuing end here.

use mesh::Ctx;
use platform::trace::Cause;
use sea_orm::ConnectionTrait;
use service::RequestKey;
use tokio::sync::watch::Receiver;
use tracing::Instrument;

use super::begin_message::{answered, store_messages};
use super::compile_prompt::CompiledPrompt;
use super::generate::Work;
use super::greetings::{Settled, settle};
use super::live::Progress;
use super::tell::Telling;
use super::words::{Spoken, Words};
use super::{Chats, Error};
use crate::domain::generation::Generation;
use crate::domain::ids::{GenerationId, MessageId, SessionId};
use crate::domain::message::Message;
use crate::domain::prompt::Kind;
use crate::domain::session::Session;
use crate::infrastructure::models::Inference;
use crate::infrastructure::queries::generations::NewGeneration;
use crate::infrastructure::queries::history::GenerationRow;
use crate::infrastructure::queries::messages::NewMessage;
use crate::infrastructure::queries::{generations, sessions};

/// Where the generated text goes.
#[derive(Clone)]
pub(super) enum Target {
    /// A reply to a message of the person, which is stored too.
    Answer {
        /// The message that the person's follows.
        parent: Option<MessageId>,
        /// The person's message.
        said: NewMessage,
    },
    /// A new message after one that is there.
    Swipe {
        /// The message before it.
        parent: Option<MessageId>,
        /// Whose it is.
        speaker: Speaker,
    },
    /// The end of a message that is there.
    End(MessageId),
}

/// Whose message a model writes.
#[derive(Clone)]
pub(super) enum Speaker {
    /// The session's character.
    Character,
    /// The person, who has this name.
    Person(String),
}

/// What a request to generate finds.
pub(super) enum Opening {
    /// A session in which nothing is generated.
    Idle(Box<Session>),
    /// The generation that an earlier request of the same id began.
    Earlier(GenerationId),
}

/// A generation to start.
pub(super) struct Start {
    pub(super) session: Session,
    pub(super) kind: Kind,
    /// What tells a repeat of the request, where it has an id.
    pub(super) key: Option<RequestKey>,
    pub(super) target: Target,
    pub(super) prompt: CompiledPrompt,
}

impl Chats {
    /// A session of the caller in which a generation may begin, before anything is spent on its prompt. The transaction that
    /// begins it looks again.
    pub(super) async fn opening(
        &self,
        ctx: &Ctx,
        id: SessionId,
        key: Option<&RequestKey>,
    ) -> Result<Opening, Error> {
        if self.host.tasks.token().is_cancelled() {
            return Err(Error::Stopping);
        }
        let (db, user) = (self.db.read(), ctx.user_id()?);
        let earlier = find_earlier(db, id, key);
        let found = sessions::find_and_count_running(db, user, id);
        let (found, earlier) = tokio::join!(found, earlier);
        let (session, running_of_person) = found?.ok_or(Error::NotFound("session"))?;
        if let Some(earlier) = earlier? {
            return Ok(Opening::Earlier(earlier));
        }
        if let Some(running) = session.running_generation_id {
            return Err(Error::GenerationRunning(running));
        }
        check_few(running_of_person, self.limits.per_person)?;
        Ok(Opening::Idle(Box::new(session)))
    }

    /// Stores the messages and the generation in one transaction and sets the job going. Returns what was stored, for whoever
    /// watches it from its beginning.
    pub(super) async fn start(&self, ctx: &Ctx, start: Start) -> Result<Started, Error> {
        let prompt = &start.prompt;
        if let Some(reason) = &prompt.model.unavailable {
            let (model_id, reason) = (prompt.model.id.clone(), reason.clone());
            return Err(Error::ModelUnavailable { model_id, reason });
        }
        let id = GenerationId::new();
        let new = NewGeneration {
            id,
            kind: start.kind,
            key: start.key,
            model_id: prompt.model.id.clone(),
            receipt: prompt.receipt_json(&start.session)?,
            create_time: self.host.clock.now(),
            holder_id: self.hold.id(),
        };
        let Spoken {
            greeting, words, ..
        } = start.prompt.spoken;
        let inference = Inference {
            generation_id: id,
            user_id: start.session.user_id,
            model_id: start.prompt.model.id,
            settings: start.session.settings.clone(),
            max_tokens: start.prompt.max_tokens,
            prompt: start.prompt.prompt,
        };
        self.hold.refresh().await?;
        let (chats, cause) = (self.clone(), ctx.cause());
        // A task of its own: a client that leaves between the commit and the job's start would leave a generation
        // behind that nothing runs.
        let beginning = Beginning {
            session: start.session,
            greeting,
            target: start.target,
            new,
        };
        let begin = async move { chats.begin(beginning, inference, words, cause).await };
        self.host.tasks.spawn(begin.in_current_span()).await?
    }

    async fn begin(
        &self,
        beginning: Beginning,
        inference: Inference,
        words: Words,
        cause: Cause,
    ) -> Result<Started, Error> {
        let id = beginning.new.id;
        // Before the row is there: who finds the row and no job takes the generation for lost.
        let job = self.live.announce(id);
        let (beginning, cause_of_it) = (&beginning, &cause);
        let stored = self.db.transaction(|tx| {
            Box::pin(async move {
                let telling = self.telling(tx, &beginning.session, cause_of_it);
                store(telling, beginning.clone(), self.limits.per_person).await
            })
        });
        let rows = match stored.await? {
            Stored::New(rows) => *rows,
            Stored::Earlier(earlier) => return Ok(Started::Earlier(earlier)),
        };
        job.stored();
        let progress = job.watch();
        self.spawn(Work {
            job,
            message_id: rows.message.id,
            base: rows.message.text.clone(),
            left: rows.left,
            inference,
            words,
            cause,
        });
        Ok(Started::New(Box::new(Begun { rows, progress })))
    }
}

/// What a generation begins with, to be stored.
#[derive(Clone)]
struct Beginning {
    session: Session,
    /// The greeting that is answered, if nobody answered it before.
    greeting: Option<Settled>,
    target: Target,
    new: NewGeneration,
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

enum Stored {
    /// A generation is to run.
    New(Box<Rows>),
    /// The same request came before.
    Earlier(GenerationId),
}

async fn store(
    telling: Telling<'_>,
    beginning: Beginning,
    most_of_person: u32,
) -> Result<Stored, Error> {
    let tx = telling.tx;
    let Beginning {
        session: asked,
        greeting,
        target,
        new,
    } = beginning;
    // Read anew: since the prompt was compiled, somebody may have sent, selected or deleted something.
    let found = sessions::find_and_count_running(tx, asked.user_id, asked.id).await?;
    let (session, running_of_person) = found.ok_or(Error::NotFound("session"))?;
    if let Some(earlier) = find_earlier(tx, session.id, new.key.as_ref()).await? {
        return Ok(Stored::Earlier(earlier));
    }
    if let Some(running) = session.running_generation_id {
        return Err(Error::GenerationRunning(running));
    }
    check_few(running_of_person, most_of_person)?;
    if let Some(greeting) = greeting {
        settle(tx, session.id, &greeting).await?;
    }
    let (said, message) = store_messages(tx, &session, target, &new).await?;
    tx.put_off(sessions::touch(session.id, new.create_time));
    let generation = generations::insert(tx, &session, message.id, new);
    let begun = GenerationRow::begun(&session, &generation);
    telling.generation_started(&begun, said.as_ref())?;
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

/// The generation that the same request began before. Another request under its id is refused: to give it the answer of the
/// first would lose what it says.
async fn find_earlier(
    db: &impl ConnectionTrait,
    session: SessionId,
    key: Option<&RequestKey>,
) -> Result<Option<GenerationId>, Error> {
    let Some(key) = key else { return Ok(None) };
    match generations::requested(db, session, &key.id).await? {
        Some((_, kept)) if !key.is_of(kept.as_deref()) => Err(Error::RequestIdReused),
        found => Ok(found.map(|(id, _)| id)),
    }
}

/// Refuses one more generation of a person who has as many running as one may have. What was counted in a transaction holds
/// at its commit too: transactions are serialisable.
fn check_few(running: u64, most: u32) -> Result<(), Error> {
    if running < u64::from(most) {
        Ok(())
    } else {
        Err(Error::TooManyGenerations(most))
    }
}
