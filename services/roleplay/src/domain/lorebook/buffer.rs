//! What keys are looked for in: the newest messages, newest first, as SillyTavern lays them out.

use super::ScanMessage;

/// Starts every message, so that no key spans two and a pattern can name a speaker.
const MARK: char = '\u{1}';
/// Most messages and bytes that are ever looked at.
const MAX_MESSAGES: usize = 1_000;
const MAX_BYTES: usize = 512 * 1024;

/// One text in its written form and in lower case.
pub(super) struct Haystack {
    pub(super) raw: String,
    pub(super) folded: String,
}

impl Haystack {
    pub(super) fn new(text: &str) -> Self {
        Self {
            raw: text.to_owned(),
            folded: text.to_lowercase(),
        }
    }

    pub(super) fn whole(&self) -> Window<'_> {
        Window {
            raw: &self.raw,
            folded: &self.folded,
        }
    }
}

/// A part of a haystack.
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    pub(super) raw: &'a str,
    pub(super) folded: &'a str,
}

/// A place in a window, in the form that was searched.
#[derive(Clone, Copy)]
pub(super) enum Hit {
    Raw(usize),
    Folded(usize),
}

/// The newest messages; a window of depth n is a prefix.
pub(super) struct Messages {
    text: Haystack,
    /// Where each message ends, raw and folded.
    ends: Vec<(usize, usize)>,
}

impl Messages {
    /// Lays out `depth` messages at most, given newest first.
    pub(super) fn new<'m>(newest_first: impl Iterator<Item = ScanMessage<'m>>, depth: u32) -> Self {
        let depth = usize::try_from(depth)
            .unwrap_or(usize::MAX)
            .min(MAX_MESSAGES);
        let mut raw = String::new();
        let mut folded = String::new();
        let mut ends = Vec::new();
        for message in newest_first.take(depth) {
            if raw.len() > MAX_BYTES {
                break;
            }
            let start = raw.len();
            if !ends.is_empty() {
                raw.push('\n');
            }
            raw.push(MARK);
            if !message.name.is_empty() {
                raw.push_str(message.name);
                raw.push_str(": ");
            }
            raw.push_str(message.text);
            folded.push_str(&raw[start..].to_lowercase());
            ends.push((raw.len(), folded.len()));
        }
        Self {
            text: Haystack { raw, folded },
            ends,
        }
    }

    pub(super) fn window(&self, depth: u32) -> Window<'_> {
        let depth = usize::try_from(depth)
            .unwrap_or(usize::MAX)
            .min(self.ends.len());
        let (raw, folded) = depth.checked_sub(1).map_or((0, 0), |last| self.ends[last]);
        Window {
            raw: &self.text.raw[..raw],
            folded: &self.text.folded[..folded],
        }
    }

    /// The message that a hit lies in; 0 is the newest.
    pub(super) fn message_at(&self, hit: Hit) -> usize {
        match hit {
            Hit::Raw(at) => self.ends.partition_point(|(raw, _)| *raw <= at),
            Hit::Folded(at) => self.ends.partition_point(|(_, folded)| *folded <= at),
        }
    }
}
