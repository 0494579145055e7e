//! One try at a generation: the request, and its answer until it ends or fails.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use tokio::time::{Instant, timeout_at};

use super::echo::EchoFilter;
use super::endpoint::{Endpoint, Refusal, broken};
use super::failure;
use super::frames::{Body, Frame, Frames};
use super::generation::{Call, Outgoing, Timings};
use super::keys::Key;
use super::piece::{Figures, Piece, Reader};
use super::reply::{Cut, Progress, Reply};
use super::stop::StopFilter;
use crate::domain::{Event, ProviderError};

/// How long figures are waited for once the model has said why it ended.
const FIGURES_WAIT: Duration = Duration::from_secs(5);
/// How long the connection's end is waited for after the end of the reply, so that the connection can serve again.
const END_WAIT: Duration = Duration::from_millis(20);

/// A request that is being answered. Dropping it closes the connection.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    endpoint: &'a Endpoint,
    key: &'a Key,
    timings: Timings,
    answer: Option<Response>,
    frames: Frames,
    reader: Box<dyn Reader>,
    reply: Reply,
    /// What is told once all text before it was given out.
    failure: Option<ProviderError>,
    /// When the first text must be there.
    first_by: Instant,
    /// When the reply last came further than before.
    reached: (Progress, Instant),
    last_thought: Option<Instant>,
    deadline: Instant,
    has_bytes: bool,
}

impl<'a> Attempt<'a> {
    /// A try with a key, which ends at `deadline`.
    pub(super) fn new(call: &'a impl Call, key: &'a Key, deadline: Instant) -> Self {
        let (timings, filters) = (call.timings(), call.filters());
        let echo = filters.echo_of.as_deref().map(EchoFilter::new);
        let now = Instant::now();
        Self {
            endpoint: call.endpoint(),
            key,
            timings,
            answer: None,
            frames: Frames::default(),
            reader: call.reader(),
            reply: Reply::new(
                echo.unwrap_or_default(),
                StopFilter::new(&filters.stop),
                call.may_be_empty(),
            ),
            failure: None,
            first_by: now + timings.first_text,
            reached: (Progress::Waiting, now),
            last_thought: None,
            deadline,
            has_bytes: false,
        }
    }

    /// Sends the request and waits until the server takes it on.
    pub(super) async fn begin(&mut self, outgoing: Outgoing) -> Result<(), Refusal> {
        let until = self.deadline.min(self.first_by);
        let sent = self.endpoint.post(&outgoing.path, outgoing.body, self.key);
        let answer = match timeout_at(until, sent).await {
            Ok(answer) => answer?,
            Err(_elapsed) => return Err(self.too_slow().into()),
        };
        if !answer.status().is_success() {
            let refusal = timeout_at(until, self.endpoint.refusal(answer, self.key)).await;
            return Err(refusal.unwrap_or_else(|_elapsed| self.too_slow().into()));
        }
        self.answer = Some(answer);
        Ok(())
    }

    /// The next event; after [`Event::Finished`] there is none.
    pub(super) async fn next(&mut self) -> Result<Event, Refusal> {
        loop {
            if let Some(event) = self.reply.next() {
                return Ok(event);
            }
            if let Some(error) = self.failure.take() {
                return Err(self.key.strike_out(error).into());
            }
            match self.chunk().await {
                Ok(Some(chunk)) => self.take(&chunk),
                Ok(None) => self.close(Cut::Closed),
                Err(error) => self.close(Cut::Broken(error)),
            }
        }
    }

    /// Whether text was given out, after which nothing is tried again.
    pub(super) fn has_text(&self) -> bool {
        self.reply.has_text()
    }

    /// What it took, as far as the server said.
    pub(super) fn figures(&self) -> Figures {
        self.reply.figures()
    }

