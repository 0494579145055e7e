//! What a request's body is, by its headers: whether it can be read at all, and how.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};

use crate::form::{self, FORM_ROOM};
use crate::media;
use crate::refusal::Refusal;
use crate::transcode::Body as BodyPlan;

/// How a body is to be read.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    /// As JSON.
    Json,
    /// As JSON, if it looks like that in spite of its type.
    PerhapsJson,
    /// As bytes of a type.
    Raw(Cow<'a, str>),
    /// As a form whose file is the body.
    Form { boundary: String },
}

impl<'a> Content<'a> {
    /// What the headers say of the body of a method. A body that isn't there can be of any type.
    pub(crate) fn of(
        headers: &'a HeaderMap,
        plan: &BodyPlan,
        is_absent: bool,
    ) -> Result<Self, Refusal> {
        if !is_absent && is_compressed(headers) {
            let message = "the body must not be compressed: send it without content-encoding";
            let identity = HeaderValue::from_static("identity");
            let refusal = Refusal::unsupported_type(message);
            return Err(refusal.with(header::ACCEPT_ENCODING, identity));
        }
        let text = media::text(headers.get(header::CONTENT_TYPE));
        let kind = media::essence(&text);
        match plan {
            BodyPlan::None => Ok(Self::Json),
            BodyPlan::Raw | BodyPlan::RawField(_) => {
                if kind.eq_ignore_ascii_case("multipart/form-data") && !is_absent {
                    let mut named = media::parameters(&text);
                    let boundary = named.find(|(name, _)| name.eq_ignore_ascii_case("boundary"));
                    let boundary = boundary.map(|(_, value)| value.into_owned());
                    let boundary = boundary.unwrap_or_default();
                    return Ok(Self::Form { boundary });
                }
                raw(text)
            }
            _ if is_absent || is_json(kind) => Ok(Self::Json),
            _ if media::starts_with(kind, "multipart/") => Err(Refusal::unsupported_type(
                "the method takes JSON, not a form: send `content-type: application/json`",
            )),
            _ => Ok(Self::PerhapsJson),
        }
    }

    /// How many bytes a body may have whose message may have `max_bytes`.
    pub(crate) fn max_body(&self, max_bytes: usize) -> usize {
        match self {
            Self::Raw(_) => max_bytes,
            Self::Form { .. } => max_bytes.saturating_add(FORM_ROOM),
            // JSON takes more room than the message: base64 a third, escapes and names the rest.
            Self::Json | Self::PerhapsJson => max_bytes.saturating_mul(2),
        }
    }

    /// The refusal of a body, naming the limit that its sender knows: that of the file in a form.
    pub(crate) fn limited(&self, refusal: Refusal, max_bytes: usize) -> Refusal {
        match self {
            Self::Form { .. } if refusal.is_for_size() => Refusal::too_large(max_bytes),
            _ => refusal,
        }
    }

    /// The type and the bytes that the message is made of.
    pub(crate) fn unpack(self, body: Bytes) -> Result<(Cow<'a, str>, Bytes), Refusal> {
        match self {
            Self::Raw(kind) => Ok((kind, body)),
            Self::Form { boundary } => {
                let file = form::file(&body, &boundary)?;
                Ok((file.content_type.into(), file.data))
            }
            Self::PerhapsJson if !looks_like_json(&body) => Err(Refusal::unsupported_type(
                "the method takes JSON: send it with `content-type: application/json`",
            )),
            Self::Json | Self::PerhapsJson => Ok(("".into(), body)),
        }
    }
}

fn raw(text: Cow<'_, str>) -> Result<Content<'_>, Refusal> {
    if text.is_ascii() {
        return Ok(Content::Raw(text));
    }
    let kind = media::essence(&text);
    match kind.is_ascii() {
        // A file's name in another script says nothing of its type.
        true => Ok(Content::Raw(kind.to_owned().into())),
        false => Err(Refusal::unsupported_type(
            "the content-type header holds characters other than ASCII",
        )),
    }
}

fn is_compressed(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let codings = codings.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    codings
        .map(<[u8]>::trim_ascii)
        .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}

/// True for the types of JSON, and for what clients send it as where nobody told them.
fn is_json(kind: &str) -> bool {
    let known = [
        "",
        "application/json",
        "text/json",
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/octet-stream",
        "text/plain",
    ];
    let ends = kind.len().checked_sub("+json".len());
    let suffix = ends.and_then(|at| kind.get(at..)).unwrap_or_default();
    known.iter().any(|it| it.eq_ignore_ascii_case(kind)) || suffix.eq_ignore_ascii_case("+json")
}

/// `curl -d` calls everything a form.
fn looks_like_json(body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    start.is_empty() || start.starts_with(b"{") || start.starts_with(b"[")
}

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;

    use super::*;
    use crate::schema::Schema;

    fn read(kind: &str, plan: &BodyPlan, body: &'static str) -> Result<(String, Bytes), u16> {
        let value = HeaderValue::from_bytes(kind.as_bytes()).unwrap();
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, value)]);
        let schema = Schema::new(&DescriptorPool::default());
        let status = |refusal: Refusal| refusal.into_answer(&schema).status().as_u16();
        let content = Content::of(&headers, plan, body.is_empty()).map_err(status)?;
        let (kind, body) = content.unpack(body.into()).map_err(status)?;
        Ok((kind.into_owned(), body))
    }

    #[test]
    fn json_is_taken_in_the_names_it_has() {
        for kind in [
            "",
            "application/json",
            "Application/JSON;charset=UTF-8",
            "text/json",
            "text/plain",
            "application/merge-patch+JSON",
            "application/json; name=\"é\"",
        ] {
            assert!(read(kind, &BodyPlan::Whole, "1").is_ok(), "{kind}");
        }
        let form = "application/x-www-form-urlencoded";
        for kind in [form, "image/png", "application/xml", "é", "a, b"] {
            assert_eq!(read(kind, &BodyPlan::Whole, "a=b"), Err(415), "{kind}");
            assert!(read(kind, &BodyPlan::Whole, " {}").is_ok(), "{kind}");
            assert!(read(kind, &BodyPlan::Whole, "").is_ok(), "{kind}");
        }
        for kind in ["multipart/form-data; boundary=b", "MULTIPART/mixed"] {
            assert_eq!(read(kind, &BodyPlan::Whole, "{}"), Err(415), "{kind}");
        }
    }

    #[test]
    fn raw_bodies_keep_their_type_as_far_as_it_is_ascii() {
        let kind = |kind: &str| read(kind, &BodyPlan::Raw, "x").map(|(kind, _)| kind);
        assert_eq!(kind("Image/PNG; a=b"), Ok("Image/PNG; a=b".to_owned()));
        assert_eq!(kind("image/png; name=\"é\""), Ok("image/png".to_owned()));
        assert_eq!(kind("imagé/png"), Err(415));
        assert_eq!(kind("multipart/form-data"), Err(400));
        assert_eq!(kind("multipart/mixed"), Ok("multipart/mixed".to_owned()));
    }

    #[test]
    fn no_coding_but_identity_is_taken() {
        let compressed = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            is_compressed(&headers)
        };
        assert!(!compressed(&[]) && !compressed(&["Identity", ""]));
        assert!(compressed(&["gzip"]) && compressed(&["identity, br"]));
        assert!(compressed(&["identity", "x-gzip"]));
    }
}
