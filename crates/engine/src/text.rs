//! From a reply's bytes to its text: whole characters only, and nothing of a stop string.

/// Gathers bytes and gives out text as soon as it is certain.
#[derive(Debug)]
pub(super) struct TextStream {
    stops: Vec<String>,
    /// Bytes that don't yet make a whole character.
    partial: Vec<u8>,
    /// Text that may turn out to be the beginning of a stop string.
    held: String,
}

/// What a piece of a reply amounts to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text to show, perhaps none yet.
    Text(String),
    /// The last text to show: a stop string came next.
    Stopped(String),
}

impl TextStream {
    /// A stream that ends before the first of `stops`; empty ones are ignored.
    pub(super) fn new(mut stops: Vec<String>) -> Self {
        stops.retain(|stop| !stop.is_empty());
        Self {
            stops,
            partial: Vec::new(),
            held: String::new(),
        }
    }

    /// Takes the next bytes. Bytes that can never make a character become U+FFFD.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Piece {
        self.partial.extend_from_slice(bytes);
        let mut whole = 0;
        for chunk in self.partial.utf8_chunks() {
            self.held.push_str(chunk.valid());
            whole += chunk.valid().len();
            let at_end = whole + chunk.invalid().len() == self.partial.len();
            if chunk.invalid().is_empty() || at_end && may_continue(chunk.invalid()) {
                break;
            }
            self.held.push(char::REPLACEMENT_CHARACTER);
            whole += chunk.invalid().len();
        }
        self.partial.drain(..whole);
        self.release()
    }

    /// All that was held back, now that nothing follows.
    pub(super) fn finish(&mut self) -> String {
        if !self.partial.is_empty() {
            self.partial.clear();
            self.held.push(char::REPLACEMENT_CHARACTER);
        }
        std::mem::take(&mut self.held)
    }

    fn release(&mut self) -> Piece {
        if let Some(at) = self
            .stops
            .iter()
            .filter_map(|stop| self.held.find(stop))
            .min()
        {
            self.held.truncate(at);
            return Piece::Stopped(std::mem::take(&mut self.held));
        }
        let kept = self.held.split_off(self.held.len() - self.suspicious());
        Piece::Text(std::mem::replace(&mut self.held, kept))
    }

    /// Length of the longest end of the held text that begins a stop string.
    fn suspicious(&self) -> usize {
        let starts = self
            .held
            .char_indices()
            .map(|(start, _)| &self.held[start..]);
        let mut endings =
            starts.filter(|ending| self.stops.iter().any(|stop| stop.starts_with(ending)));
        endings.next().map_or(0, str::len)
    }
}

/// Whether these bytes are the beginning of a character, rather than no part of one.
fn may_continue(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests;
