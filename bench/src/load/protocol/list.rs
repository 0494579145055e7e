//! A list in JSON, by each coding that the gateway offers.

use std::io::{Read, Write};
use std::net::SocketAddr;

use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use super::{Answer, Protocol};
use crate::contract::ListTopicsRequest;
use crate::upstream;

const NAME: &str = "Elowen";

/// The request for it.
pub(super) fn request(protocol: Protocol, address: SocketAddr) -> Result<Request<Full<Bytes>>> {
    let get = Request::get(format!("/api/v1/bench/people/{NAME}/topics"))
        .header("host", address.to_string())
        .header("accept", "application/json")
        .header("accept-encoding", coding(protocol)?);
    Ok(get.body(Full::default())?)
}

/// Fails unless an answer is the list, in its coding.
pub(super) fn check(protocol: Protocol, answer: &Answer) -> Result<()> {
    let said = answer.headers.get("content-encoding");
    let said = said.map_or(Ok("identity"), |it| it.to_str())?;
    ensure!(said == coding(protocol)?, "it is encoded as {said}");
    let mut text = Vec::new();
    let body: &[u8] = &answer.body;
    match protocol {
        Protocol::ListGzip => flate2::read::GzDecoder::new(body).read_to_end(&mut text)?,
        Protocol::ListBrotli => brotli::Decompressor::new(body, 4_096).read_to_end(&mut text)?,
        Protocol::ListZstd => zstd::Decoder::new(body)?.read_to_end(&mut text)?,
        _ => text.write(body)?,
    };
    let value: Value = serde_json::from_slice(&text)?;
    ensure!(value == expected(), "another list");
    Ok(())
}

fn coding(protocol: Protocol) -> Result<&'static str> {
    Ok(match protocol {
        Protocol::List => "identity",
        Protocol::ListGzip => "gzip",
        Protocol::ListBrotli => "br",
        Protocol::ListZstd => "zstd",
        _ => bail!("{} has no list", protocol.name()),
    })
}

fn expected() -> Value {
    let request = ListTopicsRequest { name: NAME.into() };
    let topics = upstream::topics(&request).topics.into_iter();
    let topics = topics.map(|topic| {
        json!({
            "id": topic.id,
            "title": topic.title,
            "text": topic.text,
            "number": topic.number.to_string(),
        })
    });
    json!({ "topics": topics.collect::<Vec<_>>() })
}
