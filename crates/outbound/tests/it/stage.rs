//! Servers on real sockets, and a resolver that says what a test wants.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::{io, thread};

use troupe_outbound::{Client, Config, Resolver};

/// A server on this machine that keeps what it is asked.
pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Gives the same bytes to every request. Connections stay open.
    pub(crate) fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::with(move |stream| drop(stream.write_all(&answer)))
    }

    /// Answers requests by a function that writes to the connection.
    pub(crate) fn with(answer: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(answer);
        let kept = Arc::clone(&requests);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (answer, kept) = (Arc::clone(&answer), Arc::clone(&kept));
                thread::spawn(move || {
                    while let Some(request) = read_request(&mut stream) {
                        kept.lock().unwrap().push(request);
                        answer(&mut stream);
                    }
                });
            }
        });
        Self { address, requests }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// An address of it under any host.
    pub(crate) fn at(&self, host: &str) -> String {
        format!("http://{host}:{}/hook", self.port())
    }

    /// Heads and bodies of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Lets a client call this server.
    pub(crate) fn config(&self) -> Config {
        local(self.port())
    }

    /// A client that may call this server, and resolves each name to it.
    pub(crate) fn client(&self) -> Client {
        Client::with_resolver(&self.config(), Names::all("127.0.0.1")).unwrap()
    }
}

/// Head and body of the next request of a connection, unless it ends.
pub(crate) fn read_request(stream: &mut impl Read) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    let mut read_until = |is_whole: &dyn Fn(&[u8]) -> bool| {
        while !is_whole(&bytes) {
            stream.read_exact(&mut byte).ok()?;
            bytes.push(byte[0]);
        }
        String::from_utf8(bytes.clone()).ok()
    };
    let head = read_until(&|bytes| bytes.ends_with(b"\r\n\r\n"))?;
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    read_until(&|bytes| bytes.len() == head.len() + length)
}

type Answers = dyn Fn(&str, usize) -> Vec<IpAddr> + Send + Sync;

/// A resolver that answers by a function of the name and of how many questions came before.
pub(crate) struct Names {
    answer: Box<Answers>,
    asked: AtomicUsize,
}

impl Names {
    /// Every name resolves to one address.
    pub(crate) fn all(address: &'static str) -> Arc<Self> {
        Self::by(move |_, _| vec![address.parse().unwrap()])
    }

    /// Every name resolves to these, a list for each question; the last list stands for all that follow.
    pub(crate) fn in_turn(answers: &'static [&'static [&'static str]]) -> Arc<Self> {
        Self::by(move |_, turn| {
            let answer = answers[turn.min(answers.len() - 1)];
            answer.iter().map(|it| it.parse().unwrap()).collect()
        })
    }

    pub(crate) fn by(
        answer: impl Fn(&str, usize) -> Vec<IpAddr> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            answer: Box::new(answer),
            asked: AtomicUsize::new(0),
        })
    }

    /// How many questions there were.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait::async_trait]
impl Resolver for Names {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok((self.answer)(name, turn))
    }
}

/// An answer with a length and a body.
pub(crate) fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// Lets a client call one port of this machine, by plain HTTP.
pub(crate) fn local(port: u16) -> Config {
    Config {
        ports: vec![port],
        plain_http: true,
        allowed_networks: vec!["127.0.0.1/32".parse().unwrap()],
        ..Config::default()
    }
}
