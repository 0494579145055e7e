//! Clients of HTTP/2: one as they all are, and one that sees each frame.

use bytes::Bytes;
use h2::client::{SendRequest, handshake};
use h2::{Error, Reason};
use http::Request;
use platform::Tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::platform::eventually;

/// What a server names as the last stream before it knows which will be the last.
pub(super) const ANY_STREAM: u32 = 0x7fff_ffff;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
/// Of a ping or settings, that they have come; of headers and data, that nothing follows.
const ACK: u8 = 1;
const LAST: u8 = 1;
const WHOLE_HEADERS: u8 = 4;

/// A client that keeps a connection, and makes a new one once it is told that the connection takes no more requests. A request that
/// the server says it has not handled is asked again on the new one, as clients may (RFC 9113, section 6.8): this library hands such
/// a request back when its answer to the ping of the goodbye overtook it on the way out.
pub(super) struct Multiplexed {
    address: String,
    kept: Option<SendRequest<Bytes>>,
    connections: Tasks,
}

impl Multiplexed {
    pub(super) fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            kept: None,
            connections: Tasks::new(),
        }
    }

    async fn connection(&mut self) -> SendRequest<Bytes> {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        let stream = TcpStream::connect(&self.address).await.unwrap();
        let (requests, connection) = handshake(stream).await.unwrap();
        self.connections.spawn(async { drop(connection.await) });
        requests
    }

    /// Asks until there is an answer, and tells its status and body.
    pub(super) async fn ask(&mut self, path: &str) -> (u16, Vec<u8>) {
        loop {
            let requests = self.connection().await;
            match ask(requests, &self.address, path).await {
                Ok((kept, status, body)) => {
                    self.kept = Some(kept);
                    return (status, body);
                }
                Err(error) => assert!(is_unhandled(&error), "a request got no answer: {error}"),
            }
        }
    }
}

async fn ask(
    requests: SendRequest<Bytes>,
    address: &str,
    path: &str,
) -> Result<(SendRequest<Bytes>, u16, Vec<u8>), Error> {
    let mut requests = requests.ready().await?;
    let request = Request::get(format!("http://{address}{path}")).body(());
    let (answer, _) = requests.send_request(request.unwrap(), true)?;
    let (head, mut body) = answer.await?.into_parts();
    let mut bytes = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.expect("half an answer");
        body.flow_control().release_capacity(piece.len())?;
        bytes.extend(piece);
    }
    Ok((requests, head.status.as_u16(), bytes))
}

/// Whether a request was not sent, or is on a stream after the last one that the server's goodbye names: only those fail like this.
fn is_unhandled(error: &Error) -> bool {
    error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR)
}

/// A connection whose frames are written and read one by one.
pub(super) struct Frames(TcpStream);

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// An answer is complete.
    Answer(u32),
    Ping([u8; 8]),
    Goodbye {
        last_stream: u32,
    },
    End,
}

impl Frames {
    pub(super) async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut frames = Self(stream);
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        frames.0.write_all(preface).await.unwrap();
        frames.send(SETTINGS, 0, 0, &[]).await;
        frames
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = (payload.len() as u32).to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.0.write_all(&frame).await.unwrap();
    }

    /// Asks for a path, of less than 128 bytes, on a stream.
    pub(super) async fn ask(&mut self, stream: u32, path: &str) {
        // GET and http are in HPACK's table; :path and :authority are names there.
        let mut headers = vec![0x82, 0x86, 0x04, path.len() as u8];
        headers.extend(path.as_bytes());
        headers.extend([0x01, 1, b'x']);
        self.send(HEADERS, WHOLE_HEADERS | LAST, stream, &headers)
            .await;
    }

    /// Answers a ping.
    pub(super) async fn pong(&mut self, ping: [u8; 8]) {
        self.send(PING, ACK, 0, &ping).await;
    }

    /// The next thing of those that count.
    pub(super) async fn next(&mut self) -> Came {
        eventually("a frame comes", async {
            loop {
                if let Some(came) = self.read().await {
                    return came;
                }
            }
        })
        .await
    }

    async fn read(&mut self) -> Option<Came> {
        let mut head = [0; 9];
        if self.0.read_exact(&mut head).await.is_err() {
            return Some(Came::End);
        }
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut payload).await.unwrap();
        match kind {
            SETTINGS if flags & ACK == 0 => self.send(SETTINGS, ACK, 0, &[]).await,
            PING if flags & ACK == 0 => return Some(Came::Ping(payload.try_into().unwrap())),
            GO_AWAY => {
                let last_stream = u32::from_be_bytes(*payload.first_chunk().unwrap());
                return Some(Came::Goodbye { last_stream });
            }
            DATA | HEADERS if flags & LAST != 0 => {
                return Some(Came::Answer(u32::from_be_bytes(stream)));
            }
            _ => {}
        }
        None
    }
}
