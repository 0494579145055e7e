//! What a client accepts best of what there is, by RFC 9110 section 12.5.1.

use std::cmp::Reverse;

use http::header::{self, HeaderMap};

use crate::media;

/// A weight of one, in thousandths.
pub(crate) const FULL: u16 = 1000;

/// How well an offer suits: its weight, how exactly the client names it, and how early.
type Rank = (u16, Exactness, Reverse<usize>);

/// How exactly a range names a media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Exactness {
    Any,
    AnySubtype,
    /// The type, with parameters that ours doesn't have.
    Parameters,
    Type,
}

/// A part of an `accept` header.
struct Range<'a> {
    kind: &'a str,
    has_parameters: bool,
    weight: u16,
}

/// The offer that a client accepts best. An offer has the name that answers carry, and others that clients use for it;
/// those before are preferred where a client doesn't care. Where the client accepts none, it is the first that the client
/// doesn't refuse by name.
pub(crate) fn best<T: Copy>(headers: &HeaderMap, offers: &[(&[&str], T)], otherwise: T) -> T {
    let values: Vec<_> = headers
        .get_all(header::ACCEPT)
        .iter()
        .map(|value| media::text(Some(value)))
        .collect();
    let ranges: Vec<Range<'_>> = values
        .iter()
        .flat_map(|value| media::split(value, ','))
        .filter_map(Range::parse)
        .collect();
    let ranked = offers
        .iter()
        .map(|(names, offer)| (rank(names, &ranges), *offer));
    let accepted = ranked
        .clone()
        .filter_map(|(rank, offer)| rank.filter(|(weight, ..)| *weight > 0).zip(Some(offer)));
    // Of equals, the first that is offered: `max_by_key` would take the last.
    if let Some((_, offer)) = accepted.rev().max_by_key(|(rank, _)| *rank) {
        return offer;
    }
    let unnamed = ranked.filter(|(rank, _)| rank.is_none());
    unnamed.map(|(_, offer)| offer).next().unwrap_or(otherwise)
}

fn rank(names: &[&str], ranges: &[Range<'_>]) -> Option<Rank> {
    let by_name = |name: &&str| {
        let ranks = ranges.iter().enumerate();
        let ranks = ranks.filter_map(|(place, range)| {
            let exactness = range.exactness(name)?;
            Some((range.weight, exactness, Reverse(place)))
        });
        // The most exact range decides, whatever its weight.
        ranks.max_by_key(|(_, exactness, place)| (*exactness, *place))
    };
    let is_named = |(_, exactness, _): &Rank| *exactness >= Exactness::Parameters;
    let named = names.iter().filter_map(by_name).filter(is_named).max();
    named.or_else(|| names.first().and_then(by_name))
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let kind = match media::essence(text) {
            // Java's oldest client writes it so.
            "*" => "*/*",
            kind => kind,
        };
        let (main, sub) = kind.split_once('/')?;
        if main.is_empty() || sub.is_empty() {
            return None;
        }
        let (mut weight, mut has_parameters) = (None, false);
        for (name, value) in media::parameters(text) {
            match name {
                "q" | "Q" => weight = weight.or_else(|| thousandths(&value)),
                _ => has_parameters |= !name.eq_ignore_ascii_case("charset"),
            }
        }
        Some(Self {
            kind,
            has_parameters,
            // What is no weight says nothing.
            weight: weight.unwrap_or(FULL),
        })
    }

    fn exactness(&self, name: &str) -> Option<Exactness> {
        if self.kind.eq_ignore_ascii_case(name) {
            return Some(match self.has_parameters {
                true => Exactness::Parameters,
                false => Exactness::Type,
            });
        }
        match self.kind.split_once('/')? {
            ("*", "*") => Some(Exactness::Any),
            (main, "*") => {
                let (of_name, _) = name.split_once('/')?;
                main.eq_ignore_ascii_case(of_name)
                    .then_some(Exactness::AnySubtype)
            }
            _ => None,
        }
    }
}

