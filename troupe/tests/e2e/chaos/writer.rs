//! A person who sends numbered messages, whatever happens to the platform, and remembers what they saw.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::ledger::Ledger;
use crate::person::{Person, number};

/// What the model always replies.
pub(super) const REPLY: &str = "One lamp, two lamps, three lamps, four: the stair goes up, and there is no more light \
    than that until the keeper comes down again with the oil and the key.";
/// Until the next try.
const BREATH: Duration = Duration::from_millis(50);
/// A call that takes longer is tried anew: the platform may have been killed without a word to its clients.
const PATIENCE: Duration = Duration::from_secs(10);

/// A person with a session, whom any gateway serves.
pub(super) struct Writer {
    name: usize,
    doors: Vec<Person>,
    /// The gateway that is asked.
    door: AtomicUsize,
    session: String,
    ledger: Arc<Ledger>,
    /// The messages that were acknowledged, by their text.
    sent: Vec<Sent>,
}

/// A message that was acknowledged.
struct Sent {
    text: String,
    /// Of the reply.
    message_id: String,
    /// What was seen of the reply.
    seen: String,
    state: String,
}

/// A stream of a reply, as far as it was read.
#[derive(Default)]
struct Watched {
    generation_id: String,
    message_id: String,
    seen: String,
    /// Empty until it has ended.
    state: String,
}

impl Writer {
    /// A writer who begins at one of the gateways by their name.
    pub(super) fn new(
        name: usize,
        doors: Vec<Person>,
        session: String,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self {
            name,
            doors,
            door: AtomicUsize::new(name),
            session,
            ledger,
            sent: Vec::new(),
        }
    }

    /// The person, at the gateway that is asked.
    fn person(&self) -> &Person {
        &self.doors[self.door.load(Ordering::Relaxed) % self.doors.len()]
    }

    /// Goes to another gateway, if there is one, after a while.
    async fn turn_away(&self) {
        self.door.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(BREATH).await;
    }

    /// The replies that were seen to end before the model was done.
    pub(super) fn interrupted(&self) -> Vec<&str> {
        let sent = self.sent.iter();
        sent.filter(|sent| sent.state != "GENERATION_STATE_COMPLETED")
            .map(|sent| sent.text.as_str())
            .collect()
    }

    /// Sends messages one after the other. What was begun is finished before it stops.
    pub(super) async fn write_until(mut self, stop: CancellationToken) -> Self {
        while !stop.is_cancelled() {
            let text = format!("Message {} of writer {}.", self.sent.len(), self.name);
            let sent = self.send(text).await;
            self.sent.push(sent);
        }
        self
    }

    /// Sends a message until it is acknowledged, and watches its reply to the end.
    async fn send(&self, text: String) -> Sent {
        let path = format!("{}/messages", self.session);
        let request_id = format!("{}-{}", self.name, self.sent.len());
        let body = json!({"text": text, "requestId": request_id});
        let mut watched = Watched::default();
        while watched.generation_id.is_empty() {
            self.watch(Method::POST, &path, &body, &mut watched).await;
        }
        self.ledger.acknowledge(self.name);
        while watched.state.is_empty() {
            let offset = watched.seen.len();
            let id = &watched.generation_id;
            let path = format!("/api/v1/roleplay/generations/{id}:watch?offset={offset}");
            self.watch(Method::GET, &path, &Value::Null, &mut watched)
                .await;
        }
        Sent {
            text,
            message_id: watched.message_id,
            seen: watched.seen,
            state: watched.state,
        }
    }

    /// Watches a reply until its end, or until the connection breaks.
    async fn watch(&self, method: Method, path: &str, body: &Value, watched: &mut Watched) {
        let mut request = self.person().request(method, path).timeout(PATIENCE);
        request = request.header("accept", "text/event-stream");
        if !body.is_null() {
            request = request.json(body);
        }
        match request.send().await {
            Ok(answer) if answer.status().is_success() => self.read(answer, watched).await,
            // Whoever is told that there is too much to do tries again, as with any other outage.
            Ok(answer)
                if answer.status().is_client_error()
                    && answer.status() != StatusCode::TOO_MANY_REQUESTS =>
            {
                let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
                self.ledger.fault(format!("{path}: {status} {text}"));
                tokio::time::sleep(BREATH).await;
            }
            Ok(_) | Err(_) => self.turn_away().await,
        }
    }