    /// The next bytes, or `None` at the end.
    async fn chunk(&mut self) -> Result<Option<Bytes>, ProviderError> {
        let until = self.patience();
        let Some(answer) = &mut self.answer else {
            return Ok(None);
        };
        match timeout_at(until, answer.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| broken(&error)),
            Err(_elapsed) => Err(self.too_slow()),
        }
    }

    fn take(&mut self, chunk: &[u8]) {
        self.has_bytes |= !chunk.is_empty();
        let mut frames = Vec::new();
        let taken = self.frames.push(chunk, &mut frames);
        self.read(frames);
        if let Err(error) = taken {
            let cause = error.to_string();
            self.fail(ProviderError::Unavailable { cause });
        }
    }

    fn read(&mut self, frames: Vec<Frame>) {
        for frame in frames {
            if self.failure.is_some() || self.reply.has_ended() {
                return;
            }
            let mut pieces = Vec::new();
            self.understand(frame, &mut pieces);
            if pieces.contains(&Piece::Thought) {
                self.last_thought = Some(Instant::now());
            }
            if let Err(error) = self.reply.take(pieces) {
                self.fail(error);
            }
        }
        let progress = self.reply.progress();
        if progress != self.reached.0 {
            self.reached = (progress, Instant::now());
        }
    }

    fn understand(&mut self, frame: Frame, pieces: &mut Vec<Piece>) {
        let is_error = frame.name.eq_ignore_ascii_case("error");
        match frame.body {
            Body::Done => pieces.push(Piece::Done),
            Body::Json(value) if is_error => pieces.push(Piece::Failed(failure::of_error(&value))),
            Body::Json(value) => self.reader.read(&frame.name, &value, pieces),
            Body::Words(words) if is_error || self.is_complaint(&words) => {
                pieces.push(Piece::Failed(failure::of_words(&words)));
            }
            // A heartbeat.
            Body::Words(_) => {}
            Body::Broken => {
                let cause = "an event of the answer is not whole".to_owned();
                pieces.push(Piece::Failed(ProviderError::Unavailable { cause }));
            }
        }
    }

    fn is_complaint(&self, words: &str) -> bool {
        let words = words.to_ascii_lowercase();
        self.frames.has_events()
            && ["error", "exception", "failed"]
                .iter()
                .any(|word| words.contains(word))
    }

    /// Keeps the text so far, and fails.
    fn fail(&mut self, error: ProviderError) {
        if self.failure.is_none() && !self.reply.has_ended() {
            self.reply.flush();
            self.failure = Some(error);
        }
    }

    fn close(&mut self, cut: Cut) {
        self.answer = None;
        let mut frames = Vec::new();
        self.frames.finish(&mut frames);
        if cut != Cut::Closed {
            // Of an answer that broke off the last part is no more than begun.
            frames.retain(|frame| frame.body != Body::Broken);
        }
        self.read(frames);
        if self.failure.is_some() {
            return;
        }
        let is_closed = cut == Cut::Closed;
        if let Err(error) = self.reply.close(cut) {
            let is_foreign = is_closed && !self.reply.is_understood() && !self.frames.has_events();
            self.failure = Some(match is_foreign {
                true => self.foreign(),
                false => error,
            });
        }
    }

    /// The failure of an answer that is none.
    fn foreign(&self) -> ProviderError {
        if !self.has_bytes {
            let cause = "the answer was empty".to_owned();
            return ProviderError::Unavailable { cause };
        }
        let setting = self.endpoint.setting();
        let cause = format!(
            "the answer is not that of a model: check that {setting} is the address of a model server, with its version"
        );
        ProviderError::Foreign { cause }
    }

    /// Until when the next bytes are waited for. Thoughts are waited for as long as they come.
    fn patience(&self) -> Instant {
        let (progress, since) = self.reached;
        let idle = self.timings.idle;
        let until = match progress {
            Progress::Waiting => {
                let thinking = self.last_thought.map(|last| last + idle);
                thinking.map_or(self.first_by, |until| until.max(self.first_by))
            }
            Progress::Running => Instant::now() + idle,
            Progress::Finished => since + FIGURES_WAIT.min(idle),
            Progress::Done => since + END_WAIT.min(idle),
        };
        until.min(self.deadline)
    }

    fn too_slow(&self) -> ProviderError {
        let waited_for = if Instant::now() >= self.deadline {
            "the reply was not complete at the call's deadline"
        } else if self.reply.has_text() {
            "nothing came for a while in the middle of the reply"
        } else if self.reply.has_thoughts() {
            "the model thought, and its reply did not come"
        } else {
            "the first piece of the reply did not come"
        };
        ProviderError::Timeout { waited_for }
    }
}
