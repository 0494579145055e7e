//! The job that writes a reply. It belongs to no request: only a cancel, the model's end or a stop of the platform
//! ends it.
//!
//! Durable before visible: text is stored, then shown. Two loops run side by side: one reads what the model writes,
//! the other stores it. What arrives while a commit is under way goes into the next one, so a slow disk makes larger
//! pieces and holds up neither the model nor anybody who watches.
//!
//! Text is stored only while the generation is marked as running. A process that took this one for gone has ended it.

use std::future::Future;
use std::pin::pin;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use mesh::{Ctx, Role};
use platform::trace::Cause;
use sea_orm::ActiveEnum;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tonic::Status;
use tracing::Instrument;
use troupe_proto::{Classify, Code, Reason, error};

use super::compile_anew::TooLong;
use super::live::Job;
use super::next_reply::Said;
use super::recover_generations::Outcome;
use super::shown::Shown;
use super::words::Words;
use super::{Chats, Error};
use crate::domain::generation::{Ending, State, Trimmer, Usage};
use crate::domain::ids::{GenerationId, MessageId, SessionId};
use crate::domain::macros::{Moment, Resolver};
use crate::domain::turn::{Round, Speaker};
use crate::infrastructure::models::{End, Inference, Written, broke_off};
use crate::infrastructure::queries::generations;

/// Pieces that go into one commit; more than ever wait.
const MAX_PIECES: usize = 4096;
/// How often storing is tried where the database is there, and how long after the first failure; each wait doubles.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What a generation's job needs.
pub(super) struct Work {
    pub(super) job: Job,
    pub(super) session_id: SessionId,
    pub(super) message_id: MessageId,
    /// What the message holds already.
    pub(super) base: String,
    /// Where the branch ends if nothing is written.
    pub(super) left: Option<MessageId>,
    pub(super) inference: Inference,
    /// What macros of the model's text stand for.
    pub(super) words: Words,
    /// Who speaks.
    pub(super) speaker: Speaker,
    /// What follows by itself.
    pub(super) round: Round,
    /// The request that asked for it.
    pub(super) cause: Cause,
}

/// Where a model's text goes.
struct Pieces<'a> {
    resolver: Resolver,
    words: Words,
    now: Moment,
    /// What chance in the text is drawn from.
    seed: u64,
    trimmer: Trimmer,
    stored: UnboundedSender<String>,
    /// How long the first of them took.
    first_after: &'a OnceLock<Duration>,
}

impl Pieces<'_> {
    /// Gives on what of the text is whole. False where nobody takes it any more.
    fn push(&mut self, delta: &str) -> bool {
        let macros = |nth| self.words.macros(self.now, self.seed ^ nth);
        let text = self.resolver.push(delta, macros);
        self.store(&text)
    }

    /// Gives on what is left.
    fn finish(&mut self) {
        let macros = |nth| self.words.macros(self.now, self.seed ^ nth);
        let text = self.resolver.finish(macros);
        self.store(&text);
        let rest = self.trimmer.finish();
        if !rest.is_empty() {
            // Nobody takes it any more where this fails.
            let _ = self.stored.send(rest);
        }
    }

    fn store(&mut self, text: &str) -> bool {
        let piece = self.trimmer.push(text);
        piece.is_empty() || self.stored.send(piece).is_ok()
    }
}

impl Chats {
    /// Sets a job going; shutdown waits for it.
    pub(super) fn spawn(&self, mut work: Work) {
        let chats = self.clone();
        let shown = Shown::begin(&mut work.cause.trace);
        let trace = work.cause.trace;
        let span = tracing::info_span!("generation", role = "roleplay", generation.id = %work.inference.generation_id, request.id = %work.cause.request_id, trace.id = trace.trace_id(), span.id = trace.span_id());
        let job = async move { shown.end(chats.generate(work).await) };
        self.tasks.spawn(job.instrument(span));
    }

