//! A platform that is asked to stop while clients go on asking: none of their requests is lost, and it ends.

mod http2;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use self::http2::{ANY_STREAM, Came, Frames, Multiplexed};
use crate::platform::{Platform, Setup, eventually, free_address};
use crate::telemetry::{page, values};

const ROUNDS: usize = 4;
/// Clients of each kind.
const CLIENTS: usize = 8;
/// What each still asks once it knows that the platform leaves.
const STILL_ASKED: usize = 10;
const PATH: &str = "/.well-known/jwks.json";
const NOTICE: &str = "TROUPE__SHUTDOWN__NOTICE_SECS";

/// What all clients know.
#[derive(Clone, Default)]
struct Known {
    answers: Arc<AtomicUsize>,
    leaves: Arc<AtomicBool>,
}

/// A client of HTTP/1.1 that keeps its connection for as long as it may.
struct Kept {
    address: String,
    stream: Option<BufReader<TcpStream>>,
}

impl Kept {
    fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            stream: None,
        }
    }

    async fn connect(&mut self) {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        self.stream = Some(BufReader::new(stream));
    }

    /// Asks, and tells the status and whether the connection ends.
    async fn ask(&mut self, path: &str) -> io::Result<(u16, bool)> {
        if self.stream.is_none() {
            self.connect().await;
        }
        let stream = self.stream.as_mut().unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let (mut status, mut length, mut ends) = (0, 0, false);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap();
            } else if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            } else if line == "connection: close" {
                ends = true;
            } else if line.is_empty() {
                break;
            }
        }
        stream.read_exact(&mut vec![0; length]).await?;
        if ends {
            self.stream = None;
        }
        Ok((status, ends))
    }
}

/// Asks again and again on a connection that it keeps.
async fn keeps(address: String, known: Known) {
    let mut client = Kept::new(&address);
    let mut still = STILL_ASKED;
    while still > 0 {
        let (status, ends) = client.ask(PATH).await.expect("a request got no answer");
        assert_eq!(status, 200);
        known.answers.fetch_add(1, Ordering::Relaxed);
        if ends {
            known.leaves.store(true, Ordering::Relaxed);
        }
        if known.leaves.load(Ordering::Relaxed) {
            still -= 1;
        }
    }
}

/// Asks on a new connection each time.
async fn connects(address: String, known: Known) {
    let mut still = STILL_ASKED;
    while still > 0 {
        let mut client = Kept::new(&address);
        let (status, _) = client.ask(PATH).await.expect("a request got no answer");
        assert_eq!(status, 200);
        known.answers.fetch_add(1, Ordering::Relaxed);
        if known.leaves.load(Ordering::Relaxed) {
            still -= 1;
        }
    }
}

/// Asks by HTTP/2, on a new connection after each goodbye.
async fn multiplexes(address: String, known: Known) {
    let mut client = Multiplexed::new(&address);
    let mut still = STILL_ASKED;
    while still > 0 {
        let (status, body) = client.ask(PATH).await;
        assert!(status == 200 && !body.is_empty());
        known.answers.fetch_add(1, Ordering::Relaxed);
        if known.leaves.load(Ordering::Relaxed) {
            still -= 1;
        }
    }
}

/// How many requests for the path a platform has answered.
async fn handled(admin: SocketAddr) -> usize {
    let (_, text) = page(admin, "/metrics").await;
    let measured = values(&text, "http_server_request_duration_seconds_count");
    let of_path = measured.iter().filter(|(labels, _)| labels.contains(PATH));
    of_path.map(|(_, count)| *count as usize).sum()
}

