//! A reply as it streams in: shown piece by piece, cancelled on request, taken up again where a connection broke.

use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};
use troupe_proto::error::reason_of;
use troupe_proto::roleplay::generation_event::Event;
use troupe_proto::roleplay::{
    CancelGenerationRequest, ContinueMessageResponse, Generation, GenerationEnded, GenerationEvent,
    GenerationState, Message, PlayTurnsResponse, RegenerateMessageResponse, ReplyToMessageResponse,
    SendMessageResponse, WatchGenerationRequest, WatchGenerationResponse,
};

use super::api::Api;
use super::failure::{explain, is_lost};
use super::input::Input;
use super::screen::Screen;

/// How long a reply that doesn't go on is tried to be taken up again, from its last piece on.
const GIVE_UP: Duration = Duration::from_secs(60);
/// Before the first try and at most before others; each pause doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long nothing is said while that is tried.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// What becomes of a reply that isn't waited for any longer.
const GOES_ON: &str = "the reply may continue there, and /history shows it later";

/// What happens in a generation.
pub(crate) type Events = Pin<Box<dyn Stream<Item = Result<GenerationEvent, Status>> + Send>>;

/// An answer of a method that streams a generation.
pub(crate) trait Part: Send + 'static {
    /// What happened.
    fn event(self) -> Option<GenerationEvent>;
}

macro_rules! parts {
    ($($part:ty),*) => {$(
        impl Part for $part {
            fn event(self) -> Option<GenerationEvent> {
                self.event
            }
        }
    )*};
}
parts!(
    SendMessageResponse,
    ReplyToMessageResponse,
    PlayTurnsResponse,
    RegenerateMessageResponse,
    ContinueMessageResponse,
    WatchGenerationResponse
);

/// The events of any of the streams.
pub(crate) fn events<P: Part>(answer: Response<Streaming<P>>) -> Events {
    let event = |part: Result<P, Status>| match part {
        Ok(part) => part
            .event()
            .ok_or_else(|| Status::internal("an event without content")),
        Err(status) => Err(status),
    };
    Box::pin(answer.into_inner().map(event))
}

/// Shows a reply until it ends, whatever happens to the connection, and returns the message as it is stored.
pub(crate) async fn show(
    api: &mut Api,
    mut events: Events,
    input: &mut Input,
    screen: Screen,
) -> Result<Option<Message>> {
    let mut reply = Reply {
        generation_id: String::new(),
        offset: 0,
        stuck: None,
        screen,
    };
    let mut cancelled = pin!(input.cancelled());
    let mut is_cancelled = false;
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            // Before the generation is known there is nothing to cancel.
            () = &mut cancelled, if !is_cancelled && !reply.generation_id.is_empty() => {
                is_cancelled = true;
                reply.cancel(api).await?;
                continue;
            }
        };
        match event {
            Some(Ok(event)) => {
                if let Some(ended) = reply.take(event)? {
                    reply.end(ended.generation.as_ref())?;
                    let next = ended.generation.map(|it| it.next_generation_id);
                    match next.filter(|id| !id.is_empty()) {
                        Some(next) => events = reply.go_on(api, next).await?,
                        None => return Ok(ended.message),
                    }
                }
            }
            Some(Err(status)) if !is_lost(&status) => bail!(explain(&status)),
            _ if reply.generation_id.is_empty() => {
                bail!("the connection broke before the reply began")
            }
            broken => {
                let why = broken.and_then(Result::err);
                events = tokio::select! {
                    events = reply.watch_again(api, why) => events?,
                    () = &mut cancelled, if !is_cancelled => bail!(GOES_ON),
                };
            }
        }
    }
}

/// What was seen of a generation so far.
struct Reply {
    generation_id: String,
    /// Bytes of the generation's text.
    offset: i32,
    /// Since when nothing comes though the server answers, and what it says of that.
    stuck: Option<(Instant, String)>,
    screen: Screen,
}

