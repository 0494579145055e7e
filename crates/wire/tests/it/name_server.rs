//! A name server that has one answer to every question for addresses.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use platform::Tasks;
use tokio::net::UdpSocket;
use tokio::sync::Notify;

const HEADER_BYTES: usize = 12;
const TYPE_A: u16 = 1;
const TTL_SECS: u32 = 60;

pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    said: Arc<Mutex<Vec<Ipv4Addr>>>,
    asked: Arc<Notify>,
}

impl NameServer {
    pub(crate) async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: socket.local_addr().unwrap(),
            said: Arc::default(),
            asked: Arc::default(),
        };
        let (said, asked) = (Arc::clone(&server.said), Arc::clone(&server.asked));
        Tasks::new().spawn(async move {
            let mut buffer = [0; 1500];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let answer = answer(&buffer[..length], &said.lock().unwrap());
                asked.notify_one();
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        server
    }

    /// These are the addresses now; without any the name doesn't exist.
    pub(crate) fn say(&self, addresses: &[Ipv4Addr]) {
        *self.said.lock().unwrap() = addresses.to_vec();
    }

    /// Completes with the next question.
    pub(crate) async fn asked_again(&self) {
        self.asked.notified().await;
    }
}

fn answer(query: &[u8], addresses: &[Ipv4Addr]) -> Vec<u8> {
    let name_bytes = query[HEADER_BYTES..]
        .iter()
        .position(|byte| *byte == 0)
        .unwrap()
        + 1;
    let question = &query[HEADER_BYTES..HEADER_BYTES + name_bytes + 4];
    let kind = u16::from_be_bytes([question[name_bytes], question[name_bytes + 1]]);
    let addresses = if kind == TYPE_A { addresses } else { &[] };
    let is_missing = addresses.is_empty() && kind == TYPE_A;
    let mut answer = query[..2].to_vec();
    // An answer, recursion wanted and available; NXDOMAIN where there is nothing.
    answer.extend([0x81, if is_missing { 0x83 } else { 0x80 }]);
    answer.extend([0, 1, 0, u8::try_from(addresses.len()).unwrap(), 0, 0, 0, 0]);
    answer.extend(question);
    for address in addresses {
        // The name of the question, an address of the internet, so long good, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1]);
        answer.extend(TTL_SECS.to_be_bytes());
        answer.extend([0, 4]);
        answer.extend(address.octets());
    }
    answer
}