async fn platform(notice: &str, admin: Option<&str>) -> (Setup, Platform) {
    let mut setup = Setup::new()
        .with("TROUPE__GATEWAY__RATES__READ__PER_SECOND", "1000000")
        .with("TROUPE__GATEWAY__RATES__READ__BURST", "1000000")
        // Those that say nothing for long are none of this.
        .with("TROUPE__GATEWAY__LIMITS__HEADER_SECS", "600")
        .with("TROUPE__GATEWAY__LIMITS__IDLE_SECS", "600")
        .with(NOTICE, notice);
    if let Some(admin) = admin {
        setup = setup.with("TROUPE__TELEMETRY__ADMIN", admin);
    }
    let platform = setup.start().await;
    (setup, platform)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_while_a_platform_leaves() {
    for round in 0..ROUNDS {
        let admin = free_address();
        // Clients have all the time that they need, but in the last round, in which the platform ends by itself.
        let ends_by_itself = round + 1 == ROUNDS;
        let notice = if ends_by_itself { "30" } else { "600" };
        let (_setup, mut platform) = platform(notice, Some(&admin)).await;
        let (address, known) = (platform.address().to_owned(), Known::default());
        let (mut silent, mut idle) = (Kept::new(&address), Kept::new(&address));
        silent.connect().await;
        assert_eq!(idle.ask(PATH).await.unwrap(), (200, false));

        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(keeps(address.clone(), known.clone()));
            clients.spawn(connects(address.clone(), known.clone()));
            clients.spawn(multiplexes(address.clone(), known.clone()));
        }
        // At another moment in each round.
        while known.answers.load(Ordering::Relaxed) < 100 + round * 97 {
            tokio::task::yield_now().await;
        }
        platform.ask_to_stop();
        while let Some(ended) = eventually("the clients have asked", clients.join_next()).await {
            ended.unwrap();
        }
        // None was handled that got no answer, such as one that was asked again, but the one of the idle connection.
        let answered = known.answers.load(Ordering::Relaxed) + 1;
        eventually("what was answered is counted", async {
            while handled(admin.parse().unwrap()).await < answered {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(handled(admin.parse().unwrap()).await, answered);
        // Connections that said nothing meanwhile.
        assert_eq!(silent.ask(PATH).await.unwrap(), (200, true));
        assert_eq!(idle.ask("/readyz").await.unwrap(), (503, true));
        assert_eq!(idle.ask("/healthz").await.unwrap(), (200, true));
        if !ends_by_itself {
            platform.ask_to_stop();
        }
        let code = if ends_by_itself { 0 } else { 130 };
        assert_eq!(platform.exit().await.code(), Some(code));
        assert!(TcpStream::connect(&address).await.is_err());
    }
}

#[tokio::test]
async fn a_connection_of_http_2_still_takes_what_is_on_its_way_when_it_is_told_to_end() {
    let (_setup, platform) = platform("600", None).await;
    let mut client = Frames::connect(platform.address()).await;
    client.ask(1, PATH).await;
    assert_eq!(client.next().await, Came::Answer(1));
    platform.ask_to_stop();
    let last_stream = ANY_STREAM;
    assert_eq!(client.next().await, Came::Goodbye { last_stream });
    let Came::Ping(ping) = client.next().await else {
        panic!("the platform doesn't ask when the goodbye has come");
    };
    // For all that the platform knows, these were sent before the goodbye came.
    for stream in [3, 5] {
        client.ask(stream, PATH).await;
        assert_eq!(client.next().await, Came::Answer(stream));
    }
    client.pong(ping).await;
    let last_stream = 5;
    assert_eq!(client.next().await, Came::Goodbye { last_stream });
    assert_eq!(client.next().await, Came::End);
    platform.ask_to_stop();
    assert_eq!(platform.ended().await.code(), Some(130));
}

#[tokio::test]
async fn who_stops_it_by_ctrl_c_does_not_wait() {
    let (_setup, platform) = platform("600", None).await;
    platform.signal(Signal::INT);
    assert_eq!(platform.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let (_setup, platform) = platform("600", None).await;
    platform.ask_to_stop();
    let mut client = Kept::new(platform.address());
    let is_leaving = async { while client.ask("/readyz").await.unwrap().0 != 503 {} };
    eventually("it is not ready", is_leaving).await;
    platform.ask_to_stop();
    assert_eq!(platform.ended().await.code(), Some(130));
}
