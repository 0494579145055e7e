//! Holds a reply to the stop texts that its server was not told.

/// Lets text through until a stop text comes, and holds back what may be the beginning of one.
#[derive(Debug, Default)]
pub(super) struct StopFilter {
    stops: Vec<String>,
    held: String,
}

impl StopFilter {
    /// A filter that ends before the first of `stops`; empty ones are ignored.
    pub(super) fn new(stops: &[String]) -> Self {
        Self {
            stops: stops
                .iter()
                .filter(|stop| !stop.is_empty())
                .cloned()
                .collect(),
            held: String::new(),
        }
    }

    /// Takes more of the reply: the text that may be shown, and whether it is the last.
    pub(super) fn push(&mut self, text: String) -> (String, bool) {
        if self.stops.is_empty() {
            return (text, false);
        }
        self.held.push_str(&text);
        let found = self
            .stops
            .iter()
            .filter_map(|stop| self.held.find(stop.as_str()));
        if let Some(at) = found.min() {
            self.held.truncate(at);
            return (std::mem::take(&mut self.held), true);
        }
        let kept = self.held.split_off(self.certain());
        (std::mem::replace(&mut self.held, kept), false)
    }

    /// What was held back, now that nothing follows.
    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Where the longest end of the held text lies that begins a stop text.
    fn certain(&self) -> usize {
        let begins_stop = |at: &usize| {
            let end = &self.held[*at..];
            self.stops.iter().any(|stop| stop.starts_with(end))
        };
        let mut places = self.held.char_indices().map(|(at, _)| at);
        places.find(begins_stop).unwrap_or(self.held.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filtered(stops: &[String], pieces: &[String]) -> (String, bool) {
        let mut filter = StopFilter::new(stops);
        let mut shown = String::new();
        for piece in pieces {
            let (text, last) = filter.push(piece.clone());
            shown += &text;
            if last {
                return (shown, true);
            }
        }
        shown += &filter.finish();
        (shown, false)
    }

    proptest! {
        #[test]
        fn ends_before_a_stop_text_however_the_reply_is_cut(
            pieces in prop::collection::vec("[abé]{0,4}", 0..10),
            stops in prop::collection::vec("[abé]{0,4}", 0..3),
        ) {
            let (shown, stopped) = filtered(&stops, &pieces);
            let whole = pieces.concat();
            let stops: Vec<&String> = stops.iter().filter(|stop| !stop.is_empty()).collect();
            prop_assert!(whole.starts_with(&shown));
            prop_assert!(!stops.iter().any(|stop| shown.contains(stop.as_str())));
            prop_assert_eq!(stopped, stops.iter().any(|stop| whole.contains(stop.as_str())));
            prop_assert!(stopped || shown == whole);
        }
    }
}
