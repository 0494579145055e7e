//! The same unary call in each protocol, a list in each coding, and the check that the answer is right.

mod list;

use std::net::SocketAddr;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Full;
use prost::Message;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::connection::Connection;
use crate::contract::{GreetRequest, GreetResponse, SERVICE};
use crate::upstream;

/// Length of what stands before a message in gRPC: a flag and the message's length.
const FRAME_HEAD: usize = 5;
const TRAILERS_FLAG: u8 = 0x80;

/// How the call travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Protocol {
    /// JSON over HTTP/1.1.
    Json,
    /// gRPC-Web over HTTP/1.1.
    GrpcWeb,
    /// Connect over HTTP/1.1.
    Connect,
    /// gRPC over HTTP/2.
    Grpc,
    /// A list in JSON, as it is.
    List,
    /// A list in JSON, compressed by gzip.
    ListGzip,
    /// A list in JSON, compressed by Brotli.
    ListBrotli,
    /// A list in JSON, compressed by Zstandard.
    ListZstd,
}

impl Protocol {
    /// As people write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::GrpcWeb => "gRPC-Web",
            Self::Connect => "Connect",
            Self::Grpc => "gRPC",
            Self::List => "as it is",
            Self::ListGzip => "gzip",
            Self::ListBrotli => "Brotli",
            Self::ListZstd => "Zstandard",
        }
    }
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) body: Bytes,
}

/// The call, built once and sent many times.
pub(crate) struct Call {
    protocol: Protocol,
    address: SocketAddr,
    request: Request<Full<Bytes>>,
    expected: GreetResponse,
    /// A body that was read and found right. The same bytes are right again.
    known: OnceLock<Bytes>,
}

impl Call {
    /// Builds the call for an address.
    pub(crate) fn new(protocol: Protocol, address: SocketAddr) -> Result<Self> {
        let message = GreetRequest {
            name: "Elowen".into(),
            language: "en-GB".into(),
            topics: vec!["weather".into(), "the road north".into()],
            number: 9_007_199_254_740_993,
        };
        Ok(Self {
            protocol,
            address,
            request: request(protocol, address, &message)?,
            expected: upstream::answer(message),
            known: OnceLock::new(),
        })
    }

    /// Opens a connection that can carry the call.
    pub(crate) async fn connect(&self, tasks: &mut JoinSet<()>) -> Result<Connection> {
        match self.protocol {
            Protocol::Grpc => Connection::http2(self.address, tasks).await,
            _ => Connection::http1(self.address, tasks).await,
        }
    }

    /// Length of an answer's body; 0 before one was read.
    pub(crate) fn body_bytes(&self) -> usize {
        self.known.get().map_or(0, Bytes::len)
    }

    /// The request.
    pub(crate) fn request(&self) -> Request<Full<Bytes>> {
        self.request.clone()
    }

    /// Fails, showing the answer, unless it is what the upstream says.
    pub(crate) fn check(&self, answer: &Answer) -> Result<()> {
        let trailers_are_fine = self.protocol != Protocol::Grpc || has_status_ok(answer);
        if self.known.get() == Some(&answer.body) && trailers_are_fine {
            return Ok(());
        }
        self.read(answer).with_context(|| {
            let body = String::from_utf8_lossy(&answer.body);
            format!(
                "wrong answer: {} {:?}\n{body}",
                answer.status, answer.headers
            )
        })?;
        // Another connection may have found its body right first: either will do.
        let _first = self.known.set(answer.body.clone());
        Ok(())
    }

    fn read(&self, answer: &Answer) -> Result<()> {
        ensure!(answer.status == StatusCode::OK, "the status isn't 200");
        match self.protocol {
            Protocol::Json => {
                let expected = json!({
                    "text": self.expected.text,
                    "number": self.expected.number.to_string(),
                    "topics": self.expected.topics,
                });
                let value: Value = serde_json::from_slice(&answer.body)?;
                ensure!(value == expected, "expected {expected}");
            }
            Protocol::Grpc => {
                ensure!(has_status_ok(answer), "grpc-status isn't 0");
                let (message, rest) = unframe(&answer.body)?;
                ensure!(
                    message == self.expected && rest.is_empty(),
                    "another message"
                );
            }
            Protocol::Connect => {
                let message = GreetResponse::decode(answer.body.clone())?;
                ensure!(message == self.expected, "another message");
            }
            Protocol::GrpcWeb => {
                let (message, rest) = unframe(&answer.body)?;
                ensure!(message == self.expected, "another message");
                ensure!(rest.first() == Some(&TRAILERS_FLAG), "no trailers");
                let trailers = String::from_utf8_lossy(rest);
                ensure!(trailers.contains("grpc-status:0"), "grpc-status isn't 0");
            }
            list => list::check(list, answer)?,
        }
        Ok(())
    }
}

fn has_status_ok(answer: &Answer) -> bool {
    let status = answer.trailers.as_ref().and_then(|t| t.get("grpc-status"));
    status.is_some_and(|status| status == "0")
}

fn request(
    protocol: Protocol,
    address: SocketAddr,
    message: &GreetRequest,
) -> Result<Request<Full<Bytes>>> {
    let post = Request::post(match protocol {
        Protocol::Json => format!("/api/v1/bench/people/{}/greetings", message.name),
        Protocol::GrpcWeb | Protocol::Connect => format!("/{SERVICE}/Greet"),
        Protocol::Grpc => format!("http://{address}/{SERVICE}/Greet"),
        list => return list::request(list, address),
    });
    let request = match protocol {
        Protocol::Json => {
            let body = json!({
                "language": message.language,
                "topics": message.topics,
                "number": message.number.to_string(),
            });
            post.header("host", address.to_string())
                .header("content-type", "application/json")
                .header("accept", "application/json")
                .body(Full::from(body.to_string()))
        }
        Protocol::GrpcWeb => post
            .header("host", address.to_string())
            .header("content-type", "application/grpc-web+proto")
            .header("accept", "application/grpc-web+proto")
            .header("x-grpc-web", "1")
            .body(Full::from(frame(message))),
        Protocol::Connect => post
            .header("host", address.to_string())
            .header("content-type", "application/proto")
            .header("connect-protocol-version", "1")
            .body(Full::from(message.encode_to_vec())),
        _ => post
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::from(frame(message))),
    };
    Ok(request?)
}

fn frame(message: &GreetRequest) -> Bytes {
    let encoded = message.encode_to_vec();
    let mut frame = BytesMut::with_capacity(FRAME_HEAD + encoded.len());
    frame.put_u8(0);
    frame.put_u32(encoded.len() as u32);
    frame.put_slice(&encoded);
    frame.freeze()
}

/// The message of the first frame, and what follows that frame.
fn unframe(body: &[u8]) -> Result<(GreetResponse, &[u8])> {
    let Some((&[0, a, b, c, d], rest)) = body.split_first_chunk() else {
        bail!("no frame of an uncompressed message");
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    let (message, rest) = rest.split_at_checked(length).context("half a frame")?;
    Ok((GreetResponse::decode(message)?, rest))
}
