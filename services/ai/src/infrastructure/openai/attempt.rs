//! One try at a generation: the request, and its answer until it ends or fails.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use reqwest::Response;
use tokio::time::{Instant, timeout_at};

use super::Server;
use super::echo::EchoFilter;
use super::endpoint::broken;
use super::reply::{Progress, ReplyReader, Step};
use super::sse::Parser;
use super::stop::StopFilter;
use crate::domain::{Event, FinishReason, ProviderError};

/// How long figures are waited for once the model has said why it ended.
const FIGURES_WAIT: Duration = Duration::from_secs(5);
/// How long the connection's end is waited for after `[DONE]`, so that the connection can serve again.
const END_WAIT: Duration = Duration::from_millis(20);

/// A request that is being answered. Dropping it closes the connection.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    server: &'a Server,
    answer: Option<Response>,
    parser: Parser,
    reader: ReplyReader,
    echo: EchoFilter,
    stop: StopFilter,
    /// Events that were read and not yet given out.
    pending: VecDeque<Event>,
    /// When the first piece must be there.
    first_by: Instant,
    deadline: Instant,
    /// Whether the model has begun, be it with thoughts that aren't shown.
    began: bool,
    /// Whether any of the reply was given out, after which nothing is retried.
    pub(super) has_text: bool,
    ended: bool,
}

impl<'a> Attempt<'a> {
    /// A try that ends at `deadline`. The filters are for what the server repeats, and for stop texts that it isn't told.
    pub(super) fn new(
        server: &'a Server,
        echo: EchoFilter,
        stop: StopFilter,
        deadline: Instant,
    ) -> Self {
        Self {
            server,
            answer: None,
            parser: Parser::default(),
            reader: ReplyReader::default(),
            echo,
            stop,
            pending: VecDeque::new(),
            first_by: Instant::now() + server.config.first_token_timeout(),
            deadline,
            began: false,
            has_text: false,
            ended: false,
        }
    }

    /// Sends the request and waits until the server takes it on.
    pub(super) async fn begin(&mut self, path: &str, body: Vec<u8>) -> Result<(), ProviderError> {
        let until = self.deadline.min(self.first_by);
        let sent = timeout_at(until, self.server.endpoint.post(path, body));
        let answer = sent.await.map_err(|_elapsed| self.too_slow())??;
        let is_stream = answer.headers().get(CONTENT_TYPE).is_none_or(|value| {
            let value = value.to_str().unwrap_or_default();
            value.starts_with("text/event-stream")
        });
        if !answer.status().is_success() || !is_stream {
            let refusal = timeout_at(until, self.server.endpoint.refusal(answer));
            return Err(refusal.await.unwrap_or_else(|_elapsed| self.too_slow()));
        }
        self.answer = Some(answer);
        Ok(())
    }

    /// The next event; after [`Event::Finished`] there is none.
    pub(super) async fn next(&mut self) -> Result<Event, ProviderError> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                self.has_text |= matches!(event, Event::Delta(_));
                return Ok(event);
            }
            let chunk = if self.ended {
                None
            } else {
                self.chunk().await?
            };
            match chunk {
                Some(chunk) => self.take(&chunk)?,
                None => self.end()?,
            }
        }
    }

    /// The next bytes, or `None` at the end. An answer that breaks off after the reply is complete has ended.
    async fn chunk(&mut self) -> Result<Option<Bytes>, ProviderError> {
        let until = self.patience();
        let Some(answer) = &mut self.answer else {
            return Ok(None);
        };
        let outcome = match timeout_at(until, answer.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| broken(&error)),
            Err(_elapsed) => Err(self.too_slow()),
        };
        match outcome {
            Err(_) if self.reader.progress() != Progress::Running => Ok(None),
            outcome => outcome,
        }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), ProviderError> {
        let (reader, pending) = (&mut self.reader, &mut self.pending);
        let (echo, stop) = (&mut self.echo, &mut self.stop);
        let (began, ended) = (&mut self.began, &mut self.ended);
        let mut failed = None;
        let parsed = self.parser.push(chunk, |data| {
            if *ended || failed.is_some() {
                return;
            }
            *began = true;
            match reader.read(data) {
                Ok(Step::Text(text)) => {
                    let (text, last) = stop.push(echo.push(text));
                    push_delta(pending, text);
                    if last {
                        pending.push_back(Event::Finished {
                            reason: FinishReason::Stop,
                            usage: None,
                        });
                    }
                    *ended = last;
                }
                Ok(Step::Nothing | Step::Done) => {}
                Err(error) => failed = Some(error),
            }
        });
        let failed = failed.or_else(|| {
            let cause = parsed.err()?.to_string();
            Some(ProviderError::Unavailable { cause })
        });
        failed.map_or(Ok(()), |error| Err(self.server.endpoint.strike_out(error)))
    }

    fn end(&mut self) -> Result<(), ProviderError> {
        self.ended = true;
        let (rest, _) = self.stop.push(self.echo.finish());
        push_delta(&mut self.pending, rest + &self.stop.finish());
        self.pending.push_back(self.reader.finish()?);
        Ok(())
    }

    /// Until when the next bytes are waited for.
    fn patience(&self) -> Instant {
        let idle = self.server.config.idle_timeout();
        let wait = match (self.began, self.reader.progress()) {
            (false, _) => return self.first_by.min(self.deadline),
            (true, Progress::Done) => idle.min(END_WAIT),
            (true, Progress::Finished) => idle.min(FIGURES_WAIT),
            (true, Progress::Running) => idle,
        };
        self.deadline.min(Instant::now() + wait)
    }

    fn too_slow(&self) -> ProviderError {
        let waited_for = if Instant::now() >= self.deadline {
            "the reply was not complete at the call's deadline"
        } else if self.began {
            "nothing came for a while in the middle of the reply"
        } else {
            "the first piece of the reply did not come"
        };
        ProviderError::Timeout { waited_for }
    }
}

fn push_delta(pending: &mut VecDeque<Event>, text: String) {
    if !text.is_empty() {
        pending.push_back(Event::Delta(text));
    }
}