    /// Writes the reply, and says how that ended.
    async fn generate(&self, work: Work) -> State {
        let (pieces, received) = unbounded_channel();
        let id = work.inference.generation_id;
        let ctx = Ctx::of_job(Role::Roleplay, &work.cause, self.limits.whole);
        let trimmer = match work.words.label() {
            Some(name) => Trimmer::after(&work.base).without_name(&name),
            None => Trimmer::after(&work.base),
        };
        let (user_id, model_id) = (work.inference.user_id, work.inference.model_id.clone());
        let too_long = TooLong::if_refused(&work.inference, work.speaker);
        let first_token = OnceLock::new();
        let pieces = Pieces {
            resolver: Resolver::default(),
            words: work.words,
            now: self.moment(),
            seed: rand::random(),
            trimmer,
            stored: pieces,
            first_after: &first_token,
        };
        let reading = async {
            let asked = (work.inference, too_long);
            Ok(self.read(&ctx, asked, &work.job, pieces).await)
        };
        // A failure to store ends the reading, and with it the model's work.
        let done = tokio::try_join!(reading, self.write(&work.job, id, received));
        let ending = match done {
            Ok((ending, ())) => ending,
            // It has its end, by another process's hand.
            Err(Error::GenerationLost(_)) => Ending::by(State::Interrupted),
            Err(error) => {
                tracing::error!(%error, "the text of a generation can't be stored");
                Ending::failed(Reason::Internal.name(), "the reply could not be stored")
            }
        };
        let text = work.job.text();
        let said = Said {
            session_id: work.session_id,
            user_id,
            message_id: work.message_id,
            text: &text,
            model_id: &model_id,
            speaker: work.speaker,
            round: &work.round,
        };
        let next = self.next_reply(said, &ending).await;
        // Before its row is there: who finds the row and no job takes the generation for lost.
        let next_job = next.as_ref().map(|next| self.live.announce(next.id()));
        let end = || {
            let outcome = Outcome {
                id,
                message_id: work.message_id,
                base: &work.base,
                left: work.left,
                text: &text,
                ending: &ending,
                first_token: first_token.get().copied(),
                next: next.as_ref(),
            };
            self.end_generation(outcome, &work.cause)
        };
        let is_followed = match self.patiently(&work.job, end).await {
            Ok(is_followed) => is_followed,
            Err(error) => {
                tracing::error!(%error, "the end of a generation can't be stored");
                false
            }
        };
        if let Some((next, job)) = next.zip(next_job).filter(|_| is_followed) {
            job.stored();
            self.wait_in_line(next.waiting(job, work.cause.clone()));
        }
        tracing::info!(
            state = ending.state.to_value(),
            size_bytes = text.len(),
            "generation ended"
        );
        ending.state
    }

    /// Reads what the model writes until it ends, somebody cancels, another process ended it, or the platform stops.
    /// Leaving here drops the call to ai, which stops the model.
    async fn read(
        &self,
        ctx: &Ctx,
        (inference, too_long): (Inference, TooLong),
        job: &Job,
        mut pieces: Pieces<'_>,
    ) -> Ending {
        let asked = Instant::now();
        let mut spent = None;
        let writing = async {
            let mut done = self
                .listen(ctx, inference, &mut pieces, asked, &mut spent)
                .await;
            // What was shown stands: only a prompt that got no answer is made shorter.
            if let Err(refusal) = &done
                && pieces.first_after.get().is_none()
                && let Some(shorter) = self.shortened(ctx, &too_long, refusal).await
            {
                done = self
                    .listen(ctx, shorter, &mut pieces, asked, &mut spent)
                    .await;
            }
            done
        };
        let ending = tokio::select! {
            biased;
            () = job.cancelled() => Ending::by(State::Cancelled),
            () = job.lost() => Ending::by(State::Interrupted),
            () = self.out_of_time() => Ending::by(State::Interrupted),
            done = writing => done.unwrap_or_else(|status| failed(&status)),
        };
        pieces.finish();
        Ending {
            usage: ending.usage.or(spent),
            ..ending
        }
    }

