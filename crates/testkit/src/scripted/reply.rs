//! What the server is told to answer.

use serde_json::Value;

/// An answer to a completion: a streamed text, a refusal, or bytes as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Stream(Stream),
    Refusal(Refusal),
    Raw(Raw),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stream {
    pub(super) tokens: Vec<String>,
    pub(super) finish: String,
    pub(super) usage: UsageOn,
    pub(super) cached_tokens: u32,
    pub(super) hold_after: Option<usize>,
    pub(super) break_after: Option<(usize, Break)>,
}

/// How a stream ends before its end.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Break {
    /// The connection is cut.
    Cut,
    /// An `error` event is sent, and nothing after it.
    Error(Value),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Value,
}

/// An answer byte by byte.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Raw {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Bytes(Vec<u8>),
    /// Waits for a release.
    Hold,
    /// The connection is cut.
    Cut,
}

/// Where a streamed reply carries its token counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageOn {
    /// On a last event without choices, as OpenAI sends it.
    LastEvent,
    /// On the event with the finish reason, as some other servers do.
    FinishEvent,
    /// Nowhere.
    Nothing,
}

impl Reply {
    /// A reply of these tokens, one an event.
    pub fn tokens<T: Into<String>>(tokens: impl IntoIterator<Item = T>) -> Self {
        Self {
            kind: Kind::Stream(Stream {
                tokens: tokens.into_iter().map(Into::into).collect(),
                finish: "stop".to_owned(),
                usage: UsageOn::LastEvent,
                cached_tokens: 0,
                hold_after: None,
                break_after: None,
            }),
        }
    }

    /// A reply that comes word by word, each with the blank after it.
    pub fn words(text: &str) -> Self {
        Self::tokens(text.split_inclusive(' '))
    }

    /// An answer with this status and this JSON body.
    pub fn status(status: u16, body: Value) -> Self {
        Self {
            kind: Kind::Refusal(Refusal {
                status,
                headers: Vec::new(),
                body,
            }),
        }
    }

    /// An answer that begins with these bytes, under this label, whatever they are.
    pub fn raw(label: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            kind: Kind::Raw(Raw {
                status: 200,
                headers: vec![("content-type".to_owned(), label.to_owned())],
                parts: vec![Part::Bytes(bytes.into())],
            }),
        }
    }

    /// Gives a raw answer another status.
    pub fn with_status(self, status: u16) -> Self {
        self.with_raw(|raw| raw.status = status)
    }

    /// Adds bytes to a raw answer.
    pub fn then(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.with_raw(|raw| raw.parts.push(Part::Bytes(bytes.into())))
    }

    /// Has a raw answer wait here for [`super::Handle::release`].
    pub fn then_hold(self) -> Self {
        self.with_raw(|raw| raw.parts.push(Part::Hold))
    }

    /// Cuts the connection of a raw answer here.
    pub fn then_cut(self) -> Self {
        self.with_raw(|raw| raw.parts.push(Part::Cut))
    }

    /// Adds a header to a raw answer or one with a status; a streamed reply stays as it is.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let header = (name.to_owned(), value.to_owned());
        match &mut self.kind {
            Kind::Refusal(refusal) => refusal.headers.push(header),
            Kind::Raw(raw) => raw.headers.push(header),
            Kind::Stream(_) => {}
        }
        self
    }

    /// Ends the reply for this reason instead of `stop`.
    pub fn finish(self, reason: &str) -> Self {
        self.with(|stream| reason.clone_into(&mut stream.finish))
    }

    /// Says where the token counts go.
    pub fn usage_on(self, usage: UsageOn) -> Self {
        self.with(|stream| stream.usage = usage)
    }

    /// Counts so many tokens of the prompt as cached.
    pub fn cached(self, tokens: u32) -> Self {
        self.with(|stream| stream.cached_tokens = tokens)
    }

    /// Waits for [`super::Handle::release`] after so many tokens.
    pub fn hold_after(self, tokens: usize) -> Self {
        self.with(|stream| stream.hold_after = Some(tokens))
    }

    /// Cuts the connection after so many tokens.
    pub fn cut_after(self, tokens: usize) -> Self {
        self.with(|stream| stream.break_after = Some((tokens, Break::Cut)))
    }

    /// Sends `{"error": error}` after so many tokens, and ends.
    pub fn error_after(self, tokens: usize, error: Value) -> Self {
        self.with(|stream| stream.break_after = Some((tokens, Break::Error(error))))
    }

    fn with_raw(mut self, change: impl FnOnce(&mut Raw)) -> Self {
        if let Kind::Raw(raw) = &mut self.kind {
            change(raw);
        }
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Stream)) -> Self {
        if let Kind::Stream(stream) = &mut self.kind {
            change(stream);
        }
        self
    }
}
