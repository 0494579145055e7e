//! A call that is the query of a GET.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use tonic::Status;

use super::Codec;
use super::error::uncoded;
use crate::refusal::{Refusal, invalid};
use crate::route::decode_query;

/// Clients may pad, and need not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The parameters that Connect knows. Others may stand beside them.
#[derive(Debug, Default)]
pub(super) struct Query<'q> {
    pub(super) version: Option<Cow<'q, str>>,
    pub(super) compression: Option<Cow<'q, str>>,
    encoding: Option<Cow<'q, str>>,
    base64: Option<Cow<'q, str>>,
    message: Option<Cow<'q, str>>,
}

impl<'q> Query<'q> {
    /// Reads a query, still encoded.
    pub(super) fn parse(text: &'q str) -> Result<Self, Status> {
        let mut query = Self::default();
        for pair in text.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // What can't be decoded is a name of nothing here.
            let name = decode_query(name).unwrap_or_default();
            let place = match &*name {
                "connect" => &mut query.version,
                "compression" => &mut query.compression,
                "encoding" => &mut query.encoding,
                "base64" => &mut query.base64,
                "message" => &mut query.message,
                _ => continue,
            };
            if place.is_some() {
                let message = format!("the query parameter {name} comes more than once");
                return Err(invalid(message));
            }
            let wrong = |reason| invalid(format!("the query parameter {name} {reason}"));
            *place = Some(decode_query(value).map_err(wrong)?);
        }
        Ok(query)
    }

    /// How the message is written.
    pub(super) fn codec(&self) -> Result<Codec, Refusal> {
        let codec = self.encoding.as_deref().and_then(Codec::named);
        codec.ok_or_else(|| {
            let message = "the query parameter encoding must be json or proto";
            uncoded(Refusal::unsupported_type(message))
        })
    }

    /// The message.
    pub(super) fn message(&self) -> Result<Bytes, Status> {
        let Some(message) = &self.message else {
            return Err(invalid("the query parameter message is missing"));
        };
        if self.base64.as_deref() != Some("1") {
            return Ok(Bytes::copy_from_slice(message.as_bytes()));
        }
        let decoded = BASE64.decode(&**message);
        let decoded = decoded.map_err(|_| {
            invalid("the query parameter message is not base64 of the kind that is safe in URLs")
        });
        decoded.map(Bytes::from)
    }
}