    /// Gives on what the model writes, until it ends or nobody takes it any more.
    async fn listen(
        &self,
        ctx: &Ctx,
        inference: Inference,
        pieces: &mut Pieces<'_>,
        asked: Instant,
        spent: &mut Option<Usage>,
    ) -> Result<Ending, Status> {
        let mut writing = self.models.generate(ctx, inference).await?;
        while let Some(written) = writing.next().await? {
            match written {
                Written::Delta(delta) => {
                    pieces.first_after.get_or_init(|| asked.elapsed());
                    if !pieces.push(&delta) {
                        break;
                    }
                }
                Written::Spent(usage) => *spent = Some(usage),
                Written::Finished(end) => return Ok(ended(end)),
            }
        }
        Err(broke_off())
    }

    /// Completes when the platform has been stopping for as long as generations may go on.
    pub(super) async fn out_of_time(&self) {
        self.tasks.stopping().await;
        tokio::time::sleep(self.limits.after_stop).await;
    }

    /// Retries until something is stored: for some seconds, or for as long as it is away, unless the
    /// platform stops. Who watches learns of what keeps everybody from storing.
    pub(super) async fn patiently<F, T>(&self, job: &Job, store: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let (mut tries, mut wait) = (1, FIRST_WAIT);
        let mut out_of_time = pin!(self.out_of_time());
        loop {
            let error = match store().await {
                Ok(stored) => return Ok(stored),
                Err(error) => error,
            };
            if tries >= TRIES && error.class().code() != Code::Unavailable {
                return Err(error);
            }
            if let Some(trouble) = error.trouble_of_writes() {
                job.hold_up(trouble);
            }
            tracing::warn!(%error, "trying again to store what a generation wrote");
            tokio::select! {
                () = &mut out_of_time => return Err(error),
                () = tokio::time::sleep(wait) => {}
            }
            tries += 1;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Stores pieces, then shows them, until there are no more.
    async fn write(
        &self,
        job: &Job,
        id: GenerationId,
        mut received: UnboundedReceiver<String>,
    ) -> Result<(), Error> {
        let mut pieces = Vec::new();
        while received.recv_many(&mut pieces, MAX_PIECES).await > 0 {
            let text = pieces.concat();
            pieces.clear();
            let append = self.patiently(job, || self.append(id, job.offset(), &text));
            if !append.await? {
                return Err(Error::GenerationLost(id));
            }
            job.publish(&text);
        }
        Ok(())
    }

    /// False if the generation doesn't run any more. A power cut, which ends the generation too, may take the last pieces: each
    /// would wait for the disk before it is shown, and the end of the reply has all of them synced.
    async fn append(&self, id: GenerationId, offset: usize, text: &str) -> Result<bool, Error> {
        let db = self.db.unsynced().statements();
        Ok(generations::append(&db, id, offset, text).await?)
    }
}

/// The end that a model comes to; without a reason, a filter of the provider ended it.
fn ended(end: End) -> Ending {
    let ending = match end.finish {
        Some(_) => Ending::by(State::Completed),
        None => {
            let reason = Reason::ContentRefused.name();
            Ending::failed(reason, "the provider's filter stopped the reply")
        }
    };
    Ending {
        finish: end.finish,
        usage: end.usage,
        model_id: Some(end.model_id),
        ..ending
    }
}

/// The end by what a call, or the work on a prompt, was refused for.
pub(super) fn failed(status: &Status) -> Ending {
    let reason = error::reason_of(status).unwrap_or(match status.code() {
        Code::DeadlineExceeded => Reason::DeadlineExceeded,
        Code::Unavailable | Code::Cancelled => Reason::ProviderUnavailable,
        _ => Reason::Internal,
    });
    tracing::warn!(code = ?status.code(), reason = reason.name(), "the model failed");
    Ending::failed(reason.name(), status.message())
}