/// A weight such as `0.25`; one that is too large is full, one that is too fine isn't none.
pub(crate) fn thousandths(text: &str) -> Option<u16> {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let weight: f32 = text.parse().ok().filter(|_| is_plain)?;
    let scaled = (weight.min(1.0) * f32::from(FULL)).round() as u16;
    Some(if weight > 0.0 { scaled.max(1) } else { 0 })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const OFFERS: [(&[&str], char); 3] = [
        (&["application/x-ndjson", "application/ndjson"], 'l'),
        (&["text/event-stream"], 'e'),
        (&["application/json"], 'a'),
    ];

    fn chosen(values: &[&[u8]]) -> char {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT, HeaderValue::from_bytes(value).unwrap());
        }
        best(&headers, &OFFERS, 'l')
    }

    #[test]
    fn the_largest_weight_wins_and_none_is_one() {
        let table: [(&str, char); 24] = [
            ("", 'l'),
            ("*/*", 'l'),
            ("*", 'l'),
            ("text/html", 'l'),
            ("application/json;q=0.1, text/event-stream", 'e'),
            ("text/event-stream;q=0.1,application/json;q=0.2", 'a'),
            ("TEXT/Event-Stream", 'e'),
            (
                "application/json ; Q = 0.5 , text/event-stream;\tq=0.6",
                'e',
            ),
            ("text/*", 'e'),
            ("text/*;q=0.9, application/json;q=0.8", 'e'),
            ("application/json, text/plain, */*", 'a'),
            ("*/*, text/event-stream", 'e'),
            ("*/*;q=0.5, text/event-stream;q=0.1", 'l'),
            ("application/ndjson", 'l'),
            ("application/json;q=1.5, text/event-stream", 'a'),
            ("application/json;q=.2, text/event-stream;q=.3", 'e'),
            ("application/json;q=0.0001", 'a'),
            ("application/json, text/event-stream", 'a'),
            ("text/event-stream, application/json", 'e'),
            ("text/event-stream;charset=utf-8, */*;q=0.1", 'e'),
            (
                "application/json;x=\"text/event-stream, a\", text/html",
                'a',
            ),
            ("text/event-streams, text/event-stream+json", 'l'),
            (", ,text/event-stream,", 'e'),
            ("text/event-stream;q", 'e'),
        ];
        for (accept, offer) in table {
            assert_eq!(chosen(&[accept.as_bytes()]), offer, "{accept}");
        }
    }

    #[test]
    fn a_weight_of_zero_refuses_and_the_most_exact_range_decides() {
        let table: [(&str, char); 8] = [
            ("text/event-stream;q=0, */*", 'l'),
            ("application/x-ndjson;q=0, */*", 'e'),
            ("application/*;q=0, */*", 'e'),
            ("application/ndjson;q=0, */*;q=0.1", 'e'),
            ("application/x-ndjson;q=0", 'e'),
            ("application/x-ndjson;q=0, text/event-stream;q=0.000", 'a'),
            ("*/*;q=0", 'l'),
            ("application/json;v=2;q=0, application/json", 'a'),
        ];
        for (accept, offer) in table {
            assert_eq!(chosen(&[accept.as_bytes()]), offer, "{accept}");
        }
    }

    #[test]
    fn several_headers_are_one_and_odd_bytes_spoil_only_their_range() {
        assert_eq!(
            chosen(&[b"application/json;q=0.3", b"text/event-stream"]),
            'e'
        );
        assert_eq!(chosen(&[b"a/\xe9\xff;q=1, text/event-stream;q=0.2"]), 'e');
        assert_eq!(chosen(&["té/xt, application/json".as_bytes()]), 'a');
        for odd in [
            "q=NaN",
            "q=-1",
            "q=inf",
            "q=1e9",
            "q=",
            "q=high",
            "q=\"0.5\"",
        ] {
            let accept = format!("text/event-stream;{odd}");
            assert_eq!(chosen(&[accept.as_bytes()]), 'e', "{odd}");
        }
    }
}
