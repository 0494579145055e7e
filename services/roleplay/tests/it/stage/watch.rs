//! What somebody sees of a generation.

use std::pin::Pin;

use futures::{Stream, StreamExt};
use tonic::{Response, Status, Streaming};
use troupe_proto::roleplay as pb;

use crate::script::PATIENCE;

/// A stream that shows a generation.
pub(crate) struct Watch(Pin<Box<dyn Stream<Item = Result<pb::GenerationEvent, Status>> + Send>>);

impl Watch {
    pub(crate) fn new<T: 'static + Send>(
        answer: Response<Streaming<T>>,
        event: impl Fn(T) -> Option<pb::GenerationEvent> + Send + 'static,
    ) -> Self {
        Self(Box::pin(answer.into_inner().map(move |answer| {
            answer.map(|answer| event(answer).unwrap())
        })))
    }

    pub(crate) async fn next(&mut self) -> Option<Result<pb::generation_event::Event, Status>> {
        let event = tokio::time::timeout(PATIENCE, self.0.next())
            .await
            .expect("the watch is stuck");
        event.map(|event| event.map(|event| event.event.unwrap()))
    }

    pub(crate) async fn started(&mut self) -> pb::GenerationStarted {
        match self.next().await {
            Some(Ok(pb::generation_event::Event::Started(started))) => started,
            other => panic!("expected the start, got {other:?}"),
        }
    }

    pub(crate) async fn delta(&mut self) -> pb::TextDelta {
        match self.next().await {
            Some(Ok(pb::generation_event::Event::Delta(delta))) => delta,
            other => panic!("expected text, got {other:?}"),
        }
    }

    /// Reads until `text` has come; it must come in order, and in whatever pieces.
    pub(crate) async fn reads(&mut self, text: &str) {
        let mut read = String::new();
        while read.len() < text.len() {
            read.push_str(&self.delta().await.text);
        }
        assert_eq!(read, text);
    }

    /// Reads to the end, checking that each piece begins where the last one ended.
    pub(crate) async fn rest(&mut self) -> (String, pb::GenerationEnded) {
        use pb::generation_event::Event;
        let (mut text, mut next) = (String::new(), None);
        loop {
            match self.next().await {
                Some(Ok(Event::Delta(delta))) => {
                    assert_eq!(
                        next.unwrap_or(delta.offset),
                        delta.offset,
                        "a gap or a repetition"
                    );
                    assert_eq!(
                        delta.next_offset,
                        delta.offset + i32::try_from(delta.text.len()).unwrap()
                    );
                    next = Some(delta.next_offset);
                    text.push_str(&delta.text);
                }
                Some(Ok(Event::Ended(ended))) => {
                    assert!(self.next().await.is_none(), "something follows the end");
                    return (text, ended);
                }
                other => panic!("expected text or the end, got {other:?}"),
            }
        }
    }

    /// Reads everything, and returns the first event, the text and the last event.
    pub(crate) async fn all(mut self) -> (pb::GenerationStarted, String, pb::GenerationEnded) {
        let started = self.started().await;
        let (text, ended) = self.rest().await;
        (started, text, ended)
    }
}