    async fn read(&self, mut answer: Response, watched: &mut Watched) {
        let mut unread = Vec::new();
        while let Ok(Some(part)) = answer.chunk().await {
            unread.extend_from_slice(&part);
            while let Some(end) = unread.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = unread.drain(..end + 2).collect();
                let block = String::from_utf8(block).unwrap();
                // An event of a failure has no data that is one of these; the next try finds out more.
                if let Some(data) = block.lines().find_map(|line| line.strip_prefix("data: "))
                    && !block.contains("event: failure")
                {
                    self.take(&serde_json::from_str(data).unwrap(), watched);
                }
            }
        }
    }

    fn take(&self, event: &Value, watched: &mut Watched) {
        let started = &event["started"];
        if started.is_object() {
            watched.generation_id = started["generation"]["id"].as_str().unwrap().to_owned();
            watched.message_id = started["message"]["id"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
        }
        if let Some(text) = event["delta"]["text"].as_str() {
            let offset = usize::try_from(number(&event["delta"]["offset"])).unwrap();
            if offset == watched.seen.len() {
                watched.seen.push_str(text);
            } else {
                let at = watched.seen.len();
                self.ledger
                    .fault(format!("a piece at {offset} came where {at} was next"));
            }
        }
        if event["ended"].is_object() {
            watched.state = event["ended"]["generation"]["state"]
                .as_str()
                .unwrap()
                .to_owned();
            watched.message_id = event["ended"]["message"]["id"].as_str().unwrap().to_owned();
        }
    }

    /// Compares what is stored with what was acknowledged and seen.
    pub(super) async fn account(&self) {
        let ledger = &*self.ledger;
        let stored = self.list("messages").await;
        let mut times: HashMap<&str, usize> = HashMap::new();
        for message in &stored {
            *times
                .entry(message["text"].as_str().unwrap_or_default())
                .or_default() += 1;
        }
        for sent in &self.sent {
            match times.get(sent.text.as_str()) {
                Some(1) => {}
                Some(times) => ledger.fault(format!("{:?} is there {times} times", sent.text)),
                None => ledger.fault(format!("{:?} was acknowledged and is lost", sent.text)),
            }
        }
        let without_a_word = self.account_replies(&stored);
        let expected = 1 + 2 * self.sent.len() - without_a_word;
        if stored.len() != expected {
            ledger.fault(format!(
                "writer {} has {} messages instead of {expected}",
                self.name,
                stored.len()
            ));
        }
        self.account_usage().await;
        self.account_memories(&stored).await;
    }

    /// Compares each reply that is stored with what was seen of it, and counts those that ended before their first word:
    /// they leave nothing.
    fn account_replies(&self, stored: &[Value]) -> usize {
        let replies: HashMap<&str, &Value> = stored
            .iter()
            .map(|message| (message["id"].as_str().unwrap(), message))
            .collect();
        let mut without_a_word = 0;
        for sent in &self.sent {
            let text = replies
                .get(sent.message_id.as_str())
                .map(|message| message["text"].as_str().unwrap_or_default());
            let is_whole = sent.state == "GENERATION_STATE_COMPLETED";
            if text.is_none() && sent.seen.is_empty() && !is_whole {
                without_a_word += 1;
                continue;
            }
            let is_right = text == Some(&sent.seen)
                && (!is_whole || text == Some(REPLY))
                && REPLY.starts_with(&sent.seen);
            if !is_right {
                self.ledger.fault(format!(
                    "of the reply to {:?}, {:?} was seen and {text:?} is stored ({})",
                    sent.text, sent.seen, sent.state
                ));
            }
        }
        without_a_word
    }

    /// Each message was told of, and is remembered once.
    async fn account_memories(&self, messages: &[Value]) {
        let memories = self.list("memories").await;
        let mut times: HashMap<&str, usize> = HashMap::new();
        for memory in &memories {
            *times
                .entry(memory["messageId"].as_str().unwrap_or_default())
                .or_default() += 1;
        }
        let written = messages
            .iter()
            .filter(|message| message["text"].as_str().is_some_and(|it| !it.is_empty()));
        for message in written.clone() {
            let id = message["id"].as_str().unwrap();
            let remembered = times.get(id).copied().unwrap_or_default();
            if remembered != 1 {
                self.ledger.fault(format!(
                    "the event of {id} had its effect {remembered} times"
                ));
            }
        }
        self.ledger.count_events(written.count());
    }

    /// A generation is charged at most once.
    async fn account_usage(&self) {
        let sums = self.person().get("/api/v1/ai/usage:summarize").await;
        let charged = number(&sums["sums"][0]["generationCount"]);
        if charged > i64::try_from(self.sent.len()).unwrap() {
            self.ledger
                .fault(format!("writer {} was charged {charged} times", self.name));
        }
    }

    /// All messages or memories of the session.
    async fn list(&self, what: &str) -> Vec<Value> {
        let mut entries = Vec::new();
        let mut token = String::new();
        loop {
            let path = format!("{}/{what}?pageSize=100&pageToken={token}", self.session);
            let page = self.person().get(&path).await;
            entries.extend(page[what].as_array().cloned().unwrap_or_default());
            token = page["nextPageToken"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if token.is_empty() {
                return entries;
            }
        }
    }
}