impl Reply {
    /// Shows an event. Returns the last one.
    fn take(&mut self, event: GenerationEvent) -> Result<Option<GenerationEnded>> {
        match event.event {
            Some(Event::Started(started)) => {
                let is_first = self.generation_id.is_empty();
                let generation = started.generation.unwrap_or_default();
                let answers = started.user_message.is_some();
                if is_first && answers && generation.state() == GenerationState::Pending {
                    self.screen
                        .note("[another reply is being written; this one comes after it]")?;
                }
                self.generation_id = generation.id;
                if let Some(message) = started.message.filter(|_| is_first) {
                    self.screen.speaker(&message.speaker_name)?;
                }
            }
            Some(Event::Delta(delta)) => {
                self.screen.text(&delta.text)?;
                self.offset = delta.next_offset;
                self.stuck = None;
            }
            Some(Event::Ended(ended)) => return Ok(Some(ended)),
            None => {}
        }
        Ok(None)
    }

    /// Says how it ended, unless it ended well.
    fn end(&self, generation: Option<&Generation>) -> Result<()> {
        self.screen.text("\n")?;
        let Some(generation) = generation else {
            return Ok(());
        };
        match generation.state() {
            GenerationState::Cancelled => self
                .screen
                .note("[cancelled; /continue goes on, /swipe tries again]"),
            GenerationState::Interrupted => self
                .screen
                .note("[the platform stopped meanwhile; /continue goes on, /swipe tries again]"),
            GenerationState::Failed => {
                let error = generation.error.clone().unwrap_or_default();
                self.screen.problem(&format!(
                    "[the model failed: {}; /swipe tries again]",
                    error.message
                ))
            }
            _ => Ok(()),
        }
    }

    /// Goes on with the reply that follows by itself, of the next character.
    async fn go_on(&mut self, api: &mut Api, next: String) -> Result<Events> {
        *self = Self {
            generation_id: String::new(),
            offset: 0,
            stuck: None,
            screen: self.screen,
        };
        let request = WatchGenerationRequest {
            generation_id: next,
            offset: 0,
        };
        match api.generations.watch_generation(request).await {
            Ok(answer) => Ok(events(answer)),
            Err(status) => bail!(explain(&status)),
        }
    }

    async fn cancel(&self, api: &mut Api) -> Result<()> {
        let request = CancelGenerationRequest {
            generation_id: self.generation_id.clone(),
        };
        match api.generations.cancel_generation(request).await {
            Ok(_) => Ok(()),
            Err(status) => self.screen.problem(&format!("\n[{}]", explain(&status))),
        }
    }

    /// Takes the generation up again from where it was seen to. The server may have said why it ended the stream.
    async fn watch_again(&mut self, api: &mut Api, why: Option<Status>) -> Result<Events> {
        let why = why.filter(|status| reason_of(status).is_some());
        let said = why.as_ref().map(Status::message);
        let since = match &self.stuck {
            // It was told before.
            Some((since, before)) if Some(before.as_str()) == said => *since,
            _ => {
                let what = said.unwrap_or("the connection broke");
                self.screen
                    .note(&format!("\n[{what}; connecting to the reply again]"))?;
                let since = Instant::now();
                self.stuck = said.map(|said| (since, said.to_owned()));
                since
            }
        };
        let request = WatchGenerationRequest {
            generation_id: self.generation_id.clone(),
            offset: self.offset,
        };
        let (mut pause, mut told) = (FIRST_PAUSE, Instant::now());
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let request = Request::new(request.clone());
            let status = match api.generations.watch_generation(request).await {
                Ok(_) if since.elapsed() > GIVE_UP => bail!(GOES_ON),
                Ok(answer) => return Ok(events(answer)),
                Err(status) if is_lost(&status) => status,
                Err(status) => bail!(explain(&status)),
            };
            let waited = since.elapsed();
            if waited > GIVE_UP {
                bail!("{}; {GOES_ON}", explain(&status));
            }
            if told.elapsed() > TELL_EVERY {
                told = Instant::now();
                let left = (GIVE_UP - waited).as_secs();
                self.screen
                    .note(&format!("[no answer; trying again for {left} s]"))?;
            }
        }
    }
}
