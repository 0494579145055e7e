//! A model server on bare TCP: its model `first` answers as a test says, down to the bytes, and its model `second` does well.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What a connection does, one after the other.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Bytes(String),
    /// Nothing, until the client goes.
    Silence,
    /// The connection is torn down.
    Reset,
}

/// The server.
#[derive(Debug)]
pub(crate) struct Faulty {
    pub(crate) base_url: String,
    asked: Arc<Mutex<Vec<String>>>,
    _connections: JoinSet<()>,
}

/// Both models do as `first` does if `second` is to fail too.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) first: Vec<Act>,
    pub(crate) both: bool,
}

impl Faulty {
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut connections = JoinSet::new();
        let noted = Arc::clone(&asked);
        connections.spawn(async move {
            let mut open = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                open.spawn(serve(stream, script.clone(), Arc::clone(&noted)));
            }
        });
        Self {
            base_url,
            asked,
            _connections: connections,
        }
    }

    /// The models that were asked, in their order.
    pub(crate) fn asked(&self) -> String {
        self.asked.lock().unwrap().join(" ")
    }
}

/// The head of an answer; what follows ends with the connection.
pub(crate) fn head(status: u16, headers: &str) -> String {
    format!("HTTP/1.1 {status} Told\r\n{headers}connection: close\r\n\r\n")
}

pub(crate) fn good() -> Vec<Act> {
    let event = |text: &str| {
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    };
    let end = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";
    let head = head(200, "content-type: text/event-stream\r\n");
    vec![Act::Bytes(format!(
        "{head}{}{}{end}{usage}",
        event("Fine "),
        event("day")
    ))]
}

async fn serve(mut stream: TcpStream, script: Script, asked: Arc<Mutex<Vec<String>>>) {
    let Some(request) = read(&mut stream).await else {
        return;
    };
    if request.starts_with("GET") {
        let _ = stream.write_all(head(404, "").as_bytes()).await;
        return;
    }
    let is_first = request.contains("\"model\":\"first\"");
    asked
        .lock()
        .unwrap()
        .push(if is_first { "first" } else { "second" }.to_owned());
    let acts = match is_first || script.both {
        true => script.first,
        false => good(),
    };
    for act in acts {
        match act {
            Act::Bytes(bytes) => {
                if stream.write_all(bytes.as_bytes()).await.is_err() {
                    return;
                }
            }
            Act::Silence => {
                let _ = stream.read(&mut [0; 64]).await;
            }
            Act::Reset => {
                // What was written before reaches the client first.
                tokio::time::sleep(Duration::from_millis(20)).await;
                let _ = stream.set_zero_linger();
                return;
            }
        }
    }
    let _ = stream.shutdown().await;
}

/// A request, head and body; none if the client goes before it is whole.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lower = head.to_ascii_lowercase();
            let length = lower
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.trim().parse().unwrap()) {
                return Some(text);
            }
        }
        let mut part = [0; 8192];
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return None,
            Ok(length) => bytes.extend_from_slice(&part[..length]),
        }
    }
}
