//! A long text of the gateway's own, compressed once for all who ask for it.

use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderMap, Response};
use tonic::body::Body;

use super::page;
use crate::packing::{Coding, label, vary};

/// A text in the forms that were asked for. An empty form means that it is no smaller so.
#[derive(Debug)]
pub(super) struct Text {
    plain: Bytes,
    packed: [OnceLock<Bytes>; Coding::ALL.len()],
}

impl Text {
    pub(super) fn new(text: String) -> Self {
        Self {
            plain: text.into(),
            packed: Default::default(),
        }
    }

    /// The text as a page, in the form that a client accepts best.
    pub(super) fn page(&self, kind: &'static str, accepts: &HeaderMap) -> Response<Body> {
        let packed = Coding::accepted(accepts).and_then(|it| Some((it, self.packed(it)?)));
        let content = packed.as_ref().map_or(&self.plain, |(_, packed)| packed);
        let mut answer = page(kind, content.clone(), false);
        vary(answer.headers_mut());
        if let Some((coding, _)) = packed {
            label(answer.headers_mut(), coding);
        }
        answer
    }

    fn packed(&self, coding: Coding) -> Option<Bytes> {
        let place = Coding::ALL.iter().position(|it| *it == coding)?;
        let place = self.packed.get(place)?;
        let pack = || coding.packed_at_once(&self.plain).unwrap_or_default();
        let packed = place.get_or_init(pack);
        (!packed.is_empty()).then(|| packed.clone())
    }
}
