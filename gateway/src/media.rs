//! Media types as headers write them: in any case, with parameters, white space and quoted strings.

use std::borrow::Cow;

use http::HeaderValue;

/// A header's text. What isn't UTF-8 in it can't be part of a media type, and becomes something that is none.
pub(crate) fn text(value: Option<&HeaderValue>) -> Cow<'_, str> {
    value.map_or(Cow::Borrowed(""), |value| {
        String::from_utf8_lossy(value.as_bytes())
    })
}

/// The type and subtype, without parameters, in the case that they were sent in.
pub(crate) fn essence(media_type: &str) -> &str {
    let end = media_type.find([';', ',']).unwrap_or(media_type.len());
    media_type.get(..end).unwrap_or_default().trim()
}

/// True where a media type begins with `prefix`, in any case.
pub(crate) fn starts_with(media_type: &str, prefix: &str) -> bool {
    let start = media_type.trim_start().get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The parameters: names as sent, values without quotes.
pub(crate) fn parameters(media_type: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    split(media_type, ';').skip(1).filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        Some((name.trim(), unquoted(value.trim())))
    })
}

/// The parts between separators, but for separators inside quoted strings. A string that isn't closed takes the rest.
pub(crate) fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut is_quoted, mut is_escaped) = (false, false);
        let end = text.char_indices().find(|(_, letter)| {
            match letter {
                _ if is_escaped => is_escaped = false,
                '\\' if is_quoted => is_escaped = true,
                '"' => is_quoted = !is_quoted,
                _ => return *letter == separator && !is_quoted,
            }
            false
        });
        let (part, after) = match end {
            Some((at, _)) => (text.get(..at), text.get(at + separator.len_utf8()..)),
            None => (Some(text), None),
        };
        rest = after;
        part
    })
}

/// What stands within the quotes of a value, or the value if it has none. Many clients leave them out.
pub(crate) fn bare(value: &str) -> &str {
    let quoted = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    quoted.unwrap_or(value)
}

fn unquoted(value: &str) -> Cow<'_, str> {
    let Some(quoted) = value.strip_prefix('"') else {
        return Cow::Borrowed(value);
    };
    let mut plain = String::with_capacity(quoted.len());
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => plain.extend(letters.next()),
            _ => plain.push(letter),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_may_be_quoted_and_spaced() {
        let kind = r#" Multipart/Form-Data ; a="x;y, \"z\"" ;boundary = abc ; flag; last="open;"#;
        assert_eq!(essence(kind), "Multipart/Form-Data");
        let found: Vec<_> = parameters(kind).collect();
        let expected = [("a", "x;y, \"z\""), ("boundary", "abc"), ("last", "open;")];
        assert_eq!(found, expected.map(|(name, value)| (name, value.into())));
    }

    #[test]
    fn prefixes_have_no_case_and_end_where_letters_do() {
        assert!(starts_with("APPLICATION/gRPC-web", "application/grpc"));
        assert!(!starts_with("applicaté", "applicat\u{e8}"));
        assert!(!starts_with("", "application/grpc"));
    }
}
