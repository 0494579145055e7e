//! A reply as a stream of events. Each message of the upstream is one write.

use std::fmt;

use bytes::Bytes;
use http::HeaderMap;
use tonic::Status;

use super::ask::Form;
use super::chat::ChatPen;
use super::error::Told;
use super::reply::{Finished, Head, Source, Step};
use super::responses::ResponsePen;
use super::text::TextPen;
use crate::messages::broken_answer;
use crate::stream::Scribe;

/// Writes the events of one form.
pub(super) trait Pen: fmt::Debug + Send {
    /// What comes before the text.
    fn open(&mut self, out: &mut Vec<u8>);

    /// More of the text.
    fn text(&mut self, text: &str, out: &mut Vec<u8>);

    /// The end of a whole reply.
    fn close(&mut self, finished: &Finished, out: &mut Vec<u8>);

    /// The end of one that fails.
    fn fail(&mut self, error: &Told, out: &mut Vec<u8>);

    /// What says that nothing follows a whole reply.
    fn done(&self) -> &'static [u8];
}

/// A stream of events.
#[derive(Debug)]
pub(super) struct Chunks {
    source: Source,
    pen: Box<dyn Pen>,
    has_begun: bool,
    has_finished: bool,
}

impl Chunks {
    pub(super) fn new(head: Head, source: Source) -> Self {
        let pen: Box<dyn Pen> = match head.form {
            Form::Chat => Box::new(ChatPen::new(&head)),
            Form::Text => Box::new(TextPen::new(&head)),
            Form::Response => Box::new(ResponsePen::new(head)),
        };
        Self {
            source,
            pen,
            has_begun: false,
            has_finished: false,
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.pen.open(out);
        }
    }
}

impl Scribe for Chunks {
    fn message(&mut self, message: &Bytes) -> Result<Bytes, Status> {
        let mut out = Vec::new();
        match self.source.step(message)? {
            Step::Begun => {}
            Step::Text(text) => {
                self.begin(&mut out);
                self.pen.text(&text, &mut out);
            }
            Step::Finished(finished) => {
                self.begin(&mut out);
                self.pen.close(&finished, &mut out);
                self.has_finished = true;
            }
        }
        Ok(out.into())
    }

    fn end(&mut self, _: Option<&HeaderMap>) -> Result<Option<Bytes>, Status> {
        if !self.has_finished {
            return Err(broken_answer("ended within a reply"));
        }
        let done = self.pen.done();
        Ok((!done.is_empty()).then(|| Bytes::from_static(done)))
    }

    fn failure(&mut self, status: Status) -> Result<Bytes, Status> {
        let mut out = Vec::with_capacity(256);
        self.pen.fail(&Told::of(&status), &mut out);
        Ok(out.into())
    }

    fn has_heartbeats(&self) -> bool {
        true
    }
}

/// An event that is a JSON text by itself.
pub(super) fn put_data(json: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(json);
    out.extend_from_slice(b"\n\n");
}

/// What ends a stream in two of the forms.
pub(super) const DONE: &[u8] = b"data: [DONE]\n\n";
