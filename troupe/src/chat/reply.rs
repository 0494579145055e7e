//! A reply as it streams in: shown piece by piece, cancelled on request, taken up again where a connection broke.

use std::pin::{Pin, pin};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use futures::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};
use troupe_proto::roleplay::generation_event::Event;
use troupe_proto::roleplay::{
    AttachGenerationRequest, AttachGenerationResponse, CancelGenerationRequest,
    ContinueMessageResponse, Generation, GenerationEnded, GenerationEvent, GenerationState,
    Message, RegenerateMessageResponse, SendMessageResponse,
};

use super::api::Api;
use super::failure::{explain, is_lost};
use super::input::Input;
use super::screen::Screen;

/// Pauses before the tries to take up a reply again: about a minute in all.
const RETRY_PAUSES_MS: [u64; 12] = [
    100, 200, 500, 1000, 2000, 4000, 5000, 5000, 10_000, 10_000, 10_000, 10_000,
];

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
    RegenerateMessageResponse,
    ContinueMessageResponse,
    AttachGenerationResponse
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
                    return Ok(ended.message);
                }
            }
            Some(Err(status)) if !is_lost(&status) => bail!(explain(&status)),
            _ if reply.generation_id.is_empty() => {
                bail!("the connection broke before the reply began")
            }
            _ => events = reply.attach(api).await?,
        }
    }
}

/// What was seen of a generation so far.
struct Reply {
    generation_id: String,
    /// Bytes of the generation's text.
    offset: i64,
    screen: Screen,
}

impl Reply {
    /// Shows an event. Returns the last one.
    fn take(&mut self, event: GenerationEvent) -> Result<Option<GenerationEnded>> {
        match event.event {
            Some(Event::Started(started)) => {
                let is_first = self.generation_id.is_empty();
                self.generation_id = started.generation.unwrap_or_default().id;
                if let Some(message) = started.message.filter(|_| is_first) {
                    self.screen.speaker(&message.speaker_name)?;
                }
            }
            Some(Event::Delta(delta)) => {
                self.screen.text(&delta.text)?;
                self.offset = delta.next_offset;
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

    async fn cancel(&self, api: &mut Api) -> Result<()> {
        let request = CancelGenerationRequest {
            generation_id: self.generation_id.clone(),
        };
        match api.generations.cancel_generation(request).await {
            Ok(_) => Ok(()),
            Err(status) => self.screen.problem(&format!("\n[{}]", explain(&status))),
        }
    }

    /// Takes the generation up again from where it was seen to.
    async fn attach(&self, api: &mut Api) -> Result<Events> {
        self.screen
            .note("\n[the connection broke; taking the reply up again]")?;
        let request = AttachGenerationRequest {
            generation_id: self.generation_id.clone(),
            offset: self.offset,
        };
        let mut last = Status::unavailable("");
        for pause in RETRY_PAUSES_MS {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            match api
                .generations
                .attach_generation(Request::new(request.clone()))
                .await
            {
                Ok(answer) => return Ok(events(answer)),
                Err(status) if is_lost(&status) => last = status,
                Err(status) => bail!(explain(&status)),
            }
        }
        Err(anyhow!(
            "{}; the reply goes on there, and /history shows it later",
            explain(&last)
        ))
    }
}
